"""The problem of a live search: a worker pool runs the tasks, and their durations are estimated from finished ones."""

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
    """A space and objectives, with mean durations of finished tasks, and an initial estimate before.

    :param initial_duration_s: initial estimate of a full training, s of the run's time; a supernet counts as five full
        trainings, a score as a hundredth.
    :param has_supernet: whether a supernet scores architectures.
    :param has_scores: whether a function of the user's scores them, without a supernet.
    :param measures_costs: whether a cost of them is measured before trainings, without a score.

    Example:
        >>> from ce_nas.core.records import Objective, Task
        >>> from ce_nas.space.base import Space
        >>> space = Space("own", ["width"], [["16", "32"]])
        >>> problem = LiveProblem(space, [Objective("accuracy", "%", True, 0.0)], 600.0, has_supernet=False)
        >>> training = Task(0, TaskKind.EVALUATION, ((1,),))
        >>> problem.duration_s(training)
        600.0
        >>> problem.record_duration(training, 240.0)
        >>> problem.duration_s(training)
        240.0
    """

    def __init__(  # noqa: PLR0913 - what there is beside trainings is stated by keywords
        self,
        space: Space,
        objectives: Sequence[Objective],
        initial_duration_s: float,
        *,
        has_supernet: bool,
        has_scores: bool = False,
        measures_costs: bool = False,
    ) -> None:
        self.space = space
        self.objectives = tuple(objectives)
        self.supernet_training_s = 5.0 * initial_duration_s if has_supernet else 0.0
        self.has_proxy_scores = self.score_trained_architectures = has_supernet or has_scores
        self.measures_costs = measures_costs
        self.has_measured_durations = False
        self._mean_unit_s = {TaskKind.EVALUATION: initial_duration_s, TaskKind.SAMPLING: 0.01 * initial_duration_s}
        # finished units of each kind, and their total duration, s
        self._completed: dict[TaskKind, tuple[float, float]] = {}

    def duration_s(self, task: Task) -> float:
        """See :meth:`Problem.duration_s`: the mean of finished tasks, else the initial estimate."""
        if task.kind is TaskKind.SUPERNET:
            return self.supernet_training_s * task.fidelity
        return self._mean_unit_s[task.kind] * _count_units(task)

    def record_duration(self, task: Task, duration_s: float) -> None:
        """See :meth:`Problem.record_duration`: the mean is per full training or per score."""
        if task.kind is TaskKind.SUPERNET:
            return
        self.has_measured_durations |= task.kind is TaskKind.EVALUATION
        units, total_s = self._completed.get(task.kind, (0.0, 0.0))
        self._completed[task.kind] = units + _count_units(task), total_s + duration_s
        self._mean_unit_s[task.kind] = self._completed[task.kind][1] / self._completed[task.kind][0]


def _count_units(task: Task) -> float:
    """Full trainings, or architectures scored."""
    return task.fidelity if task.kind is TaskKind.EVALUATION else float(len(task.architectures))
