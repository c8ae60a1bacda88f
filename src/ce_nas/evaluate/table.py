"""A benchmark as a table: a row an architecture, with its metrics and its training time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, TableError, one_of
from ce_nas.evaluate.benchmark import Benchmark, Quantity, objective

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Architecture, Objective
    from ce_nas.space.space import Space

__all__ = ["BenchmarkTable", "Metric", "objective", "table_values"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One column of a table."""

    name: str
    #: unit as shown to people
    unit: str
    #: True if more is better
    maximise: bool
    #: True if only a training tells it, as an accuracy; False if it is known at once, as a latency
    trained: bool
    #: a value an architecture, in the order of the space's members, shape (size,); never NaN
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class BenchmarkTable(Benchmark):
    """Everything known of every architecture of a space."""

    name: str
    space: Space
    metrics: Mapping[str, Metric]
    #: seconds of a full training on one device, in the order of the space's members, shape (size,)
    train_s: np.ndarray
    #: epochs of a full training, where known
    epochs: int
    #: where the figures come from
    origin: str
    #: what a reader should know of them, a sentence each
    notes: tuple[str, ...] = ()
    #: share of a full training to what a training stopped there found: trained metrics by name, shape (size,) each
    early: Mapping[float, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        :raises TableError: if there is none.
        """
        if name not in self.metrics:
            raise TableError(one_of(f"objective of {self.name}", name, self.metrics))
        return self.metrics[name]

    @cached_property
    def quantities(self) -> Mapping[str, Quantity]:
        """See :attr:`Benchmark.quantities`."""
        return {name: _quantity(metric) for name, metric in self.metrics.items()}

    def costs(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.costs`."""
        return self.metric(name).values[[self.space.index[architecture] for architecture in architectures]]

    def column(self, name: str) -> np.ndarray:
        """See :meth:`Benchmark.column`."""
        return self.metric(name).values

    def require_share(self, share: float) -> None:
        """See :meth:`Benchmark.require_share`."""
        if share not in self.early:
            known = ", ".join(f"{known:g}" for known in self.early) or "none"
            message = f"Expected searcher.early among the shares that {self.name} knows: {known}; got {share:g}."
            raise SettingsError(message)

    @property
    def mean_epoch_s(self) -> float:
        """Seconds of one epoch of the mean architecture on one device."""
        return float(self.train_s.mean()) / self.epochs

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that a run can come to depend on, in hexadecimal; origin and notes are left out."""
        kinds = [[metric.name, metric.unit, metric.maximise, metric.trained] for metric in self._sorted_metrics]
        head = [self.name, self.epochs, self.space.variables, self.space.choices, kinds]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(np.ascontiguousarray(self.space.members, dtype="<i4").tobytes())
        digest.update(np.ascontiguousarray(self.train_s, dtype="<f8").tobytes())
        for metric in self._sorted_metrics:
            digest.update(np.ascontiguousarray(metric.values, dtype="<f8").tobytes())
        return digest.hexdigest()

    @property
    def _sorted_metrics(self) -> list[Metric]:
        return [self.metrics[name] for name in sorted(self.metrics)]


def table_values(table: BenchmarkTable, objectives: Sequence[Objective]) -> np.ndarray:
    """The objectives of every architecture, all minimised, shape ``(size, objectives)``."""
    return np.column_stack([item.sign * table.metric(item.name).values for item in objectives])


def _quantity(metric: Metric) -> Quantity:
    low, high = float(metric.values.min()), float(metric.values.max())
    return Quantity(metric.name, metric.unit, metric.maximise, metric.trained, low, high)
