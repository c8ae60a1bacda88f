import numpy as np
import pytest

from ce_nas.pareto.hypervolume import hypervolume, hypervolume_improvements
from ce_nas.search.surrogate.acquisition import expected_hypervolume_improvements, normal_quadrature_nodes


def setting(objectives, seed=0, count=300):
    rng = np.random.default_rng(seed)
    front = rng.random((12, objectives))
    mean, deviation = rng.random((count, objectives)), 0.2 * rng.random((count, objectives))
    return front, mean, deviation, np.ones(objectives)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_quadrature_nodes_follow_a_normal_distribution(dimensions):
    nodes = normal_quadrature_nodes(64, dimensions)
    assert nodes.shape == (64, dimensions)
    np.testing.assert_allclose(nodes.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(nodes.std(axis=0), 1.0, atol=0.1)
    assert (np.abs(np.corrcoef(nodes.T) - np.eye(dimensions)) < 0.15).all()


@pytest.mark.parametrize("objectives", [2, 3])
def test_expected_improvement_equals_monte_carlo_mean(objectives):
    front, mean, deviation, reference = setting(objectives, count=40)
    improvements = expected_hypervolume_improvements(
        front,
        lambda indices, node: mean[indices] + node * deviation[indices],
        normal_quadrature_nodes(64, objectives),
        len(mean),
        reference,
    )
    draws = np.random.default_rng(1).normal(size=(600, objectives))
    sampled = np.mean([hypervolume_improvements(front, mean + draw * deviation, reference) for draw in draws], axis=0)
    np.testing.assert_allclose(improvements, sampled, atol=0.03 * sampled.max())


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_improvement_of_certain_values_is_exact(objectives):
    front, values, _, reference = setting(objectives, count=50)
    improvements = expected_hypervolume_improvements(
        front, lambda indices, _: values[indices], np.empty((1, 0)), len(values), reference
    )
    each = [hypervolume([*front, value], reference) - hypervolume(front, reference) for value in values]
    np.testing.assert_allclose(improvements, each, atol=1e-9)


def test_screening_keeps_the_best_of_many_with_three_objectives():
    front, values, _, reference = setting(3, count=5000)
    front = front[:1] + 0.3
    improvements = expected_hypervolume_improvements(
        front, lambda indices, _: values[indices], np.empty((1, 0)), len(values), reference
    )
    assert np.argmax(improvements) == np.argmax(hypervolume_improvements(front, values, reference))


def test_improvement_without_a_front():
    improvements = expected_hypervolume_improvements(
        np.empty((0, 2)),
        lambda indices, _: np.array([[0.5, 0.5], [2.0, 0.0]])[indices],
        np.empty((1, 0)),
        2,
        np.ones(2),
    )
    np.testing.assert_allclose(improvements, [0.25, 0.0])
