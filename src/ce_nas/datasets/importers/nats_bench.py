"""NATS-Bench's topology space, which is NAS-Bench-201: the archive with a file an architecture, as one table.

Layout
    ``meta.pickle.pbz2`` with ``meta_archs``, the cells by index; ``000000.pickle.pbz2`` and on, each a dict from the
    epochs of a schedule (``"12"``, ``"200"``) to ``all_results``: (image set, seed) -> accuracies by ``x-valid@199``,
    seconds an epoch, latencies in seconds, parameters and FLOPs in millions. ``cifar10-valid`` was trained on one half
    of the training images and validated on the other; ``cifar10`` on both, and knows the test images alone.

Kept in the wide layout: ``val200_cifar10_s0``, ``test200_cifar10``, ``train_time200_cifar10`` and so on. Read from the
authors' API; made files of this layout are what it was tested on. Their single file of all architectures, and
NAS-Bench-201's own ``.pth``, are pickles of classes or too large to check, and are not read.

Sources
    [NATS] Dong, Liu, Musial, Gabrys. NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size.
    IEEE TPAMI 2021.
"""

from __future__ import annotations

import bz2
import re
import tarfile
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.nasbench201 import is_wide_layout
from ce_nas.benchmarks.table_reader import read_frame
from ce_nas.core.errors import DataError, TableError
from ce_nas.core.safe_pickle import load_arrays
from ce_nas.datasets.importers.base import Piece
from ce_nas.space.nasbench201 import NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["TABLE_FILE", "read"]

#: file of the table
TABLE_FILE = "nasbench201.parquet"
#: one architecture's file is far smaller, once unpacked
LARGEST_BYTES = 64 * 1024 * 1024
NUMBERED = re.compile(r"(?:.*/)?(\d{6})\.pickle\.pbz2")
META = "meta.pickle.pbz2"
FULL, EARLY = "200", "12"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Where the archive keeps what the table needs of an image set."""

    name: str
    #: the training whose validation accuracies, and seconds, count
    validated: str
    #: the training, and its images, whose test accuracies count
    tested: tuple[str, str]


IMAGE_SETS = (
    ImageSet("cifar10", "cifar10-valid", ("cifar10", "ori-test")),
    ImageSet("cifar100", "cifar100", ("cifar100", "x-test")),
    ImageSet("imagenet16-120", "ImageNet16-120", ("ImageNet16-120", "x-test")),
)


def read(files: Sequence[Path]) -> list[Piece]:
    """The table of the official archive, packed or unpacked, or of a table that has the wide layout already.

    :raises DataError: if it is neither, or an architecture is missing.
    """
    if len(files) != 1:
        message = f"Expected one archive or folder of NATS-Bench, got {len(files)} files."
        raise DataError(message)
    (file,) = files
    return [_wide(file) if file.suffix in {".parquet", ".csv"} else _official(file)]


def _wide(file: Path) -> Piece:
    frame = read_frame(file)
    if not is_wide_layout(list(map(str, frame.columns))):
        message = f"Expected columns arch_str, val200_cifar10_s0 and so on in {file.name}, got: "
        raise TableError(message + f"{', '.join(map(str, frame.columns[:8]))}.")
    return Piece(TABLE_FILE, frame, len(frame), (file,))


def _official(file: Path) -> Piece:
    import pandas as pd

    rows: dict[int, dict[str, float]] = {}
    cells: list[str] = []
    for name, packed in _members(file):
        content = load_arrays(_unpacked(packed, name), name)
        if numbered := NUMBERED.fullmatch(name):
            rows[int(numbered[1])] = _row(content, name)
        elif isinstance(content, dict):
            cells = list(map(str, content.get("meta_archs", ())))
    space = NasBench201Space()
    if len({space.parse(cell) for cell in cells}) != space.size or set(rows) != set(range(space.size)):
        message = (
            f"Expected {META} with {space.size:,} cells and a file for each of them in {file.name}, got {len(cells):,} "
            f"cells and {len(rows):,} files."
        )
        raise DataError(message)
    frame = pd.DataFrame([rows[index] for index in range(len(cells))])
    frame.insert(0, "index", np.arange(len(cells)))
    frame.insert(1, "arch_str", cells)
    holes = [name for name in frame.columns if str(name).startswith("latency_") and frame[name].isna().any()]
    notes = tuple(f"{name} is left out: {int(frame[name].isna().sum()):,} cells were not measured." for name in holes)
    return Piece(TABLE_FILE, frame.drop(columns=holes), len(frame), (file,), notes)


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of the archive, be it packed or not."""
    wanted = re.compile(rf"{NUMBERED.pattern}|(?:.*/)?{re.escape(META)}")
    if file.is_dir():
        for path in sorted(file.iterdir()):
            if wanted.fullmatch(path.name):
                yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                opened = archive.extractfile(member) if wanted.fullmatch(member.name) and member.isfile() else None
                if opened:
                    yield member.name, opened.read(LARGEST_BYTES)
    except (OSError, tarfile.TarError, EOFError) as error:
        message = f"Expected a folder or a .tar of NATS-Bench at {file.name}, but {error}; get the file anew."
        raise DataError(message) from error


