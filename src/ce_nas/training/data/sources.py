"""Load image data sets by name or by the layout of their files.

================= =====================================================================================================
digits            1,797 grey 8x8 images of scikit-learn; every fifth is a test image (built in)
a folder of idx   ``train-images-idx3-ubyte`` and its three siblings, plain or .gz: MNIST, Fashion-MNIST [IDX]
cifar archives    ``cifar-10-batches-py`` / ``cifar-100-python`` or their .tar.gz; ``cifar-10-batches-bin`` [CIFAR]
an .npz           ``train_images``, ``train_labels``, ``test_images``, ``test_labels``
PNG sheets        ``data_batch_{1..5}.png`` and ``test_batch.png``: 10,000 rows of 1,024 RGB pixels; labels in JSON
an image folder   ``train/CLASS/*`` and ``val/CLASS/*`` (ImageNet's layout), decoded to the requested size in memory
a cache           what ``ce-nas data decode`` wrote: images of any number, on disk
================= =====================================================================================================

Sources
    [CIFAR] Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009.
    [IDX] LeCun, Cortes, Burges. The MNIST database of handwritten digits.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.bounded_files import read_gzip, read_npz
from ce_nas.core.errors import DataError
from ce_nas.training.data.image_cache import decode_image, is_image_cache, read_image_cache
from ce_nas.training.data.images import ImageDataset, Images, build_image_dataset, concatenate_images

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["load_images"]

_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png", ".bmp", ".webp"}


def load_images(source: str | Path, *, size: int | None = None) -> ImageDataset:
    """The data set called ``source``, or the one in the file or folder at that path.

    :param size: side of the square images of an image folder, pixels; other layouts have a fixed size.
    :raises DataError: if the layout is unknown, or a file is invalid.
    """
    if str(source) == "digits":
        return _load_digits()
    path = Path(source)
    for matches, read in _layouts(size):
        if matches(path):
            return read(path)
    message = (
        f"Expected the name 'digits', or a file or folder of a known layout (idx, CIFAR archives, .npz, PNG sheets, "
        f"train/CLASS/*), got {str(source)!r}."
    )
    raise DataError(message)


def _layouts(size: int | None) -> Sequence[tuple[Callable[[Path], bool], Callable[[Path], ImageDataset]]]:
    """Predicate and reader of each layout, in the order of trial."""
    from ce_nas.training.data import cifar

    return (
        (is_image_cache, read_image_cache),
        (lambda path: path.suffix == ".npz" and path.is_file(), _read_npz),
        (cifar.is_archive, cifar.read_archive),
        (cifar.has_png_sheets, cifar.read_png_sheets),
        (lambda path: _find_idx_file(path, _IDX_FILES[0]) is not None, _read_idx),
        (
            lambda path: (path / "train").is_dir() and (path / "val").is_dir(),
            lambda path: _read_image_folder(path, size or 224),
        ),
    )


def _load_digits() -> ImageDataset:
    """Scikit-learn's digits: 8x8 images of 17 grey levels, scaled to bytes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    images = Images(pixels, digits.target.astype(np.int64))
    rows = np.arange(len(images))
    is_test = rows % 5 == 4
    return build_image_dataset(
        "digits", "scikit-learn's digits", images.subset(rows[~is_test]), images.subset(rows[is_test])
    )


#: the most that a file of images may unpack to: a million images of 32x32
_MAX_IMAGE_BYTES = 3 << 30


def _read_npz(path: Path) -> ImageDataset:
    names = ("train_images", "train_labels", "test_images", "test_labels")
    try:
        file = read_npz(path, names, _MAX_IMAGE_BYTES)
        arrays = [file[name] for name in names]
    except ValueError as error:
        message = f"Expected the arrays {', '.join(names)} in {path}, but {error}."
        raise DataError(message) from error
    train, test = (_to_channels_first(arrays[index], arrays[index + 1], path) for index in (0, 2))
    return build_image_dataset(path.stem, f"the file {path.name}", train, test)


def _to_channels_first(pixels: np.ndarray, labels: np.ndarray, path: Path) -> Images:
    """Images with channels first; grey images get one channel."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or labels.ndim != 1:
        message = (
            f"Expected bytes of shape (n, height, width) or with channels, and labels of shape (n,), in {path}, got "
            f"{pixels.dtype} of shape {pixels.shape} and labels of shape {labels.shape}."
        )
        raise DataError(message)
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.shape[1] not in (1, 3) and pixels.shape[3] in (1, 3):
        pixels = pixels.transpose(0, 3, 1, 2)
    return Images(np.ascontiguousarray(pixels), labels.astype(np.int64))


def _read_idx(path: Path) -> ImageDataset:
    arrays = []
    for name in _IDX_FILES:
        file = _find_idx_file(path, name)
        if file is None:
            message = f"Expected the file {name} (or {name}.gz) next to the others in {path}, got none."
            raise DataError(message)
        arrays.append(_read_idx_array(file))
    train, test = (_to_channels_first(arrays[index], arrays[index + 1], path) for index in (0, 2))
    return build_image_dataset(path.name, f"idx files in {path.name}", train, test)


def _find_idx_file(path: Path, name: str) -> Path | None:
    files = (path / name, path / f"{name}.gz")
    return next((file for file in files if file.is_file()), None)


def _read_idx_array(path: Path) -> np.ndarray:
    """The content of one idx file: two zero bytes, the type (8: bytes), the dimensions, then the values [IDX]."""
    try:
        raw = read_gzip(path, _MAX_IMAGE_BYTES) if path.suffix == ".gz" else path.read_bytes()
        zero, kind, dimensions = struct.unpack(">HBB", raw[:4])
        shape = struct.unpack(f">{dimensions}I", raw[4 : 4 + 4 * dimensions])
        values = np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dimensions)
        if zero != 0 or kind != 8:
            message = f"Expected an idx file of bytes at {path}, but it starts with {raw[:4].hex()}."
            raise DataError(message)
        return values.reshape(shape)
    except (OSError, ValueError, struct.error, EOFError) as error:
        message = f"Expected an idx file of bytes at {path}, but {error}."
        raise DataError(message) from error


def _read_image_folder(path: Path, size: int) -> ImageDataset:
    names = sorted(each.name for each in (path / "train").iterdir() if each.is_dir())
    train, test = (_read_class_folders(path / split, names, size) for split in ("train", "val"))
    return build_image_dataset(path.name, f"images in {path.name}, decoded at {size}x{size}", train, test, len(names))


def _read_class_folders(path: Path, class_names: Sequence[str], size: int) -> Images:
    """The images of the class folders, class by class and in the order of their file names."""
    parts = []
    for label, name in enumerate(class_names):
        files = [file for file in sorted((path / name).glob("*")) if file.suffix.lower() in _IMAGE_SUFFIXES]
        if not files:
            message = f"Expected images ({', '.join(sorted(_IMAGE_SUFFIXES))}) in {path / name}, got none."
            raise DataError(message)
        pixels = np.stack([decode_image(file, size) for file in files])
        parts.append(Images(pixels, np.full(len(files), label, dtype=np.int64)))
    return concatenate_images(parts)
