"""Ridge regression on calendar and weather, refitted daily, and a second one that corrects its residuals.

The fits proceed day by day, in the same order and from the same slots however they are requested, so that continuing
from an earlier past and starting from scratch give the same numbers to the last bit.

For every slot of the day and every day of lead, :class:`ResidualCorrection` predicts the error of a forecast from the
mean errors of the last hours, days and week and from those at the same time of day. It is fitted to forecasts issued at
the same time on earlier days, as far as their truth is known; recent ones weigh more, and what all times of day have in
common weighs as much as what is particular to one. With few forecasts it stays near a decay of the last errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.forecast.features import RECEPTIVE_FIELD_DAYS, linear_features, random_fourier_features

if TYPE_CHECKING:
    from ce_nas.forecast.hourly import HourlySeries

__all__ = [
    "HINDCAST_DAYS",
    "RESIDUAL_DAYS",
    "DailyRidge",
    "IncrementalRidges",
    "ResidualCorrection",
    "RidgeConfig",
    "decayed_errors",
]

#: days before a fit that it predicts: the week whose errors correct a forecast, and the day of the issue
HINDCAST_DAYS = 8
#: whole days around a day that its features depend on
PADDING_DAYS = math.ceil(RECEPTIVE_FIELD_DAYS)
#: penalty of the slot-of-day columns, as a share of the penalty of the others
TIME_OF_DAY_PENALTY_SHARE = 0.02

#: days of errors that a correction uses
RESIDUAL_DAYS = 7
#: time in which the weight of an earlier forecast halves, days
HALF_LIFE_DAYS = 120.0
#: strength of the prior on the coefficients of a correction
RIDGE_PENALTY = 30.0
#: times in which the prior lets the error of the last hours, and that of the last day, decay to 1/e, hours
DECAY_TIMES_H = (6.0, 48.0)


@dataclass(frozen=True, slots=True)
class RidgeConfig:
    """Settings of one regression."""

    #: time in which the weight of a day of the past halves
    half_life_days: float
    #: strength of the ridge penalty
    penalty: float
    #: seed of the random Fourier features added to the linear ones; None for none
    fourier_seed: int | None = None
    #: days between two refits
    refit_interval_days: int = 1

    def day_features(self, slots: HourlySeries, day: int) -> np.ndarray:
        """Return the features of one day, shape ``(slots a day, columns)``; NaN beyond what is known ahead."""
        first_day = max(day - PADDING_DAYS, 0)
        seen = slots.slice_days(first_day, day + 1 + PADDING_DAYS)
        rows = linear_features(seen)
        if self.fourier_seed is not None:
            rows = np.concatenate([rows, random_fourier_features(seen, self.fourier_seed)], axis=1)
        rows = rows[(day - first_day) * slots.slots_per_day :][: slots.slots_per_day]
        return np.concatenate([rows, np.full((slots.slots_per_day - len(rows), rows.shape[1]), np.nan)])


class DailyRidge:
    """One regression, refitted daily to a growing series.

    :param horizon_days: days that each fit predicts.
    """

    def __init__(self, config: RidgeConfig, horizon_days: int) -> None:
        self._config = config
        self._horizon_days = horizon_days
        #: number of days fitted so far
        self.fitted_days = 0
        self._features: dict[int, np.ndarray] = {}
        self._coefficients: dict[int, np.ndarray] = {}
        self._predictions: dict[int, np.ndarray] = {}
        self._xtx = np.zeros((0, 0))
        self._xty = np.zeros(0)
        self._penalty = np.zeros(0)
        self._intercept = 0.0

    def fit_until(self, slots: HourlySeries, until_day: int) -> None:
        """Fit the days before ``until_day``, whose features must be final."""
        while self.fitted_days < until_day:
            self._update_day(slots)
            finished = self.fitted_days - 1 - self._horizon_days
            if finished >= HINDCAST_DAYS:
                self._predictions[finished] = self._predict_day(finished, self._features)
            for cache in (self._features, self._coefficients):
                cache.pop(finished - HINDCAST_DAYS, None)

    def predict(self, slots: HourlySeries, days: range) -> np.ndarray:
        """Predict the days around each of ``days`` by the fit at its midnight, logarithm of the intensity.

        Shape ``(days, 8 + 1 + ahead days, slots a day)``, from 8 days before each midnight on; NaN beyond what is
        known ahead.
        """
        pending = [day for day in days if day not in self._predictions]
        around = range(min(pending) - HINDCAST_DAYS, max(pending) + self._horizon_days + 1) if pending else range(0)
        features = {
            day: self._features[day] if day in self._features else self._config.day_features(slots, day)
            for day in around
        }
        return np.stack(
            [self._predict_day(day, features) if day in pending else self._predictions[day] for day in days]
        )

    def _update_day(self, slots: HourlySeries) -> None:
        day = self.fitted_days
        rows = self._features[day] = self._config.day_features(slots, day)
        level = slots.log_intensity[day * slots.slots_per_day : (day + 1) * slots.slots_per_day]
        if not day:
            self._xtx, self._xty = np.zeros((rows.shape[1], rows.shape[1])), np.zeros(rows.shape[1])
            self._intercept = float(level.mean())
            self._penalty = self._config.penalty * np.where(
                np.arange(rows.shape[1]) < slots.slots_per_day, TIME_OF_DAY_PENALTY_SHARE, 1.0
            )
        decay = 0.5 ** (1 / self._config.half_life_days)
        self._xtx = decay * self._xtx + rows.T @ rows
        self._xty = decay * self._xty + rows.T @ (level - self._intercept)
        self.fitted_days = day + 1
        if day % self._config.refit_interval_days == 0:
            self._coefficients[self.fitted_days] = self._solve()
        else:
            self._coefficients[self.fitted_days] = self._coefficients[day]

    def _solve(self) -> np.ndarray:
        from scipy.linalg import cho_factor, cho_solve

        coefficients: np.ndarray = cho_solve(cho_factor(self._xtx + np.diag(self._penalty)), self._xty)
        return coefficients

    def _predict_day(self, day: int, features: dict[int, np.ndarray]) -> np.ndarray:
        """Predict the days around ``day`` by the fit at its midnight, or the latest one."""
        coefficients = self._coefficients[min(day, self.fitted_days)]
        around = range(day - HINDCAST_DAYS, day + self._horizon_days + 1)
        return self._intercept + np.stack([features[other] @ coefficients for other in around])


class IncrementalRidges:
    """Several regressions on one series; they continue while a series starts as the one before, else start again."""

    def __init__(self) -> None:
        self._slots: HourlySeries | None = None
        self._configs: tuple[RidgeConfig, ...] = ()
        self._horizon_days = 0
        self._ridges: list[DailyRidge] = []

    def fit(self, slots: HourlySeries, configs: tuple[RidgeConfig, ...], horizon_days: int) -> list[DailyRidge]:
        """Return the regressions of ``configs``, fitted to all days of ``slots`` whose features are final."""
        padding = math.ceil(RECEPTIVE_FIELD_DAYS * slots.slots_per_day)
        final = min(len(slots), len(slots) + slots.horizon - padding) if slots.future_covariates else len(slots)
        is_same = (configs, horizon_days) == (self._configs, self._horizon_days)
        if not is_same or not self._is_continuation(slots, padding, final):
            self._configs, self._horizon_days = configs, horizon_days
            self._ridges = [DailyRidge(config, horizon_days) for config in configs]
        for ridge in self._ridges:
            ridge.fit_until(slots, final // slots.slots_per_day)
        self._slots = slots
        return self._ridges

    def _is_continuation(self, slots: HourlySeries, padding: int, final_slots: int) -> bool:
        """Whether ``slots`` start with everything that was fitted."""
        before = self._slots
        fitted = self._ridges[0].fitted_days * slots.slots_per_day
        if before is None or fitted > final_slots:
            return False
        return (
            (before.start, before.slot_s, set(before.future_covariates))
            == (slots.start, slots.slot_s, set(slots.future_covariates))
            and np.array_equal(before.log_intensity[:fitted], slots.log_intensity[:fitted])
            and all(
                np.array_equal(values[: fitted + padding], slots.future_covariates[name][: fitted + padding])
                for name, values in before.future_covariates.items()
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class ResidualCorrection:
    """Corrections of forecasts that were issued at the same time on consecutive days, the last one today."""

    #: errors of the week before each issue under the model of that time, shape (issues, 7, slots a day)
    past_errors: np.ndarray
    #: errors of each forecast, NaN where the truth is not known yet, shape (issues, days, slots a day)
    forecast_errors: np.ndarray

    def compute(self) -> np.ndarray:
        """Return what to add to each forecast, shape ``(issues, days, slots a day)``, by the truth known today."""
        features = self._features()
        scale = max(float(np.sqrt(np.mean(self.past_errors**2))), 1e-6)
        days = range(self.forecast_errors.shape[1])
        return np.stack(
            [scale * _correct_lead_day(features / scale, self.forecast_errors[:, day] / scale, day) for day in days],
            axis=1,
        )

    def _features(self) -> np.ndarray:
        """Return the features of each issue for each slot of the day ahead, shape ``(issues, slots, 10)``."""
        issues, _, slots = self.past_errors.shape
        flat = self.past_errors.reshape(issues, -1)
        hour = max(slots // 24, 1)
        spans = (hour, 3 * hour, 6 * hour, 12 * hour, slots, 3 * slots, RESIDUAL_DAYS * slots)
        recent = np.stack([flat[:, -min(span, flat.shape[1]) :].mean(axis=1) for span in spans], axis=1)
        same_time = [self.past_errors[:, -days:].mean(axis=1) for days in (1, 3, RESIDUAL_DAYS)]
        return np.concatenate([np.repeat(recent[:, None], slots, axis=1), np.stack(same_time, axis=2)], axis=2)


def decayed_errors(errors: np.ndarray, slots_per_day: int, horizon: int) -> np.ndarray:
    """Return the decay of the last errors of each window, ``(windows, past slots)``, shape ``(windows, ahead)``."""
    lead_h = 24.0 * (np.arange(horizon) + 0.5) / slots_per_day
    short, long = (np.exp(-lead_h / decay_h) for decay_h in DECAY_TIMES_H)
    day = errors[:, -slots_per_day:].mean(axis=1, keepdims=True)
    hours = errors[:, -max(slots_per_day // 8, 1) :].mean(axis=1, keepdims=True)
    decayed: np.ndarray = 0.8 * day * long + 0.7 * (hours - day) * short
    return decayed


def _correct_lead_day(features: np.ndarray, errors: np.ndarray, day: int) -> np.ndarray:
    """Return the corrections of one day of lead, shape ``(issues, slots)``."""
    prior = _prior_coefficients(errors.shape[1], day, features.shape[2])
    known = np.isfinite(errors).all(axis=1)
    weights = 0.5 ** (np.arange(len(errors))[::-1] / HALF_LIFE_DAYS) * known
    by_slot = features.transpose(1, 2, 0)
    weighted = by_slot * weights
    xtx = weighted @ by_slot.transpose(0, 2, 1)
    xty = (weighted @ np.where(known[:, None], errors, 0.0).T[:, :, None] - xtx @ prior[:, :, None])[:, :, 0]
    xtx = (xtx + xtx.sum(axis=0)) / 2
    xty = (xty + xty.sum(axis=0)) / 2
    solved = np.linalg.solve(xtx + RIDGE_PENALTY * np.eye(features.shape[2]), xty[:, :, None])[:, :, 0]
    coefficients = prior + solved
    corrections: np.ndarray = (coefficients[:, None, :] @ by_slot)[:, 0].T
    return corrections


def _prior_coefficients(slots_per_day: int, day: int, n_features: int) -> np.ndarray:
    """Return the coefficients by which the last errors merely decay, shape ``(slots, columns)``."""
    lead_h = 24.0 * (day + (np.arange(slots_per_day) + 0.5) / slots_per_day)
    short, long = (np.exp(-lead_h / decay_h) for decay_h in DECAY_TIMES_H)
    prior = np.zeros((slots_per_day, n_features))
    prior[:, 1] = 0.7 * short
    prior[:, 4] = 0.8 * long - 0.7 * short
    return prior
