"""When a loop waits for a cleaner hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_duration, format_percentage
from ce_nas.core.units import HOUR_S, parse_duration_s

if TYPE_CHECKING:
    from ce_nas.integrations.budget_books import BudgetBooks

__all__ = ["PauseRule"]


@dataclass(frozen=True)
class PauseRule:
    """Waits while the grid is dirtier than allowed, for a bounded time.

    Example:
        >>> PauseRule(max_g_per_kwh=200, max_wait="6h").max_wait_s
        21600.0

    :param max_g_per_kwh: wait while the intensity is above this, g CO2eq/kWh.
    :param cleanest_share: wait while the present hour is not among this share of the cleanest coming hours, by the
        forecast: 0.25 works in 6 hours of 24.
    :param horizon: the period of the forecast that the share refers to.
    :param max_wait: the longest wait; the loop continues afterwards, however dirty the grid is, and waits again only
        after an hour in which it was clean.
    :raises SettingsError: if there is no rule, or a value is out of its range.
    """

    max_g_per_kwh: float | None = None
    cleanest_share: float | None = None
    horizon: str = "24h"
    max_wait: str = "12h"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.max_g_per_kwh is None and self.cleanest_share is None:
            message = "Expected a rule for waiting, got none; give max_g_per_kwh or cleanest_share."
            raise SettingsError(message)
        if self.cleanest_share is not None and not 0 < self.cleanest_share <= 1:
            message = f"Expected a cleanest_share above 0 and up to 1, got {self.cleanest_share}."
            raise SettingsError(message)
        if self.max_g_per_kwh is not None and self.max_g_per_kwh < 0:
            message = f"Expected a max_g_per_kwh of 0 or more, got {self.max_g_per_kwh}."
            raise SettingsError(message)
        _ = self.horizon_s, self.max_wait_s

    @property
    def horizon_s(self) -> float:
        """The period of the forecast that ``cleanest_share`` refers to, s."""
        return parse_duration_s(self.horizon)

    @property
    def max_wait_s(self) -> float:
        """The longest wait, s."""
        return parse_duration_s(self.max_wait)

    def why_wait(self, books: BudgetBooks) -> str | None:
        """The reason to wait now, however long it has been waited for, as a sentence; None to work."""
        now = books.expected_intensity()
        if self.max_g_per_kwh is not None and now > self.max_g_per_kwh:
            return f"{now:.0f} g/kWh is above {self.max_g_per_kwh:g} g/kWh."
        if self.cleanest_share is None or books.forecast is None:
            return None
        steps = max(round(self.horizon_s / HOUR_S), 1)
        ahead = books.forecast.resample(books.clock.now_s, HOUR_S, steps)
        bound = float(np.quantile(np.append(ahead[1:], now), self.cleanest_share))
        if now <= bound:
            return None
        return (
            f"{now:.0f} g/kWh is not among the cleanest {format_percentage(self.cleanest_share)} of the next "
            f"{format_duration(self.horizon_s)} by the forecast, at most {bound:.0f} g/kWh."
        )
