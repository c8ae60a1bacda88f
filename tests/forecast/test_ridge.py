"""Daily ridge regression and its residual correction."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.units import DAY_S
from ce_nas.forecast.features import standardise_covariates
from ce_nas.forecast.hourly import HourlySeries
from ce_nas.forecast.ridge import HINDCAST_DAYS, DailyRidge, IncrementalRidges, ResidualCorrection, RidgeConfig

CONFIGS = (
    RidgeConfig(half_life_days=30, penalty=5.0),
    RidgeConfig(half_life_days=60, penalty=20.0, fourier_seed=1, refit_interval_days=3),
)
AHEAD_DAYS = 2


@pytest.fixture(scope="module")
def series(grid):
    record = grid.record(known=grid.known)

    def series(days):
        past = record.inputs_at(days * DAY_S, 100 * DAY_S, AHEAD_DAYS * DAY_S)
        return standardise_covariates(HourlySeries.from_inputs(past, AHEAD_DAYS * DAY_S, 100 * DAY_S))

    return series


@pytest.mark.parametrize("config", CONFIGS)
def test_continuing_equals_starting_from_scratch(series, config):
    slots = series(40)
    at_once, daily = DailyRidge(config, AHEAD_DAYS), DailyRidge(config, AHEAD_DAYS)
    at_once.fit_until(slots, 38)
    for day in range(20, 39):
        daily.fit_until(series(day + 2), day)
    days = range(30, 38)
    assert np.array_equal(at_once.predict(slots, days), daily.predict(slots, days), equal_nan=True)


def test_fit_does_not_depend_on_later_days(series):
    slots = series(40)
    day = 30
    changed = slots.log_intensity.copy()
    changed[day * slots.slots_per_day :] += 1.0
    ridges = [DailyRidge(CONFIGS[0], AHEAD_DAYS), DailyRidge(CONFIGS[0], AHEAD_DAYS)]
    for ridge, level in zip(ridges, (slots.log_intensity, changed), strict=True):
        ridge.fit_until(replace(slots, log_intensity=level), 38)
    days = range(day, day + 1)
    assert np.array_equal(ridges[0].predict(slots, days), ridges[1].predict(slots, days), equal_nan=True)


def test_hindcast_is_near_the_past(series):
    slots = series(60)
    ridge = DailyRidge(CONFIGS[0], AHEAD_DAYS)
    ridge.fit_until(slots, 58)
    predictions = ridge.predict(slots, range(57, 58))
    assert predictions.shape == (1, HINDCAST_DAYS + 1 + AHEAD_DAYS, slots.slots_per_day)
    before = slots.log_intensity[(57 - HINDCAST_DAYS) * slots.slots_per_day : 57 * slots.slots_per_day].reshape(
        HINDCAST_DAYS, slots.slots_per_day
    )
    assert np.abs(predictions[0, :HINDCAST_DAYS] - before).mean() < 0.5 * before.std()


def test_other_record_is_fitted_again(series):
    ridges = IncrementalRidges()
    first = ridges.fit(series(30), CONFIGS, AHEAD_DAYS)
    assert ridges.fit(series(31), CONFIGS, AHEAD_DAYS) is first
    other = replace(series(31), log_intensity=series(31).log_intensity + 1.0)
    assert ridges.fit(other, CONFIGS, AHEAD_DAYS) is not first


def issues(count, persistence, rng, slots=24, days=4):
    """Autoregressive errors: of the week before, and of the days after, each issue."""
    length = (count + 7 + days) * slots
    errors = np.zeros(length)
    for hour in range(1, length):
        errors[hour] = persistence * errors[hour - 1] + rng.normal()
    windows = np.stack([errors[day * slots : (day + 7 + days) * slots] for day in range(count)])
    windows = windows.reshape(count, 7 + days, slots)
    return windows[:, :7], windows[:, 7:]


def hide_unknown(ahead):
    """The errors that are known at the last issue."""
    known = ahead.copy()
    for lead in range(ahead.shape[1]):
        known[len(ahead) - 1 - lead :, lead] = np.nan
    return known


def test_correction_of_persistent_and_white_errors():
    before, ahead = issues(200, 0.98, np.random.default_rng(0))
    corrections = ResidualCorrection(before, hide_unknown(ahead)).compute()
    assert np.mean((ahead - corrections)[:, 0] ** 2) < 0.8 * np.mean(ahead[:, 0] ** 2)
    before, ahead = issues(200, 0.0, np.random.default_rng(0))
    corrections = ResidualCorrection(before, hide_unknown(ahead)).compute()
    assert np.sqrt(np.mean(corrections[:, 1:] ** 2)) < 0.2


def test_correction_learns_the_error_of_a_time_of_day():
    rng = np.random.default_rng(1)
    daily = 0.3 * np.sin(2 * np.pi * np.arange(24) / 24)
    before, ahead = daily + 0.05 * rng.normal(size=(60, 7, 24)), daily + 0.05 * rng.normal(size=(60, 4, 24))
    corrections = ResidualCorrection(before, hide_unknown(ahead)).compute()
    assert np.abs(corrections[-1] - daily).max() < 0.12


def test_correction_decays_last_errors_without_truth():
    before = np.full((1, 7, 24), 0.2)
    corrections = ResidualCorrection(before, np.full((1, 4, 24), np.nan)).compute()[0]
    assert corrections[0, 0] == pytest.approx(0.2, rel=0.25)
    assert (np.diff(corrections.ravel()) < 0).all()
    assert 0 < corrections[3, 23] < 0.05


def test_correction_of_no_errors_is_zero():
    assert not ResidualCorrection(np.zeros((20, 7, 24)), np.zeros((20, 4, 24))).compute().any()
