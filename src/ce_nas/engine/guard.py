"""What can still be finished within the budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Activity, Stop
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import PAPER_TRAINING_W
from ce_nas.engine.limits import Book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Forecast
    from ce_nas.energy.ledger import Ledger
    from ce_nas.engine.limits import Limits

__all__ = ["Guard"]


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
