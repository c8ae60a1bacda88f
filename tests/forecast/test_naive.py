"""The forecasters without training do what their sentence says."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Past
from ce_nas.forecast.baselines import DampedProfile, Persistence, SeasonalNaive

DAY = 300 + 120 * np.sin(np.arange(24) / 24 * 2 * np.pi)


def predict(forecaster, values, horizon_s=4 * DAY_S, step_s=HOUR_S):
    past = Past(np.asarray(values, dtype=float), step_s, 0.0, datetime(2021, 7, 2, 6, tzinfo=UTC), "zone")
    return forecaster.predict(past, horizon_s).mean_g_per_kwh


@pytest.mark.parametrize("forecaster", [SeasonalNaive(), DampedProfile()])
@pytest.mark.parametrize("known", [24, 31, 48, 100, 168, 300])
def test_a_day_that_repeats_is_foretold_whatever_the_hour(forecaster, known):
    series = np.tile(DAY, 30)
    assert predict(forecaster, series[:known]) == pytest.approx(series[known : known + 96], rel=1e-12)


@pytest.mark.parametrize("forecaster", [SeasonalNaive(), DampedProfile()])
@pytest.mark.parametrize("step_s", [900.0, 1800.0, 3 * HOUR_S])
def test_a_day_is_a_day_whatever_the_step(forecaster, step_s):
    steps = round(DAY_S / step_s)
    series = np.tile(300 + 100 * np.cos(np.arange(steps) / steps * 2 * np.pi), 12)
    known = 8 * steps + 3
    assert predict(forecaster, series[:known], DAY_S, step_s) == pytest.approx(series[known : known + steps], rel=1e-12)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50))
def test_persistence_holds_the_last_value(values):
    assert (predict(Persistence(), values) == values[-1]).all()


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=23))
@pytest.mark.parametrize("forecaster", [SeasonalNaive(), DampedProfile()])
def test_with_less_than_a_day_the_last_value_stays(forecaster, values):
    assert (predict(forecaster, values) == values[-1]).all()


@given(st.lists(st.floats(0, 1000), min_size=24, max_size=80))
def test_seasonal_naive_repeats_the_last_day(values):
    assert np.array_equal(predict(SeasonalNaive(), values), np.tile(values[-24:], 4))


def test_the_shift_of_the_latest_hour_fades_out():
    series = np.tile(DAY, 8)
    shifted = series[:170].copy()
    shifted[-1] += 80.0
    off = predict(DampedProfile(fading_s=12 * HOUR_S), shifted) - predict(DampedProfile(), series[:170])
    # The mean day takes a seventh of the shifted hour in, once a day, and the shift is counted from there.
    fading = 80.0 * 6 / 7 * np.exp(-np.arange(1, 97) / 12)
    fading[23::24] += 80.0 / 7
    assert off == pytest.approx(fading, abs=1e-9)


def test_a_mean_day_is_that_of_the_last_week():
    weeks = np.concatenate([np.full(24 * 7, 900.0), *(np.full(24, level) for level in range(100, 800, 100))])
    slow = predict(DampedProfile(fading_s=1e-9), weeks, DAY_S)
    assert slow == pytest.approx(400.0)


def test_a_fall_never_goes_below_zero():
    values = np.tile(np.where(np.arange(24) == 12, 5.0, 400.0), 7)
    values[-1] = 0.0
    forecast = predict(DampedProfile(fading_s=1e6), values)
    assert forecast.min() == 0.0


@pytest.mark.parametrize("forecaster", [Persistence(), SeasonalNaive(), DampedProfile()])
def test_steps_longer_than_a_day_are_taken_as_they_are(forecaster):
    (value,) = predict(forecaster, [280.0, 250.0], 4 * DAY_S, 365 * DAY_S)
    assert 250.0 <= value <= 280.0
