"""Intervals that hold what they promise: conformal calibration of any forecaster's quantiles, by day of lead.

How
    On data that the forecaster was not trained on, each quantile is moved by the offset that lets the right share of
    the truth come to lie below it: split conformal prediction, a quantile at a time, with offsets relative to the
    expected intensity, so that they grow with the level. As levels shift, offsets go stale; so the forecaster is
    replayed over the last weeks of the past that it is handed, and each offset is moved a step up or down for every
    day on which too much or too little of the truth came to lie below: quantile tracking, whose error in coverage
    falls as one over the number of days whatever the truth does. Only truth that was known at the issue is used, and
    the forecast stays a function of the past alone.

Sources
    Vovk, Gammerman and Shafer 2005, *Algorithmic Learning in a Random World*. Romano, Patterson and Candes 2019,
    *Conformalized Quantile Regression*. Gibbs and Candes 2021, *Adaptive Conformal Inference under Distribution
    Shift*. Angelopoulos, Candes and Tibshirani 2023, *Conformal PID Control for Time Series Prediction*.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import DAY_S
from ce_nas.forecast.backtest import backtest
from ce_nas.forecast.base import Forecaster, Past

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.core.records import Forecast
    from ce_nas.forecast.backtest import Issues
    from ce_nas.forecast.history import History

__all__ = ["LEVELS", "Calibrated", "Calibration", "calibrate"]

#: the levels of the quantiles: the ends of the 50, 80 and 95 % intervals, and the middle
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
#: how many of the past's days the forecaster is replayed over
REPLAY_DAYS = 120
#: how far a day on which all (or nothing) came to lie below a quantile moves it, as a share of its distance from
#: the median
RATE = 0.3
#: what an expected intensity counts at the least where offsets are relative to it, g CO2eq/kWh
FLOOR_G_PER_KWH = 1.0
#: fewer issues than this are no calibration
LEAST_ISSUES = 10
#: with less of a past than this, or than it looks at, a forecaster is not replayed
LEAST_PAST_S = 14 * DAY_S


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far each quantile of a forecaster is to be moved, relative to the expected intensity."""

    #: the name of the forecaster that it is for
    forecaster: str
    #: issues behind it
    issues: int
    #: a row a day of lead, an offset a level of :data:`LEVELS`
    offsets: tuple[tuple[float, ...], ...]
    #: the same of each quantile's distance from the median, in the same unit
    distances: tuple[tuple[float, ...], ...]

    def content(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"levels": list(LEVELS), **asdict(self)}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """From what :meth:`content` gave.

        :raises SettingsError: if it is something else.
        """
        try:
            offsets, distances = (
                tuple(tuple(float(value) for value in row) for row in content[name])
                for name in ("offsets", "distances")
            )
            found = cls(str(content["forecaster"]), int(content["issues"]), offsets, distances)
            fits = offsets and all(len(row) == len(LEVELS) for row in (*offsets, *distances))
            if tuple(content["levels"]) != LEVELS or len(offsets) != len(distances) or not fits:
                message = "its levels are others"
                raise ValueError(message)  # noqa: TRY301 - joins what the parsing finds
        except (KeyError, TypeError, ValueError) as error:
            message = f"Expected a calibration of the levels {', '.join(map(str, LEVELS))}, but {error}; fit it anew."
            raise SettingsError(message) from error
        return found


def calibrate(forecaster: Forecaster, history: History, issues: Issues) -> Calibration:
    """Calibrate ``forecaster`` on issues over a part of the record that it was not trained on.

    :raises SettingsError: if these are too few.
    """
    found = backtest(forecaster, history, issues)
    if len(found.issued) < LEAST_ISSUES:
        message = (
            f"Expected {LEAST_ISSUES} issues or more to calibrate {forecaster.name!r} on, got {len(found.issued)}; "
            f"give it a longer record."
        )
        raise SettingsError(message)
    leads = [slice(first, first + _day(found.step_s)) for first in range(0, found.truth.shape[1], _day(found.step_s))]
    unit = np.maximum(found.mean, FLOOR_G_PER_KWH)
    off = [(found.truth - found.quantiles.get(level, found.mean)) / unit for level in LEVELS]
    plain = (found.truth - found.mean) / unit
    return Calibration(
        forecaster=forecaster.name,
        issues=len(found.issued),
        offsets=tuple(
            tuple(_conformal(values[:, lead], level) for level, values in zip(LEVELS, off, strict=True))
            for lead in leads
        ),
        distances=tuple(
            tuple(_distances(np.array([_conformal(plain[:, lead], level) for level in LEVELS])).tolist())
            for lead in leads
        ),
    )


