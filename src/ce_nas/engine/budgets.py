"""Budgets of a run.

- `Budgets`: the limits, and the stop reason once one is reached
- `TaskTimes`: the remaining time of each task
- `BudgetChecker`: forecasts the cost of trainings, and compares it with what remains
- `BudgetPlanner`: limits an allocation to the trainings that can finish within the budgets
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Activity, Allocation, StopReason, TaskKind
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import PAPER_TRAINING_W

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.benchmarks.base import Problem
    from ce_nas.core.records import Forecast, Task
    from ce_nas.energy.ledger import Ledger, LedgerTotals
    from ce_nas.engine.search_progress import SearchProgress

__all__ = ["BudgetChecker", "BudgetPlanner", "Budgets", "CarbonAccounting", "TaskTimes"]


class CarbonAccounting(StrEnum):
    """The accounting rule of a carbon budget."""

    FULL = "full"  #: all activities, with PUE
    PAPER = "paper"  #: 1 kW per training device only, as in [CE-NAS]


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of a run; infinite if not set.

    Example:
        >>> from ce_nas.energy.ledger import LedgerTotals
        >>> Budgets(time_s=3600.0, carbon_g=500.0).remaining(LedgerTotals(carbon_g={Activity.TRAINING: 200.0}))
        {<StopReason.CARBON: 'Nothing more could be finished within the carbon budget.'>: 300.0}
    """

    time_s: float
    carbon_g: float = math.inf
    energy_j: float = math.inf
    cost: float = math.inf
    evaluations: float = math.inf
    #: time of held devices, device-seconds
    device_s: float = math.inf
    #: hypervolume at which the run ends
    target_hypervolume: float = math.inf
    #: accounting rule of the carbon budget
    accounting: CarbonAccounting = CarbonAccounting.FULL

    def stop_reason(self, now_s: float, totals: LedgerTotals, progress: SearchProgress) -> StopReason | None:
        """Return the first reason to end the run, or None."""
        if progress.hypervolume >= self.target_hypervolume:
            return StopReason.TARGET
        if progress.evaluations >= self.evaluations:
            return StopReason.EVALUATIONS
        remaining = self.remaining(totals) if self.is_metered else {}
        exhausted = next((budget for budget, amount in remaining.items() if amount <= 0), None)
        return exhausted or (StopReason.DEADLINE if now_s >= self.time_s else None)

    def remaining(self, totals: LedgerTotals) -> dict[StopReason, float]:
        """Return what remains of each finite metered budget, by its stop reason."""
        remaining = {
            StopReason.CARBON: self.carbon_g - self.carbon_spent_g(totals),
            StopReason.ENERGY: self.energy_j - totals.total_energy_j,
            StopReason.COST: self.cost - totals.cost,
            StopReason.DEVICE_TIME: self.device_s - totals.total_device_s,
        }
        return {budget: amount for budget, amount in remaining.items() if amount < math.inf}

    def carbon_spent_g(self, totals: LedgerTotals) -> float:
        """Return the carbon spent by the accounting rule of the budget, g."""
        return totals.total_carbon_g if self.accounting is CarbonAccounting.FULL else totals.paper_carbon_g

    @property
    def is_metered(self) -> bool:
        """Whether a finite budget is spent between two events, so that it has to be checked in between."""
        return math.isfinite(min(self.carbon_g, self.energy_j, self.cost, self.device_s))


