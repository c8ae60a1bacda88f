"""When to start: the cleanest hours for a job, by what is expected of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Timing", "timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """A job of some hours within a window of hours, counted from now."""

    #: mean intensity expected if it starts now, g CO2eq/kWh
    now_g_per_kwh: float
    #: the start that costs least if it runs through, hours from now, and the mean intensity expected then
    start: int
    start_g_per_kwh: float
    #: the hours that cost least if it may pause, hours from now in their order, and their mean intensity expected
    hours: Sequence[int]
    hours_g_per_kwh: float

    def saved(self, g_per_kwh: float) -> float:
        """Share of the grams of starting now that another time is expected to save; 0 where there are none."""
        return 1.0 - g_per_kwh / self.now_g_per_kwh if self.now_g_per_kwh > 0 else 0.0


def timing(expected_g_per_kwh: np.ndarray, hours: int, within: int) -> Timing:
    """The best times for a job; of equally good ones the earliest.

    :param expected_g_per_kwh: intensity expected of each coming hour, shape ``(hours known,)``.
    :param hours: how long the job runs.
    :param within: hours from now in which it has to be done.
    :raises SettingsError: if it does not fit into its window, or the window is longer than what is known.
    """
    if not 0 < hours <= within <= len(expected_g_per_kwh):
        message = (
            f"Expected a job of an hour or more that fits into its window, and a window of {len(expected_g_per_kwh)} h "
            f"at most, got {hours} h within {within} h."
        )
        raise SettingsError(message)
    window = expected_g_per_kwh[:within]
    means = np.convolve(window, np.full(hours, 1.0 / hours), "valid")
    start = int(means.argmin())
    chosen = np.sort(np.argsort(window, kind="stable")[:hours])
    return Timing(float(means[0]), start, float(means[start]), tuple(chosen.tolist()), float(window[chosen].mean()))
