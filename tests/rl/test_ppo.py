from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="needs the extra rl")

from ce_nas.policies.learned.actions import MENU
from ce_nas.policies.learned.features import FEATURES
from ce_nas.policies.learned.network import PolicyNetwork
from ce_nas.rl.behavior_cloning import HIDDEN
from ce_nas.rl.env import SearchEnv
from ce_nas.rl.ppo import PpoSettings, improve

TINY = PpoSettings(rollout=32, look_every=32, watched=0, softer=1.0, batch=16, epochs=2)


def begun(seed, *, discrete=True):
    rng = np.random.default_rng(seed)
    sizes = (len(FEATURES), *HIDDEN, len(MENU) if discrete else 2)
    weights = [0.1 * rng.normal(size=(into, out)).astype(np.float32) for into, out in pairwise(sizes)]
    return PolicyNetwork(weights, [np.zeros(out, dtype=np.float32) for out in sizes[1:]], discrete)


def looks(scenarios, begin, steps, *, settings=TINY, enough=10):
    seen = []

    def look(at, network, _):
        seen.append((at, network))
        return len(seen) < enough

    makers = [partial(SearchEnv, scenarios, continuous=not begin.discrete, first=at, every=2) for at in range(2)]
    improve(makers, begin, steps, seed=0, settings=settings, look=look)
    return seen


def test_it_begins_with_the_network_handed_in_and_moves_it(scenarios):
    begin = begun(0)
    (_, network), *_ = looks(scenarios, begin, 32)
    moved = [float(np.abs(one - other).max()) for one, other in zip(begin.weights, network.weights, strict=True)]
    assert 0 < max(moved) < 0.05
    assert network.discrete


def test_a_policy_that_is_only_watched_stays_and_so_does_what_a_softer_one_prefers(scenarios):
    begin = begun(0)
    watching = replace(TINY, watched=32, softer=4.0)
    ((steps, found),) = looks(scenarios, begin, 64, settings=replace(watching, rate=0.0))
    assert steps == 64
    assert all(np.array_equal(one, other) for one, other in zip(begin.weights[:-1], found.weights[:-1], strict=True))
    assert found.weights[-1] == pytest.approx(begin.weights[-1] / 4.0)
    ((_, moved),) = looks(scenarios, begin, 64, settings=watching)
    assert not np.array_equal(moved.weights[0], found.weights[0])


def test_the_same_seed_gives_the_same_bits(scenarios):
    one, other = (looks(scenarios, begun(0), 32)[-1][1] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


def test_it_ends_when_the_look_says_so(scenarios):
    assert [at for at, _ in looks(scenarios, begun(0), 320, enough=2)] == [32, 64]


def test_continuous_shares_are_trained_too(scenarios):
    (_, network), *_ = looks(scenarios, begun(0, discrete=False), 32)
    assert not network.discrete
    assert network.outputs(np.zeros(len(FEATURES))).shape == (2,)
