"""Means of a forecast over decision periods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S

if TYPE_CHECKING:
    from ce_nas.core.records import Forecast, State

__all__ = ["MAX_PERIODS_AHEAD", "intensity_by_period", "interval_means"]

#: upper bound of the periods ahead
MAX_PERIODS_AHEAD = 96


def intensity_by_period(state: State) -> np.ndarray:
    """Return the expected mean intensity of the current and the next periods, g CO2eq/kWh, shape ``(periods,)``.

    It ends with the deadline, with the forecast, or after 96 periods; whole periods only, but at least one. Empty
    without a forecast.
    """
    forecast = state.grid.forecast
    if forecast is None:
        return np.empty(0)
    end_s = forecast.start_s + forecast.step_s * len(forecast.mean_g_per_kwh)
    reach_s = min(state.budget.time_left_s, max(end_s - state.now_s, 0.0))
    periods = int(min(max(math.floor(reach_s / state.period_s + 1e-9), 1), MAX_PERIODS_AHEAD))
    return interval_means(forecast, forecast.mean_g_per_kwh, state.now_s + state.period_s * np.arange(periods + 1))


def interval_means(forecast: Forecast, values: np.ndarray, boundaries_s: np.ndarray) -> np.ndarray:
    """Return the mean of ``values``, one by step of the forecast, between boundaries, shape ``(boundaries - 1,)``.

    Before and after the forecast, its first and last value hold, as in :meth:`Forecast.mean_between`.
    """
    far_s = max(10 * DAY_S, float(boundaries_s[-1] - boundaries_s[0]) + abs(float(boundaries_s[0]) - forecast.start_s))
    edges_s = forecast.start_s + forecast.step_s * np.arange(len(values) + 1)
    edges_s[0] -= far_s
    edges_s[-1] += far_s
    sums = np.concatenate([[0.0], np.cumsum(values * np.diff(edges_s))])
    return np.asarray(np.diff(np.interp(boundaries_s, edges_s, sums)) / np.diff(boundaries_s))
