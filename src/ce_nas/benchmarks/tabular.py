"""Tabular benchmarks: every architecture with its metrics and training time, and tasks looked up in the table."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from ce_nas.benchmarks.base import Benchmark, Evaluator, MetricSpec
from ce_nas.core.errors import SettingsError, TableError, unknown_choice_message
from ce_nas.core.records import Outcome, TaskKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.benchmarks.base import ProxyScores
    from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores
    from ce_nas.core.records import Architecture, Objective, Task
    from ce_nas.space.base import Space

__all__ = ["BenchmarkTable", "MetricColumn", "TabularEvaluator", "objective_matrix", "require_table"]


@dataclass(frozen=True, slots=True, eq=False)
class MetricColumn:
    """One column of a table."""

    name: str
    #: unit as displayed
    unit: str
    #: True if more is better
    maximise: bool
    #: True if only a training measures it, as an accuracy; False if it is known beforehand, as a latency
    requires_training: bool
    #: a value per architecture, in the order of the space's members, shape (size,); never NaN
    values: np.ndarray
    #: False if nothing says whether more is better: an objective has to state it
    has_direction: bool = True


@dataclass(frozen=True, eq=False)
class BenchmarkTable(Benchmark):
    """The metrics and training time of every architecture of a space.

    Example:
        >>> import numpy as np
        >>> from ce_nas.space.base import Space
        >>> accuracy = MetricColumn("accuracy", "%", True, True, np.array([90.0, 92.5]))
        >>> space = Space("kernels", ["kernel"], [["3x3", "5x5"]])
        >>> table = BenchmarkTable("kernels", space, {"accuracy": accuracy}, np.array([60.0, 120.0]), 10, "an example")
        >>> table.mean_epoch_s, table.all_values("accuracy").tolist()
        (9.0, [90.0, 92.5])
    """

    name: str
    space: Space
    metrics: Mapping[str, MetricColumn]
    #: seconds of a full training on one device, in the order of the space's members, shape (size,)
    train_s: np.ndarray
    #: epochs of a full training
    epochs: int
    #: where the values come from
    origin: str
    #: caveats for the reader of a report, a sentence each
    notes: tuple[str, ...] = ()
    #: fidelity (share of a full training) to the metrics measured there: trained metrics by name, shape (size,) each
    low_fidelity_values: Mapping[float, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def metric(self, name: str) -> MetricColumn:
        """The metric called ``name``.

        :raises TableError: if there is none.
        """
        if name not in self.metrics:
            raise TableError(unknown_choice_message(f"objective of {self.name}", name, self.metrics))
        return self.metrics[name]

    @cached_property
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """See :attr:`Benchmark.metric_specs`."""
        return {name: _build_metric_spec(metric) for name, metric in self.metrics.items()}

    def training_free_values(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """See :meth:`Benchmark.training_free_values`."""
        return self.metric(name).values[[self.space.index[architecture] for architecture in architectures]]

    def all_values(self, name: str) -> np.ndarray:
        """See :meth:`Benchmark.all_values`."""
        return self.metric(name).values

    def require_fidelity(self, fidelity: float) -> None:
        """See :meth:`Benchmark.require_fidelity`."""
        if fidelity not in self.low_fidelity_values:
            known = ", ".join(f"{share:g}" for share in self.low_fidelity_values) or "none"
            message = (
                f"Expected searcher.initial_fidelity among the fidelities that {self.name} knows: {known}; "
                f"got {fidelity:g}."
            )
            raise SettingsError(message)

    def build_evaluator(
        self, objectives: Sequence[Objective], proxy_scores: ProxyScores | SimulatedSupernetScores | None
    ) -> TabularEvaluator:
        """See :meth:`Benchmark.build_evaluator`."""
        return TabularEvaluator(self, objectives, cast("ProxyScores | None", proxy_scores))

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`."""
        return float(self.train_s.mean()) / self.epochs

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that can change a run, in hexadecimal; origin and notes are left out."""
        kinds = [
            [metric.name, metric.unit, metric.maximise, metric.requires_training] for metric in self._sorted_metrics
        ]
        head = [self.name, self.epochs, self.space.variables, self.space.choices, kinds]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(np.ascontiguousarray(self.space.members, dtype="<i4").tobytes())
        digest.update(np.ascontiguousarray(self.train_s, dtype="<f8").tobytes())
        for metric in self._sorted_metrics:
            digest.update(np.ascontiguousarray(metric.values, dtype="<f8").tobytes())
        return digest.hexdigest()

    @property
    def _sorted_metrics(self) -> list[MetricColumn]:
        return [self.metrics[name] for name in sorted(self.metrics)]


def objective_matrix(table: BenchmarkTable, objectives: Sequence[Objective]) -> np.ndarray:
    """The objectives of every architecture, all minimised, shape ``(size, objectives)``."""
    return np.column_stack([objective.sign * table.metric(objective.name).values for objective in objectives])


def require_table(benchmark: Benchmark) -> BenchmarkTable:
    """The benchmark as a table.

    :raises SettingsError: if it is not tabular.
    """
    if not isinstance(benchmark, BenchmarkTable):
        message = f"Expected a benchmark whose architectures are all listed, but {benchmark.name} has no table."
        raise SettingsError(message)
    return benchmark


def _build_metric_spec(metric: MetricColumn) -> MetricSpec:
    low, high = float(metric.values.min()), float(metric.values.max())
    return MetricSpec(
        metric.name,
        metric.unit,
        metric.maximise,
        metric.requires_training,
        low,
        high,
        has_direction=metric.has_direction,
    )


class TabularEvaluator(Evaluator):
    """Looks every task up in a table.

    An evaluation takes the architecture's training time and returns its objectives. A sampling takes the time of its
    proxy scores and estimates the accuracy by their mean rank; metrics that need no training (latency, energy, size)
    and objectives that are stated as known are exact.

    :param proxy_scores: the proxy scores; None if there are none, so that nothing can be sampled.

    Example:
        >>> from ce_nas.benchmarks import load_embedded_table, parse_objective
        >>> from ce_nas.core.records import Task, TaskKind
        >>> table = load_embedded_table("cifar10")
        >>> evaluator = TabularEvaluator(table, [parse_objective(table, "accuracy")], None)
        >>> training = Task(0, TaskKind.EVALUATION, ((4, 4, 4, 4, 4, 4),))
        >>> round(evaluator.duration_s(training)), [round(value, 2) for value in evaluator.run(training).values[0]]
        (3461, [-90.2])
    """

    def __init__(
        self, table: BenchmarkTable, objectives: Sequence[Objective], proxy_scores: ProxyScores | None
    ) -> None:
        self.space = table.space
        self.objectives = tuple(objectives)
        self.supernet_training_s = proxy_scores.supernet_training_s if proxy_scores else 0.0
        self.has_proxy_scores = proxy_scores is not None
        self._proxy_scores = proxy_scores
        self._train_s = table.train_s
        self._values = objective_matrix(table, objectives)
        self._low_fidelity_values = {
            fidelity: self._with_low_fidelity(values) for fidelity, values in table.low_fidelity_values.items()
        }
        trained = np.array(
            [table.metric(each.name).requires_training and not each.is_known for each in objectives], dtype=bool
        )
        self._estimates = (
            np.where(trained, -proxy_scores.mean_rank[:, None], self._values) if proxy_scores else self._values
        )

    def duration_s(self, task: Task) -> float:
        """See :meth:`Evaluator.duration_s`."""
        if task.kind is TaskKind.EVALUATION:
            return float(self._train_s[self.space.index[task.architectures[0]]]) * task.fidelity
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s
        return len(task.architectures) * self._proxy_scores.scoring_time_s if self._proxy_scores else 0.0

    def run(self, task: Task) -> Outcome:
        """See :meth:`Evaluator.run`."""
        rows = list(map(self.space.index.__getitem__, task.architectures))
        if task.kind is TaskKind.SAMPLING and self._proxy_scores:
            estimates, scores = self._estimates_and_scores
            return Outcome(task.id, tuple(map(estimates.__getitem__, rows)), tuple(map(scores.__getitem__, rows)))
        return Outcome(task.id, tuple(map(self._values_by_fidelity[task.fidelity].__getitem__, rows)))

    @cached_property
    def _values_by_fidelity(self) -> dict[float, list[tuple[float, ...]]]:
        """Fidelity to the objectives of every architecture, minimised."""
        return {
            share: list(map(tuple, values.tolist()))
            for share, values in ((1.0, self._values), *self._low_fidelity_values.items())
        }

    @cached_property
    def _estimates_and_scores(self) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
        """Estimates and raw scores of every architecture: a search samples thousands of them repeatedly."""
        scores = self._proxy_scores.values if self._proxy_scores else self._estimates[:, :0]
        return list(map(tuple, self._estimates.tolist())), list(map(tuple, scores.tolist()))

    def _with_low_fidelity(self, low_fidelity_values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The objectives with those that were measured at low fidelity replaced, shape (size, objectives)."""
        values = self._values.copy()
        for column, objective in enumerate(self.objectives):
            if objective.name in low_fidelity_values:
                values[:, column] = objective.sign * low_fidelity_values[objective.name]
        return values
