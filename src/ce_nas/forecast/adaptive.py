"""A forecaster that learns from the given past alone, refitted daily: no training beforehand, no model file.

The logarithm of the intensity is regressed on calendar and weather (:mod:`ce_nas.forecast.features`), with weights
that decay into the past; the errors of the last week then correct the forecast (:class:`ResidualCorrection`). Ridge
regressions with short and long memory, linear ones and approximate Gaussian processes, are averaged. Quantiles are
those of the relative errors that the average would have made on earlier days.

The models are refitted at midnight UTC, two of the four at every third one, and see no later value, so the forecast is
a function of the past alone; the fits for one past are continued for a longer one with the same start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.components.registry import FORECASTERS
from ce_nas.forecast.features import has_weather, standardise_covariates
from ce_nas.forecast.hourly import QUANTILE_LEVELS, HourlyForecaster, pool_error_quantiles
from ce_nas.forecast.ridge import HINDCAST_DAYS, RESIDUAL_DAYS, IncrementalRidges, ResidualCorrection, RidgeConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["AdaptiveRidge"]

#: earlier forecasts that corrections learn from; those that quantiles are taken from; the fewest for quantiles
CORRECTION_ISSUES, QUANTILE_ISSUES, MIN_QUANTILE_ISSUES = 360, 180, 20
#: how far a forecast may leave the range of the past, logarithm
MAX_LOG_EXTRAPOLATION = 0.5

LINEAR_RIDGES = (RidgeConfig(80, 20), RidgeConfig(400, 20))
FOURIER_RIDGES = (
    RidgeConfig(400, 20, fourier_seed=0, refit_interval_days=3),
    RidgeConfig(100, 60, fourier_seed=1, refit_interval_days=3),
)


@FORECASTERS.register("adaptive")
class AdaptiveRidge(HourlyForecaster):
    """Ridge regressions on calendar and weather over the last two years, corrected by their latest errors.

    Weather is used as far as it is known ahead; slots without it are predicted by the calendar alone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> day = 300 + 100 * np.sin(np.arange(24) / 24 * 2 * np.pi)
        >>> inputs = ForecastInput(np.tile(day, 21), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> bool(np.allclose(AdaptiveRidge().predict(inputs, 86400.0).mean_g_per_kwh, day, rtol=0.05))
        True
    """

    name = "adaptive"
    allows_long_slots = True

    def __init__(self) -> None:
        self._calendar_ridges, self._weather_ridges = IncrementalRidges(), IncrementalRidges()

    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """See :meth:`HourlyForecaster.predict_log`."""
        del zone
        level, errors = self._predict_with_errors(slots)
        bounds = _bounds(slots)
        quantiles = {quantile: np.clip(level + error, *bounds) for quantile, error in _error_quantiles(errors).items()}
        return np.clip(level, *bounds), quantiles

    def hindcast(self, slots: HourlySeries, n_issues: int) -> tuple[np.ndarray, np.ndarray]:
        """Predict each slot ahead, ``(ahead,)``, and return the errors of the last issues at the same time of day.

        Errors are truth less forecast, logarithm, shape ``(up to n_issues, ahead)``, oldest first, NaN where the truth
        is not known yet.
        """
        level, errors = self._predict_with_errors(slots)
        return np.clip(level, *_bounds(slots)), errors[:-1][-n_issues:]

    def _predict_with_errors(self, slots: HourlySeries) -> tuple[np.ndarray, np.ndarray]:
        """Predict each slot ahead, ``(ahead,)``, and return the errors of earlier forecasts, ``(issues, ahead)``."""
        known = slots.covariate_horizon
        if not known:
            return _predict_with_errors(self._calendar_ridges, slots.with_horizon(0), slots.horizon)
        level, errors = _predict_with_errors(
            self._weather_ridges, standardise_covariates(slots.with_horizon(known)), slots.horizon
        )
        if known < slots.horizon:
            plain_level, plain_errors = _predict_with_errors(
                self._calendar_ridges, slots.with_horizon(0), slots.horizon
            )
            level, errors = (
                np.concatenate([with_weather[..., :known], plain[..., known:]], axis=-1)
                for with_weather, plain in ((level, plain_level), (errors, plain_errors))
            )
        return level, errors


def _predict_with_errors(ridges: IncrementalRidges, slots: HourlySeries, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Predict ``horizon`` slots, and return the errors of earlier forecasts; NaN where the covariates are unknown."""
    n_days = -(-horizon // slots.slots_per_day)
    today = len(slots) // slots.slots_per_day
    days = range(max(HINDCAST_DAYS, today - CORRECTION_ISSUES), today + 1)
    configs = LINEAR_RIDGES + FOURIER_RIDGES if has_weather(slots) else LINEAR_RIDGES
    fitted = ridges.fit(slots, configs, n_days, days.start)
    observed = _observed_windows(slots, days, n_days)
    slots_since_midnight = len(slots) % slots.slots_per_day
    predictions = np.mean(
        [_correct_residuals(ridge.predict(slots, days), observed, slots_since_midnight) for ridge in fitted], axis=0
    )
    errors = (observed[:, RESIDUAL_DAYS * slots.slots_per_day :] - predictions)[:, :horizon]
    return predictions[-1, :horizon], errors


def _observed_windows(slots: HourlySeries, days: range, horizon_days: int) -> np.ndarray:
    """Return the level from a week before each issue to the end of its forecast, NaN where it is not observed yet.

    Shape ``(issues, slots)``; the issues are at the same time of each of ``days``, the last one at the end of the past.
    """
    level = np.concatenate([slots.log_intensity, np.full(horizon_days * slots.slots_per_day, np.nan)])
    first = (
        np.array(days) * slots.slots_per_day + len(slots) % slots.slots_per_day - RESIDUAL_DAYS * slots.slots_per_day
    )
    width = (RESIDUAL_DAYS + horizon_days) * slots.slots_per_day
    windows = np.lib.stride_tricks.sliding_window_view(level, width)
    return windows[first[0] : first[-1] + 1 : slots.slots_per_day]


def _correct_residuals(predictions: np.ndarray, observed: np.ndarray, slots_since_midnight: int) -> np.ndarray:
    """Return the corrected predictions of one model at each issue, shape ``(issues, slots)``.

    :param predictions: of its fits, shape ``(issues, days, slots a day)``, from 8 days before the issue's midnight on.
    :param slots_since_midnight: slots from midnight to the issue.
    """
    issues, _, day = predictions.shape
    first = (HINDCAST_DAYS - RESIDUAL_DAYS) * day + slots_since_midnight
    predictions = predictions.reshape(issues, -1)[:, first : first + observed.shape[1]]
    errors = (observed - predictions).reshape(issues, -1, day)
    corrections = ResidualCorrection(
        past_errors=errors[:, :RESIDUAL_DAYS], forecast_errors=errors[:, RESIDUAL_DAYS:]
    ).compute()
    corrected: np.ndarray = predictions[:, RESIDUAL_DAYS * day :] + corrections.reshape(issues, -1)
    return corrected


def _bounds(slots: HourlySeries) -> tuple[float, float]:
    """Return the range in which a forecast stays, logarithm."""
    log = slots.log_intensity
    return float(log.min()) - MAX_LOG_EXTRAPOLATION, float(log.max()) + MAX_LOG_EXTRAPOLATION


def _error_quantiles(errors: np.ndarray) -> dict[float, np.ndarray]:
    """Return quantiles of the errors of the latest forecasts, ``(issues, ahead)``, by slot of lead; none of too few."""
    complete = errors[np.isfinite(errors).all(axis=1)][-QUANTILE_ISSUES:]
    if len(complete) < MIN_QUANTILE_ISSUES:
        return {}
    return dict(zip(QUANTILE_LEVELS, pool_error_quantiles(complete), strict=True))
