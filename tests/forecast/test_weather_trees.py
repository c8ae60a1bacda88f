"""Trees on the weather: a member of the default that sees the past alone, and is fitted at fixed dates."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast import weather_trees
from ce_nas.forecast.forecast_cache import ForecastCache
from ce_nas.forecast.hourly import HourlySeries
from ce_nas.forecast.online_ensemble import TREES_WEIGHT, OnlineEnsemble
from ce_nas.forecast.weather_trees import MIN_FIT_DAYS, PADDING_DAYS, REFIT_INTERVAL_DAYS, WeatherTrees


@pytest.fixture(scope="module")
def longer_grid(windy_grid):
    return windy_grid(110, 3)


def slots_after(record, day, hours=0, horizon_s=4 * DAY_S):
    inputs = record.inputs_at(day * DAY_S + hours * HOUR_S, 1000 * DAY_S, horizon_s)
    return HourlySeries.from_inputs(inputs, horizon_s, 1000 * DAY_S)


@pytest.mark.parametrize("hours", [0, 7])
def test_follows_the_weather(longer_grid, hours):
    record = longer_grid.record(known=longer_grid.known)
    slots = slots_after(record, 95, hours)
    truth = np.log(record.truth(95 * DAY_S + hours * HOUR_S, 96))
    ahead = WeatherTrees().predict_log(slots)
    yesterday = np.resize(slots.log_intensity[-24:], 96)
    assert np.abs(ahead - truth).mean() < 0.7 * np.abs(yesterday - truth).mean()


def test_no_forecast_without_weather_or_a_past_to_learn_from_or_hours(longer_grid, windy_grid):
    known = longer_grid.record(known=longer_grid.known)
    assert WeatherTrees().predict_log(slots_after(longer_grid.record(), 95)) is None
    assert WeatherTrees().predict_log(slots_after(known, MIN_FIT_DAYS)) is None
    some = {"wind_speed_m_s": longer_grid.known["wind_speed_m_s"]}
    assert WeatherTrees().predict_log(slots_after(longer_grid.record(known=some), 95)) is None
    long_steps = windy_grid(95, 0, 3 * HOUR_S)
    assert WeatherTrees().predict_log(slots_after(long_steps.record(known=long_steps.known), 94)) is None


def test_hours_whose_weather_is_unknown_are_left_to_others(longer_grid, issue):
    known = {name: values[: 95 * 24 + 48] for name, values in longer_grid.known.items()}
    record = longer_grid.record(known=known)
    ahead = WeatherTrees().predict_log(slots_after(record, 95))
    assert np.isfinite(ahead[:48]).all()
    assert np.isnan(ahead[48:]).all()
    with_trees, without = issue(OnlineEnsemble(), record, 95), issue(OnlineEnsemble(trees=False), record, 95)
    assert with_trees.members["weather-trees"] == pytest.approx(TREES_WEIGHT / 2)
    assert sum(with_trees.members.values()) == pytest.approx(1.0, abs=0.003)
    assert not np.array_equal(with_trees.mean_g_per_kwh[:48], without.mean_g_per_kwh[:48])
    np.testing.assert_array_equal(with_trees.mean_g_per_kwh[48:], without.mean_g_per_kwh[48:])


def test_no_later_value_reaches_a_forecast_and_it_does_not_depend_on_what_was_asked_before(longer_grid, monkeypatch):
    record = longer_grid.record(known=longer_grid.known)
    first = WeatherTrees().predict_log(slots_after(record, 95, 5))
    changed = longer_grid.intensity.copy()
    changed[95 * 24 + 5 :] *= 3.0
    monkeypatch.setattr(weather_trees, "FITS", ForecastCache(4))
    other = longer_grid.record(changed, longer_grid.known)
    WeatherTrees().predict_log(slots_after(other, 88))
    np.testing.assert_array_equal(WeatherTrees().predict_log(slots_after(other, 95, 5)), first)


def test_a_fit_uses_past_weather_alone_so_that_it_is_the_same_whenever_it_is_made(longer_grid, monkeypatch):
    fits = ForecastCache(8)
    monkeypatch.setattr(weather_trees, "FITS", fits)
    record = longer_grid.record(known=longer_grid.known)
    for day in (94, 95, 96):
        slots = slots_after(record, day)
        end = slots.start + timedelta(days=weather_trees._fit_day(slots))
        assert (end.timestamp() / DAY_S) % REFIT_INTERVAL_DAYS == 0
        past_hours = round((end - slots.start) / timedelta(hours=1))
        later = {name: np.append(values[:past_hours], values[past_hours:] + 1.0)
                 for name, values in slots.future_covariates.items()}  # fmt: skip
        for seen in (slots, replace(slots, future_covariates=later)):
            assert WeatherTrees().predict_log(seen) is not None
    assert len(fits._entries) == 1
    assert PADDING_DAYS == 2
