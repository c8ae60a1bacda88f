import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from ce_nas.core.errors import DataError
from ce_nas.training.data.image_cache import decode_image
from ce_nas.training.data.sources import load_images


def write_idx(path, values, *, packed=False):
    raw = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(raw) if packed else raw)


def test_digits_are_built_in(digits):
    assert digits.image_shape == (1, 8, 8)
    assert (len(digits.train) + len(digits.validation), len(digits.test)) == (1438, 359)
    assert digits.classes == 10


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_plain_and_packed(tmp_path, pixels, packed):
    end = ".gz" if packed else ""
    labels = np.arange(20) % 10
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{end}", pixels[:, 0], packed=packed)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{end}", labels, packed=packed)
    data = load_images(tmp_path)
    assert (data.train.pixels == pixels[:, :1]).all()
    assert (data.test.labels == labels).all()


def test_a_damaged_idx_file_is_refused(tmp_path, pixels):
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", pixels[:, 0])
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(20))
    file = tmp_path / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match="t10k-images"):
        load_images(tmp_path)
    file.unlink()
    with pytest.raises(DataError, match="t10k-images"):
        load_images(tmp_path)


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_npz_is_read_with_channels_first_or_last(tmp_path, pixels, last):
    stored = pixels.transpose(0, 2, 3, 1) if last else pixels
    labels = np.arange(20) % 5
    np.savez(tmp_path / "own.npz", train_images=stored, train_labels=labels, test_images=stored, test_labels=labels)
    data = load_images(tmp_path / "own.npz")
    assert (data.train.pixels == pixels).all()
    assert data.name == "own"


def test_npz_without_an_array_is_refused(tmp_path, pixels):
    np.savez(tmp_path / "own.npz", train_images=pixels)
    with pytest.raises(DataError, match="test_images"):
        load_images(tmp_path / "own.npz")


def test_npz_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "own.npz", train_images=np.array([{}], dtype=object), train_labels=[0], test_images=[0])
    with pytest.raises(DataError, match="own"):
        load_images(tmp_path / "own.npz")


def test_an_image_folder_is_read(tmp_path):
    for part, count in (("train", 3), ("val", 1)):
        for label, colour in enumerate([(255, 0, 0), (0, 255, 0)]):
            folder = tmp_path / part / f"n{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20, 12), colour).save(folder / f"{number}.png")
    data = load_images(tmp_path, size=8)
    assert data.train.pixels.shape == (6, 3, 8, 8)
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.pixels[0, :, 4, 4].tolist() == [255, 0, 0]


def test_images_are_centre_cropped(tmp_path):
    wide = np.zeros((4, 12, 3), dtype=np.uint8)
    wide[:, 4:8] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (decode_image(tmp_path / "wide.png", 4) == 200).all()


def test_an_empty_class_and_an_invalid_image_are_refused(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="Expected images"):
        load_images(tmp_path)
    (tmp_path / "train" / "a" / "x.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="Expected an image at"):
        load_images(tmp_path)


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(DataError, match="known layout"):
        load_images(tmp_path)
