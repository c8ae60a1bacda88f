"""Images decoded once to a memory-mapped cache on disk, which all processes share.

A cache is a folder of ``cache.json``, ``train.pixels``, ``train.labels.npy``, ``val.pixels`` and
``val.labels.npy``: raw bytes of shape ``(n, 3, size, size)``. Decoding keeps a few hundred images in memory, and goes
on where it was interrupted.

================= =====================================================================================================
an image folder   ``train/CLASS/*`` and ``val/CLASS/*``, ImageNet's layout
tar shards        ``train*.tar`` and ``val*.tar``: members ``KEY.jpg`` and ``KEY.cls``, a number [WebDataset]
parquet           ``train*.parquet`` and ``val*.parquet`` with the columns ``image`` (``bytes``) and ``label`` [HF]
================= =====================================================================================================

Sources
    [HF] Hugging Face. Datasets: Image features.
    [WebDataset] Aizman, Maltby, Breuel. High Performance I/O For Large Scale Deep Learning. IEEE Big Data 2019.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ce_nas.core.errors import DataError, MissingExtraError, StoreError, require_parquet
from ce_nas.store.run_dir import write_atomic
from ce_nas.training.data.images import ImageDataset, Images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["decode_image", "decode_to_cache", "is_image_cache", "read_image_cache"]

CACHE_FILENAME, PROGRESS_FILENAME = "cache.json", "progress.json"
_SPLITS = ("train", "val")
_SUFFIXES = {".jpeg", ".jpg", ".png", ".bmp", ".webp"}
#: images decoded between two records of the progress
_CHUNK = 256
#: blocks of a file that its check reads, and their size: reading all would take minutes for ImageNet
_SAMPLED_BLOCKS, _BLOCK_BYTES = 64, 4096


@dataclass(frozen=True, slots=True)
class _Split:
    """One split of a source."""

    count: int
    images: Callable[[], Iterator[tuple[Callable[[], bytes], int]]]


def decode_to_cache(
    source: Path, target: Path, size: int, *, workers: int = 4, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Decode the images of ``source`` into the cache ``target``, or go on with it.

    :param size: side of the cached images, pixels: the shorter side is resized to it, the longer one cropped.
    :param workers: decoding threads.
    :param on_progress: called with the numbers of decoded and of all images.
    :raises DataError: if the layout is unknown, or an image cannot be decoded.
    :raises MissingExtraError: if pillow is not installed.
    :raises StoreError: if ``target`` holds another cache or cannot be written.
    """
    _require_pillow()
    splits = _find_splits(source)
    target.mkdir(parents=True, exist_ok=True)
    plan = {"source": str(source.resolve()), "size": size, "counts": {name: one.count for name, one in splits.items()}}
    progress = _read_progress(target, plan)
    if (target / CACHE_FILENAME).exists():
        return
    total, counts = sum(one.count for one in splits.values()), np.array(progress["histogram"], dtype=np.int64)
    for name, split in splits.items():
        pixels = _open_pixels(target / f"{name}.pixels", (split.count, 3, size, size), "r+")
        labels = np.array(progress["labels"].get(name, []), dtype=np.int64)
        images = itertools.islice(split.images(), len(labels), None)
        with ThreadPoolExecutor(workers) as pool:
            while chunk := list(itertools.islice(images, _CHUNK)):
                decoded = list(pool.map(lambda one: _decode(one[0](), size), chunk))
                pixels[len(labels) : len(labels) + len(chunk)] = decoded
                pixels.flush()
                labels = np.concatenate([labels, [label for _, label in chunk]])
                if name == "train":
                    values = np.stack(decoded)
                    counts += np.array([np.bincount(values[:, c].ravel(), minlength=256) for c in range(3)])
                progress["labels"][name], progress["histogram"] = labels.tolist(), counts.tolist()
                write_atomic(target / PROGRESS_FILENAME, json.dumps(progress))
                if on_progress:
                    on_progress(sum(map(len, progress["labels"].values())), total)
        with (target / f"{name}.labels.npy").open("wb") as file:
            np.save(file, labels)
    _write_cache_file(target, plan, counts)


def is_image_cache(path: Path) -> bool:
    """Whether ``path`` is a finished cache."""
    return (path / CACHE_FILENAME).is_file()


def read_image_cache(path: Path) -> ImageDataset:
    """The images of a cache, which stay on disk.

    :raises DataError: if a file is missing or was changed since.
    """
    content = json.loads((path / CACHE_FILENAME).read_text())
    size, parts = content["size"], []
    for name in _SPLITS:
        file, shape = path / f"{name}.pixels", (content["counts"][name], 3, size, size)
        labels_file = path / f"{name}.labels.npy"
        is_complete = file.is_file() and file.stat().st_size == np.prod(shape) and labels_file.is_file()
        if not is_complete or _digest(file, labels_file) != content["sha256"][name]:
            message = f"Expected the files of {name} in {path} as they were decoded, got others; decode them again."
            raise DataError(message)
        # copy-on-write, so that torch takes it for writable; nothing is ever written
        parts.append(Images(_open_pixels(file, shape, "c"), np.load(labels_file)))
    mean, std = np.array(content["mean"]), np.array(content["std"])
    origin = f"images of {Path(content['source']).name}, decoded at {size}x{size}"
    return ImageDataset(Path(content["source"]).name, origin, parts[0], parts[1], content["classes"], mean, std)


