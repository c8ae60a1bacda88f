"""Limits allocations and selects tasks by the remaining budgets."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ce_nas.cluster.assignment import TASK_ACTIVITIES
from ce_nas.core.records import Activity, Allocation, StopReason, TaskKind
from ce_nas.engine.budgets import Work
from ce_nas.engine.task_times import TaskTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.benchmarks.base import Problem
    from ce_nas.cluster.base import Cluster
    from ce_nas.core.records import Task
    from ce_nas.engine.budgets import BudgetChecker

__all__ = ["AdmissionControl"]


@dataclass(frozen=True, slots=True)
class _Demand:
    """The work of an allocation."""

    #: running trainings, suspended ones, and new ones up to the allocation
    trainings: list[Work]
    #: how many of them were started, and how many are running
    started: int
    running: int
    #: one more training
    next_training: Work
    samplings: list[Work]
    idle: list[Work]


class AdmissionControl:
    """Limits allocations and selects tasks by the remaining budgets.

    While no training of a live search has finished, its duration is a guess and its power a bound. Where these alone
    say that nothing can finish, one training runs as a probe, within what is left of the budgets.

    :param cluster: the devices of the run, whose paid time counts; None: nothing is paid in advance.
    :param check_interval_s: interval of the checks, for which an idle device is held at least.
    """

    def __init__(
        self,
        problem: Problem,
        checker: BudgetChecker,
        cluster: Cluster | None = None,
        check_interval_s: float = 0.0,
    ) -> None:
        self.checker = checker
        self._problem = problem
        self._cluster = cluster
        self._check_interval_s = check_interval_s
        self._probed_budget: StopReason | None = None
        self._note = ""
        self.task_times = TaskTimes(problem)
        #: ids of the trainings that keep their devices first, because less is to be paid for them
        self.kept_first: tuple[int, ...] = ()
        # remaining time of the shortest training that was rejected since the last reset, s; None if there is none
        self._shortest_rejected_s: float | None = None

    def limit_allocation(
        self, allocation: Allocation, started_tasks: Sequence[Task], now_s: float
    ) -> tuple[Allocation, StopReason | None]:
        """Release the devices of an allocation that cannot finish their work within the budgets.

        Started trainings have priority, those nearest their end first: while not all of them can finish, nothing is
        sampled or started. Then come new trainings, sampling and idle devices. Returns also the budget that prevents
        any work from finishing, now or later: then the run ends.
        """
        if self._shortest_rejected_s is None and self.checker.is_unconstrained(
            self.task_times.longest_training_s, now_s
        ):
            return allocation, None
        demand = self._demand(allocation, started_tasks, now_s)
        affordable, available = self._count_trainings(demand, now_s)
        stop = None
        if affordable == 0 and demand.trainings:
            affordable, stop = self._allow_probe(demand, now_s)
        sampling = allocation.sampling if affordable >= demand.started else 0
        idle = allocation.idle if affordable >= len(demand.trainings) else 0
        if self.checker.is_metered:
            sampling = self.checker.count_within(demand.samplings[:sampling], now_s, available)
            idle = self.checker.count_within(demand.idle[:idle], now_s, available)
        if not demand.trainings and allocation.sampling and not sampling:
            stop = self._binding_budget([demand.samplings[0], demand.next_training], now_s)
        evaluating = min(affordable, allocation.evaluating)
        released = allocation.devices - sampling - evaluating - idle
        return Allocation(sampling, evaluating, idle, released), stop

    def _allow_probe(self, demand: _Demand, now_s: float) -> tuple[int, StopReason | None]:
        """Count the trainings to run although none can finish: one probe, or none, with the budget that prevents it."""
        stop = self._binding_budget([*demand.trainings, demand.next_training], now_s)
        if stop is None or demand.started > 1 or not self._may_probe(now_s):
            return 0, stop
        self._note_probe(stop)
        return 1, None

    def take_note(self) -> str:
        """Return a note for the journal on decisions from assumed values since the last call; may be empty."""
        note, self._note = self._note, ""
        return note

    def reset_rejections(self) -> None:
        """Forget the rejected trainings, before others are tried."""
        self._shortest_rejected_s = None

    def fits_alongside(
        self, running: Sequence[Task], now_s: float, device: int | None = None
    ) -> Callable[[Task], bool]:
        """Return a predicate: whether a task can finish within the budgets on a device alongside the running ones.

        The predicate records the shortest rejected training.
        """
        if self.checker.is_unconstrained(self.task_times.longest_training_s, now_s):
            return lambda task: task.kind is not TaskKind.EVALUATION or self._fits(task, [], [], now_s, 0.0)
        paid_s = self._paid_by_task(now_s)
        works = {
            kind: [
                self._running_work(task, now_s, paid_s)
                for task in running
                if (task.kind is TaskKind.EVALUATION) is (kind is Activity.TRAINING)
            ]
            for kind in (Activity.TRAINING, Activity.SAMPLING)
        }
        own_paid_s = 0.0 if device is None else self.checker.paid_s(device, now_s)
        return lambda task: self._fits(task, works[Activity.TRAINING], works[Activity.SAMPLING], now_s, own_paid_s)

    def _fits(self, task: Task, trainings: list[Work], samplings: list[Work], now_s: float, paid_s: float) -> bool:
        remaining_s = self.task_times.remaining_s(task, now_s)
        work = Work(remaining_s, self._overhead_s(), paid_s, TASK_ACTIVITIES[task.kind])
        if task.kind is not TaskKind.EVALUATION:
            if not self.checker.is_metered or not self._problem.has_measured_durations:
                return True
            everything = [*trainings, *samplings, work]
            return self.checker.count_within(everything, now_s, self.checker.remaining()) == len(everything)
        if self.checker.count_affordable([work, *trainings], now_s) > len(trainings):
            return True
        if not trainings and self._may_probe(now_s) and self.checker.binding_budget(work, now_s):
            return True
        self._shortest_rejected_s = min(
            remaining_s, math.inf if self._shortest_rejected_s is None else self._shortest_rejected_s
        )
        return False

    def _demand(self, allocation: Allocation, started_tasks: Sequence[Task], now_s: float) -> _Demand:
        """Return the work of an allocation; free devices are taken as a cluster takes them: held ones first."""
        paid_s = self._paid_by_task(now_s)
        running = [task for task in started_tasks if task.id in paid_s]
        suspended = [task for task in started_tasks if task.id not in paid_s]
        samplings = self._running_works([task for task in running if not _is_training(task)], now_s, paid_s)
        trainings = self._running_works([task for task in running if _is_training(task)], now_s, paid_s)
        self.kept_first = (*trainings, *samplings) if self.checker.limits_billing else ()
        free_s = self._free_paid_s(set(list(samplings)[allocation.sampling :]), now_s)

        def take(duration_s: float, activity: Activity) -> Work:
            return Work(duration_s, self._overhead_s(), free_s.pop(0) if free_s else 0.0, activity)

        def resume(task: Task) -> Work:
            return take(self.task_times.remaining_s(task, now_s), TASK_ACTIVITIES[task.kind])

        next_s = self.task_times.shortest_training_s if self._shortest_rejected_s is None else self._shortest_rejected_s
        all_trainings = [*trainings.values(), *(resume(task) for task in suspended if _is_training(task))]
        started = len(all_trainings)
        all_trainings += [take(next_s, Activity.TRAINING) for _ in range(allocation.evaluating - started)]
        all_samplings = [*samplings.values(), *(resume(task) for task in suspended if not _is_training(task))]
        all_samplings += [
            take(self.task_times.last_sampling_s, Activity.SAMPLING)
            for _ in range(allocation.sampling - len(all_samplings))
        ]
        if not self._problem.has_measured_durations:  # a guess; the next check is soon enough
            bound_s = self._check_interval_s
            all_samplings = [replace(work, duration_s=min(work.duration_s, bound_s)) for work in all_samplings]
        idle = [take(self._check_interval_s, Activity.IDLE) for _ in range(allocation.idle)]
        return _Demand(all_trainings, started, len(trainings), take(next_s, Activity.TRAINING), all_samplings, idle)

    def _count_trainings(self, demand: _Demand, now_s: float) -> tuple[int, dict[StopReason, float]]:
        """Count the trainings that can finish, and return what of the budgets is left then."""
        available = self.checker.remaining()
        if not self.checker.is_metered:
            return self.checker.count_affordable(demand.trainings, now_s), available
        # with paid time, the running ones keep their devices, so that they come first
        split = demand.running if self.checker.limits_billing else 0
        running, others = demand.trainings[:split], demand.trainings[split:]
        in_order = [*running, *(others[row] for row in self.checker.sort(others))]
        return self.checker.count_within(in_order, now_s, available), available

    def _running_works(self, tasks: Sequence[Task], now_s: float, paid_s: dict[int, float]) -> dict[int, Work]:
        """Return the work of each running task, in the order in which they are to keep their devices."""
        works = [self._running_work(task, now_s, paid_s) for task in tasks]
        return {tasks[row].id: works[row] for row in self.checker.sort(works)}

    def _running_work(self, task: Task, now_s: float, paid_s: dict[int, float]) -> Work:
        remaining_s = self.task_times.remaining_s(task, now_s)
        return Work(remaining_s, 0.0, paid_s.get(task.id, 0.0), TASK_ACTIVITIES[task.kind])

    def _paid_by_task(self, now_s: float) -> dict[int, float]:
        """Return the paid time of the device of each running task, s."""
        held = self._cluster.held_devices().items() if self._cluster else ()
        return {task_id: self.checker.paid_s(device, now_s) for device, task_id in held if task_id is not None}

    def _free_paid_s(self, ending: set[int], now_s: float) -> list[float]:
        """Return the paid time of the held devices without a task, or with one that is to end, by number, s."""
        if self._cluster is None or not self.checker.limits_billing:
            return []
        held = sorted(self._cluster.held_devices().items())
        return [self.checker.paid_s(device, now_s) for device, task in held if task is None or task in ending]

    def _overhead_s(self) -> float:
        """Return a bound of the time before work that has yet to begin on its device, s."""
        return self._cluster.startup_s + self._cluster.restore_s if self._cluster and self.checker.is_metered else 0.0

    def _binding_budget(self, works: Sequence[Work], now_s: float) -> StopReason | None:
        """Return the budget that keeps every one of these works from finishing; None if one can finish, or later."""
        stops = []
        for work in works:
            stops.append(self.checker.binding_budget(work, now_s))
            if stops[-1] is None:
                return None
        return stops[0] if stops else None

    def _may_probe(self, now_s: float) -> bool:
        return not self._problem.has_measured_durations and self.checker.has_anything_left(now_s)

    def _note_probe(self, stop: StopReason) -> None:
        if stop is not self._probed_budget:
            self._probed_budget = stop
            self._note = (
                f"By the guessed duration and the bound of the power: {stop.value} One training runs as a probe; its "
                "measured duration and power decide."
            )


def _is_training(task: Task) -> bool:
    return task.kind is TaskKind.EVALUATION
