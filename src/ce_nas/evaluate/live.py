"""What a search on real devices is about: the tasks are carried out by a crew, and nobody knows beforehand how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.records import TaskKind
from ce_nas.evaluate.evaluator import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Objective, Task
    from ce_nas.space.space import Space

__all__ = ["LiveProblem"]


class LiveProblem(Problem):
    """A space and objectives, with a guess of how long its tasks take.

    :param guess_s: a full training, s of the run's time; a supernet is taken to need five, a score a hundredth.
    :param supernet: whether there is a supernet to score by.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective], guess_s: float, *, supernet: bool) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.supernet_training_s = 5.0 * guess_s if supernet else 0.0
        self.can_score = supernet
        self._guess_s = guess_s

    def duration_s(self, task: Task) -> float:
        """See :meth:`Problem.duration_s`: a guess."""
        if task.kind is TaskKind.EVALUATION:
            return self._guess_s * task.fidelity
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s
        return 0.01 * self._guess_s * len(task.architectures)
