"""Tasks looked up in a benchmark table: real training times and real outcomes, without the training."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Outcome, TaskKind
from ce_nas.evaluate.evaluator import Evaluator
from ce_nas.evaluate.table import table_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Objective, Task
    from ce_nas.evaluate.scores import CheapScores
    from ce_nas.evaluate.table import BenchmarkTable

__all__ = ["TabularEvaluator"]


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
