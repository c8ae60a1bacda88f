"""How far the tasks of a run have come, told from when they were started and suspended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.records import TaskKind

if TYPE_CHECKING:
    from ce_nas.core.records import Task
    from ce_nas.evaluate.evaluator import Problem

__all__ = ["Workload"]


class Workload:
    """What each task still needs: its duration as the problem states it, less its time on devices so far.

    Writing a checkpoint and loading it count as work here, so that it is a forecast and no reading.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._lasts_s: dict[int, float] = {}
        self._done_s: dict[int, float] = {}
        self._since_s: dict[int, float] = {}
        #: what the shortest training of those begun needed in all, s; 0 before the first
        self.shortest_s = 0.0
        #: what the longest did, s
        self.longest_s = 0.0

    def begin(self, task: Task, now_s: float) -> None:
        """Remember that a task was given a device."""
        if task.id not in self._done_s:
            self._done_s[task.id] = 0.0
            duration_s = self._lasts_s[task.id] = self._problem.duration_s(task)
            if task.kind is TaskKind.EVALUATION:
                self.shortest_s = min(duration_s, self.shortest_s or duration_s)
                self.longest_s = max(duration_s, self.longest_s)
        self._since_s[task.id] = now_s

    def pause(self, task: Task, now_s: float) -> None:
        """Remember that it was suspended."""
        self._done_s[task.id] += now_s - self._since_s.pop(task.id)

    def finish(self, task: Task, now_s: float, worked_s: float | None = None) -> None:
        """Remember that it is done, and let the problem learn what it took.

        :param worked_s: the time that it was at work, if that is known; else that it had a device.
        """
        held_s = self._done_s.get(task.id, 0.0) + now_s - self._since_s.get(task.id, now_s)
        self._problem.took(task, held_s if worked_s is None else worked_s)
        self.end(task)

    def end(self, task: Task) -> None:
        """Remember that nothing more will come of it."""
        self._lasts_s.pop(task.id, None)
        self._done_s.pop(task.id, None)
        self._since_s.pop(task.id, None)

    @property
    def unfinished(self) -> list[int]:
        """The numbers of the tasks that were begun and have not ended, ascending."""
        return sorted(self._done_s)

    def left_s(self, task: Task, now_s: float) -> float:
        """Seconds that a task still needs on a device; also of one that was never begun."""
        lasts_s = self._lasts_s.get(task.id)
        if lasts_s is None:
            return max(self._problem.duration_s(task), 0.0)
        done_s = self._done_s[task.id] + now_s - self._since_s.get(task.id, now_s)
        return lasts_s - done_s if lasts_s > done_s else 0.0
