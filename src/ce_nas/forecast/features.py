"""Features of each slot for a linear model of the intensity: the calendar, and weather as far as it is known ahead.

The scales are fixed by physics, not by the data, so that a row never changes as the past grows; only a covariate of
unknown meaning is scaled by data, those of its first eight weeks.

Columns
    A dummy of every slot of the day; weekend and Monday; wind and temperature of the hour and of the day around it,
    with hinges at fixed knots (turbines start and saturate; heating, cooling), each also interacting with the time of
    day; solar radiation interacting with the time of day. Random Fourier features [RR07] of the same quantities: a
    ridge regression on them approximates a Gaussian process, which models how wind, sun, temperature and hour interact.

Sources
    [RR07] Rahimi, Recht. Random features for large-scale kernel machines. NIPS 2007.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rng import random_stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.forecast.hourly import HourlySeries

__all__ = [
    "PRECIPITATION",
    "RECEPTIVE_FIELD_DAYS",
    "SATURDAY",
    "SOLAR_RADIATION",
    "SUNDAY",
    "TEMPERATURE",
    "WIND_SPEED",
    "centred_mean",
    "has_weather",
    "linear_features",
    "random_fourier_features",
    "shift",
    "standardise_covariates",
]

#: how far around a slot its features reach, days
RECEPTIVE_FIELD_DAYS = 1.5
WIND_SPEED, TEMPERATURE, SOLAR_RADIATION, PRECIPITATION = (
    "wind_speed_m_s",
    "temperature_k",
    "dswrf_w_m2",
    "precipitation_kg_m2",
)
WEATHER_COVARIATES = (WIND_SPEED, TEMPERATURE, SOLAR_RADIATION, PRECIPITATION)
#: mean and spread of the weather of a zone, in its own units; features are in spreads about the mean
WEATHER_MEAN_AND_SPREAD = {
    WIND_SPEED: (4.3, 1.4),
    TEMPERATURE: (285.0, 8.0),
    SOLAR_RADIATION: (175.0, 240.0),
    PRECIPITATION: (0.5, 1.0),
}
#: knots of the wind's power curve: of the hour, of the day around it; from 2.7 to 6.5 m/s
WIND_KNOTS, DAILY_WIND_KNOTS = (-1.15, -0.55, 0.0, 0.7, 1.6), (-0.9, -0.1, 0.85)
#: where heating ends and cooling starts, at 14 and 18 degrees Celsius
HEATING_THRESHOLD, COOLING_THRESHOLD = 0.27, 0.77
#: days by which a covariate of unknown meaning is scaled
SCALING_DAYS = 56
FOURIER_FREQUENCY_SCALE = 0.35
SATURDAY, SUNDAY = 5, 6


def standardise_covariates(slots: HourlySeries) -> HourlySeries:
    """Return the same slots with every covariate in spreads about its mean; the mean where it is missing."""
    scaled = {name: np.nan_to_num(_standardise_covariate(slots, name)) for name in sorted(slots.future_covariates)}
    return replace(slots, future_covariates=scaled)


def has_weather(slots: HourlySeries) -> bool:
    """Whether wind speed, temperature and solar radiation are all given."""
    return {WIND_SPEED, TEMPERATURE, SOLAR_RADIATION} <= set(slots.future_covariates)


def linear_features(slots: HourlySeries) -> np.ndarray:
    """Return columns for a linear model, shape ``(slots + ahead, columns)``; the first ones are slot-of-day dummies.

    :param slots: with standardised covariates.
    """
    harmonics = _harmonics(slots.day_fraction, 2)
    weekday = slots.weekday
    weekend = 2.0 * (weekday[:, None] == np.array([SATURDAY, SUNDAY, 0]))
    columns = [np.eye(slots.slots_per_day)[slots.slot_of_day], weekend]
    columns += [_interactions(weekend[:, day], harmonics) for day in (0, 1)]
    if has_weather(slots):
        columns += [
            *_wind_features(slots, harmonics),
            *_temperature_features(slots, harmonics),
            *_solar_features(slots, harmonics),
        ]
        others = sorted(set(slots.future_covariates) - set(WEATHER_COVARIATES))
    else:
        others = sorted(slots.future_covariates)
    for name in others:
        columns += _generic_features(slots, slots.future_covariates[name], harmonics)
    return np.concatenate(columns, axis=1)


def random_fourier_features(slots: HourlySeries, seed: int, n_features: int = 300) -> np.ndarray:
    """Return random Fourier features of weather and calendar, shape ``(slots + ahead, n_features)``.

    :param slots: with standardised covariates, among them wind, temperature and solar radiation.
    """
    wind, heat, sun = (slots.future_covariates[name] for name in (WIND_SPEED, TEMPERATURE, SOLAR_RADIATION))
    day, weekday = slots.slots_per_day, slots.weekday
    times = _harmonics(slots.day_fraction, 2) * [1.2, 1.2, 0.5, 0.5]
    inputs = [
        wind, 0.7 * centred_mean(wind, day), 0.4 * shift(wind, -day // 4), 0.4 * shift(wind, day // 4),
        0.7 * sun, 1.25 * centred_mean(sun, day),
        0.7 * heat, 0.7 * centred_mean(heat, day), 0.3 * centred_mean(heat, 3 * day),
        *times.T, 0.7 * (weekday >= SATURDAY), 0.3 * (weekday == SUNDAY),
    ]  # fmt: skip
    frequencies, phases = _sample_frequencies(seed, len(inputs), n_features)
    count, whole = len(wind), -(-len(wind) // day)
    padded = np.zeros((whole * day, len(inputs)))
    padded[:count] = np.stack(inputs, axis=1)
    # by day, so that its bits do not depend on the extent
    projected = padded.reshape(whole, day, len(inputs)) @ frequencies
    features: np.ndarray = np.cos(projected.reshape(whole * day, n_features)[:count] + phases) / np.sqrt(2.0)
    return features


@cache
def _sample_frequencies(seed: int, n_inputs: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, ``(n_inputs, n_features)``, and phases, ``(n_features,)``."""
    rng = random_stream(seed, "forecast waves")
    return FOURIER_FREQUENCY_SCALE * rng.normal(size=(n_inputs, n_features)), rng.uniform(0.0, 2 * np.pi, n_features)


