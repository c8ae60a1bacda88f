"""Draws a forecast with its intervals, after the past it was made from and over the actual values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.formatting import format_time
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.report.plotting.palette import BLUE, MATPLOTLIB_STYLE
from ce_nas.report.plotting.plots_extra import require_plots
from ce_nas.report.plotting.png import encode_png

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

    from ce_nas.core.records import Forecast

__all__ = ["draw_forecast"]

#: low and high quantile, name and opacity of the central intervals, widest first
INTERVALS = ((0.025, 0.975, "95 %", 0.15), (0.1, 0.9, "80 %", 0.3))


def draw_forecast(
    forecast: Forecast, issued_at: datetime, zone: str, past_g_per_kwh: np.ndarray, actual_g_per_kwh: np.ndarray
) -> bytes:
    """Draw a forecast as PNG; the same forecast gives the same bytes.

    :param issued_at: time of issue, UTC; the past ends and the actual values start there.
    :param past_g_per_kwh: past values to show, g CO2eq/kWh.
    :param actual_g_per_kwh: actual values after the issue, g CO2eq/kWh; NaN where unknown.
    :raises MissingExtraError: without the extra ``plots``.
    """
    require_plots("Drawing a forecast")
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator

    with mpl.rc_context(MATPLOTLIB_STYLE):  # type: ignore[arg-type] # matplotlib types its keys as literals
        figure = Figure(figsize=(11, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(_step_hours(forecast.step_s, -len(past_g_per_kwh)), past_g_per_kwh, color="black", lw=1, label="past")
        _draw_intervals(axes, forecast)
        if not np.isnan(actual_g_per_kwh).all():
            hours = _step_hours(forecast.step_s, len(actual_g_per_kwh))
            axes.plot(hours, actual_g_per_kwh, color="black", lw=1, linestyle=(0, (3, 1)), label="actual")
        axes.axvline(0.0, color="grey", linewidth=0.8)
        axes.set_title(f"{zone}: forecast by {forecast.forecaster}, issued {format_time(issued_at)}", loc="left")
        axes.set_xlabel("hours since the time of issue")
        axes.set_ylabel("g CO2eq/kWh")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MultipleLocator(DAY_S / HOUR_S))
        axes.legend(loc="lower left", ncols=5, frameon=False)
        return encode_png(figure)


def _draw_intervals(axes: Axes, forecast: Forecast) -> None:
    hours = _step_hours(forecast.step_s, len(forecast.mean_g_per_kwh))
    bands = forecast.quantiles_g_per_kwh
    for low, high, name, opacity in INTERVALS:
        if low in bands and high in bands:
            label = f"{name} interval"
            axes.fill_between(hours, bands[low], bands[high], color=BLUE, alpha=opacity, linewidth=0, label=label)
    axes.plot(hours, forecast.mean_g_per_kwh, color=BLUE, linewidth=1.5, label="expected")


def _step_hours(step_s: float, steps: int) -> np.ndarray:
    """Return the middle of each of ``steps`` steps after the issue, or before it if negative, hours."""
    indices = np.arange(steps, 0) if steps < 0 else np.arange(steps)
    return (indices + 0.5) * step_s / HOUR_S
