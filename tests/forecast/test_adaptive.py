from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.adaptive import LEVELS, AdaptiveRidge
from ce_nas.forecast.history import History
from ce_nas.forecast.naive import DampedProfile, SeasonalNaive
from ce_nas.grid.trace import Series

START = datetime(2021, 3, 1, tzinfo=UTC)
HORIZON_S = 4 * DAY_S


def windy_grid(days, rng, step_s=HOUR_S):
    """A grid whose intensity falls with wind and sun, and whose level drifts."""
    steps = round(days * DAY_S / step_s)
    hours = np.arange(steps) * step_s / HOUR_S
    slow = np.interp(hours, np.arange(0, hours[-1] + 12, 12), 4 + 1.5 * rng.normal(size=int(hours[-1] // 12) + 2))
    wind = np.maximum(slow, 0.5)
    sun = np.maximum(np.sin(2 * np.pi * (hours - 6) / 24), 0) * 600 * (0.7 + 0.3 * np.sin(hours / 60))
    heat = 285 + 5 * np.sin(2 * np.pi * (hours - 9) / 24) + 5 * np.sin(2 * np.pi * hours / 24 / 300)
    level = 6 - 0.12 * wind - 0.0006 * sun + 0.1 * np.cos(2 * np.pi * hours / 24) + 0.1 * np.sin(hours / 700)
    noise = 0.02 * rng.normal(size=steps)
    return np.exp(level + noise), {"wind_speed_m_s": wind, "dswrf_w_m2": sun, "temperature_k": heat}


def history(intensity, known=None, step_s=HOUR_S):
    series = {name: Series(START, step_s, values) for name, values in (known or {}).items()}
    return History("zone", Series(START, step_s, intensity), known=series)


def error(forecast, truth):
    return float(np.mean(np.abs(forecast.mean_g_per_kwh - truth) / truth))


@pytest.fixture(scope="module")
def grid():
    return windy_grid(80, np.random.default_rng(0))


def issued(forecaster, record, day):
    return forecaster.predict(record.past(day * DAY_S, forecaster.lookback_s, HORIZON_S), HORIZON_S)


def test_it_learns_what_wind_and_sun_do_and_is_far_better_than_a_profile(grid):
    intensity, known = grid
    record = history(intensity, known)
    truth = record.truth(70 * DAY_S, 96)
    errors = {
        name: error(issued(forecaster, record, 70), truth)
        for name, forecaster in {
            "told": AdaptiveRidge(), "naive": SeasonalNaive(), "profile": DampedProfile(),
        }.items()
    }  # fmt: skip
    assert errors["told"] < 0.06
    assert errors["told"] < 0.5 * min(errors["naive"], errors["profile"])


def test_without_weather_it_still_beats_yesterday(grid):
    record = history(grid[0])
    days = range(50, 75, 3)
    adaptive, naive = (
        np.mean([error(issued(forecaster, record, day), record.truth(day * DAY_S, 96)) for day in days])
        for forecaster in (AdaptiveRidge(), SeasonalNaive())
    )
    assert adaptive < 0.9 * naive


def test_going_on_from_an_earlier_past_gives_the_same_as_starting_from_nothing(grid):
    record = history(*grid)
    going_on = AdaptiveRidge()
    for day in (40, 41, 41.5, 44):
        once = issued(going_on, record, day)
        anew = issued(AdaptiveRidge(), record, day)
        assert np.array_equal(once.mean_g_per_kwh, anew.mean_g_per_kwh)
        for level in LEVELS:
            assert np.array_equal(once.quantiles_g_per_kwh[level], anew.quantiles_g_per_kwh[level])


def test_a_record_that_begins_otherwise_is_learned_anew(grid):
    forecaster = AdaptiveRidge()
    issued(forecaster, history(*grid), 40)
    other = history(2 * grid[0], grid[1])
    assert np.array_equal(
        issued(forecaster, other, 41).mean_g_per_kwh, issued(AdaptiveRidge(), other, 41).mean_g_per_kwh
    )


def test_nothing_of_the_future_reaches_it_but_what_is_known_ahead(grid):
    intensity, known = grid
    cut = 60 * 24
    spoilt = np.concatenate([intensity[:cut], 5 * intensity[cut:][::-1]])
    later = {
        name: np.concatenate([values[: cut + 96], np.full(len(values) - cut - 96, 7.0)])
        for name, values in known.items()
    }
    first = issued(AdaptiveRidge(), history(intensity, known), 60)
    again = issued(AdaptiveRidge(), history(spoilt, later), 60)
    assert np.array_equal(first.mean_g_per_kwh, again.mean_g_per_kwh)
    sooner = {name: np.concatenate([values[:cut], 1.3 * values[cut:]]) for name, values in known.items()}
    assert not np.array_equal(
        first.mean_g_per_kwh, issued(AdaptiveRidge(), history(intensity, sooner), 60).mean_g_per_kwh
    )


def test_hours_whose_weather_is_not_known_are_forecast_by_the_calendar(grid):
    intensity, known = grid
    short = {name: values[: 60 * 24 + 48] for name, values in known.items()}
    partly = issued(AdaptiveRidge(), history(intensity, short), 60).mean_g_per_kwh
    calendar = issued(AdaptiveRidge(), history(intensity), 60).mean_g_per_kwh
    assert np.array_equal(partly[48:], calendar[48:])
    assert not np.isclose(partly[:48], calendar[:48]).any()
    ended = {name: values[: 60 * 24] for name, values in known.items()}
    assert np.array_equal(issued(AdaptiveRidge(), history(intensity, ended), 60).mean_g_per_kwh, calendar)


def test_an_input_of_unknown_meaning_is_used_too(grid):
    intensity, _ = grid
    noise = np.random.default_rng(1).normal(size=len(intensity))
    record = history(intensity * np.exp(0.3 * noise), {"day_ahead": 4000 + 500 * noise})
    blind = history(intensity * np.exp(0.3 * noise))
    truth = record.truth(70 * DAY_S, 96)
    assert error(issued(AdaptiveRidge(), record, 70), truth) < 0.7 * error(issued(AdaptiveRidge(), blind, 70), truth)


def test_its_quantiles_are_ordered_and_hold_about_what_they_should(grid):
    record = history(*grid)
    forecaster = AdaptiveRidge()
    held = []
    for day in range(45, 76):
        forecast = issued(forecaster, record, day)
        bands = np.array([forecast.quantiles_g_per_kwh[level] for level in LEVELS])
        assert (np.diff(bands, axis=0) >= 0).all()
        truth = record.truth(day * DAY_S, 96)
        held.append((bands[LEVELS.index(0.1)] <= truth) & (truth <= bands[LEVELS.index(0.9)]))
    assert 0.6 < np.mean(held) < 0.95


@pytest.mark.parametrize("step_s", [300.0, 1800.0, 3 * HOUR_S])
def test_other_steps_are_forecast_on_their_own(step_s):
    intensity, known = windy_grid(30, np.random.default_rng(2), step_s)
    record = history(intensity, known, step_s)
    forecast = issued(AdaptiveRidge(), record, 24)
    assert (forecast.step_s, len(forecast.mean_g_per_kwh)) == (step_s, HORIZON_S / step_s)
    assert error(forecast, record.truth(24 * DAY_S, len(forecast.mean_g_per_kwh))) < 0.25


def test_a_short_past_is_forecast_by_its_profile(grid):
    record = history(*grid)
    short = AdaptiveRidge().predict(record.past(10 * DAY_S, 758 * DAY_S, HORIZON_S), HORIZON_S)
    assert short.forecaster == "adaptive"
    profile = DampedProfile().predict(record.past(10 * DAY_S, 758 * DAY_S, HORIZON_S), HORIZON_S)
    assert np.array_equal(short.mean_g_per_kwh, profile.mean_g_per_kwh)
    assert not short.quantiles_g_per_kwh
