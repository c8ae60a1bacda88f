import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.rng import random_stream
from ce_nas.search.bayesopt.noise_free_gp import (
    NoiseFreeGaussianProcess,
    _negative_log_posterior,
    fit_length_scales,
    prior_length_scales,
)


def samples(n=40, seed=0):
    points = random_stream(seed, "points").random((n, 3))
    return points, np.sin(4.0 * points[:, 0]) + points[:, 1] ** 2


def test_gradient_of_negative_log_posterior():
    points, targets = samples()
    squared_distances = (points.T[:, :, None] - points.T[:, None, :]) ** 2
    centre = np.log(prior_length_scales(3))
    logs = centre - [0.5, 1.0, -0.3]
    _, gradient = _negative_log_posterior(logs, squared_distances, targets, centre)
    for column, step in enumerate(1e-5 * np.eye(3)):
        ends = [_negative_log_posterior(logs + sign * step, squared_distances, targets, centre)[0] for sign in (1, -1)]
        assert gradient[column] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=3e-3)


def test_irrelevant_column_gets_long_length_scale():
    lengths = fit_length_scales(*samples(), prior_length_scales(3))
    assert lengths[2] > 5 * lengths[0]


def test_gp_predicts_a_smooth_function():
    points, targets = samples(60)
    process = NoiseFreeGaussianProcess(
        points[:40], targets[:40], fit_length_scales(points[:40], targets[:40], prior_length_scales(3))
    )
    mean, deviation = process.predict(points[40:])
    assert np.abs(mean - targets[40:]).max() < 0.02
    assert (np.abs(mean - targets[40:]) < 5 * deviation).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25))
def test_gp_interpolates_samples_with_uncertainty_elsewhere(seed, count):
    points, targets = samples(count + 1, seed)
    process = NoiseFreeGaussianProcess(points[:-1], targets[:-1], np.full(3, 0.3))
    mean, deviation = process.predict(points)
    spread = targets[:-1].std()
    assert mean[:-1] == pytest.approx(targets[:-1], abs=2e-3 * spread)
    assert (deviation[:-1] < 2e-3 * spread).all()
    assert deviation[-1] <= spread * (1 + 1e-9)


def test_gradients_of_gp_prediction():
    points, targets = samples(10)
    process = NoiseFreeGaussianProcess(points, targets, np.full(3, 0.5))
    point = np.array([0.2, 0.8, 0.4])
    for at_point, gradient in zip((0, 1), process.predict_gradients(point), strict=True):
        for column, step in enumerate(1e-5 * np.eye(3)):
            ends = [process.predict((point + sign * step)[None])[at_point][0] for sign in (1, -1)]
            assert gradient[column] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-6)


def test_conditioning_on_a_sample_equals_refitting():
    points, targets = samples(12)
    whole = NoiseFreeGaussianProcess(points, targets, np.full(3, 0.5))
    grown = NoiseFreeGaussianProcess(points[:-1], targets[:-1], np.full(3, 0.5)).condition_on(points[-1:], targets[-1:])
    elsewhere = random_stream(1, "points").random((5, 3))
    for ours, theirs in zip(grown.predict(elsewhere), whole.predict(elsewhere), strict=True):
        assert ours == pytest.approx(theirs)


def test_duplicate_samples():
    points = np.full((30, 3), 0.5)
    mean, deviation = NoiseFreeGaussianProcess(points, np.zeros(30), np.full(3, 1.0)).predict(points[:1] + 0.1)
    assert np.isfinite([mean, deviation]).all()
