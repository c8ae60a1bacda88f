"""Import NATS-Bench's topology space, which is NAS-Bench-201: an archive of one file per architecture, as one table.

Layout
    ``meta.pickle.pbz2`` with ``meta_archs``, the cells by index; ``000000.pickle.pbz2`` and on, each a dict from the
    epochs of a schedule (``"12"``, ``"200"``) to ``all_results``: (image set, seed) -> accuracies by ``x-valid@199``,
    seconds per epoch, latencies in seconds, parameters and FLOPs in millions. ``cifar10-valid`` was trained on one half
    of the training images and validated on the other; ``cifar10`` was trained on both and has test accuracies alone.

Stored in the wide layout: ``val200_cifar10_s0``, ``test200_cifar10``, ``train_time200_cifar10`` and so on. The layout
follows the authors' API; it was tested on synthetic files of that layout. Their single file of all architectures, and
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
from ce_nas.core.safe_pickle import load_pickle
from ce_nas.datasets.importers.base import ConvertedFile
from ce_nas.space.nasbench201_cell import NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["TABLE_FILE", "convert_files"]

#: file of the table
TABLE_FILE = "nasbench201.parquet"
#: bound of one architecture's file, decompressed; real ones are far smaller
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
ARCHITECTURE_FILE_PATTERN = re.compile(r"(?:.*/)?(\d{6})\.pickle\.pbz2")
META_FILE = "meta.pickle.pbz2"
FULL_SCHEDULE, SHORT_SCHEDULE = "200", "12"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """The trainings of the archive that give the table's columns of one data set."""

    name: str
    #: the training of the validation accuracies and times
    validation_training: str
    #: the training of the test accuracies, and its images
    test_training_and_images: tuple[str, str]


IMAGE_SETS = (
    ImageSet("cifar10", "cifar10-valid", ("cifar10", "ori-test")),
    ImageSet("cifar100", "cifar100", ("cifar100", "x-test")),
    ImageSet("imagenet16-120", "ImageNet16-120", ("ImageNet16-120", "x-test")),
)


def convert_files(files: Sequence[Path]) -> list[ConvertedFile]:
    """The table of the official archive, packed or unpacked, or a table in the wide layout.

    :raises DataError: if it is neither, or an architecture is missing.
    """
    if len(files) != 1:
        message = f"Expected one archive or folder of NATS-Bench, got {len(files)} files."
        raise DataError(message)
    (file,) = files
    return [_convert_wide_table(file) if file.suffix in {".parquet", ".csv"} else _convert_official_archive(file)]


def _convert_wide_table(file: Path) -> ConvertedFile:
    frame = read_frame(file)
    if not is_wide_layout(list(map(str, frame.columns))):
        message = f"Expected columns arch_str, val200_cifar10_s0 and so on in {file.name}, got: "
        raise TableError(message + f"{', '.join(map(str, frame.columns[:8]))}.")
    return ConvertedFile(TABLE_FILE, frame, len(frame), (file,))


def _convert_official_archive(file: Path) -> ConvertedFile:
    import pandas as pd

    rows: dict[int, dict[str, float]] = {}
    cells: list[str] = []
    for name, packed in _iterate_members(file):
        content = load_pickle(_decompress(packed, name), name)
        if match := ARCHITECTURE_FILE_PATTERN.fullmatch(name):
            rows[int(match[1])] = _build_row(content, name)
        elif isinstance(content, dict):
            cells = list(map(str, content.get("meta_archs", ())))
    space = NasBench201Space()
    if len({space.parse(cell) for cell in cells}) != space.size or set(rows) != set(range(space.size)):
        message = (
            f"Expected {META_FILE} with {space.size:,} cells and a file for each of them in {file.name}, "
            f"got {len(cells):,} cells and {len(rows):,} files."
        )
        raise DataError(message)
    frame = pd.DataFrame([rows[index] for index in range(len(cells))])
    frame.insert(0, "index", np.arange(len(cells)))
    frame.insert(1, "arch_str", cells)
    incomplete = [name for name in frame.columns if str(name).startswith("latency_") and frame[name].isna().any()]
    notes = tuple(
        f"{name} is left out: {int(frame[name].isna().sum()):,} cells were not measured." for name in incomplete
    )
    return ConvertedFile(TABLE_FILE, frame.drop(columns=incomplete), len(frame), (file,), notes)


