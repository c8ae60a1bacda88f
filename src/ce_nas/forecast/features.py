"""What a linear model of the intensity is told of each slot: the calendar, and what is known ahead of the weather.

The scales are fixed by physics, not by the data, so that a row never changes as the past grows; only an input whose
meaning is not known here is scaled by data, those of its first eight weeks.

Columns
    Every slot of the day on its own; weekend and Monday; wind and heat of the hour and of the day around it, bent at
    fixed points (turbines start and saturate; heating, cooling), each also by the time of day; sunshine by the time
    of day. Waves are random Fourier features [RR07] of the same quantities: a ridge regression on them is nearly a
    Gaussian process, which sees how wind, sun, heat and hour play together.

Sources
    [RR07] Rahimi, Recht. Random features for large-scale kernel machines. NIPS 2007.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rng import stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.forecast.hourly import Slots

__all__ = ["VIEW_DAYS", "plain_rows", "standardised", "wave_rows", "weather_is_known"]

#: how far around a slot its row looks, days
VIEW_DAYS = 1.5
WIND, HEAT, SUN, RAIN = "wind_speed_m_s", "temperature_k", "dswrf_w_m2", "precipitation_kg_m2"
WEATHER = (WIND, HEAT, SUN, RAIN)
#: mean and spread of the weather of a zone, in its own units; in rows all quantities are in spreads about the mean
TYPICAL = {WIND: (4.3, 1.4), HEAT: (285.0, 8.0), SUN: (175.0, 240.0), RAIN: (0.5, 1.0)}
#: where the power of the wind bends: of the hour, of the day around it; from 2.7 to 6.5 m/s
WIND_BENDS, DAY_WIND_BENDS = (-1.15, -0.55, 0.0, 0.7, 1.6), (-0.9, -0.1, 0.85)
#: where heating ends and cooling begins, at 14 and 18 degrees Celsius
HEATING, COOLING = 0.27, 0.77
#: days by which an input of unknown meaning is scaled
SCALING_DAYS = 56
#: how quickly each quantity changes the waves
PACE = 0.35
SATURDAY, SUNDAY = 5, 6


def standardised(slots: Slots) -> Slots:
    """The same with every known input in spreads about its mean, and the mean where it is missing."""
    known = {name: np.nan_to_num(_scaled(slots, name)) for name in sorted(slots.known)}
    return replace(slots, known=known)


def weather_is_known(slots: Slots) -> bool:
    """Whether wind, heat and sunshine are all given."""
    return {WIND, HEAT, SUN} <= set(slots.known)


def plain_rows(slots: Slots) -> np.ndarray:
    """Columns for a linear model, shape ``(slots + ahead, columns)``; the first ones are the slots of the day.

    :param slots: with standardised inputs.
    """
    harmonics = _harmonics(slots.day_share, 2)
    weekday = slots.weekday
    weekend = 2.0 * (weekday[:, None] == np.array([SATURDAY, SUNDAY, 0]))
    parts = [np.eye(slots.a_day)[slots.place_in_day], weekend]
    parts += [_by(weekend[:, day], harmonics) for day in (0, 1)]
    if weather_is_known(slots):
        parts += [*_wind(slots, harmonics), *_heat(slots, harmonics), *_sun(slots, harmonics)]
        others = sorted(set(slots.known) - set(WEATHER))
    else:
        others = sorted(slots.known)
    for name in others:
        parts += _other(slots, slots.known[name], harmonics)
    return np.concatenate(parts, axis=1)


def wave_rows(slots: Slots, seed: int, count: int = 300) -> np.ndarray:
    """Random Fourier features of weather and calendar, shape ``(slots + ahead, count)``.

    :param slots: with standardised inputs, wind, heat and sunshine among them.
    """
    wind, heat, sun = (slots.known[name] for name in (WIND, HEAT, SUN))
    day, weekday = slots.a_day, slots.weekday
    times = _harmonics(slots.day_share, 2) * [1.2, 1.2, 0.5, 0.5]
    seen = [
        wind, 0.7 * _around(wind, day), 0.4 * _shifted(wind, -day // 4), 0.4 * _shifted(wind, day // 4),
        0.7 * sun, 1.25 * _around(sun, day),
        0.7 * heat, 0.7 * _around(heat, day), 0.3 * _around(heat, 3 * day),
        *times.T, 0.7 * (weekday >= SATURDAY), 0.3 * (weekday == SUNDAY),
    ]  # fmt: skip
    directions, phases = _waves(seed, len(seen), count)
    waves: np.ndarray = np.cos(np.stack(seen, axis=1) @ directions + phases) / np.sqrt(2.0)
    return waves


@cache
def _waves(seed: int, inputs: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions and phases of the waves."""
    rng = stream(seed, "forecast waves")
    return PACE * rng.normal(size=(inputs, count)), rng.uniform(0.0, 2 * np.pi, count)


