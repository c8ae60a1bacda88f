"""Typical years of differently shaped grids, made up after the statistics of real ones.

A year is the mean of each month and hour, a weekend effect, and a residual of that month's and hour's usual size. The
residual is a sum of autoregressions of different memory, from hours to weeks; some of them turn once or twice a
day, for what returns at the same hour (a spell of clouds, a run of windy nights). Its distribution is bent to the
real one's. The statistics are in ``zones.json``, written by ``scripts/calibrate_zones.py``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from ce_nas.core.errors import TraceError, one_of
from ce_nas.core.rng import stream
from ce_nas.core.units import HOUR_S
from ce_nas.grid.trace import Factors, GridTrace, Series, Signal

__all__ = ["DEFAULT_ZONE", "Part", "Zone", "correlations", "synthetic_trace", "zones"]

#: the zone of a run that names none: clean noons, dirty evenings
DEFAULT_ZONE = "solar"
#: days before the year, so that its first hour has a past, and after it, so that its last hour has a future
DAYS_AROUND = 14

_HOURS = 24
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Zone:
    """A shape of grid that a typical year can be made of."""

    name: str
    #: what drives it, in a line
    description: str
    #: mean intensity, g CO2eq/kWh, life-cycle
    mean_g_per_kwh: float
    #: whose statistics they are
    source: str


@dataclass(frozen=True, slots=True)
class Part:
    """One autoregression of a residual."""

    #: share of the residual's variance
    share: float
    #: hours in which what is left of a disturbance falls to 1/e
    memory_h: float
    #: hours in which it turns once, or 0 if it does not turn
    period_h: float
    #: whether it glides: a second-order autoregression with one double root, instead of the first-order one
    smooth: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """The statistics of one zone; months and hours are in UTC."""

    zone: Zone
    #: hours to add to UTC for the day of the week there
    utc_offset_h: float
    #: mean on working days, g CO2eq/kWh, shape (months, hours)
    profile: np.ndarray
    #: what a weekend adds, g CO2eq/kWh, shape (hours,)
    weekend: np.ndarray
    #: standard deviation of the residual, g CO2eq/kWh, shape (months, hours)
    scale: np.ndarray
    #: the residual in standard deviations at standard normal deviates, each shape (nodes,)
    deviates: np.ndarray
    residuals: np.ndarray
    parts: tuple[Part, ...]
    #: what the real grid never left, g CO2eq/kWh
    lowest: float
    highest: float


def zones() -> tuple[Zone, ...]:
    """The built-in zones, in order of their names."""
    return tuple(model.zone for _, model in sorted(_models().items()))


def synthetic_trace(zone: str = DEFAULT_ZONE, *, seed: int = 0, year: int = 2023) -> GridTrace:
    """A typical year of ``zone``, hourly, with two weeks before and after it; life-cycle, average, above zero.

    The same three arguments always give the same trace. Weekends fall where the calendar of ``year`` has them.

    :raises TraceError: if there is no such zone.
    """
    if zone not in _models():
        message = f"{one_of('built-in zone', zone, _models())} A zone of your own is read from a file."
        raise TraceError(message)
    start = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=DAYS_AROUND)
    end = datetime(year + 1, 1, 1, tzinfo=UTC) + timedelta(days=DAYS_AROUND)
    hours = (end - start) // timedelta(hours=1)
    values = _typical(_models()[zone], start, hours, stream(seed, f"grid.synthetic.{zone}.{year}"))
    series = Series(start, HOUR_S, values, f"the synthetic carbon intensity of zone {zone!r}")
    return GridTrace(zone, series, Factors.LIFECYCLE, Signal.AVERAGE, "built-in, synthetic", synthetic=True)


def _typical(model: _Model, start: datetime, hours: int, rng: np.random.Generator) -> np.ndarray:
    """Intensities from ``start`` on, g CO2eq/kWh to two decimals, shape ``(hours,)``."""
    moments = np.datetime64(start.replace(tzinfo=None), "h") + np.arange(hours)
    hour = moments.astype(np.int64) % _HOURS
    weekend = np.where(_is_weekend(moments, model.utc_offset_h), model.weekend[hour], 0.0)
    residual = np.interp(_disturbance(model.parts, hours, rng), model.deviates, model.residuals)
    values = _over_year(model.profile, moments, hour) + weekend + _over_year(model.scale, moments, hour) * residual
    return np.asarray(np.round(np.clip(values, model.lowest, model.highest), 2))


def _is_weekend(moments: np.ndarray, utc_offset_h: float) -> np.ndarray:
    local: np.ndarray = moments + np.timedelta64(round(utc_offset_h), "h")
    return np.asarray(~np.is_busday(local.astype("datetime64[D]")))


def _over_year(table: np.ndarray, moments: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """A table of months and hours at each of ``moments``, the middles of the months joined by straight lines."""
    month = moments.astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[h]") - month.astype("datetime64[h]")).astype(np.float64)
    within = (moments - month.astype("datetime64[h]")).astype(np.float64) / length
    place = month.astype(np.int64) % _MONTHS + within - 0.5  # January 1970 was month 0
    before = np.floor(place)
    weight = place - before
    index = before.astype(np.int64)
    joined: np.ndarray = (1 - weight) * table[index % _MONTHS, hour] + weight * table[(index + 1) % _MONTHS, hour]
    return joined


def correlations(part: Part, lags_h: np.ndarray) -> np.ndarray:
    """The autocorrelation of ``part`` at each lag, shape ``(lags,)``: what it adds to a residual's, times its share."""
    keep = np.exp(-1.0 / part.memory_h)
    bend = (1 - keep**2) / (1 + keep**2) if part.smooth else 0.0
    turn = np.cos(2 * np.pi * lags_h / part.period_h) if part.period_h else 1.0
    return np.asarray((1 + bend * lags_h) * keep**lags_h * turn)


