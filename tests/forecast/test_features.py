"""Features: final for a slot while the past grows, independent of the intensity."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.units import DAY_S
from ce_nas.forecast.features import (
    RECEPTIVE_FIELD_DAYS,
    has_weather,
    linear_features,
    random_fourier_features,
    standardise_covariates,
)
from ce_nas.forecast.hourly import HourlySeries

PADDING = round(RECEPTIVE_FIELD_DAYS * 24)


@pytest.fixture(scope="module")
def series(grid):
    """Builds the slots of some days of the grid, with its weather one day ahead."""
    record = grid.record(known=grid.known)

    def series(days):
        past = record.inputs_at(days * DAY_S, 100 * DAY_S, DAY_S)
        return standardise_covariates(HourlySeries.from_inputs(past, DAY_S, 100 * DAY_S))

    return series


@pytest.mark.parametrize("features", [linear_features, lambda slots: random_fourier_features(slots, 3)])
def test_features_are_final_as_the_past_grows(series, features):
    early, late = series(20), series(23)
    final = len(early) + early.horizon - PADDING
    np.testing.assert_allclose(features(early)[PADDING:final], features(late)[PADDING:final], rtol=0, atol=1e-12)


@pytest.mark.parametrize("features", [linear_features, lambda slots: random_fourier_features(slots, 3)])
def test_features_do_not_depend_on_intensity(series, features):
    slots = series(10)
    other = replace(slots, log_intensity=slots.log_intensity[::-1] + 1)
    assert np.array_equal(features(slots), features(other))


def test_slot_of_day_dummies(series):
    slots = series(10)
    rows = linear_features(slots)
    assert rows.shape[0] == len(slots) + slots.horizon
    assert np.array_equal(rows[:, : slots.slots_per_day].argmax(axis=1), slots.slot_of_day)
    assert np.array_equal(rows[:, : slots.slots_per_day].sum(axis=1), np.ones(len(rows)))
    assert np.isfinite(rows).all()


def test_calendar_alone_without_weather(series):
    slots = replace(series(10), future_covariates={})
    assert not has_weather(slots)
    assert linear_features(slots).shape[1] < linear_features(series(10)).shape[1]


def test_missing_weather_is_the_mean(grid):
    wind = grid.known["wind_speed_m_s"].copy()
    wind[30] = np.nan
    record = grid.record(known={**grid.known, "wind_speed_m_s": wind})
    slots = standardise_covariates(
        HourlySeries.from_inputs(record.inputs_at(10 * DAY_S, 100 * DAY_S, DAY_S), DAY_S, 100 * DAY_S)
    )
    assert slots.future_covariates["wind_speed_m_s"][30] == 0.0


def test_fourier_features_are_bounded_and_seeded(series):
    slots = series(10)
    fourier = random_fourier_features(slots, 3, 50)
    assert fourier.shape == (len(slots) + slots.horizon, 50)
    assert np.abs(fourier).max() <= np.sqrt(0.5)
    assert np.array_equal(fourier, random_fourier_features(slots, 3, 50))
    assert not np.array_equal(fourier, random_fourier_features(slots, 4, 50))
