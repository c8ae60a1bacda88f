"""The forecast cut into the periods that decisions are made for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S

if TYPE_CHECKING:
    from ce_nas.core.records import Forecast, View

__all__ = ["LOOKED_AHEAD", "coming_periods", "mean_over"]

#: the most periods that are looked ahead
LOOKED_AHEAD = 96


def coming_periods(view: View) -> np.ndarray:
    """Expected mean intensity of the period to decide on and of those after it, g CO2eq/kWh, shape ``(periods,)``.

    It ends with the deadline, with the forecast, or after 96 periods; whole periods only, but one at the least. Empty
    while nothing is known of the grid.
    """
    forecast = view.forecast
    if forecast is None:
        return np.empty(0)
    ends_s = forecast.start_s + forecast.step_s * len(forecast.mean_g_per_kwh)
    reach_s = min(view.time_left_s, max(ends_s - view.now_s, 0.0))
    periods = int(min(max(math.floor(reach_s / view.period_s + 1e-9), 1), LOOKED_AHEAD))
    return mean_over(forecast, forecast.mean_g_per_kwh, view.now_s + view.period_s * np.arange(periods + 1))


def mean_over(forecast: Forecast, values: np.ndarray, moments_s: np.ndarray) -> np.ndarray:
    """The mean between each moment and the next, shape ``(moments - 1,)``, of ``values`` a step of the forecast.

    The first step stands for all before it, the last for all that follow, as in :meth:`Forecast.over`.
    """
    far_s = max(10 * DAY_S, float(moments_s[-1] - moments_s[0]) + abs(float(moments_s[0]) - forecast.start_s))
    edges_s = forecast.start_s + forecast.step_s * np.arange(len(values) + 1)
    edges_s[0] -= far_s
    edges_s[-1] += far_s
    sums = np.concatenate([[0.0], np.cumsum(values * np.diff(edges_s))])
    return np.asarray(np.diff(np.interp(moments_s, edges_s, sums)) / np.diff(moments_s))