def _disturbance(parts: tuple[Part, ...], hours: int, rng: np.random.Generator) -> np.ndarray:
    """A standard normal series with the memory of ``parts``, shape ``(hours,)``."""
    total = np.zeros(hours)
    for part in parts:
        steady = _autoregression(part, hours, rng)
        if part.period_h:  # a pair, turning: its autocorrelation is that of one, times the cosine of the lag
            angle = 2 * np.pi * np.arange(hours) / part.period_h
            steady = steady * np.cos(angle) + _autoregression(part, hours, rng) * np.sin(angle)
        total += np.sqrt(part.share) * steady
    return total


def _autoregression(part: Part, hours: int, rng: np.random.Generator) -> np.ndarray:
    """The autoregression of ``part`` without its turning: stationary, of variance 1, shape ``(hours,)``."""
    keep = math.exp(-1.0 / part.memory_h)
    first, second = (2 * keep, -(keep**2)) if part.smooth else (keep, 0.0)
    after_one = first / (1 - second)
    fresh = math.sqrt(1 - first * after_one - second * (first * after_one + second))
    shocks = rng.standard_normal(hours).tolist()
    before, last = shocks[0], after_one * shocks[0] + math.sqrt(1 - after_one**2) * shocks[1]
    values = [before, last]
    for shock in shocks[2:]:
        before, last = last, first * last + second * before + fresh * shock
        values.append(last)
    return np.array(values)


@cache
def _models() -> dict[str, _Model]:
    text = resources.files("ce_nas.grid").joinpath("zones.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    return {name: _model(name, fields, stored["deviates"]) for name, fields in stored["zones"].items()}


def _model(name: str, fields: dict[str, Any], deviates: list[float]) -> _Model:
    return _Model(
        zone=Zone(name, fields["description"], fields["mean"], fields["source"]),
        utc_offset_h=fields["utc_offset_h"],
        profile=np.array(fields["profile"]),
        weekend=np.array(fields["weekend"]),
        scale=np.array(fields["scale"]),
        deviates=np.array(deviates),
        residuals=np.array(fields["residuals"]),
        parts=tuple(Part(*part) for part in fields["parts"]),
        lowest=fields["lowest"],
        highest=fields["highest"],
    )
