"""A forecast with its bands, after what was known and over what came."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from ce_nas.core.units import DAY_S, HOUR_S, as_time
from ce_nas.report.plotting.overview import STYLE

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

    from ce_nas.core.records import Forecast

__all__ = ["forecast_figure"]

COLOUR = "#0072b2"
#: central intervals that are drawn, widest first, and how dense
BANDS = ((0.025, 0.975, "95 %", 0.15), (0.1, 0.9, "80 %", 0.3))


def forecast_figure(
    forecast: Forecast, issued: datetime, zone: str, past_g_per_kwh: np.ndarray, truth_g_per_kwh: np.ndarray
) -> bytes:
    """The figure as a PNG; the same forecast gives the same bytes.

    :param issued: when it was issued, UTC; the past ends there and the truth begins.
    :param past_g_per_kwh: what was known, g CO2eq/kWh, as much of it as is to be shown.
    :param truth_g_per_kwh: what came, NaN where it is not on record.
    """
    with mpl.rc_context(STYLE):  # type: ignore[arg-type] # keys as literals would say no more
        figure = Figure(figsize=(11, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(_hours(forecast.step_s, -len(past_g_per_kwh)), past_g_per_kwh, color="black", lw=1, label="known")
        _draw_forecast(axes, forecast)
        if not np.isnan(truth_g_per_kwh).all():
            hours = _hours(forecast.step_s, len(truth_g_per_kwh))
            axes.plot(hours, truth_g_per_kwh, color="black", lw=1, linestyle=(0, (3, 1)), label="what came")
        axes.axvline(0.0, color="grey", linewidth=0.8)
        axes.set_title(f"{zone}: forecast by {forecast.forecaster}, issued {as_time(issued)}", loc="left")
        axes.set_xlabel("hours after it was issued")
        axes.set_ylabel("g CO2eq/kWh")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MultipleLocator(DAY_S / HOUR_S))
        axes.legend(loc="lower left", ncols=5, frameon=False)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()


def _draw_forecast(axes: Axes, forecast: Forecast) -> None:
    hours = _hours(forecast.step_s, len(forecast.mean_g_per_kwh))
    bands = forecast.quantiles_g_per_kwh
    for low, high, name, density in BANDS:
        if low in bands and high in bands:
            label = f"{name} interval"
            axes.fill_between(hours, bands[low], bands[high], color=COLOUR, alpha=density, linewidth=0, label=label)
    axes.plot(hours, forecast.mean_g_per_kwh, color=COLOUR, linewidth=1.5, label="expected")


def _hours(step_s: float, steps: int) -> np.ndarray:
    """The middle of each of ``steps`` steps after the issue, or before it if they are negative, hours."""
    places = np.arange(steps, 0) if steps < 0 else np.arange(steps)
    return (places + 0.5) * step_s / HOUR_S
