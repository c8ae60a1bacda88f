import numpy as np
import pytest

from ce_nas.forecast.residual_correction import Corrections


def issues(count, persistence, rng, slots=24, days=4):
    """Errors that fade by ``persistence`` from hour to hour."""
    length = (count + 7 + days) * slots
    errors = np.zeros(length)
    for hour in range(1, length):
        errors[hour] = persistence * errors[hour - 1] + rng.normal()
    windows = np.stack([errors[day * slots : (day + 7 + days) * slots] for day in range(count)])
    windows = windows.reshape(count, 7 + days, slots)
    return windows[:, :7], windows[:, 7:]


def not_yet_come(ahead):
    """The truth as it is known at the last issue."""
    known = ahead.copy()
    for lead in range(ahead.shape[1]):
        known[len(ahead) - 1 - lead :, lead] = np.nan
    return known


def test_lasting_errors_are_corrected_and_passing_ones_left():
    before, ahead = issues(200, 0.98, np.random.default_rng(0))
    made = Corrections(before, not_yet_come(ahead)).made()
    assert np.mean((ahead - made)[:, 0] ** 2) < 0.8 * np.mean(ahead[:, 0] ** 2)
    before, ahead = issues(200, 0.0, np.random.default_rng(0))
    made = Corrections(before, not_yet_come(ahead)).made()
    assert np.sqrt(np.mean(made[:, 1:] ** 2)) < 0.2


def test_an_error_at_the_same_time_each_day_is_learned():
    rng = np.random.default_rng(1)
    daily = 0.3 * np.sin(2 * np.pi * np.arange(24) / 24)
    before, ahead = daily + 0.05 * rng.normal(size=(60, 7, 24)), daily + 0.05 * rng.normal(size=(60, 4, 24))
    made = Corrections(before, not_yet_come(ahead)).made()
    assert np.abs(made[-1] - daily).max() < 0.12


def test_without_any_truth_the_last_errors_fade():
    before = np.full((1, 7, 24), 0.2)
    made = Corrections(before, np.full((1, 4, 24), np.nan)).made()[0]
    assert made[0, 0] == pytest.approx(0.2, rel=0.25)
    assert (np.diff(made.ravel()) < 0).all()
    assert 0 < made[3, 23] < 0.05


def test_no_errors_no_corrections():
    assert not Corrections(np.zeros((20, 7, 24)), np.zeros((20, 4, 24))).made().any()