class Calibrated(Forecaster):
    """A forecaster with its quantiles calibrated; what it expects in the mean stays as it is.

    :param inner: the forecaster.
    :param calibration: its calibration; None to take what the last weeks alone would have asked for.
    :param replay_days: how many of the past's days it is replayed over; 0 for offsets that stay as they are.
    """

    def __init__(
        self, inner: Forecaster, calibration: Calibration | None = None, replay_days: int = REPLAY_DAYS
    ) -> None:
        self.name = f"{inner.name}, calibrated"
        self.lookback_s = inner.lookback_s + replay_days * DAY_S
        self._calibration = calibration
        self._replay_days = replay_days
        self._issues = _Issues(inner)

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        replays = self._issues.replays(past, horizon_s, self._replay_days)
        forecast = self._issues.at(past, len(past.intensity_g_per_kwh), horizon_s)
        own = _Quantiles.of(forecast)
        replayed = [(_Quantiles.of(made), came) for made, came in replays]
        values = own.values.copy()
        day = _day(past.step_s)
        for number, first in enumerate(range(0, values.shape[1], day)):
            lead = slice(first, first + day)
            come = [(made, came[lead]) for made, came in replayed if len(came) >= lead.stop]
            offsets = self._tracked(come, number, lead) if self._calibration else _rolling(come, lead)
            if offsets is None and not own.issued:
                return replace(forecast, forecaster=self.name)
            values[:, lead] += (np.zeros(len(LEVELS)) if offsets is None else offsets)[:, None] * own.unit[lead]
        values = np.maximum(np.sort(values, axis=0), 0.0)
        return replace(forecast, forecaster=self.name, quantiles_g_per_kwh=dict(zip(LEVELS, values, strict=True)))

    def _tracked(self, come: list[tuple[_Quantiles, np.ndarray]], number: int, lead: slice) -> np.ndarray:
        """The offsets of one day of lead, shape ``(levels,)``: the calibration's, moved by every day since."""
        table = self._calibration
        assert table is not None  # noqa: S101 - only asked where there is one
        row = min(number, len(table.offsets) - 1)
        offsets, distances = np.array(table.offsets[row]), np.array(table.distances[row])
        if len(come) >= LEAST_ISSUES:
            off = np.concatenate([(came - made.mean[lead]) / made.unit[lead] for made, came in come])
            distances = _distances(np.quantile(off, LEVELS))
        for made, came in come:
            moved = made.values[:, lead] + offsets[:, None] * made.unit[lead]
            offsets = offsets + RATE * distances * (LEVELS - (came <= moved).mean(axis=1))
        return offsets


def _rolling(come: list[tuple[_Quantiles, np.ndarray]], lead: slice) -> np.ndarray | None:
    """The offsets by which the replays themselves would have been right, shape ``(levels,)``; None if they are few."""
    if len(come) < LEAST_ISSUES:
        return None
    off = np.concatenate([(came - made.values[:, lead]) / made.unit[lead] for made, came in come], axis=1)
    return np.array([_conformal(values, level) for values, level in zip(off, LEVELS, strict=True)])


