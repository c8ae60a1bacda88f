"""CIFAR-10 and CIFAR-100 in the layouts in which they are handed around.

Sources
    [CIFAR] Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009; file layouts on its home page.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import DataError
from ce_nas.training.data.images import DataSet, Images, data_set, joined

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["is_archive", "is_sheets", "read_archive", "read_sheets"]

#: MD5 of the official archives, from the data set's home page
_MD5 = {
    "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
    "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    "cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85",
    "cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8",
}
#: folder inside an archive to its data set and classes
_FOLDERS = {
    "cifar-10-batches-py": ("cifar10", 10),
    "cifar-10-batches-bin": ("cifar10", 10),
    "cifar-100-python": ("cifar100", 100),
    "cifar-100-binary": ("cifar100", 100),
}
_SHAPE = (3, 32, 32)
_BYTES = 3 * 32 * 32
_TRAIN_SHEETS, _TEST_SHEET = tuple(f"data_batch_{number}" for number in range(1, 6)), "test_batch"
#: images of a sheet
_ROWS = 10_000


def is_archive(path: Path) -> bool:
    """Whether an official archive, or the folder that one unpacks to, lies at ``path``."""
    return path.name in _FOLDERS or (path.name.startswith("cifar-") and path.name.endswith(".tar.gz"))


def read_archive(path: Path) -> DataSet:
    """The data set of an official archive, packed or unpacked; a packed one is checked against its MD5.

    :raises DataError: if the archive is damaged, or its content cannot be used.
    """
    if path.is_dir():
        return _folder(path)
    _check_archive(path)
    with _unpacked(path) as folder:
        return _folder(folder)


def _check_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        message = f"Expected a CIFAR archive at {path}, but {error.strerror or error}."
        raise DataError(message) from error
    expected = _MD5.get(path.name)
    if expected and found != expected:
        message = f"Expected {path} to have the MD5 {expected}, got {found}: it is damaged, get it anew."
        raise DataError(message)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The archive's folder, unpacked to a place that is gone afterwards."""
    with TemporaryDirectory() as place:
        from pathlib import Path as AnyPath

        try:
            with tarfile.open(path) as archive:
                archive.extractall(place, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            message = f"Expected a CIFAR archive at {path}, but {error}; get it anew."
            raise DataError(message) from error
        folder = next((item for item in AnyPath(place).iterdir() if item.name in _FOLDERS), None)
        if folder is None:
            message = f"Expected one of the folders {', '.join(_FOLDERS)} in {path}, got none."
            raise DataError(message)
        yield folder


def _folder(path: Path) -> DataSet:
    name, classes = _FOLDERS[path.name]
    read = _read_binary if path.name.endswith(("bin", "binary")) else _read_pickled
    train, test = (joined([read(file) for file in _files(path, part)]) for part in ("train", "test"))
    return data_set(name, f"the official archive of {name}", train, test, classes)


def _files(path: Path, part: str) -> list[Path]:
    """The files of one part: five batches or one for training, one for testing."""
    names = [*(_TRAIN_SHEETS if part == "train" else (_TEST_SHEET,)), part]
    found = [file for name in names for file in (path / name, path / f"{name}.bin") if file.is_file()]
    if not found:
        message = f"Expected CIFAR's {part} file or files in {path}, got none; get the archive anew."
        raise DataError(message)
    return found


def _read_pickled(path: Path) -> Images:
    """A pickled batch: rows of 3,072 bytes, red plane first, and a list of labels [CIFAR]."""
    from ce_nas.core.safe_pickle import load_arrays

    batch = load_arrays(path.read_bytes(), str(path))
    labels = batch.get("labels", batch.get("fine_labels")) if isinstance(batch, dict) else None
    if labels is None or not isinstance(batch.get("data"), np.ndarray):
        message = f"Expected a CIFAR batch with data and labels in {path}, got none; get the archive anew."
        raise DataError(message)
    return _images(batch["data"], np.asarray(labels), path)


def _read_binary(path: Path) -> Images:
    """A binary batch: a byte of label (CIFAR-100: of coarse and fine label) before the 3,072 of each image [CIFAR]."""
    head = 2 if path.stem in {"train", "test"} else 1
    raw = np.fromfile(path, dtype=np.uint8)
    if len(raw) == 0 or len(raw) % (head + _BYTES):
        message = f"Expected records of {head + _BYTES} bytes in {path}, got {len(raw)} bytes; get the archive anew."
        raise DataError(message)
    records = raw.reshape(-1, head + _BYTES)
    return _images(records[:, head:], records[:, head - 1], path)


def _images(rows: np.ndarray, labels: np.ndarray, path: Path) -> Images:
    if rows.ndim != 2 or rows.shape[1] != _BYTES:
        message = f"Expected rows of {_BYTES} bytes in {path}, got the shape {rows.shape}; get the archive anew."
        raise DataError(message)
    return Images(np.ascontiguousarray(rows, dtype=np.uint8).reshape(-1, *_SHAPE), labels.astype(np.int64))


def is_sheets(path: Path) -> bool:
    """Whether PNG sheets lie in the folder ``path``."""
    return (path / f"{_TEST_SHEET}.png").is_file()


def read_sheets(path: Path) -> DataSet:
    """CIFAR-10 as PNG sheets: an image a row of 1,024 RGB pixels, in the official order, labels in JSON.

    :raises DataError: if a sheet is missing or of another shape, or the labels do not fit.
    """
    labels = _labels(path, "train")
    train = joined([_sheet(path, name, labels[at * _ROWS :]) for at, name in enumerate(_TRAIN_SHEETS)])
    test = _sheet(path, _TEST_SHEET, _labels(path, "test"))
    return data_set("cifar10", f"PNG sheets in {path.name}", train, test, 10)


def _sheet(path: Path, name: str, labels: np.ndarray) -> Images:
    from PIL import Image

    file = path / f"{name}.png"
    try:
        with Image.open(file) as image:
            rows = np.asarray(image.convert("RGB"), dtype=np.uint8)
    except OSError as error:
        message = f"Expected a sheet of images at {file}, but {error}; get it anew."
        raise DataError(message) from error
    if rows.shape[1:] != (1024, 3) or len(labels) < len(rows):
        message = (
            f"Expected rows of 1024 RGB pixels in {file} and a label for each, got the shape {rows.shape} and "
            f"{len(labels)} labels."
        )
        raise DataError(message)
    return Images(rows.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).copy(), labels[: len(rows)])


def _labels(path: Path, part: str) -> np.ndarray:
    """The labels of one part: a JSON list of whole numbers (one package of the sheets misspells its names)."""
    names = (f"{part}_labels.json", f"{part}_lables.json")
    file = next((path / name for name in names if (path / name).is_file()), path / names[0])
    try:
        return np.array(json.loads(file.read_text()), dtype=np.int64)
    except (OSError, ValueError, TypeError) as error:
        message = f"Expected a JSON list of labels beside the sheets in {path}, but {error}."
        raise DataError(message) from error
