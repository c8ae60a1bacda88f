"""What the journal keeps of a forecast: enough to show what a decision was based on, and little of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["AHEAD", "noted"]

#: how many of the coming periods are kept
AHEAD = 24


def noted(view: View) -> dict[str, Any]:
    """What is expected of the coming period, with quantiles where they are known, and of those after it; g CO2eq/kWh.

    ``ahead_g_per_kwh`` begins with the coming period and ends with the run's time at the latest.
    """
    forecast = view.forecast
    if forecast is None:
        return {"forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": []}
    periods = min(AHEAD, max(math.ceil(view.time_left_s / view.period_s), 1))
    quantiles = {
        f"{level:g}": round(float(forecast.ahead(view.now_s, view.period_s, 1, level)[0]), 1)
        for level in sorted(forecast.quantiles_g_per_kwh)
    }
    ahead = forecast.ahead(view.now_s, view.period_s, periods)
    return {
        "forecast_g_per_kwh": forecast.over(view.now_s, view.now_s + view.period_s),
        "quantiles_g_per_kwh": quantiles,
        "ahead_g_per_kwh": [round(value, 1) for value in ahead.tolist()],
    }
