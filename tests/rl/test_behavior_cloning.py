import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra rl")

from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.rl.behavior_cloning import train_behavior_cloning
from ce_nas.rl.expert import Demonstrations


def make_demonstrations(n=400, seed=0):
    """The best action is 1 where the first feature is above zero, else 0."""
    rng = np.random.default_rng(seed)
    observations = rng.normal(size=(n, len(FEATURE_NAMES))).astype(np.float32)
    actions = (observations[:, 0] > 0).astype(np.int64)
    masks = np.ones((n, len(ACTIONS)), dtype=bool)
    return Demonstrations(observations, masks, actions, np.abs(observations[:, 0]))


def predict(network, demonstrations):
    return np.array([network.forward(row).argmax() for row in demonstrations.observations])


def test_cloned_network_generalises():
    network, unseen = train_behavior_cloning(make_demonstrations(800), 0), make_demonstrations(seed=1)
    important = unseen.weights > 0.5
    assert (predict(network, unseen) == unseen.actions)[important].mean() > 0.9


def test_demonstrations_of_weight_0_are_ignored():
    correct = make_demonstrations()
    wrong = np.where(np.arange(len(correct.actions)) % 2 == 0, correct.actions, 1 - correct.actions)
    weights = np.where(wrong == correct.actions, 1.0, 0.0)
    network = train_behavior_cloning(Demonstrations(correct.observations, correct.masks, wrong, weights), 0)
    assert (predict(network, correct) == correct.actions).mean() > 0.7


@pytest.mark.long
def test_same_seed_trains_the_same_network():
    one, same, other = (train_behavior_cloning(make_demonstrations(120), seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, same.weights, strict=True))
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_continuous_network_learns_the_shares_of_the_actions():
    demonstrations = make_demonstrations()
    network = train_behavior_cloning(demonstrations, 0, discrete=False)
    shares = np.array([network.forward(row) for row in demonstrations.observations])
    assert shares.shape == (len(demonstrations.actions), 2)
    important = demonstrations.weights > 1.0
    assert np.abs(shares[important & (demonstrations.actions == 1), 0] - 1.0).mean() < 0.3
    assert np.abs(shares[important & (demonstrations.actions == 0), 0] + 1.0).mean() < 0.3
