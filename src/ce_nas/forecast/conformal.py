"""Conformal calibration of any forecaster's quantiles, by day of lead: intervals with their nominal coverage.

Method
    On data that the forecaster was not trained on, each quantile is shifted by the offset that puts the right share of
    the truth below it: split conformal prediction, one quantile at a time, with offsets relative to the expected
    intensity, so that they grow with it. Offsets go stale when levels shift; so the forecaster is replayed over the
    last weeks of the given past, and each offset moves a step up or down for every day on which too much or too little
    of the truth was below: quantile tracking, whose error in coverage falls as one over the number of days for any
    truth does. Only truth known at the issue is used, so the forecast stays a function of the past alone.

Sources
    Vovk, Gammerman and Shafer 2005, *Algorithmic Learning in a Random World*. Romano, Patterson and Candes 2019,
    *Conformalized Quantile Regression*. Gibbs and Candes 2021, *Adaptive Conformal Inference under Distribution
    Shift*. Angelopoulos, Candes and Tibshirani 2023, *Conformal PID Control for Time Series Prediction*.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import DAY_S
from ce_nas.forecast.backtest import run_backtest
from ce_nas.forecast.base import Forecaster, steps_per_day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.core.records import Forecast
    from ce_nas.forecast.backtest import IssueTimes
    from ce_nas.forecast.base import ForecastInput
    from ce_nas.forecast.history import RecordedHistory

__all__ = ["CALIBRATED_LEVELS", "CalibratedForecaster", "Calibration", "calibrate_quantiles"]

#: levels of the quantiles: the ends of the 50, 80 and 95 % intervals, and the median
CALIBRATED_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
#: days of the past over which the forecaster is replayed
REPLAY_DAYS = 120
#: step of an offset after a day on which all (or none) of the truth was below its quantile, as a share of the
#: quantile's distance from the median
TRACKING_RATE = 0.3
#: lower bound of the expected intensity to which offsets are relative, g CO2eq/kWh
MIN_SCALE_G_PER_KWH = 1.0
#: the fewest issues of a calibration
MIN_ISSUES = 10
#: the shortest past at which a forecaster is replayed, unless its lookback is shorter
MIN_HISTORY_S = 14 * DAY_S


@dataclass(frozen=True, slots=True)
class Calibration:
    """The offset of each quantile of a forecaster, relative to the expected intensity."""

    #: name of the forecaster
    forecaster: str
    #: number of issues
    issues: int
    #: a row by day of lead, an offset by level of :data:`CALIBRATED_LEVELS`
    offsets: tuple[tuple[float, ...], ...]
    #: distance of each quantile from the median, in the same layout and unit
    distances: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as plain JSON."""
        return {"levels": list(CALIBRATED_LEVELS), **asdict(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read the result of :meth:`to_json`.

        :raises SettingsError: if it is something else.
        """
        try:
            offsets, distances = (
                tuple(tuple(float(value) for value in row) for row in content[name])
                for name in ("offsets", "distances")
            )
            calibration = cls(str(content["forecaster"]), int(content["issues"]), offsets, distances)
            has_all_levels = all(len(row) == len(CALIBRATED_LEVELS) for row in (*offsets, *distances))
            is_complete = offsets and len(offsets) == len(distances) and has_all_levels
            if tuple(content["levels"]) != CALIBRATED_LEVELS or not is_complete:
                message = "it has other levels"
                raise ValueError(message)  # noqa: TRY301 - handled as the errors of parsing
        except (KeyError, TypeError, ValueError) as error:
            levels = ", ".join(map(str, CALIBRATED_LEVELS))
            message = f"Expected a calibration of the levels {levels}, but {error}; fit it again."
            raise SettingsError(message) from error
        return calibration


def calibrate_quantiles(forecaster: Forecaster, history: RecordedHistory, issues: IssueTimes) -> Calibration:
    """Calibrate ``forecaster`` on issues over a part of the record that it was not trained on.

    :raises SettingsError: if there are too few.
    """
    backtest = run_backtest(forecaster, history, issues)
    if len(backtest.issue_times) < MIN_ISSUES:
        message = (
            f"Expected {MIN_ISSUES} issues or more to calibrate {forecaster.name!r} on, got "
            f"{len(backtest.issue_times)}; give it a longer record."
        )
        raise SettingsError(message)
    day = steps_per_day(backtest.step_s)
    leads = [slice(first, first + day) for first in range(0, backtest.truth.shape[1], day)]
    scale = np.maximum(backtest.mean, MIN_SCALE_G_PER_KWH)
    errors = [(backtest.truth - backtest.quantiles.get(level, backtest.mean)) / scale for level in CALIBRATED_LEVELS]
    mean_errors = (backtest.truth - backtest.mean) / scale
    offsets, distances = [], []
    for lead in leads:
        of_levels = zip(errors, CALIBRATED_LEVELS, strict=True)
        offsets.append(tuple(_conformal_offset(values[:, lead], level) for values, level in of_levels))
        quantiles = np.array([_conformal_offset(mean_errors[:, lead], level) for level in CALIBRATED_LEVELS])
        distances.append(tuple(_distances_from_median(quantiles).tolist()))
    return Calibration(forecaster.name, len(backtest.issue_times), tuple(offsets), tuple(distances))


class CalibratedForecaster(Forecaster):
    """A forecaster with calibrated quantiles; its mean is unchanged.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> from ce_nas.forecast.simple_forecasters import SeasonalNaive
        >>> noise = np.random.default_rng(0).uniform(-50, 50, 40 * 24)
        >>> inputs = ForecastInput(300 + noise, 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> forecast = CalibratedForecaster(SeasonalNaive()).predict(inputs, 86400.0)
        >>> bool((forecast.quantiles_g_per_kwh[0.1] < forecast.quantiles_g_per_kwh[0.9]).all())
        True

    :param inner: the forecaster.
    :param calibration: its calibration; None for the offsets of the replayed weeks alone.
    :param replay_days: days of the past over which it is replayed; 0 for fixed offsets.
    """

    def __init__(
        self, inner: Forecaster, calibration: Calibration | None = None, replay_days: int = REPLAY_DAYS
    ) -> None:
        self.name = f"{inner.name}, calibrated"
        #: the forecaster whose quantiles are calibrated
        self.inner = inner
        self.lookback_s = inner.lookback_s + replay_days * DAY_S
        self._calibration = calibration
        self._replay_days = replay_days
        self._replayed_forecasts = _ReplayedForecasts(inner)

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        replays = [
            (_QuantileForecast.from_forecast(forecast), truth)
            for forecast, truth in self._replayed_forecasts.replay(inputs, horizon_s, self._replay_days)
        ]
        forecast = self._replayed_forecasts.forecast_at(inputs, len(inputs.intensity_g_per_kwh), horizon_s)
        current = _QuantileForecast.from_forecast(forecast)
        values = current.values.copy()
        day = inputs.steps_per_day
        for number, first in enumerate(range(0, values.shape[1], day)):
            lead = slice(first, min(first + day, values.shape[1]))
            complete = [(replayed, truth[lead]) for replayed, truth in replays if len(truth) >= lead.stop]
            if self._calibration is not None:
                offsets = _tracked_offsets(self._calibration, complete, number, lead)
            elif len(complete) >= MIN_ISSUES:
                offsets = _rolling_offsets(complete, lead)
            elif current.has_all_levels:
                continue
            else:
                return replace(forecast, forecaster=self.name)
            values[:, lead] += offsets[:, None] * current.scale[lead]
        values = np.maximum(np.sort(values, axis=0), 0.0)
        return replace(
            forecast, forecaster=self.name, quantiles_g_per_kwh=dict(zip(CALIBRATED_LEVELS, values, strict=True))
        )


class _ReplayedForecasts:
    """The forecast of now, and those of earlier midnights of a past, each computed once."""

    def __init__(self, inner: Forecaster) -> None:
        self._inner = inner
        self._last_inputs: ForecastInput | None = None
        self._forecasts: dict[tuple[float, int, float], Forecast] = {}

    def replay(self, inputs: ForecastInput, horizon_s: float, days: int) -> list[tuple[Forecast, np.ndarray]]:
        """Return the forecasts of earlier midnights, oldest first, each with its truth so far, ``(up to steps,)``."""
        if self._last_inputs is None or not _inputs_agree(self._last_inputs, inputs):
            self._forecasts.clear()
        self._last_inputs = inputs
        known, day = len(inputs.intensity_g_per_kwh), inputs.steps_per_day
        steps = math.ceil(horizon_s / inputs.step_s)
        midnight_s = (inputs.end - inputs.end.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        back = math.ceil(midnight_s / inputs.step_s) or day
        min_steps = max(round(min(self._inner.lookback_s, MIN_HISTORY_S) / inputs.step_s), 1)
        stops = [stop for stop in range(known - back, known - back - days * day, -day) if stop >= min_steps]
        return [
            (self.forecast_at(inputs, stop, horizon_s), inputs.intensity_g_per_kwh[stop : stop + steps])
            for stop in reversed(stops)
        ]

    def forecast_at(self, inputs: ForecastInput, stop: int, horizon_s: float) -> Forecast:
        """Return the forecast issued after ``stop`` steps of the past."""
        cut = inputs.truncate(self._inner.lookback_s, stop, horizon_s)
        key = (cut.end.timestamp(), len(cut.intensity_g_per_kwh), horizon_s)
        if key not in self._forecasts:
            self._forecasts[key] = self._inner.predict(cut, horizon_s)
        return replace(self._forecasts[key], issued_s=cut.end_s, start_s=cut.end_s)


@dataclass(frozen=True, slots=True, eq=False)
class _QuantileForecast:
    """A forecast with a value at all levels."""

    #: g CO2eq/kWh, shape (steps,)
    mean: np.ndarray
    #: g CO2eq/kWh, shape (levels, steps); the mean where the forecast has no such quantile
    values: np.ndarray
    #: unit of the offsets, g CO2eq/kWh, shape (steps,)
    scale: np.ndarray
    #: whether the forecast has all quantiles
    has_all_levels: bool

    @classmethod
    def from_forecast(cls, forecast: Forecast) -> _QuantileForecast:
        quantiles, mean = forecast.quantiles_g_per_kwh, forecast.mean_g_per_kwh
        values = np.array([quantiles.get(level, mean) for level in CALIBRATED_LEVELS])
        has_all_levels = all(level in quantiles for level in CALIBRATED_LEVELS)
        return cls(mean, values, np.maximum(mean, MIN_SCALE_G_PER_KWH), has_all_levels)


#: forecasts of the past with their truth, shape ``(steps of a day,)``
_Replays = list[tuple[_QuantileForecast, np.ndarray]]


def _tracked_offsets(calibration: Calibration, replays: _Replays, lead_day: int, lead: slice) -> np.ndarray:
    """Return the offsets of one day of lead, shape ``(levels,)``: the calibration's, moved by every day since."""
    row = min(lead_day, len(calibration.offsets) - 1)
    offsets, distances = np.array(calibration.offsets[row]), np.array(calibration.distances[row])
    if len(replays) >= MIN_ISSUES:
        errors = np.concatenate([(truth - replayed.mean[lead]) / replayed.scale[lead] for replayed, truth in replays])
        distances = _distances_from_median(np.quantile(errors, CALIBRATED_LEVELS))
    for replayed, truth in replays:
        shifted = replayed.values[:, lead] + offsets[:, None] * replayed.scale[lead]
        offsets = offsets + TRACKING_RATE * distances * (CALIBRATED_LEVELS - (truth <= shifted).mean(axis=1))
    return offsets


def _rolling_offsets(replays: _Replays, lead: slice) -> np.ndarray:
    """Return the offsets with which the replays would have had their nominal coverage, shape ``(levels,)``."""
    errors = np.concatenate(
        [(truth - replayed.values[:, lead]) / replayed.scale[lead] for replayed, truth in replays], axis=1
    )
    of_levels = zip(errors, CALIBRATED_LEVELS, strict=True)
    return np.array([_conformal_offset(values, level) for values, level in of_levels])


def _conformal_offset(errors: np.ndarray, level: float) -> float:
    """Return the offset with ``level`` of the truth below it, counting the next one; the conservative one of two."""
    known = np.sort(errors[~np.isnan(errors)])
    rank = math.ceil(level * (len(known) + 1)) if level > 0.5 else math.floor(level * (len(known) + 1))
    return float(known[min(max(rank, 1), len(known)) - 1])


def _distances_from_median(quantiles: np.ndarray) -> np.ndarray:
    """Return the distance of each level from the median, shape ``(levels,)``; at least that of the quartiles."""
    median, low, high = (CALIBRATED_LEVELS.index(level) for level in (0.5, 0.25, 0.75))
    distances: np.ndarray = np.maximum(np.abs(quantiles - quantiles[median]), abs(quantiles[high] - quantiles[low]) / 2)
    return distances


def _inputs_agree(left: ForecastInput, right: ForecastInput) -> bool:
    """Whether two pasts have the same values wherever they overlap in time."""
    if (left.zone, left.step_s, set(left.mix_mw), set(left.future_covariates)) != (
        right.zone,
        right.step_s,
        set(right.mix_mw),
        set(right.future_covariates),
    ):
        return False
    first_steps = [past.end.timestamp() / past.step_s - len(past.intensity_g_per_kwh) for past in (left, right)]
    later = round(first_steps[1] - first_steps[0])
    pairs = [(left.intensity_g_per_kwh, right.intensity_g_per_kwh)]
    pairs += [(values, right.mix_mw[source]) for source, values in left.mix_mw.items()]
    pairs += [(values, right.future_covariates[name]) for name, values in left.future_covariates.items()]
    return all(_overlap_is_equal(first[max(later, 0) :], second[max(-later, 0) :]) for first, second in pairs)


def _overlap_is_equal(left: np.ndarray, right: np.ndarray) -> bool:
    overlap = min(len(left), len(right))
    return np.array_equal(left[:overlap], right[:overlap], equal_nan=True)
