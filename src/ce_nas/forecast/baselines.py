"""Forecasters that need no training: the floor that every other one must beat, and the default without a model.

A statistical baseline: daily and weekly seasons by repeated loess, the rest by an ARIMA.

Source
    Bandara, Hyndman, Bergmeir 2021, *MSTL: A Seasonal-Trend Decomposition Algorithm for Time Series with Multiple
    Seasonal Patterns*; the implementation is statsforecast's (extra ``baselines``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import MissingExtraError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Forecaster

if TYPE_CHECKING:
    from ce_nas.forecast.base import Past

__all__ = ["DampedProfile", "Mstl", "Persistence", "SeasonalNaive", "steps_a_day", "steps_ahead"]


class Persistence(Forecaster):
    """The last value stays."""

    name = "persistence"
    lookback_s = HOUR_S

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        return _issue(self.name, past, np.full(steps_ahead(past, horizon_s), past.intensity_g_per_kwh[-1]))


class SeasonalNaive(Forecaster):
    """Each hour is as it was a day before; with less than a day known, the last value stays."""

    name = "seasonal-naive"
    lookback_s = DAY_S

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day = steps_a_day(past)
        known = past.intensity_g_per_kwh
        season = known[-day:] if len(known) >= day else known[-1:]
        return _issue(self.name, past, np.resize(season, steps_ahead(past, horizon_s)))


class DampedProfile(Forecaster):
    """The week's mean day, shifted by how much the latest hour is off it; the shift fades as the forecast goes out.

    With less than a day known, the last value stays.

    :param fading_s: the time in which the shift falls to 1/e.
    """

    name = "damped-profile"
    lookback_s = 7 * DAY_S

    def __init__(self, fading_s: float = 12 * HOUR_S) -> None:
        self._fading_s = fading_s

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day = steps_a_day(past)
        steps = steps_ahead(past, horizon_s)
        days = min(len(past.intensity_g_per_kwh) // day, 7)
        if days == 0:
            return _issue(self.name, past, np.full(steps, past.intensity_g_per_kwh[-1]))
        profile = past.intensity_g_per_kwh[-days * day :].reshape(days, day).mean(axis=0)
        shift = past.intensity_g_per_kwh[-1] - profile[-1]
        ahead_s = past.step_s * np.arange(1, steps + 1)
        mean = np.resize(profile, steps) + shift * np.exp(-ahead_s / self._fading_s)
        return _issue(self.name, past, np.maximum(mean, 0.0))


def steps_a_day(past: Past) -> int:
    """Steps that make a day; a step that is longer counts as one."""
    return max(round(DAY_S / past.step_s), 1)


def steps_ahead(past: Past, horizon_s: float) -> int:
    """Steps that a forecast has to have."""
    return max(math.ceil(horizon_s / past.step_s), 1)


def _issue(name: str, past: Past, mean_g_per_kwh: np.ndarray) -> Forecast:
    return Forecast(name, past.end_s, past.end_s, past.step_s, mean_g_per_kwh)


#: how much of the past is decomposed, and the least that is
LOOKBACK_DAYS, LEAST_DAYS = 28, 14
#: a day of fewer steps has no shape to speak of
LEAST_STEPS_A_DAY = 4
#: the central intervals that are issued, %
INTERVALS = (50, 80, 95)


class Mstl(Forecaster):
    """Season-trend decomposition over four weeks; with less than two, each hour is as it was a day before."""

    name = "mstl"
    lookback_s = LOOKBACK_DAYS * DAY_S

    def __init__(self) -> None:
        if find_spec("statsforecast") is None:
            package, extra = "statsforecast", "baselines"
            raise MissingExtraError(package, extra, purpose="The forecaster mstl")

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        day, steps = steps_a_day(past), steps_ahead(past, horizon_s)
        known = past.intensity_g_per_kwh[-LOOKBACK_DAYS * day :]
        if day < LEAST_STEPS_A_DAY or len(known) < LEAST_DAYS * day:
            return replace(SeasonalNaive().predict(past, horizon_s), forecaster=self.name)
        mean, quantiles = _decomposed(known, day, steps)
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, mean, quantiles)


def _decomposed(known: np.ndarray, day: int, steps: int) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """The mean and the quantiles of the coming steps, g CO2eq/kWh."""
    from statsforecast.models import MSTL, AutoARIMA

    model = MSTL(season_length=[day, 7 * day], trend_forecaster=AutoARIMA(seasonal=False))
    made = model.forecast(y=np.array(known, dtype=np.float64), h=steps, level=list(INTERVALS))
    mean = np.maximum(made["mean"], 0.0)
    quantiles = {0.5: mean}
    for share in INTERVALS:
        tail = (1 - share / 100) / 2
        quantiles[round(tail, 3)] = np.maximum(made[f"lo-{share}"], 0.0)
        quantiles[round(1 - tail, 3)] = np.maximum(made[f"hi-{share}"], 0.0)
    return mean, dict(sorted(quantiles.items()))
