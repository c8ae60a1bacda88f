import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ce_nas.core.records import Observation
from ce_nas.search.surrogate.dataset import Knowledge
from ce_nas.search.surrogate.features import Description
from ce_nas.search.surrogate.posterior import Belief, Straight, Warp, _informative
from ce_nas.space.base import Space

SPACE = Space("grid", ["a", "b", "c"], [[*"uvwxyz"]] * 3)
MEMBERS = list(SPACE.index)
REFERENCE = np.array([40.0, 40.0])


def values(cell):
    return float(10 + cell[0] ** 2 - 2 * cell[1]), float(5 + 3 * (5 - cell[0]) + cell[2])


def knowledge(cells, trained=(True, False), sampled=()):
    known = Knowledge(SPACE, trained)
    known.tell([Observation(cell, values(cell)) for cell in cells])
    known.tell([Observation(cell, values(cell), 0.0, (float(cell[1]),)) for cell in sampled])
    return known


def belief(known, **options):
    return Belief(MEMBERS, Description(SPACE), known, REFERENCE, {}, fit=True, **options)


CELLS = [MEMBERS[row] for row in np.random.default_rng(0).permutation(len(MEMBERS))[:60]]


@given(st.lists(st.floats(-1e3, 30.0), min_size=2, max_size=30))
def test_a_warp_gives_back_what_it_took(numbers):
    given_values = np.array(numbers)
    warp = Warp.of(given_values, 40.0)
    np.testing.assert_allclose(warp.values(warp.targets(given_values)), given_values, atol=1e-5, rtol=1e-5)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
@example([0.0, 7.058783754313505e-14])
def test_a_warp_keeps_the_order_and_has_a_standard_scale(numbers):
    given_values = np.array(numbers)
    targets = Warp.of(given_values, 40.0).targets(given_values)
    assert (np.diff(targets[np.argsort(given_values)]) >= -1e-9).all()
    assert targets.mean() == pytest.approx(0.0, abs=1e-6)
    assert targets.std() == pytest.approx(1.0, abs=1e-6) or targets.std() == pytest.approx(0.0, abs=1e-6)


def test_a_failure_is_as_bad_as_the_reference():
    warp = Warp.of(np.array([1.0, 5.0, 9.0, np.inf]), 40.0)
    assert warp.targets(np.array([np.inf, np.nan])) == pytest.approx(warp.targets(np.array([40.0, 40.0])))
    assert warp.values(np.array([100.0])) == pytest.approx([40.0])


def test_good_values_are_told_further_apart_than_bad_ones():
    warp = Warp.of(np.array([0.0, 1.0, 2.0, 10.0, 30.0]), 40.0)
    steps = np.diff(warp.targets(np.array([0.0, 1.0, 20.0, 21.0])))
    assert steps[0] > 3.0 * steps[2]


def test_a_straight_scale_keeps_sums_and_puts_failures_at_the_worst():
    scale = Straight.of(np.array([1.0, 5.0, 9.0, np.inf]), 8.0)
    targets = scale.targets(np.array([1.0, 5.0, 9.0, np.nan, np.inf]))
    assert np.diff(targets[:3])[0] == pytest.approx(np.diff(targets[:3])[1])
    np.testing.assert_allclose(scale.values(targets), [1.0, 5.0, 9.0, 9.0, 9.0])
    assert targets[:3].mean() == pytest.approx(0.0)


def test_a_cost_that_adds_up_is_believed_of_all_after_a_few():
    weights = np.random.default_rng(3).uniform(1.0, 9.0, size=(3, 6))
    costs = np.array([sum(weights[place, choice] for place, choice in enumerate(cell)) for cell in MEMBERS])
    known = Knowledge(SPACE, (True, False))
    pairs = [(cell, float(costs[SPACE.index[cell]])) for cell in CELLS[:30]]
    known.tell([Observation(cell, (values(cell)[0], cost)) for cell, cost in pairs])
    assert np.abs(belief(known).values()[:, 1] - costs).max() < 0.2 * costs.std()


def test_what_was_trained_is_believed_nearly_as_told():
    known = knowledge(CELLS, trained=(True, True))
    believed = belief(known).values()
    for cell in CELLS:
        np.testing.assert_allclose(believed[SPACE.index[cell]], values(cell), atol=1.0)


def test_what_was_not_trained_is_foreseen():
    believed = belief(knowledge(CELLS)).values()
    real = np.array([values(cell) for cell in MEMBERS])
    assert np.corrcoef(believed[:, 0], real[:, 0])[0, 1] > 0.95
    assert np.corrcoef(believed[:, 1], real[:, 1])[0, 1] > 0.95


def test_a_cost_that_was_sampled_is_taken_as_it_is():
    sampled = [cell for cell in MEMBERS if cell not in CELLS][:40]
    believed = belief(knowledge(CELLS, sampled=sampled)).values()
    assert [believed[SPACE.index[cell], 1] for cell in sampled] == [values(cell)[1] for cell in sampled]


def test_an_update_is_the_same_as_a_new_belief_with_the_same_kernels():
    known = knowledge(CELLS[:40], trained=(True, True))
    first = belief(known)
    known.tell([Observation(cell, values(cell)) for cell in CELLS[40:]])
    first.update()
    again = Belief(MEMBERS, Description(SPACE), known, REFERENCE, first.kernels, fit=False)
    np.testing.assert_allclose(first.values(), again.values(), rtol=5e-3)
    np.testing.assert_allclose(first.gains(), again.gains(), rtol=0.05, atol=0.02 * first.gains().max())


def test_imagining_takes_the_gain_of_what_is_imagined():
    believed = belief(knowledge(CELLS))
    gains = believed.gains()
    best = int(np.argmax(gains))
    part = believed.over(np.arange(len(MEMBERS)))
    part.imagine(best)
    assert part.gains()[best] < 0.3 * gains[best]
    np.testing.assert_array_equal(believed.gains(), gains)


def test_a_kernel_is_learned_from_the_best_and_some_of_the_rest():
    some = np.random.default_rng(0).random((400, 2))
    rows = _informative(some)
    assert len(rows) == len(set(rows.tolist())) < 200
    assert set(np.flatnonzero((some < 0.2).all(axis=1))) <= set(rows.tolist())
    assert len(_informative(some[:100])) == 100
