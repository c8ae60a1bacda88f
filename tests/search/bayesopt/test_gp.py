import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.rng import stream
from ce_nas.search.bayesopt.gp import SmoothProcess, _loss, fit_lengths, prior_lengths


def samples(n=40, seed=0):
    points = stream(seed, "points").random((n, 3))
    return points, np.sin(4.0 * points[:, 0]) + points[:, 1] ** 2


def test_the_gradient_of_the_loss_is_that_of_its_values():
    points, targets = samples()
    apart = (points.T[:, :, None] - points.T[:, None, :]) ** 2
    centre = np.log(prior_lengths(3))
    logs = centre - [0.5, 1.0, -0.3]
    _, gradient = _loss(logs, apart, targets, centre)
    for place, step in enumerate(1e-5 * np.eye(3)):
        ends = [_loss(logs + sign * step, apart, targets, centre)[0] for sign in (1, -1)]
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=3e-3)


def test_a_column_that_does_nothing_is_given_a_long_length():
    lengths = fit_lengths(*samples(), prior_lengths(3))
    assert lengths[2] > 5 * lengths[0]


def test_it_foretells_a_smooth_function():
    points, targets = samples(60)
    process = SmoothProcess(points[:40], targets[:40], fit_lengths(points[:40], targets[:40], prior_lengths(3)))
    mean, deviation = process.at(points[40:])
    assert np.abs(mean - targets[40:]).max() < 0.02
    assert (np.abs(mean - targets[40:]) < 5 * deviation).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25))
def test_it_passes_through_its_samples_and_knows_less_elsewhere(seed, count):
    points, targets = samples(count + 1, seed)
    process = SmoothProcess(points[:-1], targets[:-1], np.full(3, 0.3))
    mean, deviation = process.at(points)
    spread = targets[:-1].std()
    assert mean[:-1] == pytest.approx(targets[:-1], abs=2e-3 * spread)
    assert (deviation[:-1] < 2e-3 * spread).all()
    assert deviation[-1] <= spread * (1 + 1e-9)


def test_slopes_are_those_of_its_values():
    points, targets = samples(10)
    process = SmoothProcess(points, targets, np.full(3, 0.5))
    point = np.array([0.2, 0.8, 0.4])
    for at_point, slopes in zip((0, 1), process.slopes(point), strict=True):
        for place, step in enumerate(1e-5 * np.eye(3)):
            ends = [process.at((point + sign * step)[None])[at_point][0] for sign in (1, -1)]
            assert slopes[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-6)


def test_told_of_a_sample_it_is_as_if_it_had_been_there():
    points, targets = samples(12)
    whole = SmoothProcess(points, targets, np.full(3, 0.5))
    grown = SmoothProcess(points[:-1], targets[:-1], np.full(3, 0.5)).given(points[-1:], targets[-1:])
    elsewhere = stream(1, "points").random((5, 3))
    for ours, theirs in zip(grown.at(elsewhere), whole.at(elsewhere), strict=True):
        assert ours == pytest.approx(theirs)


def test_samples_at_the_same_place_do_no_harm():
    points = np.full((30, 3), 0.5)
    mean, deviation = SmoothProcess(points, np.zeros(30), np.full(3, 1.0)).at(points[:1] + 0.1)
    assert np.isfinite([mean, deviation]).all()