def _write_cache_file(target: Path, plan: dict[str, Any], counts: np.ndarray) -> None:
    values, shares = np.arange(256) / 255.0, counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    std = np.sqrt(np.maximum(shares @ values**2 - mean**2, 0.0))
    labels = [np.load(target / f"{name}.labels.npy") for name in _SPLITS]
    digests = {name: _digest(target / f"{name}.pixels", target / f"{name}.labels.npy") for name in _SPLITS}
    statistics = {"mean": mean.tolist(), "std": np.where(std > 0, std, 1.0).tolist()}
    content = {**plan, "classes": int(max(map(np.max, labels))) + 1, **statistics, "sha256": digests}
    write_atomic(target / CACHE_FILENAME, json.dumps(content, indent=2) + "\n")
    (target / PROGRESS_FILENAME).unlink(missing_ok=True)


def _read_progress(target: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """What is decoded already.

    :raises StoreError: if that is of another source or size.
    """
    empty = {"plan": plan, "labels": {}, "histogram": np.zeros((3, 256), dtype=int).tolist()}
    for name in (CACHE_FILENAME, PROGRESS_FILENAME):
        if (target / name).exists():
            content = json.loads((target / name).read_text())
            found = content.get("plan", {key: content.get(key) for key in plan})
            if found != plan:
                message = (
                    f"Expected a new folder, or the cache of {plan['source']} at this size, in {target}; name another."
                )
                raise StoreError(message)
            return content if name == PROGRESS_FILENAME else empty
    return empty


def _open_pixels(path: Path, shape: tuple[int, ...], mode: str) -> np.memmap[Any, np.dtype[np.uint8]]:
    if mode == "r+" and not path.exists():
        mode = "w+"
    return np.memmap(path, dtype=np.uint8, mode=mode, shape=shape)  # type: ignore[call-overload,no-any-return]


def _digest(pixels: Path, labels: Path) -> str:
    """SHA-256 of the labels and of evenly spaced blocks of the pixels."""
    digest, length = hashlib.sha256(labels.read_bytes()), pixels.stat().st_size
    with pixels.open("rb") as file:
        for start in np.linspace(0, max(length - _BLOCK_BYTES, 0), _SAMPLED_BLOCKS).astype(int).tolist():
            file.seek(start)
            digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()


def _require_pillow() -> None:
    try:
        import PIL.Image  # noqa: F401 - the decoder
    except ImportError as error:
        package = "pillow"
        raise MissingExtraError(package, "images", "Decoding images") from error


def _decode(encoded: bytes, size: int) -> np.ndarray:
    return decode_image(io.BytesIO(encoded), size)


def _find_splits(source: Path) -> dict[str, _Split]:
    """The splits of a source.

    :raises DataError: if the layout is unknown.
    """
    if all((source / name).is_dir() for name in _SPLITS):
        names = sorted(each.name for each in (source / "train").iterdir() if each.is_dir())
        return {name: _folder_split(source / name, names) for name in _SPLITS}
    for suffix, read in (("tar", _tar_split), ("parquet", _parquet_split)):
        files = {name: sorted(source.glob(f"{name}*.{suffix}")) for name in _SPLITS}
        if all(files.values()):
            return {name: read(files[name]) for name in _SPLITS}
    message = f"Expected train/CLASS/* and val/CLASS/*, or train*.tar and val*.tar, or .parquet, in {source}, got none."
    raise DataError(message)


def _folder_split(path: Path, names: list[str]) -> _Split:
    files = [
        (file, label)
        for label, name in enumerate(names)
        for file in sorted((path / name).glob("*"))
        if file.suffix.lower() in _SUFFIXES
    ]
    return _Split(len(files), lambda: ((file.read_bytes, label) for file, label in files))


def _tar_split(files: list[Path]) -> _Split:
    def read() -> Iterator[tuple[Callable[[], bytes], int]]:
        for path in files:
            with tarfile.open(path) as archive:
                parts: dict[str, dict[str, bytes]] = {}
                for member in archive:
                    key, _, suffix = member.name.partition(".")
                    content = archive.extractfile(member)
                    if content is None:
                        continue
                    found = parts.setdefault(key, {})
                    found["label" if suffix == "cls" else f".{suffix.lower()}"] = content.read()
                    image = next((found[each] for each in found if each in _SUFFIXES), None)
                    if image is not None and "label" in found:
                        label = int(parts.pop(key)["label"])
                        yield (lambda image=image: image), label  # type: ignore[misc]

    count = 0
    for path in files:
        with tarfile.open(path) as archive:
            count += sum(member.name.endswith(".cls") for member in archive)
    return _Split(count, read)


def _parquet_split(files: list[Path]) -> _Split:
    require_parquet("Decoding images in Parquet files")
    from pyarrow import parquet

    def read() -> Iterator[tuple[Callable[[], bytes], int]]:
        for path in files:
            for batch in parquet.ParquetFile(path).iter_batches(_CHUNK, columns=["image", "label"]):
                for row in batch.to_pylist():
                    content = row["image"]["bytes"]
                    yield (lambda content=content: content), int(row["label"])  # type: ignore[misc]

    return _Split(sum(parquet.ParquetFile(path).metadata.num_rows for path in files), read)


def decode_image(source: Path | BinaryIO, size: int) -> np.ndarray:
    """One image as RGB bytes, shape ``(3, size, size)``: its shorter side resized to ``size``, then centre-cropped.

    :param source: its file, or a stream of its encoded bytes.
    :raises DataError: if it cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(source) as image:
            scale = size / min(image.size)
            sides = [max(round(side * scale), size) for side in image.size]
            resized = image.convert("RGB").resize(sides)
            left, top = ((side - size) // 2 for side in sides)
            return np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.uint8).transpose(2, 0, 1)
    except OSError as error:
        message = f"Expected an image at {source}, but {error}; remove the file or download it again."
        raise DataError(message) from error
