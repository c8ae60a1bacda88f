import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_improvements
from ce_nas.search.bayesopt.log_ehvi import BoxDecomposition, LogEhvi, _log_normalised_improvement
from ce_nas.search.bayesopt.noise_free_gp import NoiseFreeGaussianProcess


def posteriors(objectives, seed=0):
    rng = random_stream(seed, "samples")
    points, values = rng.random((8, 2)), rng.random((8, objectives))
    processes = [NoiseFreeGaussianProcess(points, column, np.full(2, 0.4)) for column in values.T]
    return processes, values, np.ones(objectives)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(0, 12), st.integers(0, 10_000))
def test_boxes_partition_the_nondominated_region(objectives, count, seed):
    rng = random_stream(seed, "points")
    points, candidates = rng.random((count, objectives)), rng.random((10, objectives))
    reference = np.full(objectives, 0.9)
    boxes = BoxDecomposition.from_points(points, reference)
    parts = np.maximum(boxes.high - np.maximum(boxes.low, candidates[:, None]), 0.0).prod(axis=2)
    assert parts.sum(axis=1) == pytest.approx(hypervolume_improvements(points, candidates, reference), abs=1e-12)
    floor = np.maximum(boxes.low, 0.0)  # no two overlap: their volumes add up to what is not dominated
    assert (boxes.high - floor).prod(axis=1).sum() == pytest.approx(
        0.9**objectives - hypervolume(points, reference), abs=1e-12
    )


@pytest.mark.parametrize("objectives", [2, 3])
def test_ehvi_equals_monte_carlo_mean(objectives):
    processes, values, reference = posteriors(objectives)
    log_ehvi = LogEhvi(processes, BoxDecomposition.from_points(values, reference))
    points = random_stream(1, "points").random((3, 2))
    parts = [process.predict(points) for process in processes]
    noise = random_stream(2, "noise").standard_normal((20_000, objectives))
    for column in range(3):
        mean, deviation = (np.array([part[kind][column] for part in parts]) for kind in (0, 1))
        monte_carlo = hypervolume_improvements(values, mean + deviation * noise, reference).mean()
        assert np.exp(log_ehvi.values(points)[column]) == pytest.approx(monte_carlo, rel=0.05, abs=1e-3)


@pytest.mark.parametrize("objectives", [2, 3])
def test_gradient_of_log_ehvi(objectives):
    processes, values, reference = posteriors(objectives)
    log_ehvi = LogEhvi(processes, BoxDecomposition.from_points(values, reference))
    point = np.array([0.3, 0.6])
    value, gradient = log_ehvi.value_and_grad(point)
    assert value == pytest.approx(log_ehvi.values(point[None])[0])
    for column, step in enumerate(1e-5 * np.eye(2)):
        ends = [log_ehvi.values((point + sign * step)[None])[0] for sign in (1, -1)]
        assert gradient[column] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3)


def test_log_ehvi_is_finite_and_distinct_when_ehvi_underflows():
    processes, values, _ = posteriors(2)
    log_ehvi = LogEhvi(processes, BoxDecomposition.from_points(values, np.full(2, -30.0)))
    logs = log_ehvi.values(random_stream(1, "points").random((20, 2)))
    assert np.isfinite(logs).all()
    assert len(set(logs.tolist())) == 20
    assert logs.max() < -500


def test_log_ehvi_drops_after_conditioning_on_the_point():
    processes, values, reference = posteriors(2)
    log_ehvi = LogEhvi(processes, BoxDecomposition.from_points(values, reference))
    point = np.array([0.3, 0.6])
    assert log_ehvi.condition_on(point).values(point[None])[0] < log_ehvi.values(point[None])[0] - 3.0


def test_log_normalised_improvement_is_continuous_in_the_tail():
    for meeting in (-1.0, -1e3):
        below, above = _log_normalised_improvement(np.array([meeting - 1e-6, meeting + 1e-6]))
        assert below == pytest.approx(above, rel=1e-4)
    assert _log_normalised_improvement(np.array([0.0])) == pytest.approx(np.log(1 / np.sqrt(2 * np.pi)))
    assert _log_normalised_improvement(np.array([-np.inf]))[0] == -np.inf
