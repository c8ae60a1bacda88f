"""What a search on real devices is about: the tasks are carried out by a crew, and nobody knows beforehand how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import Problem
from ce_nas.core.records import TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Objective, Task
    from ce_nas.space.base import Space

__all__ = ["LiveProblem"]


class LiveProblem(Problem):
    """A space and objectives, with a guess of how long its tasks take until some have been done.

    :param guess_s: a full training, s of the run's time; a supernet is taken to need five, a score a hundredth.
    :param supernet: whether there is a supernet to score by.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective], guess_s: float, *, supernet: bool) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.supernet_training_s = 5.0 * guess_s if supernet else 0.0
        self.can_score = self.judges_scores = supernet
        self._units_s = {TaskKind.EVALUATION: guess_s, TaskKind.SAMPLING: 0.01 * guess_s}
        # units done of each kind, and what they took, s
        self._done: dict[TaskKind, tuple[float, float]] = {}

    def duration_s(self, task: Task) -> float:
        """See :meth:`Problem.duration_s`: the mean of those done, else a guess."""
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s * task.fidelity
        return self._units_s[task.kind] * _units(task)

    def took(self, task: Task, duration_s: float) -> None:
        """See :meth:`Problem.took`; a training's share, and a score, are units whose mean is kept."""
        if task.kind is TaskKind.SUPERNET:
            return
        units, total_s = self._done.get(task.kind, (0.0, 0.0))
        self._done[task.kind] = units + _units(task), total_s + duration_s
        self._units_s[task.kind] = self._done[task.kind][1] / self._done[task.kind][0]


def _units(task: Task) -> float:
    """Full trainings, or architectures scored."""
    return task.fidelity if task.kind is TaskKind.EVALUATION else float(len(task.architectures))
