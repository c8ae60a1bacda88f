"""Gradient-boosted trees on weather and calendar, refitted online: a member whose errors differ from a regression's.

The logarithm of the intensity is fitted by trees on the weather of the hour and around it, and the time of day and
week, over the last two years, once in fourteen days. Trees cannot extrapolate; the decaying errors of the last week
under the same fit shift the forecast to the level of today. Alone they are less accurate than the regressions of
:mod:`~ce_nas.forecast.adaptive`, but they err at other hours.

A fit uses what lies two days and more before it, so that every value it sees is a past one whenever it is computed: the
forecast is a function of the past alone.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.units import DAY_S
from ce_nas.forecast.features import (
    PRECIPITATION,
    RECEPTIVE_FIELD_DAYS,
    SATURDAY,
    SOLAR_RADIATION,
    SUNDAY,
    TEMPERATURE,
    WIND_SPEED,
    centred_mean,
    has_weather,
    shift,
    standardise_covariates,
)
from ce_nas.forecast.forecast_cache import ForecastCache
from ce_nas.forecast.hourly import DAYS_PER_WEEK, HOURS_PER_DAY
from ce_nas.forecast.ridge import decayed_errors

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from threadpoolctl import ThreadpoolController

    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["WeatherTrees"]

#: days between two fits, at fixed dates of the calendar, and the shortest past of a fit
REFIT_INTERVAL_DAYS, MIN_FIT_DAYS = 14, 60
#: days before a fit that it leaves out: their features reach beyond it
PADDING_DAYS = math.ceil(RECEPTIVE_FIELD_DAYS)
#: time in which the weight of a day halves
HALF_LIFE_DAYS = 400.0
TREE_SETTINGS = {
    "max_iter": 100, "max_leaf_nodes": 15, "learning_rate": 0.08, "min_samples_leaf": 60, "l2_regularization": 1.0,
    "max_bins": 64, "early_stopping": False, "random_state": 0,
}  # fmt: skip
#: fits that a process keeps
CACHE_SIZE = 64


class WeatherTrees:
    """The trees' forecast of a zone, as far as its weather is known ahead."""

    name = "weather-trees"

    def predict_log(self, slots: HourlySeries) -> np.ndarray | None:
        """Predict the logarithm of the intensity of the slots ahead, shape ``(ahead,)``, NaN where no weather is known.

        :returns: None without weather, with slots longer than an hour, or with a past too short for a fit.
        """
        known = slots.covariate_horizon
        if not known or slots.slots_per_day != HOURS_PER_DAY or slots.slot_of_day[0]:
            return None
        seen = slots.with_horizon(known)
        fit_day = _fit_day(slots)
        if not has_weather(seen) or fit_day - PADDING_DAYS < MIN_FIT_DAYS:
            return None
        mean, trees = _fit(standardise_covariates(seen.slice_days(0, fit_day)))
        first_day = len(slots) // HOURS_PER_DAY - DAYS_PER_WEEK - PADDING_DAYS
        around = standardise_covariates(_from_day(seen, first_day))
        week = DAYS_PER_WEEK * HOURS_PER_DAY
        with _one_thread():
            predicted = mean + trees.predict(_features(around)[len(around) - week :])
        errors = slots.log_intensity[-week:] - predicted[:week]
        ahead = np.full(slots.horizon, np.nan)
        ahead[:known] = predicted[week:] + decayed_errors(errors[None], HOURS_PER_DAY, known)[0]
        return ahead


def _fit_day(slots: HourlySeries) -> int:
    """Return the day of the slots at whose midnight the latest fit is made."""
    start_day = round(slots.start.timestamp() / DAY_S)
    today = start_day + len(slots) // HOURS_PER_DAY
    return today // REFIT_INTERVAL_DAYS * REFIT_INTERVAL_DAYS - start_day


def _from_day(slots: HourlySeries, first_day: int) -> HourlySeries:
    """Return the slots from a day on, with their horizon."""
    return slots.slice_days(max(first_day, 0), (len(slots) + slots.horizon) // HOURS_PER_DAY + 1)


def _fit(slots: HourlySeries) -> tuple[float, Any]:
    """Return the mean of the logarithm and trees for the deviation from it; ``slots`` end at the fit's midnight."""
    key = _digest(slots)
    fitted = FITS.get(key)
    if fitted is None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        count = len(slots) - PADDING_DAYS * HOURS_PER_DAY
        level = slots.log_intensity[:count]
        recency = 0.5 ** (np.arange(count)[::-1] // HOURS_PER_DAY / HALF_LIFE_DAYS)
        mean = float(np.average(level, weights=recency))
        with _one_thread():
            trees = HistGradientBoostingRegressor(**TREE_SETTINGS)
            trees.fit(_features(slots)[:count], level - mean, sample_weight=recency)
        fitted = (mean, trees)
        FITS.put(key, fitted)
    return fitted


@cache
def _thread_pools() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[object]:
    """Use one thread: rows are few, and threads would only wait for each other."""
    limit: AbstractContextManager[object] = _thread_pools().limit(limits=1, user_api="openmp")
    return limit


def _features(slots: HourlySeries) -> np.ndarray:
    """Return a row for each slot, shape ``(slots + ahead, columns)``.

    :param slots: with standardised covariates.
    """
    day, weekday = slots.slots_per_day, slots.weekday
    wind, heat, sun = (slots.future_covariates[name] for name in (WIND_SPEED, TEMPERATURE, SOLAR_RADIATION))
    rain = slots.future_covariates.get(PRECIPITATION, np.zeros_like(wind))
    columns = [
        slots.slot_of_day, weekday >= SATURDAY, weekday == SUNDAY, weekday == 0,
        wind, centred_mean(wind, day), centred_mean(wind, day // 4), *(shift(wind, hours) for hours in (-6, 6, -3, 3)),
        sun, centred_mean(sun, day), shift(sun, -2), shift(sun, 2),
        heat, centred_mean(heat, day), centred_mean(heat, 3 * day), centred_mean(rain, day),
    ]  # fmt: skip
    return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)


def _digest(slots: HourlySeries) -> bytes:
    """Return SHA-256 of all that a fit depends on."""
    digest = hashlib.sha256(slots.start.isoformat().encode())
    digest.update(slots.log_intensity.tobytes())
    for name, values in sorted(slots.future_covariates.items()):
        digest.update(name.encode())
        digest.update(values.tobytes())
    return digest.digest()


#: shared by all ensembles of a process
FITS: ForecastCache[tuple[float, Any]] = ForecastCache(CACHE_SIZE)
