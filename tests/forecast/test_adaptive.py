import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.adaptive import AdaptiveRidge
from ce_nas.forecast.hourly import QUANTILE_LEVELS
from ce_nas.forecast.simple_forecasters import DampedProfile, SeasonalNaive

HORIZON_S = 4 * DAY_S


def test_learns_wind_and_sun(grid, issue, error):
    record = grid.record(known=grid.known)
    adaptive, naive, profile = (
        error(issue(forecaster, record, 70), record, 70)
        for forecaster in (AdaptiveRidge(), SeasonalNaive(), DampedProfile())
    )
    assert adaptive < 0.06
    assert adaptive < 0.5 * min(naive, profile)


def test_beats_yesterday_without_weather(grid, issue, error):
    record = grid.record()
    adaptive, naive = (
        np.mean([error(issue(forecaster, record, day), record, day) for day in range(50, 75, 3)])
        for forecaster in (AdaptiveRidge(), SeasonalNaive())
    )
    assert adaptive < 0.9 * naive


def test_continuing_equals_starting_from_scratch(grid, issue):
    record = grid.record(known=grid.known)
    continued = AdaptiveRidge()
    for day in (40, 41, 41.5, 44):
        continuing, scratch = issue(continued, record, day), issue(AdaptiveRidge(), record, day)
        assert np.array_equal(continuing.mean_g_per_kwh, scratch.mean_g_per_kwh)
        for level in QUANTILE_LEVELS:
            assert np.array_equal(continuing.quantiles_g_per_kwh[level], scratch.quantiles_g_per_kwh[level])


def test_other_record_is_fitted_again(grid, issue):
    forecaster = AdaptiveRidge()
    issue(forecaster, grid.record(known=grid.known), 40)
    other = grid.record(2 * grid.intensity, grid.known)
    assert np.array_equal(issue(forecaster, other, 41).mean_g_per_kwh, issue(AdaptiveRidge(), other, 41).mean_g_per_kwh)


def test_only_known_covariates_leak_from_the_future(grid, issue):
    cut = 60 * 24
    changed = np.concatenate([grid.intensity[:cut], 5 * grid.intensity[cut:][::-1]])
    later = {
        name: np.concatenate([values[: cut + 96], np.full(len(values) - cut - 96, 7.0)])
        for name, values in grid.known.items()
    }
    first = issue(AdaptiveRidge(), grid.record(known=grid.known), 60).mean_g_per_kwh
    assert np.array_equal(first, issue(AdaptiveRidge(), grid.record(changed, later), 60).mean_g_per_kwh)
    other_weather = {name: np.concatenate([values[:cut], 1.3 * values[cut:]]) for name, values in grid.known.items()}
    assert not np.array_equal(first, issue(AdaptiveRidge(), grid.record(known=other_weather), 60).mean_g_per_kwh)


@pytest.mark.long
def test_calendar_predicts_slots_without_weather(grid, issue):
    short = {name: values[: 60 * 24 + 48] for name, values in grid.known.items()}
    partly = issue(AdaptiveRidge(), grid.record(known=short), 60).mean_g_per_kwh
    calendar = issue(AdaptiveRidge(), grid.record(), 60).mean_g_per_kwh
    assert np.array_equal(partly[48:], calendar[48:])
    assert not np.isclose(partly[:48], calendar[:48]).any()
    past_only = {name: values[: 60 * 24] for name, values in grid.known.items()}
    assert np.array_equal(issue(AdaptiveRidge(), grid.record(known=past_only), 60).mean_g_per_kwh, calendar)


def test_covariate_of_unknown_meaning_is_used(grid, issue, error):
    noise = np.random.default_rng(1).normal(size=len(grid.intensity))
    moved = grid.intensity * np.exp(0.3 * noise)
    informed, blind = grid.record(moved, {"day_ahead": 4000 + 500 * noise}), grid.record(moved)
    assert error(issue(AdaptiveRidge(), informed, 70), informed, 70) < 0.7 * error(
        issue(AdaptiveRidge(), blind, 70), blind, 70
    )


@pytest.mark.long
def test_quantiles_are_ordered_and_covering(grid, issue):
    record = grid.record(known=grid.known)
    forecaster = AdaptiveRidge()
    covered = []
    for day in range(45, 76):
        forecast = issue(forecaster, record, day)
        bands = np.array([forecast.quantiles_g_per_kwh[level] for level in QUANTILE_LEVELS])
        assert (np.diff(bands, axis=0) >= 0).all()
        truth = record.truth(day * DAY_S, 96)
        covered.append((bands[QUANTILE_LEVELS.index(0.1)] <= truth) & (truth <= bands[QUANTILE_LEVELS.index(0.9)]))
    assert 0.6 < np.mean(covered) < 0.95


@pytest.mark.long
@pytest.mark.parametrize("step_s", [300.0, 1800.0, 3 * HOUR_S])
def test_other_step_lengths(windy_grid, issue, error, step_s):
    grid = windy_grid(30, 2, step_s)
    record = grid.record(known=grid.known)
    forecast = issue(AdaptiveRidge(), record, 24)
    assert (forecast.step_s, len(forecast.mean_g_per_kwh)) == (step_s, HORIZON_S / step_s)
    assert error(forecast, record, 24) < 0.25


def test_short_past_falls_back_to_damped_profile(grid, issue):
    record = grid.record(known=grid.known)
    short = issue(AdaptiveRidge(), record, 10)
    assert short.forecaster == "adaptive"
    assert np.array_equal(short.mean_g_per_kwh, issue(DampedProfile(), record, 10).mean_g_per_kwh)
    assert not short.quantiles_g_per_kwh
