"""The cleanest hours to run a job, by a forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BestStart", "find_best_start"]


@dataclass(frozen=True, slots=True)
class BestStart:
    """The best times for a job of some hours within a window of hours, counted from now."""

    #: expected mean intensity if it starts now, g CO2eq/kWh
    now_g_per_kwh: float
    #: the best start of an uninterrupted job, hours from now, and its expected mean intensity
    start_h: int
    start_g_per_kwh: float
    #: the best hours of a job that may pause, hours from now in ascending order, and their expected mean intensity
    pausing_hours: Sequence[int]
    pausing_g_per_kwh: float

    def saved_share(self, g_per_kwh: float) -> float:
        """Return the expected saving, as a share of the emissions of a start now; 0 where these are zero."""
        return 1.0 - g_per_kwh / self.now_g_per_kwh if self.now_g_per_kwh > 0 else 0.0


def find_best_start(expected_g_per_kwh: np.ndarray, duration_h: int, deadline_h: int) -> BestStart:
    """Return the best times for a job; of equally good ones the earliest.

    Example:
        >>> best = find_best_start(np.array([400.0, 300.0, 100.0, 120.0]), duration_h=2, deadline_h=4)
        >>> best.start_h, best.start_g_per_kwh
        (2, 110.0)

    :param expected_g_per_kwh: expected intensity of each hour ahead, shape ``(hours,)``.
    :param duration_h: duration of the job.
    :param deadline_h: hours from now by which it must end.
    :raises SettingsError: if the job is longer than its window, or the window longer than the forecast.
    """
    if not 0 < duration_h <= deadline_h <= len(expected_g_per_kwh):
        message = (
            f"Expected a job of an hour or more that fits into its window, and a window of {len(expected_g_per_kwh)} h "
            f"at most, got {duration_h} h within {deadline_h} h."
        )
        raise SettingsError(message)
    window = expected_g_per_kwh[:deadline_h]
    means = np.convolve(window, np.full(duration_h, 1.0 / duration_h), "valid")
    start = int(means.argmin())
    chosen = np.sort(np.argsort(window, kind="stable")[:duration_h])
    return BestStart(float(means[0]), start, float(means[start]), tuple(chosen.tolist()), float(window[chosen].mean()))
