"""Synthetic typical years of grids, from the statistics of real ones.

A year is the mean of each month and hour, a weekend effect, and a residual with the spread of that month and hour. The
residual is a sum of autoregressions with different correlation times, from hours to weeks; some are modulated with a
period of a day or half a day, for deviations that return at the same hour (a spell of clouds, windy nights). Its
distribution is mapped to the real one. The statistics are in ``zones.json``, written by ``scripts/calibrate_zones.py``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import numpy as np

from ce_nas.core.errors import TraceError, unknown_choice_message
from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal

__all__ = ["DEFAULT_ZONE", "AutoregressiveComponent", "Zone", "autocorrelation", "builtin_zones", "synthetic_trace"]

#: the zone of a run that names none: clean noons, dirty evenings
DEFAULT_ZONE = "solar"
#: days before and after the year, as a past of its first hour and a future of its last
PADDING_DAYS = 14

_HOURS_PER_DAY = 24
_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class Zone:
    """A built-in zone."""

    name: str
    #: what drives its intensity, in a line
    description: str
    #: mean intensity, g CO2eq/kWh, life-cycle
    mean_g_per_kwh: float
    #: origin of the statistics
    source: str


@dataclass(frozen=True, slots=True)
class AutoregressiveComponent:
    """One autoregression of the residual."""

    #: share of the residual's variance
    variance_share: float
    #: time in which a disturbance falls to 1/e
    correlation_time_h: float
    #: period of its modulation; 0 for none
    period_h: float
    #: whether it is of second order, with a double root, and so smooth; else of first order
    second_order: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _ZoneStatistics:
    """The statistics of one zone; months and hours are in UTC."""

    zone: Zone
    #: offset of local time, for the day of the week
    utc_offset_h: float
    #: mean on working days, g CO2eq/kWh, shape (months, hours)
    mean_profile: np.ndarray
    #: difference on weekends, g CO2eq/kWh, shape (hours,)
    weekend_effect: np.ndarray
    #: standard deviation of the residual, g CO2eq/kWh, shape (months, hours)
    residual_std: np.ndarray
    #: quantiles of a standard normal, and of the residual in standard deviations, shape (nodes,) each
    normal_quantiles: np.ndarray
    residual_quantiles: np.ndarray
    components: tuple[AutoregressiveComponent, ...]
    #: range of the real grid, g CO2eq/kWh
    min_g_per_kwh: float
    max_g_per_kwh: float


def builtin_zones() -> tuple[Zone, ...]:
    """Return the built-in zones, by name."""
    return tuple(model.zone for _, model in sorted(_load_zone_statistics().items()))


@lru_cache(maxsize=64)
def synthetic_trace(zone: str = DEFAULT_ZONE, *, seed: int = 0, year: int = 2023) -> GridTrace:
    """Generate a typical year of ``zone``, hourly, with two weeks before and after it; life-cycle, average, above zero.

    The same arguments always give the same trace, which cannot be changed. Weekends are those of ``year``.

    Example:
        >>> trace = synthetic_trace("solar", seed=1)
        >>> trace.zone, trace.step_s, len(trace.g_per_kwh)
        ('solar', 3600.0, 9432)

    :raises TraceError: if there is no such zone.
    """
    if zone not in _load_zone_statistics():
        problem = unknown_choice_message("built-in zone", zone, _load_zone_statistics())
        message = f"{problem} For another zone, name a file."
        raise TraceError(message)
    start = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=PADDING_DAYS)
    end = datetime(year + 1, 1, 1, tzinfo=UTC) + timedelta(days=PADDING_DAYS)
    hours = (end - start) // timedelta(hours=1)
    values = _generate_year(
        _load_zone_statistics()[zone], start, hours, random_stream(seed, f"grid.synthetic.{zone}.{year}")
    )
    series = Series(start, HOUR_S, values, f"the synthetic carbon intensity of zone {zone!r}")
    return GridTrace(zone, series, EmissionFactorType.LIFECYCLE, Signal.AVERAGE, "built-in, synthetic", synthetic=True)


def _generate_year(statistics: _ZoneStatistics, start: datetime, hours: int, rng: np.random.Generator) -> np.ndarray:
    """Generate intensities from ``start`` on, g CO2eq/kWh to two decimals, shape ``(hours,)``."""
    moments = np.datetime64(start.replace(tzinfo=None), "h") + np.arange(hours)
    hour = moments.astype(np.int64) % _HOURS_PER_DAY
    weekend = np.where(_is_weekend(moments, statistics.utc_offset_h), statistics.weekend_effect[hour], 0.0)
    residual = np.interp(
        _simulate_residual(statistics.components, hours, rng),
        statistics.normal_quantiles,
        statistics.residual_quantiles,
    )
    values = (
        _interpolate_months(statistics.mean_profile, moments, hour)
        + weekend
        + _interpolate_months(statistics.residual_std, moments, hour) * residual
    )
    return np.asarray(np.round(np.clip(values, statistics.min_g_per_kwh, statistics.max_g_per_kwh), 2))


def _is_weekend(moments: np.ndarray, utc_offset_h: float) -> np.ndarray:
    local: np.ndarray = moments + np.timedelta64(round(utc_offset_h), "h")
    return np.asarray(~np.is_busday(local.astype("datetime64[D]")))


def _interpolate_months(table: np.ndarray, moments: np.ndarray, hour: np.ndarray) -> np.ndarray:
    """Interpolate a table of months and hours at ``moments``, linearly between the middles of months."""
    month = moments.astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[h]") - month.astype("datetime64[h]")).astype(np.float64)
    within = (moments - month.astype("datetime64[h]")).astype(np.float64) / length
    position = month.astype(np.int64) % _MONTHS_PER_YEAR + within - 0.5  # January 1970 was month 0
    before = np.floor(position)
    weight = position - before
    index = before.astype(np.int64)
    interpolated: np.ndarray = (1 - weight) * table[index % _MONTHS_PER_YEAR, hour] + weight * table[
        (index + 1) % _MONTHS_PER_YEAR, hour
    ]
    return interpolated


def autocorrelation(component: AutoregressiveComponent, lags_h: np.ndarray) -> np.ndarray:
    """Return the autocorrelation of ``component`` at each lag, shape ``(lags,)``, without its variance share."""
    root = np.exp(-1.0 / component.correlation_time_h)
    slope = (1 - root**2) / (1 + root**2) if component.second_order else 0.0
    modulation = np.cos(2 * np.pi * lags_h / component.period_h) if component.period_h else 1.0
    return np.asarray((1 + slope * lags_h) * root**lags_h * modulation)


def _simulate_residual(
    components: tuple[AutoregressiveComponent, ...], hours: int, rng: np.random.Generator
) -> np.ndarray:
    """Simulate a standard normal series with the autocorrelation of ``components``, shape ``(hours,)``."""
    total = np.zeros(hours)
    for component in components:
        series = _simulate_autoregression(component, hours, rng)
        if component.period_h:  # a modulated pair: its autocorrelation is that of one, times the cosine of the lag
            angle = 2 * np.pi * np.arange(hours) / component.period_h
            series = series * np.cos(angle) + _simulate_autoregression(component, hours, rng) * np.sin(angle)
        total += np.sqrt(component.variance_share) * series
    return total


def _simulate_autoregression(component: AutoregressiveComponent, hours: int, rng: np.random.Generator) -> np.ndarray:
    """Simulate ``component`` without its modulation: stationary, of variance 1, shape ``(hours,)``."""
    root = math.exp(-1.0 / component.correlation_time_h)
    first, second = (2 * root, -(root**2)) if component.second_order else (root, 0.0)
    lag_1 = first / (1 - second)
    innovation_std = math.sqrt(1 - first * lag_1 - second * (first * lag_1 + second))
    shocks = rng.standard_normal(hours).tolist()
    before, last = shocks[0], lag_1 * shocks[0] + math.sqrt(1 - lag_1**2) * shocks[1]
    values = [before, last]
    for shock in shocks[2:]:
        before, last = last, first * last + second * before + innovation_std * shock
        values.append(last)
    return np.array(values)


@cache
def _load_zone_statistics() -> dict[str, _ZoneStatistics]:
    text = resources.files("ce_nas.grid").joinpath("zones.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    return {name: _parse_zone_statistics(name, fields, stored["deviates"]) for name, fields in stored["zones"].items()}


def _parse_zone_statistics(name: str, fields: dict[str, Any], normal_quantiles: list[float]) -> _ZoneStatistics:
    return _ZoneStatistics(
        zone=Zone(name, fields["description"], fields["mean"], fields["source"]),
        utc_offset_h=fields["utc_offset_h"],
        mean_profile=np.array(fields["profile"]),
        weekend_effect=np.array(fields["weekend"]),
        residual_std=np.array(fields["scale"]),
        normal_quantiles=np.array(normal_quantiles),
        residual_quantiles=np.array(fields["residuals"]),
        components=tuple(AutoregressiveComponent(*part) for part in fields["parts"]),
        min_g_per_kwh=fields["lowest"],
        max_g_per_kwh=fields["highest"],
    )
