"""An ensemble that weighs its members online, by their errors in the zone at hand, with calibrated intervals.

Members
    :class:`AdaptiveRidge`, :class:`DampedProfile`, :class:`SeasonalNaive` and the mean of the same hours of the week in
    the last four weeks. None needs a file or a training beforehand.

Weights
    Every member is issued again at the same time of the last 120 days. For each day of lead, the weights minimise the
    mean squared error of the logarithm over these issues, recent ones weighing more, among all weights that are not
    negative and sum to one; a penalty holds them near those of the regressions alone (stacking, [B96]).

    A model that was fitted for the zone (a transformer, trees, a blend) is issued again at the last 30 midnights, and
    weighed in the same way against the ensemble of the others.

Intervals
    Quantiles of the ensemble's errors over the same issues, in units of the error at each hour of lead; each one moves
    by a step for every day on which too much or too little of the truth was below it (conformal tracking, [ACT23]).

Everything is computed from the past that is given, so that a resumed search repeats its forecasts.

Sources
    [B96] Breiman. Stacked regressions. Machine Learning 24, 1996.
    [ACT23] Angelopoulos, Candes, Tibshirani. Conformal PID control for time series prediction. NeurIPS 2023.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.config.registry import FORECASTERS
from ce_nas.core.records import Forecast
from ce_nas.forecast.adaptive import AdaptiveRidge
from ce_nas.forecast.hourly import DAYS_PER_WEEK, MIN_INTENSITY_G_PER_KWH, QUANTILE_LEVELS, HourlyForecaster
from ce_nas.forecast.simple import PROFILE_DAYS, PROFILE_DECAY_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.forecast.base import Forecaster, ForecastInput
    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["OnlineEnsemble"]

#: the members, and the weights from which the errors move them
MEMBERS = ("adaptive", "damped-profile", "seasonal-naive", "weekly-profile")
PRIOR_WEIGHTS = np.array([1.0, 0.0, 0.0, 0.0])
#: strength of the prior on the weights, in mean squared errors of the best member; and against a fitted model
PRIOR_STRENGTH, FITTED_PRIOR_STRENGTH = 2.0, 0.5
#: issues from which weights and intervals are learned, and time in which their weight halves, days
MAX_ISSUES, HALF_LIFE_DAYS = 120, 45.0
#: midnights at which a fitted model is issued again
FITTED_ISSUES = 30
#: weeks of the weekly profile
PROFILE_WEEKS = 4
#: hours of lead on either side whose errors are pooled
POOLED_LEAD_HOURS = 2
#: step of a quantile after a day on which all (or none) of the truth was below it, as a share of its distance from the
#: median
TRACKING_RATE = 0.2
#: factor of the quantiles' distances from the median: the earlier issues have themselves shaped the weights
WIDENING = 1.06
#: spread of the logarithm's error after an hour and after a day, assumed until ten issues have shown it
ASSUMED_SPREAD = (0.04, 0.2)
MIN_ISSUES = 10
#: lower bound of a spread, logarithm
MIN_SPREAD = 1e-4
#: levels of the standard normal distribution
NORMAL_QUANTILES = np.array([-1.960, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.960])
#: forecasts that a process keeps: runs from the same start ask for the same ones
CACHE_SIZE = 2048


@FORECASTERS.register("online-ensemble")
class OnlineEnsemble(HourlyForecaster):
    """The members' mean, weighted by their latest errors, with calibrated intervals.

    With less than two weeks known the forecast is that of :class:`DampedProfile`, as :attr:`Forecast.fallback` says.

    :param fitted: a model that was fitted for the zone, if any, and the SHA-256 of its files.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> day = 300 + 100 * np.sin(np.arange(24) / 24 * 2 * np.pi)
        >>> inputs = ForecastInput(np.tile(day, 30), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> bool(np.allclose(OnlineEnsemble().predict(inputs, 86400.0).mean_g_per_kwh, day, rtol=0.05))
        True
    """

    name = "online-ensemble"
    allows_long_slots = True

    def __init__(self, fitted: Forecaster | None = None, fitted_sha256: str = "") -> None:
        self._adaptive = AdaptiveRidge()
        self._fitted = _FittedMember(fitted, fitted_sha256) if fitted else None

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        key = _digest(inputs, horizon_s, self.lookback_s, self._fitted.sha256 if self._fitted else "")
        forecast = CACHE.get(key)
        if forecast is None:
            forecast = self._predict(inputs, horizon_s)
            CACHE.put(key, forecast)
        quantiles = {level: values.copy() for level, values in forecast.quantiles_g_per_kwh.items()}
        return replace(
            forecast,
            issued_s=inputs.end_s,
            start_s=inputs.end_s,
            mean_g_per_kwh=forecast.mean_g_per_kwh.copy(),
            quantiles_g_per_kwh=quantiles,
        )

    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """See :meth:`HourlyForecaster.predict_log`; without a fitted model."""
        del zone
        mixture, _ = self._mix(slots)
        return mixture.log_mean, dict(zip(QUANTILE_LEVELS, mixture.log_quantiles, strict=True))

    def _predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        slots = self.usable_slots(inputs, horizon_s)
        if slots is None:
            return _with_assumed_intervals(super().predict(inputs, horizon_s))
        mixture, _ = self._mix(slots)
        weights = dict(zip(MEMBERS, mixture.weights.mean(axis=0).tolist(), strict=True))
        log_mean, log_quantiles = mixture.log_mean, mixture.log_quantiles
        if self._fitted is not None and slots.slot_s == slots.steps_per_slot * inputs.step_s:
            shift, share = self._shift_to_fitted(inputs, slots, log_mean, horizon_s)
            log_mean, log_quantiles = log_mean + shift, log_quantiles + shift
            weights = {name: (1 - share) * weight for name, weight in weights.items()} | {self._fitted.name: share}
        quantiles = zip(QUANTILE_LEVELS, log_quantiles, strict=True)
        return Forecast(
            self.name,
            inputs.end_s,
            inputs.end_s,
            inputs.step_s,
            slots.to_steps(np.exp(log_mean), horizon_s),
            {level: slots.to_steps(np.exp(values), horizon_s) for level, values in quantiles},
            members={name: round(weight, 3) for name, weight in weights.items()},
            rolling_error_pct=mixture.rolling_error_pct,
        )

    def _mix(self, slots: HourlySeries) -> tuple[_Mixture, np.ndarray]:
        """Return the ensemble of the members without a fitted model, and its errors at earlier issues."""
        level, adaptive_errors = self._adaptive.hindcast(slots, MAX_ISSUES)
        others = _simple_members(slots, len(adaptive_errors) + 1)
        errors = np.concatenate([adaptive_errors[None], _truth(slots, len(adaptive_errors)) - others[:, :-1]])
        return _Mixture.fit(np.concatenate([level[None], others[:, -1]]), errors, slots.slots_per_day)

    def _shift_to_fitted(
        self, inputs: ForecastInput, slots: HourlySeries, log_mean: np.ndarray, horizon_s: float
    ) -> tuple[np.ndarray, float]:
        """Return what the fitted model adds to the ensemble's logarithm, shape ``(ahead,)``, and its mean weight."""
        assert self._fitted is not None  # noqa: S101 - the caller checks it
        since_midnight = len(slots) % slots.slots_per_day * slots.steps_per_slot
        midnight = inputs.truncate(self.lookback_s, len(inputs.intensity_g_per_kwh) - since_midnight, horizon_s)
        weights = self._fitted.weights.get(midnight.end)
        if weights is None:
            slots_then = self.usable_slots(midnight, horizon_s)
            errors = np.empty((0, slots.horizon)) if slots_then is None else self._mix(slots_then)[1]
            weights = self._fitted.weigh(midnight, horizon_s, slots, errors)
        by_slot = np.repeat(weights, slots.slots_per_day)[: slots.horizon]
        own = self._fitted.log_forecast(inputs, horizon_s, slots)
        return by_slot * (own - log_mean), float(weights.mean())


class _FittedMember:
    """A model that was fitted beforehand, and its weights against the other members."""

    def __init__(self, forecaster: Forecaster, sha256: str) -> None:
        self._forecaster = getattr(forecaster, "inner", forecaster)  # the ensemble calibrates by itself
        self._hindcasts: dict[datetime, tuple[bytes, np.ndarray]] = {}
        self.name, self.sha256 = f"fitted {self._forecaster.name}", sha256
        #: weight by day of lead, shape (days of lead,), by the midnight since which it holds
        self.weights: dict[datetime, np.ndarray] = {}

    def log_forecast(self, inputs: ForecastInput, horizon_s: float, slots: HourlySeries) -> np.ndarray:
        """Return its forecast by slot, logarithm, shape ``(ahead,)``."""
        seen = inputs.truncate(self._forecaster.lookback_s, horizon_s=horizon_s)
        mean = self._forecaster.predict(seen, horizon_s).mean_g_per_kwh
        by_slot = mean[: slots.horizon * slots.steps_per_slot].reshape(-1, slots.steps_per_slot).mean(axis=1)
        log: np.ndarray = np.log(np.maximum(by_slot, MIN_INTENSITY_G_PER_KWH))
        return log

    def weigh(self, inputs: ForecastInput, horizon_s: float, slots: HourlySeries, errors: np.ndarray) -> np.ndarray:
        """Return its weight by day of lead against an ensemble, by the last midnights.

        :param inputs: what was known at the last midnight.
        :param errors: of the ensemble at the midnights before it, shape ``(issues, ahead)``, oldest first.
        """
        day, n_days = slots.slots_per_day, -(-slots.horizon // slots.slots_per_day)
        weights, errors = np.zeros(n_days), errors[-FITTED_ISSUES:]
        if len(errors) >= MIN_ISSUES:
            count, steps = len(inputs.intensity_g_per_kwh), day * slots.steps_per_slot
            stops = range(count - steps * len(errors), count, steps)
            own = np.stack([self._hindcast(inputs, stop, horizon_s, slots) for stop in stops])
            both = np.stack([errors, own])
            recency = 0.5 ** (np.arange(len(errors))[::-1] / HALF_LIFE_DAYS)
            for number in range(n_days):
                lead = slice(number * day, (number + 1) * day)
                known = np.isfinite(both[:, :, lead]).all(axis=(0, 2))
                if known.sum() >= MIN_ISSUES:
                    prior, strength = np.array([1.0, 0.0]), FITTED_PRIOR_STRENGTH
                    weights[number] = stacking_weights(both[:, known, lead], recency[known], prior, strength)[1]
        self.weights[inputs.end] = weights
        return weights

    def _hindcast(self, inputs: ForecastInput, stop: int, horizon_s: float, slots: HourlySeries) -> np.ndarray:
        """Return its errors when issued after ``stop`` steps, NaN where the truth is not known yet."""
        cut = inputs.truncate(self._forecaster.lookback_s, stop, horizon_s)
        key = _digest(cut, horizon_s, self._forecaster.lookback_s)
        if cut.end not in self._hindcasts or self._hindcasts[cut.end][0] != key:
            self._hindcasts[cut.end] = (key, self.log_forecast(cut, horizon_s, slots))
        ahead = inputs.intensity_g_per_kwh[stop : stop + slots.horizon * slots.steps_per_slot]
        by_slot = ahead[: len(ahead) // slots.steps_per_slot * slots.steps_per_slot].reshape(-1, slots.steps_per_slot)
        truth = np.full(slots.horizon, np.nan)
        truth[: len(by_slot)] = np.log(np.maximum(by_slot.mean(axis=1), MIN_INTENSITY_G_PER_KWH))
        error: np.ndarray = truth - self._hindcasts[cut.end][1]
        return error


@dataclass(frozen=True, slots=True, eq=False)
class _Mixture:
    """A weighted forecast, in logarithms."""

    #: shape (ahead,)
    log_mean: np.ndarray
    #: shape (levels, ahead)
    log_quantiles: np.ndarray
    #: shape (days of lead, members)
    weights: np.ndarray
    #: mean absolute percentage error over the latest issues, %; None before there are any
    rolling_error_pct: float | None

    @classmethod
    def fit(cls, current: np.ndarray, errors: np.ndarray, slots_per_day: int) -> tuple[_Mixture, np.ndarray]:
        """Weigh the members, and calibrate; also return the mixture's errors at the earlier issues.

        :param current: of each member, shape ``(members, ahead)``.
        :param errors: truth less forecast of each member at earlier issues, oldest first, NaN where the truth is not
            known yet, shape ``(members, issues, ahead)``.
        """
        n_days, horizon = -(-current.shape[1] // slots_per_day), current.shape[1]
        age = np.arange(errors.shape[1])[::-1]
        recency = 0.5 ** (age / HALF_LIFE_DAYS)
        leads = [slice(day * slots_per_day, min((day + 1) * slots_per_day, horizon)) for day in range(n_days)]
        known = [np.isfinite(errors[:, :, lead]).all(axis=(0, 2)) for lead in leads]
        weights = np.tile(PRIOR_WEIGHTS, (n_days, 1))
        for day, (lead, is_known) in enumerate(zip(leads, known, strict=True)):
            if is_known.sum() >= MIN_ISSUES:
                weights[day] = stacking_weights(errors[:, is_known, lead], recency[is_known])
        by_slot = np.repeat(weights, slots_per_day, axis=0)[:horizon].T
        log_mean = (by_slot * current).sum(axis=0)
        mixed = (by_slot[:, None] * errors).sum(axis=0)
        log_quantiles = np.empty((len(QUANTILE_LEVELS), horizon))
        for lead, is_known in zip(leads, known, strict=True):
            if is_known.sum() >= MIN_ISSUES:
                log_quantiles[:, lead] = error_quantiles(mixed[is_known, lead], recency[is_known])
            else:
                log_quantiles[:, lead] = NORMAL_QUANTILES[:, None] * _assumed_spread(
                    24.0 * (np.arange(lead.start, lead.stop) + 1) / slots_per_day
                )
        finite = np.isfinite(mixed)
        shares = np.abs(np.expm1(-mixed, where=finite, out=np.zeros_like(mixed)))
        total = float((finite * recency[:, None]).sum())
        error_pct = 100 * float((shares * recency[:, None]).sum()) / total if total else None
        return cls(log_mean, log_mean + log_quantiles, weights, error_pct), mixed


def stacking_weights(
    errors: np.ndarray, recency: np.ndarray, prior: np.ndarray = PRIOR_WEIGHTS, strength: float = PRIOR_STRENGTH
) -> np.ndarray:
    """Return the weights of least mean squared error, none negative, their sum one; ``(members,)``.

    :param errors: shape ``(members, issues, slots)``.
    :param recency: weight of each issue, shape ``(issues,)``.
    :param prior: the weights that a penalty of relative ``strength`` pulls to.
    """
    flat = (errors * np.sqrt(recency / recency.sum() / errors.shape[2])[None, :, None]).reshape(len(errors), -1)
    gram = flat @ flat.T
    penalty = strength * float(gram.diagonal().min()) + 1e-12
    matrix, target = gram + penalty * np.eye(len(gram)), penalty * prior
    used = np.array(list(product([False, True], repeat=len(gram))))[1:]
    masked = np.where(used[:, :, None] & used[:, None, :], matrix, np.eye(len(gram)))
    sides = np.stack([used * target, used * 1.0], axis=2)
    solved = np.linalg.solve(masked, sides)
    multiplier = (1 - solved[:, :, 0].sum(axis=1)) / solved[:, :, 1].sum(axis=1)
    candidates = solved[:, :, 0] + multiplier[:, None] * solved[:, :, 1]
    losses = np.einsum("ij,jk,ik->i", candidates, matrix, candidates) - 2 * candidates @ target
    losses[(candidates < -1e-9).any(axis=1)] = np.inf
    best = np.maximum(candidates[int(np.argmin(losses))], 0.0)
    weights: np.ndarray = best / best.sum()
    return weights


def error_quantiles(errors: np.ndarray, recency: np.ndarray) -> np.ndarray:
    """Return tracked quantiles of errors ``(issues, slots)`` of one day of lead, shape ``(levels, slots)``."""
    n_slots = errors.shape[1]
    squares = (errors**2 * recency[:, None]).sum(axis=0) / recency.sum()
    near = np.clip(np.arange(n_slots)[:, None] + np.arange(-POOLED_LEAD_HOURS, POOLED_LEAD_HOURS + 1), 0, n_slots - 1)
    spread = np.maximum(np.sqrt(squares[near].mean(axis=1)), MIN_SPREAD)
    scaled = errors / spread
    ordered = np.sort(scaled, axis=None)
    quantiles = np.interp(QUANTILE_LEVELS, (np.arange(len(ordered)) + 0.5) / len(ordered), ordered)
    middle, low, high = (QUANTILE_LEVELS.index(level) for level in (0.5, 0.25, 0.75))
    distances = np.maximum(np.abs(quantiles - quantiles[middle]), (quantiles[high] - quantiles[low]) / 2)
    levels = np.array(QUANTILE_LEVELS)
    for day in np.sort(scaled, axis=1):
        below = day.searchsorted(quantiles, side="right") / n_slots
        quantiles = quantiles + TRACKING_RATE * distances * (levels - below)
    quantiles = np.sort(quantiles)
    quantiles = quantiles[middle] + WIDENING * (quantiles - quantiles[middle])
    tracked: np.ndarray = quantiles[:, None] * spread
    return tracked


def _simple_members(slots: HourlySeries, n_issues: int) -> np.ndarray:
    """Return the damped profile, yesterday and the weekly profile at the last issues, each a day after the other.

    Shape ``(3, issues, ahead)``, logarithm; the last issue is at the end of ``slots``. Issues before which no week is
    known are NaN.
    """
    day, log = slots.slots_per_day, slots.log_intensity
    ends = len(log) - day * np.arange(n_issues)[::-1]
    ahead = np.arange(slots.horizon)
    seen = np.lib.stride_tricks.sliding_window_view(log, PROFILE_DAYS * day)
    week = seen[np.maximum(ends - PROFILE_DAYS * day, 0)].reshape(n_issues, PROFILE_DAYS, day)
    profile = np.exp(week).mean(axis=1)
    decay = np.exp(-slots.slot_s * (ahead + 1) / PROFILE_DECAY_S)
    damped = profile[:, ahead % day] + (np.exp(week[:, -1, -1]) - profile[:, -1])[:, None] * decay
    naive = week[:, -1][:, ahead % day]
    weekly = np.zeros((n_issues, slots.horizon))
    counts = np.zeros((n_issues, 1))
    for back in range(1, PROFILE_WEEKS + 1):
        at = ends[:, None] + ahead % (DAYS_PER_WEEK * day) - DAYS_PER_WEEK * day * back
        is_known = at[:, :1] >= 0
        weekly += np.where(is_known, log[np.clip(at, 0, len(log) - 1)], 0.0)
        counts += is_known
    values = np.stack([np.log(np.maximum(damped, MIN_INTENSITY_G_PER_KWH)), naive, weekly / np.maximum(counts, 1)])
    values[:, ends < PROFILE_DAYS * day] = np.nan
    return values


def _truth(slots: HourlySeries, n_issues: int) -> np.ndarray:
    """Return what followed the last issues before the end of ``slots``, NaN where it is not known yet."""
    log = np.concatenate([slots.log_intensity, np.full(slots.horizon, np.nan)])
    ends = len(slots) - slots.slots_per_day * np.arange(n_issues, 0, -1)
    truth: np.ndarray = log[ends[:, None] + np.arange(slots.horizon)]
    return truth


def _with_assumed_intervals(forecast: Forecast) -> Forecast:
    """Return the forecast with the intervals that are assumed before errors are known."""
    lead_h = forecast.step_s / 3600.0 * np.arange(1, len(forecast.mean_g_per_kwh) + 1)
    factors = np.exp(NORMAL_QUANTILES[:, None] * _assumed_spread(lead_h))
    quantiles = dict(zip(QUANTILE_LEVELS, factors * forecast.mean_g_per_kwh, strict=True))
    return replace(forecast, quantiles_g_per_kwh=quantiles)


def _assumed_spread(lead_h: np.ndarray) -> np.ndarray:
    """Return the spread of the logarithm's error at each lead; it no longer grows after a day."""
    hour, day = ASSUMED_SPREAD
    spread: np.ndarray = hour + (day - hour) * np.sqrt(np.minimum(lead_h, 24.0) / 24.0)
    return spread


class _ForecastCache:
    """The latest forecasts of a process, by what they were computed from."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Forecast] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Forecast | None:
        with self._lock:
            return self._entries.get(key)

    def put(self, key: bytes, forecast: Forecast) -> None:
        with self._lock:
            self._entries[key] = forecast
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)


#: shared by all ensembles of a process
CACHE = _ForecastCache(CACHE_SIZE)


def _digest(inputs: ForecastInput, horizon_s: float, lookback_s: float, model: str = "") -> bytes:
    """Return a key of everything that a forecast depends on."""
    seen = inputs.truncate(lookback_s)
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{seen.step_s} {seen.end.isoformat()} {seen.end_s % seen.step_s} {horizon_s} {model}".encode())
    if model:
        digest.update(seen.zone.encode())
    mix = seen.mix_mw if model else {}
    for name, values in [("", seen.intensity_g_per_kwh), *sorted(seen.future_covariates.items()), *sorted(mix.items())]:
        digest.update(f"{name} {len(values)}".encode())
        digest.update(np.ascontiguousarray(values, dtype=float).tobytes())
    return digest.digest()
