"""The history as hourly slots, and the base class of the forecasters that learn from two weeks or more of them.

A slot is an hour, or a step of the past where steps are longer.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.simple_forecasters import DampedProfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.forecast.base import ForecastInput

__all__ = [
    "DAYS_PER_WEEK",
    "HOURS_PER_DAY",
    "MIN_HISTORY_DAYS",
    "MIN_INTENSITY_G_PER_KWH",
    "QUANTILE_LEVELS",
    "HourlyForecaster",
    "HourlySeries",
    "pool_error_quantiles",
]

DAYS_PER_WEEK, HOURS_PER_DAY = 7, 24
#: levels of the predicted quantiles
QUANTILE_LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
#: the shortest past to learn from
MIN_HISTORY_DAYS = 14
#: slots on either side whose errors are pooled with those of a slot
POOLED_NEIGHBOUR_SLOTS = 2
#: interval of the calendar dates at which a sliding past starts, so that fits can be continued in between
ANCHOR_INTERVAL_DAYS = 28
#: lower bound of intensities before their logarithm, g CO2eq/kWh
MIN_INTENSITY_G_PER_KWH = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class HourlySeries:
    """The slots that have ended, and covariates also for the slots ahead."""

    #: logarithm of the intensity, shape (slots,)
    log_intensity: np.ndarray
    #: source to its share of the generation, shape (slots,), NaN where missing
    mix_shares: Mapping[str, np.ndarray]
    #: covariate to its values, shape (slots + ahead,), NaN where missing
    future_covariates: Mapping[str, np.ndarray]
    #: start of the first slot, UTC
    start: datetime
    slot_s: float
    #: steps of the past in a slot
    steps_per_slot: int
    #: slots of the forecast
    horizon: int

    @classmethod
    def from_inputs(cls, inputs: ForecastInput, horizon_s: float, lookback_s: float) -> HourlySeries | None:
        """Build the slots of the last ``lookback_s``; None where no whole number of slots makes a day.

        The slots end with the past and start at midnight. If the past is longer than ``lookback_s``, they start at a
        fixed date of the calendar, so that the start stays the same while the end moves on.
        """
        slot_s = max(inputs.step_s, HOUR_S)
        steps = round(slot_s / inputs.step_s)
        if not math.isclose(steps * inputs.step_s, slot_s) or DAY_S % slot_s:
            return None
        count = len(inputs.intensity_g_per_kwh) // steps
        count = _count_from_anchor(inputs.end, count, round(lookback_s / slot_s), slot_s)
        count -= _slots_before_midnight(inputs.end - timedelta(seconds=count * slot_s), count, slot_s)
        first = len(inputs.intensity_g_per_kwh) - count * steps
        ahead = math.ceil(horizon_s / slot_s)
        mix = {source: _slot_means(values[first:], steps, count) for source, values in inputs.mix_mw.items()}
        total = np.nansum(list(mix.values()), axis=0) if mix else np.zeros(count)
        return cls(
            log_intensity=np.log(
                np.maximum(_slot_means(inputs.intensity_g_per_kwh[first:], steps, count), MIN_INTENSITY_G_PER_KWH)
            ),
            mix_shares={source: values / np.where(total > 0, total, np.nan) for source, values in mix.items()},
            future_covariates={
                name: _slot_means(values[first:], steps, count + ahead)
                for name, values in inputs.future_covariates.items()
            },
            start=inputs.end - timedelta(seconds=count * slot_s),
            slot_s=slot_s,
            steps_per_slot=steps,
            horizon=ahead,
        )

    def __len__(self) -> int:
        return len(self.log_intensity)

    @property
    def slots_per_day(self) -> int:
        """Number of slots in a day."""
        return round(DAY_S / self.slot_s)

    @property
    def day_fraction(self) -> np.ndarray:
        """Time of day at the middle of each slot, as a share of the day, shape (slots + ahead,)."""
        share: np.ndarray = (self._since_midnight_s % DAY_S + self.slot_s / 2) / DAY_S % 1.0
        return share

    @property
    def slot_of_day(self) -> np.ndarray:
        """Number of each slot in its day, from 0, shape (slots + ahead,)."""
        index: np.ndarray = np.floor(self._since_midnight_s % DAY_S / self.slot_s).astype(np.int64)
        return index

    @property
    def weekday(self) -> np.ndarray:
        """Day of the week of each slot, Monday is 0, shape (slots + ahead,)."""
        weekday: np.ndarray = (self.start.weekday() + self._since_midnight_s // DAY_S).astype(np.int64) % DAYS_PER_WEEK
        return weekday

    @property
    def covariate_horizon(self) -> int:
        """Number of slots ahead for which all usable covariates are known."""
        ahead = [values[len(self) :] for values in self.usable_covariates.values()]
        missing = ~np.isfinite(ahead).all(axis=0) if ahead else np.ones(1, dtype=bool)
        return int(np.argmax(missing)) if missing.any() else self.horizon

    @property
    def usable_covariates(self) -> Mapping[str, np.ndarray]:
        """The covariates that are known for the next slot at least."""
        return {name: values for name, values in self.future_covariates.items() if np.isfinite(values[len(self)])}

    def with_horizon(self, horizon: int) -> HourlySeries:
        """Return the same slots with the usable covariates alone, cut ``horizon`` slots ahead; none for 0."""
        known = (
            {name: values[: len(self) + horizon] for name, values in self.usable_covariates.items()} if horizon else {}
        )
        return replace(self, future_covariates=known, horizon=horizon or self.horizon)

    def slice_days(self, first_day: int, end_day: int) -> HourlySeries:
        """Return the days ``first_day`` to ``end_day`` of slots that start at midnight; the horizon is cut as well."""
        first, last = first_day * self.slots_per_day, min(end_day * self.slots_per_day, len(self) + self.horizon)
        ended = slice(first, min(last, len(self)))
        count = max(ended.stop - first, 0)
        return replace(
            self,
            log_intensity=self.log_intensity[ended],
            mix_shares={source: values[ended] for source, values in self.mix_shares.items()},
            future_covariates={name: values[first:last] for name, values in self.future_covariates.items()},
            start=self.start + timedelta(seconds=first * self.slot_s),
            horizon=max(last - first, 0) - count,
        )

    def to_steps(self, values: np.ndarray, horizon_s: float) -> np.ndarray:
        """Convert values of the slots ahead, ``(ahead,)``, to steps of the past's length."""
        step_s = self.slot_s / self.steps_per_slot
        return np.repeat(values, self.steps_per_slot)[: max(math.ceil(horizon_s / step_s), 1)]

    @property
    def _since_midnight_s(self) -> np.ndarray:
        """Seconds from the midnight before the first slot to the start of each slot."""
        at = self.start
        midnight_s = at.hour * HOUR_S + at.minute * 60 + at.second + at.microsecond / 1e6
        seconds: np.ndarray = midnight_s + self.slot_s * np.arange(len(self) + self.horizon)
        return seconds


