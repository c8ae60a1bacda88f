import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.adaptive import LEVELS, AdaptiveRidge
from ce_nas.forecast.baselines import DampedProfile, SeasonalNaive

HORIZON_S = 4 * DAY_S


def test_it_learns_what_wind_and_sun_do_and_is_far_better_than_a_profile(grid, issue, off):
    record = grid.record(known=grid.known)
    adaptive, naive, profile = (
        off(issue(forecaster, record, 70), record, 70)
        for forecaster in (AdaptiveRidge(), SeasonalNaive(), DampedProfile())
    )
    assert adaptive < 0.06
    assert adaptive < 0.5 * min(naive, profile)


def test_without_weather_it_still_beats_yesterday(grid, issue, off):
    record = grid.record()
    adaptive, naive = (
        np.mean([off(issue(forecaster, record, day), record, day) for day in range(50, 75, 3)])
        for forecaster in (AdaptiveRidge(), SeasonalNaive())
    )
    assert adaptive < 0.9 * naive


def test_going_on_from_an_earlier_past_gives_the_same_as_starting_from_nothing(grid, issue):
    record = grid.record(known=grid.known)
    going_on = AdaptiveRidge()
    for day in (40, 41, 41.5, 44):
        once, anew = issue(going_on, record, day), issue(AdaptiveRidge(), record, day)
        assert np.array_equal(once.mean_g_per_kwh, anew.mean_g_per_kwh)
        for level in LEVELS:
            assert np.array_equal(once.quantiles_g_per_kwh[level], anew.quantiles_g_per_kwh[level])


def test_a_record_that_begins_otherwise_is_learned_anew(grid, issue):
    forecaster = AdaptiveRidge()
    issue(forecaster, grid.record(known=grid.known), 40)
    other = grid.record(2 * grid.intensity, grid.known)
    assert np.array_equal(issue(forecaster, other, 41).mean_g_per_kwh, issue(AdaptiveRidge(), other, 41).mean_g_per_kwh)


def test_nothing_of_the_future_reaches_it_but_what_is_known_ahead(grid, issue):
    cut = 60 * 24
    spoilt = np.concatenate([grid.intensity[:cut], 5 * grid.intensity[cut:][::-1]])
    later = {
        name: np.concatenate([values[: cut + 96], np.full(len(values) - cut - 96, 7.0)])
        for name, values in grid.known.items()
    }
    first = issue(AdaptiveRidge(), grid.record(known=grid.known), 60).mean_g_per_kwh
    assert np.array_equal(first, issue(AdaptiveRidge(), grid.record(spoilt, later), 60).mean_g_per_kwh)
    sooner = {name: np.concatenate([values[:cut], 1.3 * values[cut:]]) for name, values in grid.known.items()}
    assert not np.array_equal(first, issue(AdaptiveRidge(), grid.record(known=sooner), 60).mean_g_per_kwh)


def test_hours_whose_weather_is_not_known_are_forecast_by_the_calendar(grid, issue):
    short = {name: values[: 60 * 24 + 48] for name, values in grid.known.items()}
    partly = issue(AdaptiveRidge(), grid.record(known=short), 60).mean_g_per_kwh
    calendar = issue(AdaptiveRidge(), grid.record(), 60).mean_g_per_kwh
    assert np.array_equal(partly[48:], calendar[48:])
    assert not np.isclose(partly[:48], calendar[:48]).any()
    ended = {name: values[: 60 * 24] for name, values in grid.known.items()}
    assert np.array_equal(issue(AdaptiveRidge(), grid.record(known=ended), 60).mean_g_per_kwh, calendar)


def test_an_input_of_unknown_meaning_is_used_too(grid, issue, off):
    noise = np.random.default_rng(1).normal(size=len(grid.intensity))
    moved = grid.intensity * np.exp(0.3 * noise)
    told, blind = grid.record(moved, {"day_ahead": 4000 + 500 * noise}), grid.record(moved)
    assert off(issue(AdaptiveRidge(), told, 70), told, 70) < 0.7 * off(issue(AdaptiveRidge(), blind, 70), blind, 70)


def test_its_quantiles_are_ordered_and_hold_about_what_they_should(grid, issue):
    record = grid.record(known=grid.known)
    forecaster = AdaptiveRidge()
    held = []
    for day in range(45, 76):
        forecast = issue(forecaster, record, day)
        bands = np.array([forecast.quantiles_g_per_kwh[level] for level in LEVELS])
        assert (np.diff(bands, axis=0) >= 0).all()
        truth = record.truth(day * DAY_S, 96)
        held.append((bands[LEVELS.index(0.1)] <= truth) & (truth <= bands[LEVELS.index(0.9)]))
    assert 0.6 < np.mean(held) < 0.95


@pytest.mark.parametrize("step_s", [300.0, 1800.0, 3 * HOUR_S])
def test_other_steps_are_forecast_on_their_own(windy_grid, issue, off, step_s):
    grid = windy_grid(30, 2, step_s)
    record = grid.record(known=grid.known)
    forecast = issue(AdaptiveRidge(), record, 24)
    assert (forecast.step_s, len(forecast.mean_g_per_kwh)) == (step_s, HORIZON_S / step_s)
    assert off(forecast, record, 24) < 0.25


def test_a_short_past_is_forecast_by_its_profile(grid, issue):
    record = grid.record(known=grid.known)
    short = issue(AdaptiveRidge(), record, 10)
    assert short.forecaster == "adaptive"
    assert np.array_equal(short.mean_g_per_kwh, issue(DampedProfile(), record, 10).mean_g_per_kwh)
    assert not short.quantiles_g_per_kwh
