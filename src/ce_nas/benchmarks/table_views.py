"""Views of a NAS-Bench-201 table: measured cells only, equivalent cells averaged, cells left out, longer trainings.

A search of cells can be decided by lucky twins: cells that compute the same function have measured costs that differ by
several per cent, and accuracies that differ by the noise of their trainings. Averaged over each function, no twin is
better than another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.isomorphism import unique_rows
from ce_nas.space.nasbench201_cell import NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.benchmarks.tabular import BenchmarkTable, MetricColumn

__all__ = ["average_equivalent_cells", "drop_unmeasured_cells", "leave_out_cells", "scale_training_time"]


def average_equivalent_cells(table: BenchmarkTable) -> BenchmarkTable:
    """The table with every value averaged over the cells that compute the same function; missing values left out.

    A function without any value of a metric has NaN there. A value at low fidelity is averaged, too.

    :raises SettingsError: if the table is not one of NAS-Bench-201.
    """
    inverse = unique_rows(_require_cells(table))[1]

    def average(values: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        counts = np.bincount(inverse, weights=known)
        sums = np.bincount(inverse, weights=np.where(known, values, 0.0))
        return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)[inverse])

    return replace(
        _map_values(table, average),
        name=f"{table.name}, functions",
        notes=(*table.notes, f"Values are averages over the cells of each of {inverse.max() + 1:,} functions."),
    )


def drop_unmeasured_cells(table: BenchmarkTable, metrics: Sequence[str]) -> BenchmarkTable:
    """The table without the cells that lack a value of one of these metrics; other incomplete metrics are left out.

    :raises TableError: if no cell is left.
    """
    columns = [table.metric(name).values for name in metrics]
    measured = np.logical_and.reduce([np.ones(table.space.size, dtype=bool), *map(np.isfinite, columns)])
    if not measured.any():
        message = f"Expected cells with a measured value of {', '.join(metrics)} in {table.origin}, got none."
        raise TableError(message)
    kept = table if measured.all() else _keep_cells(table, np.flatnonzero(measured))
    complete = {name: metric for name, metric in kept.metrics.items() if np.isfinite(metric.values).all()}
    name = table.name if measured.all() else f"{table.name}, {int(measured.sum()):,} measured cells"
    return replace(kept, name=name, metrics=complete)


def leave_out_cells(table: BenchmarkTable, texts: Sequence[str]) -> BenchmarkTable:
    """The table without some cells, each in the notation of NAS-Bench-201.

    :raises TableError: if a text is no cell of the table.
    """
    space = _require_cells(table)
    left_out = []
    for text in texts:
        cell = space.parse(text)
        if cell not in space.index:
            message = f"Expected a cell of {table.name} to leave out, got {text!r}, which it lacks."
            raise TableError(message)
        left_out.append(space.index[cell])
    if not left_out:
        return table
    kept = _keep_cells(table, np.setdiff1d(np.arange(space.size), left_out))
    return replace(kept, name=f"{table.name}, without {len(set(left_out))} of its cells")


def scale_training_time(table: BenchmarkTable, factor: float) -> BenchmarkTable:
    """The table with trainings that take ``factor`` times as long."""
    if factor == 1.0:
        return table
    return replace(table, name=f"{table.name}, trainings x {factor:g}", train_s=table.train_s * factor)


def _require_cells(table: BenchmarkTable) -> NasBench201Space:
    if not isinstance(table.space, NasBench201Space):
        message = f"Expected a table of NAS-Bench-201, whose equivalent cells are known, got {table.name}."
        raise SettingsError(message)
    return table.space


def _keep_cells(table: BenchmarkTable, rows: np.ndarray) -> BenchmarkTable:
    space = NasBench201Space(_require_cells(table).members[rows])
    return replace(_map_values(table, lambda values: values[rows]), space=space)


def _map_values(table: BenchmarkTable, change: Callable[[np.ndarray], np.ndarray]) -> BenchmarkTable:
    """The table with all its columns changed, also the training times."""

    def change_column(column: MetricColumn) -> MetricColumn:
        return replace(column, values=change(column.values))

    return replace(
        table,
        metrics={name: change_column(column) for name, column in table.metrics.items()},
        train_s=change(table.train_s),
        low_fidelity_values={
            share: {name: change(values) for name, values in columns.items()}
            for share, columns in table.low_fidelity_values.items()
        },
    )
