"""Read CIFAR-10 and CIFAR-100 from the official archives or PNG sheets.

Sources
    [CIFAR] Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009; file layouts on its home page.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.bounded_files import extract_tar
from ce_nas.core.errors import DataError
from ce_nas.core.safe_pickle import load_pickle
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset, concatenate_images

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["has_png_sheets", "is_archive", "read_archive", "read_png_sheets"]

#: MD5 of the official archives, from the data set's home page
_ARCHIVE_MD5 = {
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
_IMAGE_SHAPE = (3, 32, 32)
_IMAGE_BYTES = 3 * 32 * 32
_TRAIN_SHEETS, _TEST_SHEET = tuple(f"data_batch_{number}" for number in range(1, 6)), "test_batch"
#: images per sheet
_IMAGES_PER_SHEET = 10_000


def is_archive(path: Path) -> bool:
    """Whether ``path`` is an official archive or its unpacked folder."""
    return path.name in _FOLDERS or (path.name.startswith("cifar-") and path.name.endswith(".tar.gz"))


def read_archive(path: Path) -> ImageDataset:
    """The data set of an official archive, packed or unpacked; a packed one is verified by its MD5.

    :raises DataError: if the archive is damaged or has another content.
    """
    if path.is_dir():
        return _read_folder(path)
    _require_intact_archive(path)
    with _unpack_archive(path) as folder:
        return _read_folder(folder)


def _require_intact_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        message = f"Expected a CIFAR archive at {path}, but {error.strerror or error}."
        raise DataError(message) from error
    expected = _ARCHIVE_MD5.get(path.name)
    if expected and md5 != expected:
        message = f"Expected {path} to have the MD5 {expected}, got {md5}: it is damaged, download it again."
        raise DataError(message)


#: more than the official archives hold
_MAX_ARCHIVE_BYTES = 400 << 20


@contextmanager
def _unpack_archive(path: Path) -> Iterator[Path]:
    """The archive's folder, unpacked temporarily."""
    with TemporaryDirectory() as temporary:
        try:
            extract_tar(path, Path(temporary), _MAX_ARCHIVE_BYTES)
        except ValueError as error:
            message = f"Expected a CIFAR archive at {path}, but {error}; download it again."
            raise DataError(message) from error
        folder = next((each for each in Path(temporary).iterdir() if each.name in _FOLDERS), None)
        if folder is None:
            message = f"Expected one of the folders {', '.join(_FOLDERS)} in {path}, got none."
            raise DataError(message)
        yield folder


def _read_folder(path: Path) -> ImageDataset:
    name, classes = _FOLDERS[path.name]
    read = _read_binary if path.name.endswith(("bin", "binary")) else _read_pickled
    train, test = (concatenate_images([read(file) for file in _batch_files(path, part)]) for part in ("train", "test"))
    return build_image_dataset(name, f"the official archive of {name}", train, test, classes)


def _batch_files(path: Path, split: str) -> list[Path]:
    """The files of one split: five batches or one for training, one for testing."""
    names = [*(_TRAIN_SHEETS if split == "train" else (_TEST_SHEET,)), split]
    files = [file for name in names for file in (path / name, path / f"{name}.bin") if file.is_file()]
    if not files:
        message = f"Expected CIFAR's {split} file or files in {path}, got none; download the archive again."
        raise DataError(message)
    return files


def _read_pickled(path: Path) -> Images:
    """A pickled batch: rows of 3,072 bytes, red plane first, and a list of labels [CIFAR]."""
    batch = load_pickle(path)
    labels = batch.get("labels", batch.get("fine_labels")) if isinstance(batch, dict) else None
    if labels is None or not isinstance(batch.get("data"), np.ndarray):
        message = f"Expected a CIFAR batch with data and labels in {path}, got none; download the archive again."
        raise DataError(message)
    return _build_images(batch["data"], np.asarray(labels), path)


def _read_binary(path: Path) -> Images:
    """A binary batch: a label byte (CIFAR-100: coarse and fine label) before the 3,072 bytes of each image [CIFAR]."""
    head = 2 if path.stem in {"train", "test"} else 1
    raw = np.fromfile(path, dtype=np.uint8)
    if len(raw) == 0 or len(raw) % (head + _IMAGE_BYTES):
        message = (
            f"Expected records of {head + _IMAGE_BYTES} bytes in {path}, got {len(raw)} bytes; "
            "download the archive again."
        )
        raise DataError(message)
    records = raw.reshape(-1, head + _IMAGE_BYTES)
    return _build_images(records[:, head:], records[:, head - 1], path)


def _build_images(rows: np.ndarray, labels: np.ndarray, path: Path) -> Images:
    if rows.ndim != 2 or rows.shape[1] != _IMAGE_BYTES:
        message = (
            f"Expected rows of {_IMAGE_BYTES} bytes in {path}, got the shape {rows.shape}; download the archive again."
        )
        raise DataError(message)
    return Images(np.ascontiguousarray(rows, dtype=np.uint8).reshape(-1, *_IMAGE_SHAPE), labels.astype(np.int64))


def has_png_sheets(path: Path) -> bool:
    """Whether the folder ``path`` has PNG sheets."""
    return (path / f"{_TEST_SHEET}.png").is_file()


def read_png_sheets(path: Path) -> ImageDataset:
    """CIFAR-10 from PNG sheets: an image per row of 1,024 RGB pixels, in the official order, labels in JSON.

    :raises DataError: if a sheet is missing or has another shape, or the labels do not match.
    """
    labels = _read_labels(path, "train")
    train = concatenate_images(
        [_read_sheet(path, name, labels[index * _IMAGES_PER_SHEET :]) for index, name in enumerate(_TRAIN_SHEETS)]
    )
    test = _read_sheet(path, _TEST_SHEET, _read_labels(path, "test"))
    return build_image_dataset("cifar10", f"PNG sheets in {path.name}", train, test, 10)


def _read_sheet(path: Path, name: str, labels: np.ndarray) -> Images:
    from PIL import Image

    file = path / f"{name}.png"
    try:
        with Image.open(file) as image:
            rows = np.asarray(image.convert("RGB"), dtype=np.uint8)
    except OSError as error:
        message = f"Expected a sheet of images at {file}, but {error}; download it again."
        raise DataError(message) from error
    if rows.shape[1:] != (1024, 3) or len(labels) < len(rows):
        message = (
            f"Expected rows of 1024 RGB pixels in {file} and a label for each, got the shape {rows.shape} and "
            f"{len(labels)} labels."
        )
        raise DataError(message)
    return Images(rows.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).copy(), labels[: len(rows)])


def _read_labels(path: Path, split: str) -> np.ndarray:
    """The labels of one split: a JSON list of integers (one package of the sheets misspells its file names)."""
    names = (f"{split}_labels.json", f"{split}_lables.json")
    file = next((path / name for name in names if (path / name).is_file()), path / names[0])
    try:
        return np.array(json.loads(file.read_text()), dtype=np.int64)
    except (OSError, ValueError, TypeError) as error:
        message = f"Expected a JSON list of labels next to the sheets in {path}, but {error}."
        raise DataError(message) from error
