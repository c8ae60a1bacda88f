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
    from collections.abc import Sequence

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
#: days that are fitted at a time
FIT_BLOCK_DAYS = 28
#: penalty of the slot-of-day columns, as a share of the penalty of the others
TIME_OF_DAY_PENALTY_SHARE = 0.02

#: days of errors that a correction uses
RESIDUAL_DAYS = 7
#: spans of the mean errors that a correction uses: the last slots, the last days, and these at the same time of day
SPAN_SLOTS, SPAN_DAYS, SAME_TIME_DAYS = (1, 3, 6, 12), (1, 3, RESIDUAL_DAYS), (1, 3, RESIDUAL_DAYS)
N_SPANS = len(SPAN_SLOTS) + len(SPAN_DAYS)
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


class DayFeatures:
    """The features of whole days, each computed once while a series grows; shared by the regressions on it."""

    def __init__(self) -> None:
        self._final: dict[int | None, dict[int, np.ndarray]] = {}
        self._last_slots: HourlySeries | None = None
        self._provisional: dict[int | None, dict[int, np.ndarray]] = {}

    def of_days(self, slots: HourlySeries, days: range, fourier_seed: int | None) -> np.ndarray:
        """Return the features of ``days``, shape ``(days, slots a day, columns)``; NaN beyond what is known ahead."""
        if slots is not self._last_slots:
            self._last_slots, self._provisional = slots, {}
        n_final = final_days(slots)
        final, provisional = (cache.setdefault(fourier_seed, {}) for cache in (self._final, self._provisional))
        missing = [day for day in days if day < n_final and day not in final]
        if missing:
            block = range(missing[0], missing[-1] + 1)
            final.update(zip(block, self._compute(slots, block, fourier_seed), strict=True))
        for day in days:  # day by day, so that what was computed before makes no difference
            if day >= n_final and day not in provisional:
                provisional[day] = self._compute(slots, range(day, day + 1), fourier_seed)[0]
        return np.stack([final[day] if day < n_final else provisional[day] for day in days])

    def forget_before(self, day: int) -> None:
        """Drop the features of the days before ``day``."""
        for cache in self._final.values():
            for old in [known for known in cache if known < day]:
                del cache[old]

    def _compute(self, slots: HourlySeries, days: range, fourier_seed: int | None) -> np.ndarray:
        seen_from = max(days.start - PADDING_DAYS, 0)
        seen = slots.slice_days(seen_from, days.stop + PADDING_DAYS)
        rows = linear_features(seen) if fourier_seed is None else random_fourier_features(seen, fourier_seed)
        first, count = (days.start - seen_from) * slots.slots_per_day, len(days) * slots.slots_per_day
        rows = rows[first:][:count]
        missing = np.full((count - len(rows), rows.shape[1]), np.nan)
        by_day = np.concatenate([rows, missing]).reshape(len(days), slots.slots_per_day, -1)
        if fourier_seed is None:
            return by_day
        return np.concatenate([self.of_days(slots, days, None), by_day], axis=2)


