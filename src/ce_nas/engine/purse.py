"""What of an allocation the budgets afford."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ce_nas.core.records import Allocation, TaskKind
from ce_nas.engine.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.core.records import Stop, Task
    from ce_nas.engine.guard import Guard
    from ce_nas.evaluate.evaluator import Problem

__all__ = ["Purse"]


class Purse:
    """Holds what is wanted against what is left, training by training."""

    def __init__(self, problem: Problem, guard: Guard) -> None:
        self.guard = guard
        self.workload = Workload(problem)
        #: what the shortest training needs of those that were last looked at and did not fit; None if there was none
        self._refused_s: float | None = None

    def affordable(self, allocation: Allocation, begun: Sequence[Task], now_s: float) -> tuple[Allocation, Stop | None]:
        """The allocation less the devices that could finish no training within the budgets: those are released.

        What was begun comes first, the nearest to its end before all: while not all of it can be finished any more,
        nothing is sampled and nothing begun. With it comes the budget for want of which nothing at all can be finished
        any more, now or later: then the run is over.
        """
        if self._refused_s is None and self.guard.ample(self.workload.longest_s, now_s):
            return allocation, None
        lefts_s = self._lefts_s(begun, now_s)
        next_s = self.workload.shortest_s if self._refused_s is None else self._refused_s
        wanted = allocation.evaluating
        fits = self.guard.fitting([*lefts_s, *[next_s] * (wanted - len(lefts_s))], now_s)
        if fits >= max(len(lefts_s), wanted):
            return allocation, None
        stop = self.guard.short_of(min([*lefts_s, next_s]), now_s) if fits == 0 else None
        sampling = allocation.sampling if fits >= len(lefts_s) else 0
        evaluating = min(fits, wanted)
        return Allocation(sampling, evaluating, released=allocation.devices - sampling - evaluating), stop

    def ask_anew(self) -> None:
        """Forget what did not fit: other trainings are looked at."""
        self._refused_s = None

    def beside(self, running: Sequence[Task], now_s: float) -> Callable[[Task], bool]:
        """Tells of a training whether it can be finished within the budgets beside those under way.

        What cannot is remembered.
        """
        ample = self.guard.ample(self.workload.longest_s, now_s)
        lefts_s = [] if ample else self._lefts_s(running, now_s)

        def fits(task: Task) -> bool:
            needs_s = self.workload.left_s(task, now_s)
            if self.guard.fitting([needs_s, *lefts_s], now_s) > len(lefts_s):
                return True
            self._refused_s = min(needs_s, math.inf if self._refused_s is None else self._refused_s)
            return False

        return fits

    def _lefts_s(self, tasks: Sequence[Task], now_s: float) -> list[float]:
        """What the trainings among these still need."""
        return [self.workload.left_s(task, now_s) for task in tasks if task.kind is TaskKind.EVALUATION]