def _iterate_members(file: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of the archive or folder."""
    wanted = re.compile(rf"{ARCHITECTURE_FILE_PATTERN.pattern}|(?:.*/)?{re.escape(META_FILE)}")
    if file.is_dir():
        for path in sorted(file.iterdir()):
            if wanted.fullmatch(path.name):
                yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                stream = archive.extractfile(member) if wanted.fullmatch(member.name) and member.isfile() else None
                if stream:
                    yield member.name, stream.read(MAX_UNPACKED_BYTES)
    except (OSError, tarfile.TarError, EOFError) as error:
        message = f"Expected a folder or a .tar of NATS-Bench at {file.name}, but {error}; download the file again."
        raise DataError(message) from error


def _decompress(packed: bytes, name: str) -> bytes:
    try:
        decompressor = bz2.BZ2Decompressor()
        content = decompressor.decompress(packed, MAX_UNPACKED_BYTES)
    except (OSError, ValueError, EOFError) as error:
        message = f"Expected bzip2 in {name}, but {error}; download the archive again."
        raise DataError(message) from error
    if not decompressor.eof:
        message = (
            f"Expected a whole file of at most {MAX_UNPACKED_BYTES:,} bytes in {name}; download the archive again."
        )
        raise DataError(message)
    return content


def _build_row(content: Any, name: str) -> dict[str, float]:  # noqa: ANN401 - any content of the file
    """The columns of one architecture.

    :raises DataError: if a value is missing or not a number.
    """
    try:
        row: dict[str, float] = {}
        for image_set in IMAGE_SETS:
            row |= _full_schedule_columns(image_set, content[FULL_SCHEDULE]["all_results"])
            if SHORT_SCHEDULE in content:
                row |= _short_schedule_columns(image_set, content[SHORT_SCHEDULE]["all_results"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        message = f"Expected NATS-Bench's results in {name}, but {type(error).__name__}: {error}; download it again."
        raise DataError(message) from error
    return row


def _full_schedule_columns(image_set: ImageSet, results: Mapping[Any, Any]) -> dict[str, float]:
    """Columns of the 200-epoch trainings: validation accuracy per seed, and means of the rest."""
    runs = _runs_by_seed(results, image_set.validation_training)
    test_set, images = image_set.test_training_and_images
    tests = [_final_accuracy(run, images) for run in _runs_by_seed(results, test_set)]
    latencies = [mean for run in runs if run["latency"] and (mean := fmean(run["latency"])) > 0]
    name = image_set.name
    return {
        **{f"val200_{name}_s{seed}": _final_accuracy(run, "x-valid") for seed, run in enumerate(runs)},
        f"test200_{name}": fmean(tests),
        f"train_time200_{name}": fmean(sum(run["train_times"].values()) for run in runs),
        f"params_{name}": float(runs[0]["params"]),
        f"flops_{name}_M": float(runs[0]["flop"]),
        **({f"latency_{name}": fmean(latencies)} if latencies else {}),
    }


def _short_schedule_columns(image_set: ImageSet, results: Mapping[Any, Any]) -> dict[str, float]:
    """Columns of the separate 12-epoch schedule."""
    runs = _runs_by_seed(results, image_set.validation_training)
    return {f"val12_{image_set.name}": fmean(_final_accuracy(run, "x-valid") for run in runs)} if runs else {}


def _runs_by_seed(results: Mapping[Any, Any], training: str) -> list[Mapping[str, Any]]:
    """The runs of a training, by seed."""
    seeds = sorted(seed for name, seed in results if name == training)
    return [results[(training, seed)] for seed in seeds]


def _final_accuracy(run: Mapping[str, Any], images: str) -> float:
    """The accuracy on ``images`` after the last epoch, %."""
    return float(run["eval_acc1es"][f"{images}@{run['epochs'] - 1}"])