def final_days(slots: HourlySeries) -> int:
    """Return the number of days whose features do not change as the series grows."""
    padding = math.ceil(RECEPTIVE_FIELD_DAYS * slots.slots_per_day) if slots.future_covariates else 0
    return max((len(slots) + slots.horizon - padding) // slots.slots_per_day, 0)


class DailyRidge:
    """One regression, refitted daily to a growing series.

    :param horizon_days: days that each fit predicts.
    :param features: the features of the series, where other regressions share them.
    :param first_day: the first day around whose midnight it will be asked to predict.
    """

    def __init__(
        self, config: RidgeConfig, horizon_days: int, features: DayFeatures | None = None, first_day: int = 0
    ) -> None:
        self._config = config
        self._horizon_days = horizon_days
        self._first_day = max(first_day, HINDCAST_DAYS)
        #: number of days fitted so far
        self.fitted_days = 0
        self._features = features or DayFeatures()
        self._coefficients: dict[int, np.ndarray] = {}
        self._predictions: dict[int, np.ndarray] = {}
        self._xtx = np.zeros((0, 0))
        self._xty = np.zeros(0)
        self._penalty = np.zeros(0)
        self._intercept = 0.0

    def fit_until(self, slots: HourlySeries, until_day: int) -> None:
        """Fit the days before ``until_day``, whose features must be final."""
        new_days = range(self.fitted_days, until_day)
        if not new_days:
            return
        rows = self._features.of_days(slots, new_days, self._config.fourier_seed)
        for day, day_rows in zip(new_days, rows, strict=True):
            self._update_day(slots, day, day_rows)
            finished = day - self._horizon_days
            if finished >= self._first_day:
                self._predictions[finished] = self._predict_days(slots, [finished])[0]
            self._coefficients.pop(finished - 1, None)

    def predict(self, slots: HourlySeries, days: range) -> np.ndarray:
        """Predict the days around each of ``days`` by the fit at its midnight, logarithm of the intensity.

        Shape ``(days, 8 + 1 + ahead days, slots a day)``, from 8 days before each midnight on; NaN beyond what is
        known ahead.
        """
        pending = [day for day in days if day not in self._predictions]
        predicted = dict(zip(pending, self._predict_days(slots, pending), strict=True)) if pending else {}
        return np.stack([predicted[day] if day in predicted else self._predictions[day] for day in days])

    def _update_day(self, slots: HourlySeries, day: int, rows: np.ndarray) -> None:
        level = slots.log_intensity[day * slots.slots_per_day : (day + 1) * slots.slots_per_day]
        if not day:
            self._xtx, self._xty = np.zeros((rows.shape[1], rows.shape[1])), np.zeros(rows.shape[1])
            self._intercept = float(level.mean())
            self._penalty = self._config.penalty * np.where(
                np.arange(rows.shape[1]) < slots.slots_per_day, TIME_OF_DAY_PENALTY_SHARE, 1.0
            )
        decay = 0.5 ** (1 / self._config.half_life_days)
        self._xtx *= decay
        self._xtx += rows.T @ rows
        self._xty = decay * self._xty + rows.T @ (level - self._intercept)
        self.fitted_days = day + 1
        if day % self._config.refit_interval_days == 0:
            if self.fitted_days + self._config.refit_interval_days > self._first_day:
                self._coefficients[self.fitted_days] = self._solve()
        elif day in self._coefficients:
            self._coefficients[self.fitted_days] = self._coefficients[day]

    def _solve(self) -> np.ndarray:
        from scipy.linalg.lapack import dposv

        matrix = self._xtx.copy()
        matrix.ravel()[:: len(matrix) + 1] += self._penalty
        _, coefficients, failed = dposv(matrix.T, self._xty, lower=1, overwrite_a=1)
        if failed:
            message = f"Expected a positive definite matrix of features, but its minor {failed} is not."
            raise np.linalg.LinAlgError(message)
        return np.asarray(coefficients)

    def _predict_days(self, slots: HourlySeries, days: Sequence[int]) -> list[np.ndarray]:
        """Predict the days around each of ``days`` by the fit at its midnight, or the latest one."""
        width, first = HINDCAST_DAYS + 1 + self._horizon_days, min(days) - HINDCAST_DAYS
        around = range(first, max(days) + 1 + self._horizon_days)
        rows = self._features.of_days(slots, around, self._config.fourier_seed)
        predictions = []
        for day in days:
            coefficients = self._coefficients[min(day, self.fitted_days)]
            seen = rows[day - HINDCAST_DAYS - first :][:width].reshape(-1, rows.shape[2])
            predictions.append(self._intercept + (seen @ coefficients).reshape(width, -1))
        return predictions


class IncrementalRidges:
    """Several regressions on one series; they continue while a series starts as the one before, else start again."""

    def __init__(self) -> None:
        self._slots: HourlySeries | None = None
        self._configs: tuple[RidgeConfig, ...] = ()
        self._horizon_days = 0
        self._first_day = 0
        self._features = DayFeatures()
        self._ridges: list[DailyRidge] = []

    def fit(
        self, slots: HourlySeries, configs: tuple[RidgeConfig, ...], horizon_days: int, first_day: int = 0
    ) -> list[DailyRidge]:
        """Return the regressions of ``configs``, fitted to all days of ``slots`` whose features are final.

        :param first_day: the first day around whose midnight they will be asked to predict.
        """
        end_day = min(len(slots) // slots.slots_per_day, final_days(slots))
        is_same = (configs, horizon_days) == (self._configs, self._horizon_days) and first_day >= self._first_day
        if not is_same or not self._is_continuation(slots, end_day):
            self._configs, self._horizon_days, self._first_day = configs, horizon_days, first_day
            self._features = DayFeatures()
            self._ridges = [DailyRidge(config, horizon_days, self._features, first_day) for config in configs]
        fitted = self._ridges[0].fitted_days
        for stop in [*range(fitted + FIT_BLOCK_DAYS, end_day, FIT_BLOCK_DAYS), end_day]:
            for ridge in self._ridges:
                ridge.fit_until(slots, stop)
            self._features.forget_before(stop - 2 * HINDCAST_DAYS - horizon_days)
        self._slots = slots
        return self._ridges

    def _is_continuation(self, slots: HourlySeries, end_day: int) -> bool:
        """Whether ``slots`` start with everything that was fitted."""
        before = self._slots
        if before is None or self._ridges[0].fitted_days > end_day:
            return False
        fitted = self._ridges[0].fitted_days * slots.slots_per_day
        known = final_days(before) * slots.slots_per_day + math.ceil(RECEPTIVE_FIELD_DAYS * slots.slots_per_day)
        return (
            (before.start, before.slot_s, set(before.future_covariates))
            == (slots.start, slots.slot_s, set(slots.future_covariates))
            and np.array_equal(before.log_intensity[:fitted], slots.log_intensity[:fitted])
            and all(
                _agree(values[:known], slots.future_covariates[name][:known])
                for name, values in before.future_covariates.items()
            )
        )


def _agree(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two series are equal as far as both reach."""
    count = min(len(left), len(right))
    return np.array_equal(left[:count], right[:count])


@dataclass(frozen=True, slots=True, eq=False)
class ResidualCorrection:
    """Corrections of forecasts that were issued at the same time on consecutive days, the last one today."""

    #: errors of the week before each issue under the model of that time, shape (issues, 7, slots a day)
    past_errors: np.ndarray
    #: errors of each forecast, NaN where the truth is not known yet, shape (issues, days, slots a day)
    forecast_errors: np.ndarray

    def compute(self) -> np.ndarray:
        """Return what to add to each forecast, shape ``(issues, days, slots a day)``, by the truth known today."""
        n_days, slots = self.forecast_errors.shape[1:]
        scale = max(float(np.sqrt(np.mean(self.past_errors**2))), 1e-6)
        recent, same_time = (features / scale for features in self._features())
        stacked = np.concatenate([recent, same_time.reshape(len(recent), -1)], axis=1)
        errors = self.forecast_errors / scale
        is_known = np.asarray(np.isfinite(errors).all(axis=2))
        weights = 0.5 ** (np.arange(len(errors))[::-1] / HALF_LIFE_DAYS)
        gram = (stacked * weights[:, None]).T @ stacked
        known_errors = np.where(is_known[:, :, None], errors, 0.0).reshape(len(errors), -1)
        products = ((stacked * weights[:, None]).T @ known_errors).reshape(-1, n_days, slots)
        columns = np.concatenate([np.tile(np.arange(N_SPANS), (slots, 1)), N_SPANS + _same_time_columns(slots)], axis=1)
        corrections = np.empty_like(errors)
        for day in range(n_days):
            unknown = stacked[~is_known[:, day]]
            day_gram = gram - (unknown * weights[~is_known[:, day], None]).T @ unknown
            xtx = day_gram[columns[:, :, None], columns[:, None, :]]
            prior = _prior_coefficients(slots, day, columns.shape[1])
            xty = products[columns, day, np.arange(slots)[:, None]] - (xtx @ prior[:, :, None])[:, :, 0]
            coefficients = prior + _solve_shrunk(xtx, xty)
            own = (same_time * coefficients[:, N_SPANS:].T).sum(axis=1)
            corrections[:, day] = recent @ coefficients[:, :N_SPANS].T + own
        return scale * corrections

    def _features(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean errors of each issue's past: of the last hours, days and week, and at each time of day.

        Shapes ``(issues, 7)`` and ``(issues, 3, slots)``: over the last day, three days and the week.
        """
        issues, _, slots = self.past_errors.shape
        sums = np.cumsum(self.past_errors.reshape(issues, -1)[:, ::-1], axis=1)
        spans = [min(span, sums.shape[1]) for span in (*SPAN_SLOTS, *(days * slots for days in SPAN_DAYS))]
        recent = np.stack([sums[:, span - 1] / span for span in spans], axis=1)
        same_time = np.stack([self.past_errors[:, -days:].mean(axis=1) for days in SAME_TIME_DAYS], axis=1)
        return recent, same_time


def decayed_errors(errors: np.ndarray, slots_per_day: int, horizon: int) -> np.ndarray:
    """Return the decay of the last errors of each window, ``(windows, past slots)``, shape ``(windows, ahead)``."""
    lead_h = 24.0 * (np.arange(horizon) + 0.5) / slots_per_day
    short, long = (np.exp(-lead_h / decay_h) for decay_h in DECAY_TIMES_H)
    day = errors[:, -slots_per_day:].mean(axis=1, keepdims=True)
    hours = errors[:, -max(slots_per_day // 8, 1) :].mean(axis=1, keepdims=True)
    decayed: np.ndarray = 0.8 * day * long + 0.7 * (hours - day) * short
    return decayed


def _solve_shrunk(xtx: np.ndarray, xty: np.ndarray) -> np.ndarray:
    """Solve the regression of each slot, half of it common to all, ``(slots, columns)``."""
    xtx, xty = (xtx + xtx.sum(axis=0)) / 2, (xty + xty.sum(axis=0)) / 2
    solved: np.ndarray = np.linalg.solve(xtx + RIDGE_PENALTY * np.eye(xtx.shape[1]), xty[:, :, None])[:, :, 0]
    return solved


def _same_time_columns(slots: int) -> np.ndarray:
    """Return the columns of each slot's own mean errors, shape ``(slots, spans)``."""
    return np.arange(slots)[:, None] + slots * np.arange(len(SAME_TIME_DAYS))


def _prior_coefficients(slots_per_day: int, day: int, n_features: int) -> np.ndarray:
    """Return the coefficients by which the last errors merely decay, shape ``(slots, columns)``."""
    lead_h = 24.0 * (day + (np.arange(slots_per_day) + 0.5) / slots_per_day)
    short, long = (np.exp(-lead_h / decay_h) for decay_h in DECAY_TIMES_H)
    prior = np.zeros((slots_per_day, n_features))
    prior[:, 1] = 0.7 * short
    prior[:, 4] = 0.8 * long - 0.7 * short
    return prior
