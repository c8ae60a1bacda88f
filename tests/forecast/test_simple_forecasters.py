"""Baselines: exact on repeating days, and MSTL on seasons under noise."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import MissingExtraError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.simple_forecasters import DampedProfile, MstlForecaster, Persistence, SeasonalNaive

DAY = 300 + 120 * np.sin(np.arange(24) / 24 * 2 * np.pi)


def past_of(values, step_s=HOUR_S):
    return ForecastInput(np.asarray(values, dtype=float), step_s, 0.0, datetime(2021, 7, 2, 6, tzinfo=UTC), "zone")


def predict(forecaster, values, horizon_s=4 * DAY_S, step_s=HOUR_S):
    return forecaster.predict(past_of(values, step_s), horizon_s).mean_g_per_kwh


@pytest.mark.parametrize("forecaster", [SeasonalNaive(), DampedProfile()])
@pytest.mark.parametrize("known", [24, 31, 48, 100, 168, 300])
def test_repeating_day_is_predicted_at_any_hour(forecaster, known):
    series = np.tile(DAY, 30)
    assert predict(forecaster, series[:known]) == pytest.approx(series[known : known + 96], rel=1e-12)


@pytest.mark.parametrize("forecaster", [SeasonalNaive(), DampedProfile()])
@pytest.mark.parametrize("step_s", [900.0, 1800.0, 3 * HOUR_S])
def test_repeating_day_is_predicted_at_any_step(forecaster, step_s):
    steps = round(DAY_S / step_s)
    series = np.tile(300 + 100 * np.cos(np.arange(steps) / steps * 2 * np.pi), 12)
    known = 8 * steps + 3
    assert predict(forecaster, series[:known], DAY_S, step_s) == pytest.approx(series[known : known + steps], rel=1e-12)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50))
def test_persistence_repeats_the_last_value(values):
    assert (predict(Persistence(), values) == values[-1]).all()


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=23))
@pytest.mark.parametrize("forecaster", [SeasonalNaive(), DampedProfile()])
def test_last_value_repeats_below_a_day(forecaster, values):
    assert (predict(forecaster, values) == values[-1]).all()


@given(st.lists(st.floats(0, 1000), min_size=24, max_size=80))
def test_seasonal_naive_repeats_the_last_day(values):
    assert np.array_equal(predict(SeasonalNaive(), values), np.tile(values[-24:], 4))


def test_deviation_of_the_latest_hour_decays():
    series = np.tile(DAY, 8)
    shifted = series[:170].copy()
    shifted[-1] += 80.0
    difference = predict(DampedProfile(decay_time_s=12 * HOUR_S), shifted) - predict(DampedProfile(), series[:170])
    # The mean day contains a seventh of the shifted hour, once a day; the deviation is counted from there.
    decay = 80.0 * 6 / 7 * np.exp(-np.arange(1, 97) / 12)
    decay[23::24] += 80.0 / 7
    assert difference == pytest.approx(decay, abs=1e-9)


def test_profile_is_the_mean_of_the_last_week():
    weeks = np.concatenate([np.full(24 * 7, 900.0), *(np.full(24, level) for level in range(100, 800, 100))])
    slow = predict(DampedProfile(decay_time_s=1e-9), weeks, DAY_S)
    assert slow == pytest.approx(400.0)


def test_forecast_is_not_negative():
    values = np.tile(np.where(np.arange(24) == 12, 5.0, 400.0), 7)
    values[-1] = 0.0
    forecast = predict(DampedProfile(decay_time_s=1e6), values)
    assert forecast.min() == 0.0


@pytest.mark.parametrize("forecaster", [Persistence(), SeasonalNaive(), DampedProfile()])
def test_steps_longer_than_a_day(forecaster):
    (value,) = predict(forecaster, [280.0, 250.0], 4 * DAY_S, 365 * DAY_S)
    assert 250.0 <= value <= 280.0


@pytest.fixture
def mstl():
    pytest.importorskip("statsforecast", reason="the forecaster mstl needs the extra 'baselines'")
    return MstlForecaster()


def test_mstl_finds_days_and_weeks_under_noise(mstl):
    hours = np.arange(33 * 24)
    clean = 400 + 80 * np.sin(hours / 24 * 2 * np.pi) - 60 * (hours // 24 % 7 >= 5)
    noisy = clean + np.random.default_rng(0).normal(0, 20, len(clean))
    known, truth = noisy[: 28 * 24], clean[28 * 24 : 32 * 24]
    forecast = mstl.predict(past_of(known), 4 * DAY_S)
    naive = SeasonalNaive().predict(past_of(known), 4 * DAY_S)
    error, naive_error = (np.abs(result.mean_g_per_kwh - truth).mean() for result in (forecast, naive))
    assert error < 0.6 * naive_error
    stacked = np.array(list(forecast.quantiles_g_per_kwh.values()))
    assert list(forecast.quantiles_g_per_kwh) == [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
    assert (np.diff(stacked, axis=0) >= 0).all()


def test_mstl_is_seasonal_naive_below_two_weeks(mstl):
    known = 300 + 50 * np.cos(np.arange(14 * 24 - 1))
    forecast, naive = (model.predict(past_of(known), DAY_S) for model in (mstl, SeasonalNaive()))
    assert np.array_equal(forecast.mean_g_per_kwh, naive.mean_g_per_kwh)
    assert (forecast.forecaster, forecast.quantiles_g_per_kwh) == ("mstl", {})


def test_mstl_names_its_missing_extra(monkeypatch):
    monkeypatch.setattr("ce_nas.forecast.simple_forecasters.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"baselines"):
        MstlForecaster()
