"""Where images come from: data sets by name or by the layout of their files.

================= =====================================================================================================
digits            1,797 grey 8x8 images that come with scikit-learn; every fifth is for the test (built in)
a folder of idx   ``train-images-idx3-ubyte`` and its three siblings, plain or .gz: MNIST, Fashion-MNIST [IDX]
cifar archives    ``cifar-10-batches-py`` / ``cifar-100-python`` or their .tar.gz; ``cifar-10-batches-bin`` [CIFAR]
an .npz           ``train_images``, ``train_labels``, ``test_images``, ``test_labels``
PNG sheets        ``data_batch_{1..5}.png`` and ``test_batch.png``: 10,000 rows of 1,024 RGB pixels; labels in JSON
an image folder   ``train/CLASS/*`` and ``val/CLASS/*`` (ImageNet's layout), decoded once to the size asked for
================= =====================================================================================================

Sources
    [CIFAR] Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009.
    [IDX] LeCun, Cortes, Burges. The MNIST database of handwritten digits.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import DataError
from ce_nas.training.data.images import DataSet, Images, data_set, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["load_images"]

_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_IMAGE_TYPES = {".jpeg", ".jpg", ".png", ".bmp", ".webp"}


def load_images(source: str | Path, *, size: int | None = None) -> DataSet:
    """The data set called ``source``, or the one that lies in the file or folder of that path.

    :param size: side of the square images of an image folder, pixels; other layouts have a size of their own.
    :raises DataError: if there is nothing of a known layout, or a file's content cannot be used.
    """
    if str(source) == "digits":
        return _digits()
    path = Path(source)
    for fits, read in _layouts(size):
        if fits(path):
            return read(path)
    message = (
        f"Expected the name 'digits', or a file or folder of a known layout (idx, CIFAR archives, .npz, PNG sheets, "
        f"train/CLASS/*), got {str(source)!r}."
    )
    raise DataError(message)


def _layouts(size: int | None) -> Sequence[tuple[Callable[[Path], bool], Callable[[Path], DataSet]]]:
    """Each layout's look and its reader, in the order in which they are tried."""
    from ce_nas.training.data import cifar

    return (
        (lambda path: path.suffix == ".npz" and path.is_file(), _npz),
        (cifar.is_archive, cifar.read_archive),
        (cifar.is_sheets, cifar.read_sheets),
        (lambda path: _idx_file(path, _IDX[0]) is not None, _idx),
        (lambda path: (path / "train").is_dir() and (path / "val").is_dir(), lambda path: _folder(path, size or 224)),
    )


def _digits() -> DataSet:
    """Scikit-learn's digits: 8x8 images of 17 grey levels, scaled to bytes."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)[:, None]
    images = Images(pixels, found.target.astype(np.int64))
    tests = np.arange(len(images)) % 5 == 4
    rows = np.arange(len(images))
    return data_set("digits", "scikit-learn's digits", images.rows(rows[~tests]), images.rows(rows[tests]))


def _npz(path: Path) -> DataSet:
    names = ("train_images", "train_labels", "test_images", "test_labels")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = [file[name] for name in names]
    except (OSError, ValueError, KeyError) as error:
        message = f"Expected the arrays {', '.join(names)} in {path}, but {error}."
        raise DataError(message) from error
    train, test = (_channelled(found[at], found[at + 1], path) for at in (0, 2))
    return data_set(path.stem, f"the file {path.name}", train, test)


def _channelled(pixels: np.ndarray, labels: np.ndarray, path: Path) -> Images:
    """Images with their channels in front: grey ones get one, and channels at the end move."""
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


def _idx(path: Path) -> DataSet:
    files = []
    for name in _IDX:
        file = _idx_file(path, name)
        if file is None:
            message = f"Expected the file {name} (or {name}.gz) beside the others in {path}, got none."
            raise DataError(message)
        files.append(_idx_array(file))
    train, test = (_channelled(files[at], files[at + 1], path) for at in (0, 2))
    return data_set(path.name, f"idx files in {path.name}", train, test)


def _idx_file(path: Path, name: str) -> Path | None:
    files = (path / name, path / f"{name}.gz")
    return next((file for file in files if file.is_file()), None)


def _idx_array(path: Path) -> np.ndarray:
    """The content of one idx file: two zero bytes, the type (8: bytes), the dimensions, then the values [IDX]."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zero, kind, dimensions = struct.unpack(">HBB", raw[:4])
        shape = struct.unpack(f">{dimensions}I", raw[4 : 4 + 4 * dimensions])
        values = np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dimensions)
        if zero != 0 or kind != 8:
            raise ValueError(f"it begins with {raw[:4].hex()}")  # noqa: TRY301, TRY003, EM102 - told below with the rest
        return values.reshape(shape)
    except (OSError, ValueError, struct.error, EOFError) as error:
        message = f"Expected an idx file of bytes at {path}, but {error}."
        raise DataError(message) from error


def _folder(path: Path, size: int) -> DataSet:
    names = sorted(item.name for item in (path / "train").iterdir() if item.is_dir())
    train, test = (_classes(path / part, names, size) for part in ("train", "val"))
    return data_set(path.name, f"images in {path.name}, decoded at {size}x{size}", train, test, len(names))


def _classes(path: Path, names: Sequence[str], size: int) -> Images:
    """The images of the folders of these names, class by class and in the order of their file names."""
    parts = []
    for label, name in enumerate(names):
        files = [file for file in sorted((path / name).glob("*")) if file.suffix.lower() in _IMAGE_TYPES]
        if not files:
            message = f"Expected images ({', '.join(sorted(_IMAGE_TYPES))}) in {path / name}, got none."
            raise DataError(message)
        pixels = np.stack([decoded(file, size) for file in files])
        parts.append(Images(pixels, np.full(len(files), label, dtype=np.int64)))
    return joined(parts)


def decoded(path: Path, size: int) -> np.ndarray:
    """One image as RGB bytes of shape ``(3, size, size)``: its shorter side resized to ``size``, its middle kept.

    :raises DataError: if it is no image that can be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            scale = size / min(image.size)
            sides = [max(round(side * scale), size) for side in image.size]
            resized = image.convert("RGB").resize(sides)
            left, top = ((side - size) // 2 for side in sides)
            return np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.uint8).transpose(2, 0, 1)
    except OSError as error:
        message = f"Expected an image at {path}, but {error}; remove the file or get it anew."
        raise DataError(message) from error