def _unpacked(packed: bytes, name: str) -> bytes:
    try:
        unpacker = bz2.BZ2Decompressor()
        content = unpacker.decompress(packed, LARGEST_BYTES)
    except (OSError, ValueError, EOFError) as error:
        message = f"Expected bzip2 in {name}, but {error}; get the archive anew."
        raise DataError(message) from error
    if not unpacker.eof:
        message = f"Expected a whole file of at most {LARGEST_BYTES:,} bytes in {name}; get the archive anew."
        raise DataError(message)
    return content


def _row(content: Any, name: str) -> dict[str, float]:  # noqa: ANN401 - whatever the file holds
    """The columns of one architecture.

    :raises DataError: if something is missing, or is no number.
    """
    try:
        row: dict[str, float] = {}
        for image_set in IMAGE_SETS:
            row |= _full(image_set, content[FULL]["all_results"])
            if EARLY in content:
                row |= _early(image_set, content[EARLY]["all_results"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        message = f"Expected results of NATS-Bench in {name}, but {type(error).__name__}: {error}; get it anew."
        raise DataError(message) from error
    return row


def _full(image_set: ImageSet, results: Mapping[Any, Any]) -> dict[str, float]:
    """What trainings of 200 epochs tell: every seed's validation, and means of the rest."""
    runs = _runs(results, image_set.validated)
    test_set, images = image_set.tested
    tests = [_last(run, images) for run in _runs(results, test_set)]
    latencies = [mean for run in runs if run["latency"] and (mean := fmean(run["latency"])) > 0]
    mine = image_set.name
    return {
        **{f"val200_{mine}_s{seed}": _last(run, "x-valid") for seed, run in enumerate(runs)},
        f"test200_{mine}": fmean(tests),
        f"train_time200_{mine}": fmean(sum(run["train_times"].values()) for run in runs),
        f"params_{mine}": float(runs[0]["params"]),
        f"flops_{mine}_M": float(runs[0]["flop"]),
        **({f"latency_{mine}": fmean(latencies)} if latencies else {}),
    }


def _early(image_set: ImageSet, results: Mapping[Any, Any]) -> dict[str, float]:
    """What trainings of 12 epochs tell, on a schedule of their own."""
    runs = _runs(results, image_set.validated)
    return {f"val12_{image_set.name}": fmean(_last(run, "x-valid") for run in runs)} if runs else {}


def _runs(results: Mapping[Any, Any], training: str) -> list[Mapping[str, Any]]:
    """The runs of a training, by seed."""
    seeds = sorted(seed for name, seed in results if name == training)
    return [results[(training, seed)] for seed in seeds]


def _last(run: Mapping[str, Any], images: str) -> float:
    """The accuracy on some images after the last epoch, %."""
    return float(run["eval_acc1es"][f"{images}@{run['epochs'] - 1}"])
