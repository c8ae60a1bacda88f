"""An ensemble that weighs its members online, by their errors in the zone at hand, with calibrated intervals.

Members
    :class:`AdaptiveRidge`, :class:`DampedProfile`, :class:`SeasonalNaive` and the mean of the same hours of the week in
    the last four weeks. None needs a file or a training beforehand.

Weights
    Every member is issued again at the same time of the last 120 days. For each day of lead, the weights minimise the
    mean squared error of the logarithm over these issues, recent ones weighing more, among all weights that are not
    negative and sum to one; a penalty holds them near those of the regressions alone (stacking, [B96]).

    Networks and trees are weighed in the same way, one after the other, against the ensemble so far, by what they would
    have forecast at the last 60 midnights. First :class:`PretrainedTransformer`, which knows no zone: with two fifths
    of the weight to begin with, or none where the weather is known, which it does not see; it is left out where its
    training has seen the zone's hours. Then a model that was fitted for the zone (a transformer, trees, a blend), which
    has no weight to begin with.

    :class:`WeatherTrees` take part where the weather is known, with a fixed weight against all others: their errors are
    7 to 28 % larger, but of another kind.

Intervals
    Quantiles of the ensemble's errors over the same issues, in units of the error at each hour of lead; each one moves
    by a step for every day on which too much or too little of the truth was below it (conformal tracking, [ACT23]).

Everything is computed from the past that is given, so that a resumed search repeats its forecasts.

Sources
    [B96] Breiman. Stacked regressions. Machine Learning 24, 1996.
    [ACT23] Angelopoulos, Candes, Tibshirani. Conformal PID control for time series prediction. NeurIPS 2023.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.components.registry import FORECASTERS
from ce_nas.core.records import Forecast
from ce_nas.forecast.adaptive import AdaptiveRidge
from ce_nas.forecast.features import has_weather
from ce_nas.forecast.forecast_cache import ForecastCache, digest_inputs
from ce_nas.forecast.hourly import (
    DAYS_PER_WEEK,
    HOURS_PER_DAY,
    MIN_INTENSITY_G_PER_KWH,
    QUANTILE_LEVELS,
    HourlyForecaster,
)
from ce_nas.forecast.pretrained import PretrainedTransformer
from ce_nas.forecast.simple_forecasters import PROFILE_DAYS, PROFILE_DECAY_S
from ce_nas.forecast.stacking import (
    NORMAL_QUANTILES,
    PRIOR_WEIGHTS,
    assumed_spread,
    error_quantiles,
    stacking_weights,
)
from ce_nas.forecast.weather_trees import WeatherTrees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ce_nas.forecast.base import Forecaster, ForecastInput
    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["OnlineEnsemble"]

#: the members, whose prior weights are :data:`~ce_nas.forecast.stacking.PRIOR_WEIGHTS`
MEMBERS = ("adaptive", "damped-profile", "seasonal-naive", "weekly-profile")
#: the prior's strength, and the weight before errors are known, of the pretrained transformer and of a model fitted for
#: the zone
PRETRAINED_PRIOR_STRENGTH, PRETRAINED_WEIGHT = 0.25, 0.4
FITTED_PRIOR_STRENGTH, FITTED_WEIGHT = 0.5, 0.0
#: weight of the trees where the weather is known
TREES_WEIGHT = 0.15
#: issues from which weights and intervals are learned, and time in which their weight halves, days
MAX_ISSUES, HALF_LIFE_DAYS = 120, 45.0
#: midnights at which these models are issued again
MODEL_ISSUES = 60
#: weeks of the weekly profile
PROFILE_WEEKS = 4
#: issues from which on weights and intervals are learned rather than assumed
MIN_ISSUES = 10
#: forecasts that a process keeps: runs from the same start ask for the same ones
CACHE_SIZE = 2048


@FORECASTERS.register("online-ensemble")
class OnlineEnsemble(HourlyForecaster):
    """The members' mean, weighted by their latest errors, with calibrated intervals.

    With less than two weeks known the forecast is that of :class:`DampedProfile`, as :attr:`Forecast.fallback` says.

    :param fitted: a model that was fitted for the zone, if any.
    :param fitted_sha256: SHA-256 of its files, in hexadecimal.
    :param pretrained: whether the transformer that ships is a member.
    :param trees: whether trees on the weather are a member, where it is known.

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

    def __init__(
        self, fitted: Forecaster | None = None, fitted_sha256: str = "", *, pretrained: bool = True, trees: bool = True
    ) -> None:
        self._adaptive = AdaptiveRidge()
        self._trees = WeatherTrees() if trees else None
        self._models: list[_ModelMember] = []
        if pretrained:
            transformer = PretrainedTransformer()
            self._models.append(
                _ModelMember(
                    transformer,
                    PRETRAINED_WEIGHT,
                    PRETRAINED_PRIOR_STRENGTH,
                    transformer.sha256,
                    transformer.name,
                )
            )
        if fitted is not None:
            inner = getattr(fitted, "inner", fitted)  # the ensemble calibrates by itself
            self._models.append(
                _ModelMember(inner, FITTED_WEIGHT, FITTED_PRIOR_STRENGTH, fitted_sha256, f"fitted {inner.name}")
            )
        self._model_key = " ".join([*(model.sha256 for model in self._models), *(["trees"] if trees else [])])

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        key = digest_inputs(inputs, horizon_s, self.lookback_s, self._model_key)
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
        """See :meth:`HourlyForecaster.predict_log`; without the pretrained and the fitted model, and the trees."""
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
        models = self._usable_models(inputs, slots)
        for model, by_slot in zip(models, self._weigh_models(models, inputs, slots, horizon_s), strict=True):
            shift = by_slot * (model.log_forecast(inputs, horizon_s, slots) - log_mean)
            log_mean, log_quantiles = log_mean + shift, log_quantiles + shift
            weights = _with_member(weights, model.name, float(by_slot.mean()))
        by_trees = self._trees.predict_log(slots) if self._trees else None
        if by_trees is not None:
            shift = TREES_WEIGHT * np.where(np.isfinite(by_trees), by_trees - log_mean, 0.0)
            log_mean, log_quantiles = log_mean + shift, log_quantiles + shift
            weights = _with_member(weights, WeatherTrees.name, TREES_WEIGHT * float(np.isfinite(by_trees).mean()))
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

    def _usable_models(self, inputs: ForecastInput, slots: HourlySeries) -> list[_ModelMember]:
        """Return the models that may forecast: not at steps that make no hours, nor where the training saw the zone."""
        if slots.slot_s != slots.steps_per_slot * inputs.step_s:
            return []
        return [model for model in self._models if model.suits(slots) and not model.has_seen(inputs.zone, inputs.end)]

    def _weigh_models(
        self, models: Sequence[_ModelMember], inputs: ForecastInput, slots: HourlySeries, horizon_s: float
    ) -> list[np.ndarray]:
        """Return the weight of each model against the ensemble before it, by slot, by the errors at past midnights."""
        if not models:
            return []
        since_midnight = len(slots) % slots.slots_per_day * slots.steps_per_slot
        midnight = inputs.truncate(self.lookback_s, len(inputs.intensity_g_per_kwh) - since_midnight, horizon_s)
        key = digest_inputs(midnight, horizon_s, self.lookback_s, self._model_key)
        weights = models[-1].weights.get(key)
        if weights is None:
            slots_then = self.usable_slots(midnight, horizon_s)
            errors = np.empty((0, slots.horizon)) if slots_then is None else self._mix(slots_then)[1]
            errors = errors[-MODEL_ISSUES:]
            weights = []
            for model in models:
                own = model.errors(midnight, horizon_s, slots, len(errors))
                weights.append(model.weigh(errors, own, slots))
                errors = errors + weights[-1] * (own - errors)
            models[-1].weights.put(key, weights)
        return weights