def _scaled(slots: Slots, name: str) -> np.ndarray:
    """An input in spreads about its mean; NaN where it is missing."""
    values = slots.known[name]
    if name in TYPICAL:
        middle, spread = TYPICAL[name]
    else:
        first = values[: SCALING_DAYS * slots.a_day]
        first = first[np.isfinite(first)]
        middle, spread = (float(first.mean()), float(first.std())) if first.size else (0.0, 0.0)
    scaled: np.ndarray = (values - middle) / (spread or 1.0)
    return scaled


def _wind(slots: Slots, harmonics: np.ndarray) -> list[np.ndarray]:
    """How hard it blows, now and over the day."""
    wind = slots.known[WIND]
    day_wind = _around(wind, slots.a_day)
    near = [_shifted(wind, hours * slots.a_day // 24) for hours in (-6, -3, 3, 6)]
    columns = [wind, *_above(wind, WIND_BENDS), day_wind, *_above(day_wind, DAY_WIND_BENDS), *near]
    return [np.stack(columns, axis=1), _by(wind, harmonics), _by(day_wind, harmonics)]


def _heat(slots: Slots, harmonics: np.ndarray) -> list[np.ndarray]:
    """Heating and cooling, now and over the day."""
    heat = slots.known[HEAT]
    day_heat = _around(heat, slots.a_day)
    cooling, heating = 2.0 * np.maximum(day_heat - COOLING, 0.0), 2.0 * np.maximum(HEATING - day_heat, 0.0)
    now = [2.0 * np.maximum(heat - COOLING, 0.0), 2.0 * np.maximum(HEATING - heat, 0.0), heat]
    columns = np.stack([*now, cooling, heating, _around(heat, 3 * slots.a_day)], axis=1)
    return [columns, _by(cooling, harmonics), _by(heating, harmonics)]


def _sun(slots: Slots, harmonics: np.ndarray) -> list[np.ndarray]:
    """Sunshine, and rain, which fills reservoirs."""
    sun = slots.known[SUN]
    day_sun = 2.5 * _around(sun, slots.a_day)
    near = [_shifted(sun, hours * slots.a_day // 24) for hours in (-3, -1, 1, 3)]
    parts = [np.stack([sun, *near, day_sun], axis=1), _by(day_sun, _harmonics(slots.day_share, 3)), _by(sun, harmonics)]
    rain = [_around(slots.known[RAIN], slots.a_day)[:, None]] if RAIN in slots.known else []
    return parts + rain


def _other(slots: Slots, values: np.ndarray, harmonics: np.ndarray) -> list[np.ndarray]:
    """An input of unknown meaning: itself, bent at its mean, its day, and by the time of day."""
    columns = np.stack([values, np.maximum(values, 0.0), _around(values, slots.a_day)], axis=1)
    return [columns, _by(values, harmonics)]


def _above(values: np.ndarray, bends: Iterable[float]) -> list[np.ndarray]:
    return [np.maximum(values - bend, 0.0) for bend in bends]


def _by(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    product: np.ndarray = values[:, None] * columns
    return product


def _harmonics(day_share: np.ndarray, count: int) -> np.ndarray:
    """Sine and cosine of the time of day and its multiples, shape ``(slots, 2 * count)``."""
    angles = 2 * np.pi * np.outer(day_share, np.arange(1, count + 1))
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(day_share), 2 * count)


def _shifted(values: np.ndarray, slots: int) -> np.ndarray:
    """The values ``slots`` later, the outermost ones standing for those beyond."""
    return values[np.clip(np.arange(len(values)) + slots, 0, len(values) - 1)]


def _around(values: np.ndarray, width: int) -> np.ndarray:
    """The mean over ``width`` slots around each; near the ends, of the first and the last ``width``."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    width = min(width, len(values))
    low = np.clip(np.arange(len(values)) - width // 2, 0, len(values) - width)
    mean: np.ndarray = (sums[low + width] - sums[low]) / max(width, 1)
    return mean
