"""Images decoded once to disk: layouts, resumption, checks, and memory."""

import io
import json
import subprocess
import sys
import tarfile

import numpy as np
import pytest

pytest.importorskip("torch")
image_module = pytest.importorskip("PIL.Image")

from ce_nas.core.errors import DataError, MissingExtraError, StoreError  # noqa: E402
from ce_nas.training.data import image_cache  # noqa: E402
from ce_nas.training.data.image_cache import decode_to_cache, read_image_cache  # noqa: E402
from ce_nas.training.data.sources import load_images  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402
from ce_nas.training.trainer import NetworkTrainer  # noqa: E402

COUNTS = {"train": 12, "val": 6}


def jpeg(number, side=(20, 16)):
    pixels = np.random.default_rng(number).integers(0, 256, (*side, 3), dtype=np.uint8)
    file = io.BytesIO()
    image_module.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def write_folder(path):
    for split, count in COUNTS.items():
        for number in range(count):
            folder = path / split / f"class{number % 3}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:03d}.jpg").write_bytes(jpeg(number))


def write_tar(path):
    for split, count in COUNTS.items():
        for shard in range(2):
            with tarfile.open(path / f"{split}-{shard}.tar", "w") as archive:
                for number in range(shard, count, 2):
                    for suffix, content in (("jpg", jpeg(number)), ("cls", str(number % 3).encode())):
                        member = tarfile.TarInfo(f"{number:03d}.{suffix}")
                        member.size = len(content)
                        archive.addfile(member, io.BytesIO(content))


def write_parquet(path):
    import pyarrow as pa
    from pyarrow import parquet

    for split, count in COUNTS.items():
        rows = [{"image": {"bytes": jpeg(n), "path": None}, "label": n % 3} for n in range(count)]
        parquet.write_table(pa.Table.from_pylist(rows), path / f"{split}-00000-of-00001.parquet")


@pytest.mark.parametrize("write", [write_folder, write_tar, write_parquet])
def test_every_layout_gives_the_same_images(write, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write(source)
    decode_to_cache(source, tmp_path / "cache", 8)
    data = load_images(tmp_path / "cache")
    assert (len(data.train), len(data.test), data.classes, data.image_shape) == (12, 6, 3, (3, 8, 8))
    found = {bytes(pixels): label for pixels, label in zip(data.train.pixels, data.train.labels.tolist(), strict=True)}
    for number in range(12):
        assert found[image_cache._decode(jpeg(number), 8).tobytes()] == number % 3
    np.testing.assert_allclose(data.mean, data.train.pixels.mean(axis=(0, 2, 3)) / 255.0)
    np.testing.assert_allclose(data.std, data.train.pixels.std(axis=(0, 2, 3)) / 255.0)


def test_images_in_parquet_files_need_the_extra(tmp_path, monkeypatch):
    for name in ("train-0.parquet", "val-0.parquet"):
        (tmp_path / name).write_bytes(b"PAR1")
    monkeypatch.setattr("ce_nas.core.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"'ce-nas\[parquet\]'$"):
        decode_to_cache(tmp_path, tmp_path / "cache", 8)


def test_an_interrupted_decoding_goes_on_where_it_was(tmp_path, monkeypatch):
    source, decoded = tmp_path / "source", []
    write_folder(source)
    decode_to_cache(source, tmp_path / "whole", 8)
    monkeypatch.setattr(image_cache, "_CHUNK", 4)
    original = image_cache._decode

    def count(encoded, size):
        if len(decoded) == 8:
            raise KeyboardInterrupt
        decoded.append(encoded)
        return original(encoded, size)

    monkeypatch.setattr(image_cache, "_decode", count)
    with pytest.raises(KeyboardInterrupt):
        decode_to_cache(source, tmp_path / "cache", 8, workers=1)
    monkeypatch.setattr(
        image_cache, "_decode", lambda encoded, size: decoded.append(encoded) or original(encoded, size)
    )
    seen = []
    decode_to_cache(source, tmp_path / "cache", 8, workers=1, on_progress=lambda *numbers: seen.append(numbers))
    assert len(decoded) == 18  # none twice
    assert seen[-1] == (18, 18)
    for name in ("train.pixels", "val.pixels", "train.labels.npy", "cache.json"):
        assert (tmp_path / "cache" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_changed_cache_and_another_plan_are_refused(tmp_path):
    source = tmp_path / "source"
    write_folder(source)
    decode_to_cache(source, tmp_path / "cache", 8)
    with pytest.raises(StoreError, match="name another"):
        decode_to_cache(source, tmp_path / "cache", 16)
    with (tmp_path / "cache/train.pixels").open("r+b") as file:
        file.write(b"\x00\x01\x02")
    with pytest.raises(DataError, match="decode them again"):
        read_image_cache(tmp_path / "cache")


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"train\*\.tar"):
        decode_to_cache(tmp_path, tmp_path / "cache", 8)


def test_trainings_on_disk_and_in_memory_are_the_same_bit_for_bit(tmp_path):
    import torch

    from ce_nas.training.data.images import Images

    source = tmp_path / "source"
    write_folder(source)
    decode_to_cache(source, tmp_path / "cache", 8)
    data = load_images(tmp_path / "cache").split(0.25, seed=0)
    assert isinstance(data.train.pixels, np.memmap)
    assert data.train.pixels.shape[0] == 12  # the whole file, of which a split is rows

    def in_memory(images):
        return Images(np.array(images.pixels[images.rows]), images.labels)

    from dataclasses import replace

    copy = replace(data, train=in_memory(data.train), validation=in_memory(data.validation))
    results = []
    for each in (data, copy):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 3))
        trainer = NetworkTrainer(network, each, Recipe(epochs=2, batch=4, shift=1))
        trainer.advance()
        results.append((trainer.evaluate(each.validation), network[2].weight.detach().clone()))
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


@pytest.mark.long
def test_ten_thousand_images_take_little_memory(tmp_path):
    """The cache is 92 MB of 10,000 images of 3 x 56 x 56; the process must not grow by it."""
    source = tmp_path / "source"
    encoded = [jpeg(number, (60, 64)) for number in range(50)]
    for split, count in (("train", 9900), ("val", 100)):
        for number in range(count):
            folder = source / split / f"class{number % 10}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:05d}.jpg").write_bytes(encoded[number % 50])
    code = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from ce_nas.training.data.image_cache import decode_to_cache\n"
        "decode_to_cache(Path(sys.argv[1]), Path(sys.argv[2]), 56, workers=2)\n"
        "status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())\n"
        "workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(status['RssAnon'].split()[0], max(workers, int(status['VmHWM'].split()[0])))\n"
    )
    command = [sys.executable, "-c", code, str(source), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    at_the_end, peak = map(int, done.stdout.split())
    assert at_the_end < 700_000  # kB; most of it is torch
    assert peak < 2_000_000
    content = json.loads((tmp_path / "cache/cache.json").read_text())
    assert content["counts"] == {"train": 9900, "val": 100}