class _Issues:
    """What a forecaster says now, and what it would have said at earlier midnights of a past, each worked out once."""

    def __init__(self, inner: Forecaster) -> None:
        self._inner = inner
        self._seen: Past | None = None
        self._made: dict[tuple[float, int, float], Forecast] = {}

    def replays(self, past: Past, horizon_s: float, days: int) -> list[tuple[Forecast, np.ndarray]]:
        """The forecasts of earlier midnights, oldest first, each with what has come of it, shape ``(up to steps,)``."""
        if self._seen is None or not _agree(self._seen, past):
            self._made.clear()
        self._seen = past
        known, day = len(past.intensity_g_per_kwh), _day(past.step_s)
        steps = math.ceil(horizon_s / past.step_s)
        midnight_s = (past.end - past.end.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        back = math.ceil(midnight_s / past.step_s) or day
        least = round(min(self._inner.lookback_s, LEAST_PAST_S) / past.step_s)
        stops = [stop for stop in range(known - back, known - back - days * day, -day) if stop >= max(least, 1)]
        return [
            (self.at(past, stop, horizon_s), past.intensity_g_per_kwh[stop : stop + steps]) for stop in reversed(stops)
        ]

    def at(self, past: Past, stop: int, horizon_s: float) -> Forecast:
        """What was or would have been said after ``stop`` steps of the past."""
        cut = _cut(past, stop, self._inner.lookback_s, horizon_s)
        key = (cut.end.timestamp(), len(cut.intensity_g_per_kwh), horizon_s)
        if key not in self._made:
            self._made[key] = self._inner.predict(cut, horizon_s)
        return replace(self._made[key], issued_s=cut.end_s, start_s=cut.end_s)


@dataclass(frozen=True, slots=True, eq=False)
class _Quantiles:
    """A forecast at all levels."""

    #: g CO2eq/kWh, shape (steps,)
    mean: np.ndarray
    #: g CO2eq/kWh, shape (levels, steps); the mean where the forecast has no such quantile
    values: np.ndarray
    #: what offsets are relative to, g CO2eq/kWh, shape (steps,)
    unit: np.ndarray
    #: whether the forecast has all of them
    issued: bool

    @classmethod
    def of(cls, forecast: Forecast) -> _Quantiles:
        """Those of a forecast."""
        own, mean = forecast.quantiles_g_per_kwh, forecast.mean_g_per_kwh
        values = np.array([own.get(level, mean) for level in LEVELS])
        return cls(mean, values, np.maximum(mean, FLOOR_G_PER_KWH), all(level in own for level in LEVELS))


def _conformal(off: np.ndarray, level: float) -> float:
    """The offset below which ``level`` of the truth lies, the next one being counted in; the safe side of two."""
    known = np.sort(off[~np.isnan(off)])
    rank = math.ceil(level * (len(known) + 1)) if level > 0.5 else math.floor(level * (len(known) + 1))
    return float(known[min(max(rank, 1), len(known)) - 1])


def _distances(places: np.ndarray) -> np.ndarray:
    """How far each level lies from the median, shape ``(levels,)``; at least as far as the quarters do."""
    middle, low, high = (LEVELS.index(level) for level in (0.5, 0.25, 0.75))
    distances: np.ndarray = np.maximum(np.abs(places - places[middle]), abs(places[high] - places[low]) / 2)
    return distances


def _day(step_s: float) -> int:
    """Steps that make a day of lead; a step that is longer counts as one."""
    return max(round(DAY_S / step_s), 1)


def _cut(past: Past, stop: int, lookback_s: float, ahead_s: float) -> Past:
    """What was known after ``stop`` steps of ``past``, no further back than ``lookback_s``."""
    first = max(stop - max(round(lookback_s / past.step_s), 1), 0)
    back_s = (len(past.intensity_g_per_kwh) - stop) * past.step_s
    ahead = math.ceil(ahead_s / past.step_s)
    return replace(
        past,
        intensity_g_per_kwh=past.intensity_g_per_kwh[first:stop],
        end_s=past.end_s - back_s,
        end=past.end - timedelta(seconds=back_s),
        mix_mw={source: values[first:stop] for source, values in past.mix_mw.items()},
        known={name: values[first : stop + ahead] for name, values in past.known.items()},
    )


def _agree(one: Past, other: Past) -> bool:
    """Whether two pasts say the same of all the time that both speak of."""
    if (one.zone, one.step_s, set(one.mix_mw), set(one.known)) != (
        other.zone,
        other.step_s,
        set(other.mix_mw),
        set(other.known),
    ):
        return False
    begins = [past.end.timestamp() / past.step_s - len(past.intensity_g_per_kwh) for past in (one, other)]
    later = round(begins[1] - begins[0])
    pairs = [(one.intensity_g_per_kwh, other.intensity_g_per_kwh)]
    pairs += [(values, other.mix_mw[source]) for source, values in one.mix_mw.items()]
    pairs += [(values, other.known[name]) for name, values in one.known.items()]
    return all(_agree_after(first[max(later, 0) :], second[max(-later, 0) :]) for first, second in pairs)


def _agree_after(one: np.ndarray, other: np.ndarray) -> bool:
    both = min(len(one), len(other))
    return np.array_equal(one[:both], other[:both], equal_nan=True)
