import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra rl")

from ce_nas.policies.learned.actions import MENU
from ce_nas.policies.learned.features import FEATURES
from ce_nas.rl.behavior_cloning import imitate
from ce_nas.rl.expert import Demonstrations


def simple(n=400, seed=0):
    """It is right to take entry 1 where the first feature is above zero, else entry 0."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(n, len(FEATURES))).astype(np.float32)
    choices = (seen[:, 0] > 0).astype(np.int64)
    return Demonstrations(seen, np.ones((n, len(MENU)), dtype=bool), choices, np.abs(seen[:, 0]))


def chosen(network, shown):
    return np.array([network.outputs(row).argmax() for row in shown.observations])


def test_it_learns_what_was_shown_and_holds_it_beyond():
    network, fresh = imitate(simple(800), 0), simple(seed=1)
    matters = fresh.weights > 0.5
    assert (chosen(network, fresh) == fresh.choices)[matters].mean() > 0.9


def test_what_does_not_matter_is_not_learned():
    shown = simple()
    wrong = np.where(np.arange(len(shown.choices)) % 2 == 0, shown.choices, 1 - shown.choices)
    weights = np.where(wrong == shown.choices, 1.0, 0.0)
    network = imitate(Demonstrations(shown.observations, shown.masks, wrong, weights), 0)
    assert (chosen(network, shown) == shown.choices).mean() > 0.7


def test_the_same_seed_gives_the_same_bits_and_another_others():
    one, same, other = (imitate(simple(120), seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, same.weights, strict=True))
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_a_continuous_one_learns_the_shares_of_the_entries():
    shown = simple()
    network = imitate(shown, 0, discrete=False)
    found = np.array([network.outputs(row) for row in shown.observations])
    assert found.shape == (len(shown.choices), 2)
    strong = shown.weights > 1.0
    assert np.abs(found[strong & (shown.choices == 1), 0] - 1.0).mean() < 0.3
    assert np.abs(found[strong & (shown.choices == 0), 0] + 1.0).mean() < 0.3