class BudgetChecker:
    """Forecasts the energy, carbon, cost and time of trainings, and compares them with the remaining budgets.

    Power is the mean of all trainings so far, before the first reading the maximum of a device. Carbon uses the
    forecast, cost the prices, which are known in advance.

    :param peak_w: maximum power of one device at the plug, W.
    """

    def __init__(self, budgets: Budgets, ledger: Ledger, peak_w: float) -> None:
        self._budgets = budgets
        self._is_metered = budgets.is_metered
        self._ledger = ledger
        self._peak_w = peak_w * ledger.pue
        #: the latest forecast; None before there is one: carbon is not checked then
        self.forecast: Forecast | None = None

    def is_unconstrained(self, longest_training_s: float, now_s: float) -> bool:
        """Tell whether the deadline is the only budget, and even the longest training would end before it."""
        return not self._is_metered and now_s + longest_training_s <= self._budgets.time_s

    def count_affordable(self, remaining_s: Sequence[float], now_s: float) -> int:
        """Count the trainings that can finish if all run in parallel from now, the shortest first.

        :param remaining_s: remaining time of each training, s.
        """
        if not self._is_metered:  # fast path of every event
            time_s = self._budgets.time_s
            return sum(now_s + duration_s <= time_s for duration_s in remaining_s)
        available = self._budgets.remaining(self._ledger.totals)
        for count, duration_s in enumerate(sorted(remaining_s)):
            required = self._required_amounts(duration_s, now_s)
            if now_s + duration_s > self._budgets.time_s or any(
                required[budget] > available[budget] for budget in available
            ):
                return count
            available = {budget: amount - required[budget] for budget, amount in available.items()}
        return len(remaining_s)

    def binding_budget(self, remaining_s: float, now_s: float) -> StopReason | None:
        """Return the budget that no training of this duration can meet, now or later; None if one can.

        A training that does not fit now may fit later, when the grid is cleaner or electricity is cheaper.
        """
        last_s = self._budgets.time_s - remaining_s
        if now_s > last_s:
            return StopReason.DEADLINE
        available, exceeded = self._budgets.remaining(self._ledger.totals), None
        for start_s in np.arange(now_s, min(last_s, self._forecast_end_s(now_s)) + 1.0, HOUR_S).tolist():
            required = self._required_amounts(remaining_s, start_s)
            exceeded = next((budget for budget in available if required[budget] > available[budget]), None)
            if exceeded is None:
                return None
        return exceeded

    def has_anything_left(self, now_s: float) -> bool:
        """Tell whether no budget is used up."""
        return now_s < self._budgets.time_s and all(
            amount > 0 for amount in self._budgets.remaining(self._ledger.totals).values()
        )

    def _forecast_end_s(self, now_s: float) -> float:
        if self.forecast is None:
            return now_s
        return self.forecast.start_s + self.forecast.step_s * len(self.forecast.mean_g_per_kwh)

    def _required_amounts(self, remaining_s: float, start_s: float) -> dict[StopReason, float]:
        """Forecast what one training from ``start_s`` on spends, by stop reason; empty without a metered budget."""
        if not self._is_metered:
            return {}
        end_s, held_s = start_s + remaining_s, remaining_s / self._ledger.time_scale
        energy_j = held_s * self._mean_training_w()
        paper = self._budgets.accounting is CarbonAccounting.PAPER
        g_per_kwh = self.forecast.mean_between(start_s, end_s) if self.forecast else 0.0
        return {
            StopReason.CARBON: (PAPER_TRAINING_W * held_s if paper else energy_j) / J_PER_KWH * g_per_kwh,
            StopReason.ENERGY: energy_j,
            StopReason.COST: self._ledger.prices.upper_bound_cost(start_s, end_s, energy_j / J_PER_KWH),
            StopReason.DEVICE_TIME: held_s,
        }

    def _mean_training_w(self) -> float:
        """Return the power of a training drawn from the grid, PUE included, W."""
        totals = self._ledger.totals
        trained_s = totals.device_s.get(Activity.TRAINING, 0.0)
        return totals.energy_j[Activity.TRAINING] / trained_s if trained_s else self._peak_w


