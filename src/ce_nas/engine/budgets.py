"""Budgets of a run.

- `Budgets`: the limits, and the stop reason once one is reached
- `Work`: what a device is to be held for
- `BudgetChecker`: forecasts the cost of work, and compares it with what remains
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Activity, StopReason
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import PAPER_TRAINING_W

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Forecast
    from ce_nas.energy.ledger import Ledger, LedgerTotals
    from ce_nas.engine.search_progress import SearchProgress

__all__ = ["BudgetChecker", "Budgets", "CarbonAccounting", "Work"]

#: relative rounding error of sums, which does not exceed a budget
_ROUNDING = 1e-9


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
    #: whether held time is paid in advance, so that a run continues with what is paid once the cost budget is spent
    is_prepaid: bool = False

    def stop_reason(self, now_s: float, totals: LedgerTotals, progress: SearchProgress) -> StopReason | None:
        """Return the first reason to end the run, or None."""
        if progress.hypervolume >= self.target_hypervolume:
            return StopReason.TARGET
        if progress.evaluations >= self.evaluations:
            return StopReason.EVALUATIONS
        remaining = self.remaining(totals) if self.is_metered else {}
        least_cost = -_ROUNDING * self.cost if self.is_prepaid else 0.0
        exhausted = next(
            (
                budget
                for budget, amount in remaining.items()
                if (amount < least_cost if budget is StopReason.COST and self.is_prepaid else amount <= 0)
            ),
            None,
        )
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


@dataclass(frozen=True, slots=True)
class Work:
    """Work that a device is to be held for."""

    #: time to its end, s
    duration_s: float
    #: further time on the device: start-up and restore, s
    overhead_s: float = 0.0
    #: time from now on that is paid for the device already, s
    paid_s: float = 0.0
    activity: Activity = Activity.TRAINING

    @property
    def held_s(self) -> float:
        """The time that the device is held, s."""
        return self.duration_s + self.overhead_s


class BudgetChecker:
    """Forecasts the energy, carbon, cost and time of work, and compares them with the remaining budgets.

    Power is the mean of the same activity so far, before its first reading the maximum of a device. Carbon uses the
    forecast, cost the prices, which are known in advance; the part of a billing period that is paid already is free.

    :param peak_w: maximum power of one device at the plug, W.
    :param checkpoint_s: duration of writing a checkpoint; a device is paid for until it is written.
    """

    def __init__(self, budgets: Budgets, ledger: Ledger, peak_w: float, checkpoint_s: float = 0.0) -> None:
        self._budgets = budgets
        #: whether a finite budget is spent between two events
        self.is_metered = budgets.is_metered
        self._ledger = ledger
        self._peak_w = peak_w * ledger.pue
        self._checkpoint_s = checkpoint_s
        #: the latest forecast; None before there is one: carbon is not checked then
        self.forecast: Forecast | None = None

    @property
    def limits_billing(self) -> bool:
        """Whether a cost budget is spent in billing periods."""
        prices = self._ledger.prices
        return math.isfinite(self._budgets.cost) and prices.billing_period_s > 0 and prices.price_per_device_hour > 0

    def paid_s(self, device: int, now_s: float) -> float:
        """Return the time from now on that is paid for a held device already, s."""
        return self._ledger.paid_s(device, now_s) if self.limits_billing else 0.0

    def is_unconstrained(self, longest_training_s: float, now_s: float) -> bool:
        """Tell whether the deadline is the only budget, and even the longest training would end before it."""
        return not self.is_metered and now_s + longest_training_s <= self._budgets.time_s

    def remaining(self) -> dict[StopReason, float]:
        """Return what remains of each finite metered budget."""
        return self._budgets.remaining(self._ledger.totals)

    def sort(self, works: Sequence[Work]) -> list[int]:
        """Return the order in which trainings are finished: least unpaid time first, then the shortest."""
        return sorted(range(len(works)), key=lambda row: (self._unpaid_s(works[row]), works[row].duration_s))

    def count_affordable(self, trainings: Sequence[Work], now_s: float) -> int:
        """Count the trainings that can finish if all run in parallel from now, the first by :meth:`sort` first."""
        if not self.is_metered:  # fast path of every event
            time_s = self._budgets.time_s
            return sum(now_s + training.duration_s <= time_s for training in trainings)
        in_order = [trainings[row] for row in self.sort(trainings)]
        return self.count_within(in_order, now_s, self.remaining())

    def count_within(self, works: Sequence[Work], now_s: float, available: dict[StopReason, float]) -> int:
        """Count how many of the pieces of work, in order, fit together; what they require is taken from ``available``.

        Trainings must end before the deadline, too.
        """
        for count, work in enumerate(works):
            required = self._required_amounts(work, now_s)
            is_late = work.activity is Activity.TRAINING and now_s + work.duration_s > self._budgets.time_s
            if is_late or _exceeded(required, available):
                return count
            for budget in available:
                available[budget] -= required[budget]
        return len(works)

    def binding_budget(self, work: Work, now_s: float) -> StopReason | None:
        """Return the budget that this work can meet neither now nor later; None if it can.

        What does not fit now may fit later, when the grid is cleaner or electricity is cheaper.
        """
        last_s = self._budgets.time_s - work.duration_s
        if now_s > last_s:
            return StopReason.DEADLINE
        available, exceeded = self.remaining(), None
        for start_s in np.arange(now_s, min(last_s, self._forecast_end_s(now_s)) + 1.0, HOUR_S).tolist():
            exceeded = _exceeded(self._required_amounts(work, start_s), available)
            if exceeded is None:
                return None
            work = replace(work, paid_s=0.0)
        return exceeded

    def has_anything_left(self, now_s: float) -> bool:
        """Tell whether no budget is used up."""
        return now_s < self._budgets.time_s and all(amount > 0 for amount in self.remaining().values())

    def _forecast_end_s(self, now_s: float) -> float:
        if self.forecast is None:
            return now_s
        return self.forecast.start_s + self.forecast.step_s * len(self.forecast.mean_g_per_kwh)

    def _unpaid_s(self, work: Work) -> float:
        """Return the real time to pay for, in whole billing periods; 0 where there are none, s."""
        if not self.limits_billing:
            return 0.0
        is_new = work.paid_s <= 0
        needed_s = work.held_s + (self._checkpoint_s if work.activity is Activity.TRAINING else 0.0)
        needed_s = max(needed_s, 1.0) if is_new else needed_s  # a device that is taken costs a period at least
        return self._ledger.prices.billed_s(max(needed_s - work.paid_s, 0.0) / self._ledger.time_scale)

    def _required_amounts(self, work: Work, start_s: float) -> dict[StopReason, float]:
        """Forecast what work from ``start_s`` on spends, by stop reason; empty without a metered budget."""
        if not self.is_metered:
            return {}
        held_s = work.held_s / self._ledger.time_scale
        end_s = start_s + work.held_s
        energy_j = held_s * self._mean_w(work.activity)
        prices, gpus = self._ledger.prices, self._ledger.gpus_per_device
        unpaid_s = self._unpaid_s(work) if self.limits_billing else held_s
        g_per_kwh = self.forecast.mean_between(start_s, end_s) if self.forecast else 0.0
        paper_w = PAPER_TRAINING_W if work.activity is Activity.TRAINING else 0.0
        paper = self._budgets.accounting is CarbonAccounting.PAPER
        return {
            StopReason.CARBON: (paper_w * held_s * gpus if paper else energy_j) / J_PER_KWH * g_per_kwh,
            StopReason.ENERGY: energy_j,
            StopReason.COST: prices.price_per_device_hour * unpaid_s / HOUR_S
            + prices.energy_cost(start_s, end_s, energy_j / J_PER_KWH),
            StopReason.DEVICE_TIME: held_s * gpus,
        }

    def _mean_w(self, activity: Activity) -> float:
        """Return the power of a device in an activity drawn from the grid, PUE included, W."""
        totals = self._ledger.totals
        spent_s = totals.device_s.get(activity, 0.0) / self._ledger.gpus_per_device
        return totals.energy_j[activity] / spent_s if spent_s else self._peak_w


def _exceeded(required: dict[StopReason, float], available: dict[StopReason, float]) -> StopReason | None:
    """Return the first budget that has too little left."""
    return next((item for item in available if required[item] * (1.0 - _ROUNDING) > available[item]), None)