class _ModelMember:
    """A model that was trained beforehand, and its weights against the members before it.

    :param weight: before its errors are known; none where the weather is.
    :param strength: with which its weight is held there, see :func:`stacking_weights`.
    """

    def __init__(self, forecaster: Forecaster, weight: float, strength: float, sha256: str, name: str) -> None:
        self._forecaster, self._weight, self._strength = forecaster, weight, strength
        self.name, self.sha256 = name, sha256
        self._hindcasts = HINDCASTS if isinstance(forecaster, PretrainedTransformer) else ForecastCache(CACHE_SIZE)
        #: of this model and of those before it, by what was known at the last midnight
        self.weights: ForecastCache[list[np.ndarray]] = ForecastCache(CACHE_SIZE)

    def suits(self, slots: HourlySeries) -> bool:
        """Whether the model forecasts slots of this length."""
        return slots.slots_per_day == HOURS_PER_DAY or getattr(self._forecaster, "allows_long_slots", True)

    def has_seen(self, zone: str, moment: datetime) -> bool:
        """Whether its training saw hours of the zone after the moment, as far as the model knows."""
        return isinstance(self._forecaster, PretrainedTransformer) and self._forecaster.has_seen(zone, moment)

    def log_forecast(self, inputs: ForecastInput, horizon_s: float, slots: HourlySeries) -> np.ndarray:
        """Return its forecast by slot, logarithm, shape ``(ahead,)``."""
        seen = inputs.truncate(self._forecaster.lookback_s, horizon_s=horizon_s)
        mean = self._forecaster.predict(seen, slots.horizon * slots.slot_s).mean_g_per_kwh  # whole slots
        by_slot = mean.reshape(-1, slots.steps_per_slot).mean(axis=1)
        log: np.ndarray = np.log(np.maximum(by_slot, MIN_INTENSITY_G_PER_KWH))
        return log

    def errors(self, inputs: ForecastInput, horizon_s: float, slots: HourlySeries, issues: int) -> np.ndarray:
        """Return its errors at the last midnights, oldest first, ``(issues, ahead)``, NaN where no truth is known.

        :param inputs: what was known at the last midnight.
        """
        count, steps = len(inputs.intensity_g_per_kwh), slots.slots_per_day * slots.steps_per_slot
        stops = range(count - steps * issues, count, steps)
        errors = [self._hindcast(inputs, stop, horizon_s, slots) for stop in stops]
        return np.stack(errors) if errors else np.empty((0, slots.horizon))

    def weigh(self, errors: np.ndarray, own: np.ndarray, slots: HourlySeries) -> np.ndarray:
        """Return its weight by slot, ``(ahead,)``, one for each day of lead.

        :param errors: of the members before it, shape ``(issues, ahead)``, oldest first.
        :param own: likewise, its own.
        """
        issues, horizon = errors.shape
        weight = 0.0 if has_weather(slots) else self._weight
        weights, both = np.full(horizon, weight), np.stack([errors, own])
        recency = 0.5 ** (np.arange(issues)[::-1] / HALF_LIFE_DAYS)
        for first in range(0, horizon, slots.slots_per_day):
            lead = slice(first, first + slots.slots_per_day)
            known = np.isfinite(both[:, :, lead]).all(axis=(0, 2))
            if known.sum() >= MIN_ISSUES:
                prior = np.array([1.0 - weight, weight])
                weights[lead] = stacking_weights(both[:, known, lead], recency[known], prior, self._strength)[1]
        return weights

    def _hindcast(self, inputs: ForecastInput, stop: int, horizon_s: float, slots: HourlySeries) -> np.ndarray:
        """Return its errors when issued after ``stop`` steps, NaN where the truth is unknown, or seen in training."""
        cut = inputs.truncate(self._forecaster.lookback_s, stop, horizon_s)
        if self.has_seen(cut.zone, cut.end):
            return np.full(slots.horizon, np.nan)
        key = digest_inputs(cut, horizon_s, self._forecaster.lookback_s, self.sha256)
        forecast = self._hindcasts.get(key)
        if forecast is None:
            forecast = self.log_forecast(cut, horizon_s, slots)
            self._hindcasts.put(key, forecast)
        ahead = inputs.intensity_g_per_kwh[stop : stop + slots.horizon * slots.steps_per_slot]
        by_slot = ahead[: len(ahead) // slots.steps_per_slot * slots.steps_per_slot].reshape(-1, slots.steps_per_slot)
        truth = np.full(slots.horizon, np.nan)
        truth[: len(by_slot)] = np.log(np.maximum(by_slot.mean(axis=1), MIN_INTENSITY_G_PER_KWH))
        error: np.ndarray = truth - forecast
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
                log_quantiles[:, lead] = NORMAL_QUANTILES[:, None] * assumed_spread(
                    24.0 * (np.arange(lead.start, lead.stop) + 1) / slots_per_day
                )
        finite = np.isfinite(mixed)
        shares = np.abs(np.expm1(-mixed, where=finite, out=np.zeros_like(mixed)))
        total = float((finite * recency[:, None]).sum())
        error_pct = 100 * float((shares * recency[:, None]).sum()) / total if total else None
        return cls(log_mean, log_mean + log_quantiles, weights, error_pct), mixed


def _with_member(weights: Mapping[str, float], name: str, share: float) -> dict[str, float]:
    """Return the weights with a further member of weight ``share`` against the others."""
    return {other: (1 - share) * weight for other, weight in weights.items()} | {name: share}


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
    factors = np.exp(NORMAL_QUANTILES[:, None] * assumed_spread(lead_h))
    quantiles = dict(zip(QUANTILE_LEVELS, factors * forecast.mean_g_per_kwh, strict=True))
    return replace(forecast, quantiles_g_per_kwh=quantiles)


#: forecasts, shared by all ensembles of a process
CACHE: ForecastCache[Forecast] = ForecastCache(CACHE_SIZE)
#: what the pretrained transformer would have forecast at past midnights, logarithm, likewise
HINDCASTS: ForecastCache[np.ndarray] = ForecastCache(4 * CACHE_SIZE)