def _standardise_covariate(slots: HourlySeries, name: str) -> np.ndarray:
    """Return a covariate in spreads about its mean; NaN where it is missing."""
    values = slots.future_covariates[name]
    if name in WEATHER_MEAN_AND_SPREAD:
        mean, spread = WEATHER_MEAN_AND_SPREAD[name]
    else:
        first = values[: SCALING_DAYS * slots.slots_per_day]
        first = first[np.isfinite(first)]
        mean, spread = (float(first.mean()), float(first.std())) if first.size else (0.0, 0.0)
    scaled: np.ndarray = (values - mean) / (spread or 1.0)
    return scaled


def _wind_features(slots: HourlySeries, harmonics: np.ndarray) -> list[np.ndarray]:
    """Wind speed of the hour and over the day."""
    wind = slots.future_covariates[WIND_SPEED]
    day_wind = centred_mean(wind, slots.slots_per_day)
    near = [shift(wind, hours * slots.slots_per_day // 24) for hours in (-6, -3, 3, 6)]
    columns = [wind, *_hinge_features(wind, WIND_KNOTS), day_wind, *_hinge_features(day_wind, DAILY_WIND_KNOTS), *near]
    return [np.stack(columns, axis=1), _interactions(wind, harmonics), _interactions(day_wind, harmonics)]


def _temperature_features(slots: HourlySeries, harmonics: np.ndarray) -> list[np.ndarray]:
    """Heating and cooling in the hour and over the day."""
    heat = slots.future_covariates[TEMPERATURE]
    day_heat = centred_mean(heat, slots.slots_per_day)
    cooling, heating = (
        2.0 * np.maximum(day_heat - COOLING_THRESHOLD, 0.0),
        2.0 * np.maximum(HEATING_THRESHOLD - day_heat, 0.0),
    )
    hour = [2.0 * np.maximum(heat - COOLING_THRESHOLD, 0.0), 2.0 * np.maximum(HEATING_THRESHOLD - heat, 0.0), heat]
    columns = np.stack([*hour, cooling, heating, centred_mean(heat, 3 * slots.slots_per_day)], axis=1)
    return [columns, _interactions(cooling, harmonics), _interactions(heating, harmonics)]


def _solar_features(slots: HourlySeries, harmonics: np.ndarray) -> list[np.ndarray]:
    """Solar radiation, and precipitation, which fills reservoirs."""
    sun = slots.future_covariates[SOLAR_RADIATION]
    day_sun = 2.5 * centred_mean(sun, slots.slots_per_day)
    near = [shift(sun, hours * slots.slots_per_day // 24) for hours in (-3, -1, 1, 3)]
    columns = [
        np.stack([sun, *near, day_sun], axis=1),
        _interactions(day_sun, _harmonics(slots.day_fraction, 3)),
        _interactions(sun, harmonics),
    ]
    if PRECIPITATION in slots.future_covariates:
        columns.append(centred_mean(slots.future_covariates[PRECIPITATION], slots.slots_per_day)[:, None])
    return columns


def _generic_features(slots: HourlySeries, values: np.ndarray, harmonics: np.ndarray) -> list[np.ndarray]:
    """A covariate of unknown meaning: its value, a hinge at its mean, its daily mean, and by the time of day."""
    columns = np.stack([values, np.maximum(values, 0.0), centred_mean(values, slots.slots_per_day)], axis=1)
    return [columns, _interactions(values, harmonics)]


def _hinge_features(values: np.ndarray, knots: Iterable[float]) -> list[np.ndarray]:
    return [np.maximum(values - knot, 0.0) for knot in knots]


def _interactions(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    product: np.ndarray = values[:, None] * columns
    return product


def _harmonics(day_fraction: np.ndarray, n_harmonics: int) -> np.ndarray:
    """Return sine and cosine of the time of day and its multiples, shape ``(slots, 2 * n_harmonics)``."""
    angles = 2 * np.pi * np.outer(day_fraction, np.arange(1, n_harmonics + 1))
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(day_fraction), 2 * n_harmonics)


def shift(values: np.ndarray, slots: int) -> np.ndarray:
    """Return the values ``slots`` later; beyond the ends, the outermost values."""
    return values[np.clip(np.arange(len(values)) + slots, 0, len(values) - 1)]


def centred_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean over ``width`` slots around each; near the ends, of the first and the last ``width``."""
    width = min(width, len(values))
    low = np.clip(np.arange(len(values)) - width // 2, 0, len(values) - width)
    mean: np.ndarray = _moving_sums(values, width)[low] / max(width, 1)
    return mean


def _moving_sums(values: np.ndarray, width: int) -> np.ndarray:
    """Return the sum of each ``width`` values, from blocks of doubling size: its bits depend on these values alone."""
    count, size, offset = len(values) - width + 1, 1, 0
    total, block = np.zeros(count), values
    while size <= width:
        if width & size:
            total += block[offset : offset + count]
            offset += size
        block = block[:-size] + block[size:]
        size *= 2
    return total
