"""When a run has to end, and what is left until then.

What can still be finished within the budgets.

What of an allocation the budgets afford.

How far the tasks of a run have come, told from when they were started and suspended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Activity, Allocation, Stop, TaskKind
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import PAPER_TRAINING_W

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.benchmarks.base import Problem
    from ce_nas.core.records import Forecast, Task
    from ce_nas.energy.ledger import Books, Ledger
    from ce_nas.engine.search_progress import Progress

__all__ = ["Book", "Guard", "Limits", "Purse", "Workload"]


class Book(StrEnum):
    """By whose rule a carbon budget is counted."""

    FULL = "full"  #: every activity, with PUE
    PAPER = "paper"  #: 1 kW a device that trains and nothing else, as the authors count


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of a run; infinite where none is set."""

    time_s: float
    carbon_g: float = math.inf
    energy_j: float = math.inf
    cost: float = math.inf
    evaluations: float = math.inf
    #: time of devices held
    device_s: float = math.inf
    #: hypervolume that is enough
    target: float = math.inf
    #: the book that the carbon budget is counted in
    book: Book = Book.FULL

    def reached(self, now_s: float, books: Books, progress: Progress) -> Stop | None:
        """The first of what ends a run that has come about, or None."""
        if progress.hypervolume >= self.target:
            return Stop.TARGET
        if progress.evaluations >= self.evaluations:
            return Stop.EVALUATIONS
        left = self.left(books) if self.metered else {}
        used_up = next((budget for budget, amount in left.items() if amount <= 0), None)
        return used_up or (Stop.DEADLINE if now_s >= self.time_s else None)

    def left(self, books: Books) -> dict[Stop, float]:
        """What remains of each budget that runs down between two events and has a bound, by the stop it leads to."""
        remains = {
            Stop.CARBON: self.carbon_g - self.carbon_spent_g(books),
            Stop.ENERGY: self.energy_j - books.total_energy_j,
            Stop.COST: self.cost - books.cost,
            Stop.DEVICE_TIME: self.device_s - books.total_device_s,
        }
        return {budget: amount for budget, amount in remains.items() if amount < math.inf}

    def carbon_spent_g(self, books: Books) -> float:
        """Grams on the book that the carbon budget is counted in."""
        return books.total_carbon_g if self.book is Book.FULL else books.paper_carbon_g

    @property
    def metered(self) -> bool:
        """Whether a budget runs down between two events, so that it has to be looked at in between."""
        return math.isfinite(min(self.carbon_g, self.energy_j, self.cost, self.device_s))


class Guard:
    """Forecasts what trainings take to their ends, and holds that against what is left of the budgets.

    The wattage is that of the trainings so far; before the first reading it is the most that a device can draw. Carbon
    is by the forecast, money by the prices, which are known beforehand.

    :param peak_w: the most that one device draws at the plug.
    """

    def __init__(self, limits: Limits, ledger: Ledger, peak_w: float) -> None:
        self._limits = limits
        self._metered = limits.metered
        self._ledger = ledger
        self._peak_w = peak_w * ledger.pue
        #: the latest forecast; None while nothing is known of the grid: carbon is left out of account then
        self.forecast: Forecast | None = None

    def ample(self, longest_s: float, now_s: float) -> bool:
        """Whether nothing but the deadline is in the way, and even the longest training would end before it."""
        return not self._metered and now_s + longest_s <= self._limits.time_s

    def fitting(self, lefts_s: Sequence[float], now_s: float) -> int:
        """How many trainings that still need so long can be finished, begun now side by side, the shortest first."""
        if not self._metered:  # asked at every event
            time_s = self._limits.time_s
            return sum(now_s + needs_s <= time_s for needs_s in lefts_s)
        left = self._limits.left(self._ledger.total)
        for count, needs_s in enumerate(sorted(lefts_s)):
            needs = self._needs(needs_s, now_s)
            if now_s + needs_s > self._limits.time_s or any(needs[budget] > left[budget] for budget in left):
                return count
            left = {budget: amount - needs[budget] for budget, amount in left.items()}
        return len(lefts_s)

    def short_of(self, needs_s: float, now_s: float) -> Stop | None:
        """The budget for want of which no training that needs so long can be finished any more; None if one can.

        Where the grid gets cleaner or electricity cheaper, one begun later may fit that does not fit now.
        """
        last_s = self._limits.time_s - needs_s
        if now_s > last_s:
            return Stop.DEADLINE
        left, lacking = self._limits.left(self._ledger.total), None
        for start_s in np.arange(now_s, min(last_s, self._known_until_s(now_s)) + 1.0, HOUR_S).tolist():
            needs = self._needs(needs_s, start_s)
            lacking = next((budget for budget in left if needs[budget] > left[budget]), None)
            if lacking is None:
                return None
        return lacking

    def _known_until_s(self, now_s: float) -> float:
        if self.forecast is None:
            return now_s
        return self.forecast.start_s + self.forecast.step_s * len(self.forecast.mean_g_per_kwh)

    def _needs(self, needs_s: float, start_s: float) -> dict[Stop, float]:
        """What one training takes from a moment to its end, of each budget that has a bound."""
        if not self._metered:
            return {}
        end_s, held_s = start_s + needs_s, needs_s / self._ledger.time_scale
        energy_j = held_s * self._training_w()
        paper = self._limits.book is Book.PAPER
        g_per_kwh = self.forecast.over(start_s, end_s) if self.forecast else 0.0
        return {
            Stop.CARBON: (PAPER_TRAINING_W * held_s if paper else energy_j) / J_PER_KWH * g_per_kwh,
            Stop.ENERGY: energy_j,
            Stop.COST: self._ledger.prices.expected(start_s, end_s, energy_j / J_PER_KWH),
            Stop.DEVICE_TIME: held_s,
        }

    def _training_w(self) -> float:
        """What a training draws from the grid, PUE included."""
        books = self._ledger.total
        trained_s = books.device_s.get(Activity.TRAINING, 0.0)
        return books.energy_j[Activity.TRAINING] / trained_s if trained_s else self._peak_w


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
