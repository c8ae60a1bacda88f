import numpy as np
import pytest

from ce_nas.pareto.hypervolume import hypervolume, hypervolume_gains
from ce_nas.search.surrogate.acquisition import expected_gains, normal_nodes


def setting(objectives, seed=0, count=300):
    rng = np.random.default_rng(seed)
    front = rng.random((12, objectives))
    mean, deviation = rng.random((count, objectives)), 0.2 * rng.random((count, objectives))
    return front, mean, deviation, np.ones(objectives)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_nodes_are_spread_like_a_normal_distribution(dimensions):
    nodes = normal_nodes(64, dimensions)
    assert nodes.shape == (64, dimensions)
    np.testing.assert_allclose(nodes.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(nodes.std(axis=0), 1.0, atol=0.1)
    assert (np.abs(np.corrcoef(nodes.T) - np.eye(dimensions)) < 0.15).all()


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_expected_gain_is_the_mean_over_many_draws(objectives):
    front, mean, deviation, reference = setting(objectives, count=40)
    gains = expected_gains(
        front,
        lambda places, node: mean[places] + node * deviation[places],
        normal_nodes(64, objectives),
        len(mean),
        reference,
    )
    draws = np.random.default_rng(1).normal(size=(600, objectives))
    sampled = np.mean([hypervolume_gains(front, mean + draw * deviation, reference) for draw in draws], axis=0)
    np.testing.assert_allclose(gains, sampled, atol=0.03 * sampled.max())


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_what_is_certain_gains_what_it_gains(objectives):
    front, values, _, reference = setting(objectives, count=50)
    gains = expected_gains(front, lambda places, _: values[places], np.empty((1, 0)), len(values), reference)
    each = [hypervolume([*front, value], reference) - hypervolume(front, reference) for value in values]
    np.testing.assert_allclose(gains, each, atol=1e-9)


def test_the_best_of_many_is_found_among_three_objectives():
    front, values, _, reference = setting(3, count=5000)
    front = front[:1] + 0.3
    gains = expected_gains(front, lambda places, _: values[places], np.empty((1, 0)), len(values), reference)
    assert np.argmax(gains) == np.argmax(hypervolume_gains(front, values, reference))


def test_without_a_front_everything_within_the_reference_gains():
    gains = expected_gains(
        np.empty((0, 2)), lambda places, _: np.array([[0.5, 0.5], [2.0, 0.0]])[places], np.empty((1, 0)), 2, np.ones(2)
    )
    np.testing.assert_allclose(gains, [0.25, 0.0])
