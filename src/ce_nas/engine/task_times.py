"""The remaining time of each task of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.records import TaskKind

if TYPE_CHECKING:
    from ce_nas.benchmarks.base import Problem
    from ce_nas.core.records import Task

__all__ = ["TaskTimes"]


class TaskTimes:
    """The remaining time of each task: its duration by the problem, less its time on devices.

    Checkpoints and restores count as work here, so that the remaining time is an estimate. Nothing before a failure
    counts, since the work may be lost, and the checkpoint with it.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._durations_s: dict[int, float] = {}
        self._elapsed_s: dict[int, float] = {}
        #: what of it may be lost by a failure
        self._doubtful_s: dict[int, float] = {}
        self._started_at_s: dict[int, float] = {}
        #: duration of the shortest started training, s; 0 before the first
        self.shortest_training_s = 0.0
        #: duration of the longest started training, s; 0 before the first
        self.longest_training_s = 0.0
        #: duration of the sampling task that was started last, s; 0 before the first
        self.last_sampling_s = 0.0

    def start(self, task: Task, now_s: float, overhead_s: float = 0.0) -> None:
        """Record the start or resumption of a task on a device.

        :param overhead_s: time until the work begins, as far as it is known, s.
        """
        if task.id not in self._elapsed_s:
            self._elapsed_s[task.id] = 0.0
            duration_s = self._durations_s[task.id] = self._problem.duration_s(task)
            if task.kind is TaskKind.EVALUATION:
                self.shortest_training_s = min(duration_s, self.shortest_training_s or duration_s)
            elif task.kind is TaskKind.SAMPLING:
                self.last_sampling_s = duration_s
        if task.kind is TaskKind.EVALUATION:
            self.longest_training_s = max(self._durations_s[task.id] + overhead_s, self.longest_training_s)
        self._started_at_s[task.id] = now_s + overhead_s

    def pause(self, task: Task, now_s: float) -> None:
        """Record the suspension of a task."""
        self._elapsed_s[task.id] += max(now_s - self._started_at_s.pop(task.id), 0.0)

    def fail(self, task: Task) -> None:
        """Record a failed attempt: the next one may have to start from nothing."""
        self._started_at_s.pop(task.id, None)
        self._doubtful_s[task.id] = self._elapsed_s[task.id]

    def finish(self, task: Task, now_s: float, active_s: float | None = None) -> None:
        """Record the end of a task, and report its duration to the problem.

        :param active_s: working time of the task, s; None: its time on devices.
        """
        held_s = self._elapsed_s.get(task.id, 0.0) + now_s - self._started_at_s.get(task.id, now_s)
        self._problem.record_duration(task, held_s if active_s is None else active_s)
        self.discard(task)

    def discard(self, task: Task) -> None:
        """Forget a task."""
        self._durations_s.pop(task.id, None)
        self._elapsed_s.pop(task.id, None)
        self._doubtful_s.pop(task.id, None)
        self._started_at_s.pop(task.id, None)

    @property
    def unfinished_task_ids(self) -> list[int]:
        """The ids of the started tasks that have not ended, ascending."""
        return sorted(self._elapsed_s)

    def remaining_s(self, task: Task, now_s: float) -> float:
        """Return the remaining time of a task on a device, s; also of a task that was not started."""
        duration_s = self._durations_s.get(task.id)
        if duration_s is None:
            return max(self._problem.duration_s(task), 0.0)
        elapsed_s = self._elapsed_s[task.id] - self._doubtful_s.get(task.id, 0.0)
        elapsed_s += now_s - self._started_at_s.get(task.id, now_s)
        return duration_s - elapsed_s if duration_s > elapsed_s else 0.0
