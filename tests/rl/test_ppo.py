from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="needs the extra rl")

from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.policies.learned.policy_network import PolicyNetwork
from ce_nas.rl.behavior_cloning import HIDDEN_SIZES
from ce_nas.rl.env import SearchEnv
from ce_nas.rl.ppo import PpoSettings, train_ppo

TINY = PpoSettings(
    rollout_steps=32, eval_interval_steps=32, critic_warmup_steps=0, initial_temperature=1.0, batch_size=16, n_epochs=2
)


def initial_network(seed, *, discrete=True):
    rng = np.random.default_rng(seed)
    sizes = (len(FEATURE_NAMES), *HIDDEN_SIZES, len(ACTIONS) if discrete else 2)
    weights = [0.1 * rng.normal(size=(n_in, n_out)).astype(np.float32) for n_in, n_out in pairwise(sizes)]
    return PolicyNetwork(weights, [np.zeros(size, dtype=np.float32) for size in sizes[1:]], discrete)


def train(scenarios, initial, total_steps, *, settings=TINY, max_calls=10):
    """The steps and the network of each call of the callback."""
    calls = []

    def callback(steps, network, _):
        calls.append((steps, network))
        return len(calls) < max_calls

    factories = [
        partial(SearchEnv, scenarios, continuous=not initial.discrete, first_index=first, index_stride=2)
        for first in range(2)
    ]
    train_ppo(factories, initial, total_steps, seed=0, settings=settings, callback=callback)
    return calls


def test_training_starts_from_the_initial_network(scenarios):
    initial = initial_network(0)
    (_, network), *_ = train(scenarios, initial, 32)
    moved = [
        float(np.abs(before - after).max()) for before, after in zip(initial.weights, network.weights, strict=True)
    ]
    assert 0 < max(moved) < 0.05
    assert network.discrete


def test_critic_warmup_keeps_the_actor_at_its_temperature(scenarios):
    initial = initial_network(0)
    warmup = replace(TINY, critic_warmup_steps=32, initial_temperature=4.0)
    ((steps, warmed_up),) = train(scenarios, initial, 64, settings=replace(warmup, learning_rate=0.0))
    assert steps == 64
    assert all(
        np.array_equal(before, after)
        for before, after in zip(initial.weights[:-1], warmed_up.weights[:-1], strict=True)
    )
    assert warmed_up.weights[-1] == pytest.approx(initial.weights[-1] / 4.0)
    ((_, moved),) = train(scenarios, initial, 64, settings=warmup)
    assert not np.array_equal(moved.weights[0], warmed_up.weights[0])


def test_same_seed_trains_the_same_network(scenarios):
    first, second = (train(scenarios, initial_network(0), 32)[-1][1] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


def test_training_stops_when_the_callback_returns_false(scenarios):
    assert [steps for steps, _ in train(scenarios, initial_network(0), 320, max_calls=2)] == [32, 64]


def test_continuous_policies_are_trained(scenarios):
    (_, network), *_ = train(scenarios, initial_network(0, discrete=False), 32)
    assert not network.discrete
    assert network.forward(np.zeros(len(FEATURE_NAMES))).shape == (2,)
