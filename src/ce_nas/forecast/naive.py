"""Forecasters that need no training: the floor that every other one must beat, and the default without a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.forecaster import Forecaster

if TYPE_CHECKING:
    from ce_nas.forecast.forecaster import Past

__all__ = ["DampedProfile", "Persistence", "SeasonalNaive", "steps_a_day", "steps_ahead"]


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