class BudgetPlanner:
    """Limits allocations and selects trainings by the remaining budgets.

    While no training of a live search has finished, its duration is a guess and its power a bound. Where these alone
    say that nothing can finish, one training runs as a probe, within what is left of the budgets.
    """

    def __init__(self, problem: Problem, checker: BudgetChecker) -> None:
        self.checker = checker
        self._problem = problem
        self._probed_budget: StopReason | None = None
        self._note = ""
        self.task_times = TaskTimes(problem)
        # remaining time of the shortest training that was rejected since the last reset, s; None if there is none
        self._shortest_rejected_s: float | None = None

    def limit_allocation(
        self, allocation: Allocation, started_tasks: Sequence[Task], now_s: float
    ) -> tuple[Allocation, StopReason | None]:
        """Release the devices of an allocation that cannot finish a training within the budgets.

        Started trainings have priority, those nearest their end first: while not all of them can finish, nothing is
        sampled or started. Returns also the budget that prevents any training from finishing, now or later: then the
        run ends.
        """
        if self._shortest_rejected_s is None and self.checker.is_unconstrained(
            self.task_times.longest_training_s, now_s
        ):
            return allocation, None
        started_s = self._remaining_s(started_tasks, now_s)
        next_s = self.task_times.shortest_training_s if self._shortest_rejected_s is None else self._shortest_rejected_s
        requested = allocation.evaluating
        affordable = self.checker.count_affordable([*started_s, *[next_s] * (requested - len(started_s))], now_s)
        if affordable >= max(len(started_s), requested):
            return allocation, None
        stop = self.checker.binding_budget(min([*started_s, next_s]), now_s) if affordable == 0 else None
        if stop is not None and len(started_s) <= 1 and self._may_probe(now_s):
            self._note_probe(stop)
            affordable, stop = 1, None
        sampling = allocation.sampling if affordable >= len(started_s) else 0
        evaluating = min(affordable, requested)
        return Allocation(sampling, evaluating, released=allocation.devices - sampling - evaluating), stop

    def take_note(self) -> str:
        """Return what was decided on a guess since the last call, in words for the journal; empty if nothing was."""
        note, self._note = self._note, ""
        return note

    def reset_rejections(self) -> None:
        """Forget the rejected trainings, before others are tried."""
        self._shortest_rejected_s = None

    def fits_alongside(self, running: Sequence[Task], now_s: float) -> Callable[[Task], bool]:
        """Return a predicate: whether a training can finish within the budgets alongside the running ones.

        The predicate records the shortest rejected training.
        """
        unconstrained = self.checker.is_unconstrained(self.task_times.longest_training_s, now_s)
        running_s = [] if unconstrained else self._remaining_s(running, now_s)

        def fits(task: Task) -> bool:
            remaining_s = self.task_times.remaining_s(task, now_s)
            if self.checker.count_affordable([remaining_s, *running_s], now_s) > len(running_s):
                return True
            if not running_s and self._may_probe(now_s) and self.checker.binding_budget(remaining_s, now_s):
                return True
            self._shortest_rejected_s = min(
                remaining_s, math.inf if self._shortest_rejected_s is None else self._shortest_rejected_s
            )
            return False

        return fits

    def _may_probe(self, now_s: float) -> bool:
        return not self._problem.has_measured_durations and self.checker.has_anything_left(now_s)

    def _note_probe(self, stop: StopReason) -> None:
        if stop is not self._probed_budget:
            self._probed_budget = stop
            self._note = (
                f"By the guessed duration and the bound of the power: {stop.value} One training runs as a probe; its "
                "measured duration and power decide."
            )

    def _remaining_s(self, tasks: Sequence[Task], now_s: float) -> list[float]:
        """Return the remaining time of each training among the tasks, s."""
        return [self.task_times.remaining_s(task, now_s) for task in tasks if task.kind is TaskKind.EVALUATION]


class TaskTimes:
    """The remaining time of each task: its duration by the problem, less its time on devices.

    Checkpoints and restores count as work here, so that the remaining time is an estimate.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._durations_s: dict[int, float] = {}
        self._elapsed_s: dict[int, float] = {}
        self._started_at_s: dict[int, float] = {}
        #: duration of the shortest started training, s; 0 before the first
        self.shortest_training_s = 0.0
        #: duration of the longest started training, s; 0 before the first
        self.longest_training_s = 0.0

    def start(self, task: Task, now_s: float) -> None:
        """Record the start or resumption of a task on a device."""
        if task.id not in self._elapsed_s:
            self._elapsed_s[task.id] = 0.0
            duration_s = self._durations_s[task.id] = self._problem.duration_s(task)
            if task.kind is TaskKind.EVALUATION:
                self.shortest_training_s = min(duration_s, self.shortest_training_s or duration_s)
                self.longest_training_s = max(duration_s, self.longest_training_s)
        self._started_at_s[task.id] = now_s

    def pause(self, task: Task, now_s: float) -> None:
        """Record the suspension of a task."""
        self._elapsed_s[task.id] += now_s - self._started_at_s.pop(task.id)

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
        elapsed_s = self._elapsed_s[task.id] + now_s - self._started_at_s.get(task.id, now_s)
        return duration_s - elapsed_s if duration_s > elapsed_s else 0.0
