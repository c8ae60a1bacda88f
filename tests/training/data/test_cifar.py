import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from ce_nas.core.errors import DataError
from ce_nas.training.data.sources import load_images


def binary_folder(folder, pixels, labels, fine=None):
    """CIFAR's binary layout: five batches and a test batch of a label byte (two for CIFAR-100) and 3,072 bytes each."""
    folder.mkdir()
    heads = [labels] if fine is None else [labels, fine]
    records = np.concatenate([*(head[:, None] for head in heads), pixels.reshape(len(pixels), -1)], axis=1)
    names = ["train", "test"] if fine is not None else [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for name in names:
        records.astype(np.uint8).tofile(folder / f"{name}.bin")
    return folder


def test_binary_cifar10_is_read(tmp_path, pixels):
    labels = np.arange(20) % 10
    data = load_images(binary_folder(tmp_path / "cifar-10-batches-bin", pixels, labels))
    assert (data.name, data.classes, len(data.train), len(data.test)) == ("cifar10", 10, 100, 20)
    assert (data.train.pixels[20:40] == pixels).all()
    assert (data.test.labels == labels).all()


def test_binary_cifar100_has_fine_labels(tmp_path, pixels):
    fine = np.arange(20) * 5
    data = load_images(binary_folder(tmp_path / "cifar-100-binary", pixels, np.zeros(20), fine))
    assert data.classes == 100
    assert (data.train.labels == fine).all()


def python_2_batch(pixels, labels, key):
    """A batch as Python 2 pickled the official ones: text and bytes are both byte strings."""
    rows = pixels.reshape(len(pixels), -1)

    def text(word):
        return b"U" + bytes([len(word)]) + word

    shape = b"K" + bytes([rows.shape[0]]) + b"M" + rows.shape[1].to_bytes(2, "little") + b"\x86"
    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNN"
        + 2 * b"J\xff\xff\xff\xff"
        + b"K\x00tb"
    )
    array_start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    content = b"T" + rows.size.to_bytes(4, "little") + rows.tobytes()
    array = array_start + b"(K\x01" + shape + dtype + b"\x89" + content + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels.tolist()) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(key) + numbers + b"u."


@pytest.mark.parametrize(("name", "key"), [("cifar-10-batches-py", b"labels"), ("cifar-100-python", b"fine_labels")])
def test_pickled_batches_are_read_without_running_code(tmp_path, pixels, name, key):
    folder, labels = tmp_path / name, np.arange(20) % 10
    folder.mkdir()
    for file in (
        ["train", "test"] if key == b"fine_labels" else [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    ):
        (folder / file).write_bytes(python_2_batch(pixels, labels, key))
    data = load_images(folder)
    assert (data.test.pixels == pixels).all()
    assert (data.test.labels == labels).all()
    next(folder.glob("t*")).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DataError, match="asks for os"):
        load_images(folder)


def test_a_packed_archive_is_read(tmp_path, pixels):
    folder = binary_folder(tmp_path / "cifar-10-batches-bin", pixels, np.arange(20) % 10)
    with tarfile.open(tmp_path / "cifar-mine.tar.gz", "w:gz") as archive:
        archive.add(folder, folder.name)
    assert len(load_images(tmp_path / "cifar-mine.tar.gz").train) == 100


def test_an_official_archive_is_verified_by_md5(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"damaged")
    with pytest.raises(DataError, match="MD5"):
        load_images(tmp_path / "cifar-10-binary.tar.gz")


def test_damaged_archives_and_batches_are_refused(tmp_path, pixels):
    (tmp_path / "cifar-mine.tar.gz").write_bytes(b"damaged")
    with pytest.raises(DataError, match="CIFAR archive"):
        load_images(tmp_path / "cifar-mine.tar.gz")
    folder = binary_folder(tmp_path / "cifar-10-batches-bin", pixels, np.arange(20) % 10)
    (folder / "test_batch.bin").write_bytes(b"123")
    with pytest.raises(DataError, match="records of 3073 bytes"):
        load_images(folder)
    (folder / "test_batch.bin").unlink()
    with pytest.raises(DataError, match="test file"):
        load_images(folder)


def write_sheets(folder, rows=12, spelling="labels"):
    rng = np.random.default_rng(1)
    content = rng.integers(0, 256, size=(rows, 1024, 3), dtype=np.uint8)
    for name in [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]:
        Image.fromarray(content).save(folder / f"{name}.png")
    # labels are stored per 10,000 images, the size of a real sheet
    (folder / f"train_{spelling}.json").write_text(json.dumps([row % 10 for row in range(50_000)]))
    (folder / f"test_{spelling}.json").write_text(json.dumps(list(range(10)) * 2))
    return content


@pytest.mark.parametrize("spelling", ["labels", "lables"])
def test_png_sheets_are_read(tmp_path, spelling):
    content = write_sheets(tmp_path, spelling=spelling)
    data = load_images(tmp_path)
    assert (content[0] == data.train.pixels[0].reshape(3, -1).T).all()
    assert data.test.labels.tolist() == [*range(10), 0, 1]


def test_png_sheets_without_matching_labels_are_refused(tmp_path):
    write_sheets(tmp_path)
    (tmp_path / "test_labels.json").unlink()
    with pytest.raises(DataError, match="list of labels"):
        load_images(tmp_path)
    (tmp_path / "test_labels.json").write_text("[1]")
    with pytest.raises(DataError, match="a label for each"):
        load_images(tmp_path)
