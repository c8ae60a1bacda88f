"""A benchmark as a table: a row an architecture, with its metrics and its training time.

Tasks looked up in a benchmark table: real training times and real outcomes, without the training.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.base import Benchmark, Evaluator, Quantity, objective
from ce_nas.core.errors import SettingsError, TableError, one_of
from ce_nas.core.records import Outcome, TaskKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.benchmarks.proxy_scores import CheapScores
    from ce_nas.core.records import Architecture, Objective, Task
    from ce_nas.space.base import Space

__all__ = ["BenchmarkTable", "Metric", "TabularEvaluator", "objective", "table_values"]


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


class TabularEvaluator(Evaluator):
    """Looks every task up in a table.

    An evaluation takes the architecture's training time and finds its objectives. A sampling takes the time of its
    cheap scores and estimates the accuracy by their vote; what needs no training to be known (latency, energy, size)
    it finds as it is.

    :param cheap: the cheap scores, or None where there are none: then nothing can be sampled.
    """

    def __init__(self, table: BenchmarkTable, objectives: Sequence[Objective], cheap: CheapScores | None) -> None:
        self.space = table.space
        self.objectives = tuple(objectives)
        self.supernet_training_s = cheap.training_s if cheap else 0.0
        self.can_score = cheap is not None
        self._cheap = cheap
        self._train_s = table.train_s
        self._values = table_values(table, objectives)
        self._early = {fidelity: self._stopped(found) for fidelity, found in table.early.items()}
        trained = np.array([table.metric(item.name).trained for item in objectives])
        self._estimates = np.where(trained, -cheap.vote[:, None], self._values) if cheap else self._values

    def duration_s(self, task: Task) -> float:
        """See :meth:`Evaluator.duration_s`."""
        if task.kind is TaskKind.EVALUATION:
            return float(self._train_s[self.space.index[task.architectures[0]]]) * task.fidelity
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s
        return len(task.architectures) * self._cheap.score_s if self._cheap else 0.0

    def run(self, task: Task) -> Outcome:
        """See :meth:`Evaluator.run`."""
        rows = list(map(self.space.index.__getitem__, task.architectures))
        if task.kind is TaskKind.SAMPLING and self._cheap:
            estimates, scores = self._scored
            return Outcome(task.id, tuple(map(estimates.__getitem__, rows)), tuple(map(scores.__getitem__, rows)))
        return Outcome(task.id, tuple(map(self._found[task.fidelity].__getitem__, rows)))

    @cached_property
    def _found(self) -> dict[float, list[tuple[float, ...]]]:
        """The objectives of every architecture after so large a share of a training, minimised."""
        return {
            share: list(map(tuple, values.tolist())) for share, values in ((1.0, self._values), *self._early.items())
        }

    @cached_property
    def _scored(self) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
        """Estimates and raw scores of every architecture: a search asks for thousands of them, time and again."""
        scores = self._cheap.values if self._cheap else self._estimates[:, :0]
        return list(map(tuple, self._estimates.tolist())), list(map(tuple, scores.tolist()))

    def _stopped(self, found: Mapping[str, np.ndarray]) -> np.ndarray:
        """The objectives as far as a training that was stopped tells them; the others as they are, shape (size, m)."""
        values = self._values.copy()
        for column, item in enumerate(self.objectives):
            if item.name in found:
                values[:, column] = item.sign * found[item.name]
        return values