class HourlyForecaster(Forecaster):
    """Base class of forecasters that predict the logarithm of the intensity from two weeks or more of slots.

    With a shorter past, or steps that do not fit, the forecast is that of :class:`DampedProfile`.
    """

    lookback_s = 758 * DAY_S
    min_history_s = MIN_HISTORY_DAYS * DAY_S
    #: days that are predicted for any horizon; None for those of the horizon
    horizon_days: int | None = None
    #: whether slots longer than an hour are supported
    allows_long_slots = False

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        slots = self.usable_slots(inputs, horizon_s)
        if slots is None:
            return self._stand_in(inputs, horizon_s)
        log_mean, log_quantiles = self.predict_log(slots, inputs.zone)
        return Forecast(
            self.name,
            inputs.end_s,
            inputs.end_s,
            inputs.step_s,
            slots.to_steps(np.exp(log_mean), horizon_s),
            {level: slots.to_steps(np.exp(values), horizon_s) for level, values in log_quantiles.items()},
        )

    def usable_slots(self, inputs: ForecastInput, horizon_s: float) -> HourlySeries | None:
        """Return the slots to predict from; None if they are too few, or too long for this forecaster."""
        days = self.horizon_days
        slots = HourlySeries.from_inputs(inputs, horizon_s if days is None else days * DAY_S, self.lookback_s)
        if slots is None or (slots.slots_per_day != HOURS_PER_DAY and not self.allows_long_slots):
            return None
        return slots if len(slots) >= MIN_HISTORY_DAYS * slots.slots_per_day else None

    def _stand_in(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        known_d = len(inputs.intensity_g_per_kwh) * inputs.step_s / DAY_S
        reason = (
            f"{known_d:.1f} of the {MIN_HISTORY_DAYS} days of history that {self.name} needs are known"
            if known_d < MIN_HISTORY_DAYS + 1
            else f"steps of {inputs.step_s:g} s do not make up {self.name}'s hours or days"
        )
        forecast = DampedProfile().predict(inputs, horizon_s)
        return replace(forecast, forecaster=self.name, fallback=f"{DampedProfile.name}: {reason}")

    @abstractmethod
    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """Predict the logarithm of the intensity of the slots ahead: the mean and the quantiles, ``(ahead,)`` each."""


def pool_error_quantiles(errors: np.ndarray) -> np.ndarray:
    """Return quantiles of errors ``(issues, ahead)`` by slot of lead, pooled with those of its neighbours.

    Shape ``(levels, ahead)``, for :data:`QUANTILE_LEVELS`.
    """
    count = errors.shape[1]
    near = np.clip(
        np.arange(count)[:, None] + np.arange(-POOLED_NEIGHBOUR_SLOTS, POOLED_NEIGHBOUR_SLOTS + 1), 0, count - 1
    )
    pooled = errors[:, near].transpose(1, 0, 2).reshape(count, -1)
    quantiles: np.ndarray = np.quantile(pooled, QUANTILE_LEVELS, axis=1)
    return quantiles


def _count_from_anchor(end: datetime, count: int, limit: int, slot_s: float) -> int:
    """Return how many of ``count`` slots before ``end`` to use: all of less than ``limit``, else back to an anchor."""
    if count < limit:
        return count
    begin_s = end.timestamp() - limit * slot_s
    anchor_s = math.ceil(begin_s / (ANCHOR_INTERVAL_DAYS * DAY_S)) * ANCHOR_INTERVAL_DAYS * DAY_S
    return min(max(math.floor((end.timestamp() - anchor_s) / slot_s), 1), limit)


def _slots_before_midnight(start: datetime, count: int, slot_s: float) -> int:
    """Return how many slots start before the first midnight; 0 if there is no midnight."""
    passed_s = (start - start.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    before = math.ceil((DAY_S - passed_s) / slot_s) if passed_s >= slot_s else 0
    return before if before < count else 0


def _slot_means(values: np.ndarray, steps_per_slot: int, count: int) -> np.ndarray:
    """Return the mean of each slot, ``(count,)``; NaN where there is none."""
    whole = len(values) // steps_per_slot
    means = values[: whole * steps_per_slot].reshape(whole, steps_per_slot).mean(axis=1)[:count]
    return np.concatenate([means, np.full(count - len(means), np.nan)])
