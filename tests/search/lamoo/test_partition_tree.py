import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.pareto.hypervolume import hypervolume, own_gains
from ce_nas.search.lamoo.partition_tree import (
    TOLERANCE,
    Partition,
    PartitionSettings,
    _median_cut,
    fit_boundary,
    path_holds,
)
from ce_nas.space.nasbench201 import NasBench201Space

KERNELS = ("rbf", "poly", "linear")
REFERENCE = np.array([25.0, 25.0])


def samples(seed, n, noise=1.0):
    """Encoded cells and two objectives that depend on their first and last operations."""
    rng = np.random.default_rng(seed)
    space = NasBench201Space()
    cells = np.array(space.sample(rng, n))
    values = np.stack(
        [cells[:, :3].sum(axis=1) + 3 * cells[:, 5], 12 + cells[:, 1:4].sum(axis=1) - cells[:, 0]], axis=1
    )
    return space.encode(cells), values + noise * rng.normal(size=values.shape)


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_boundary_decides_as_the_support_vector_machine_it_was_taken_from(kernel):
    features, values = samples(0, 150)
    good = dominance_numbers(values) <= _median_cut(dominance_numbers(values))
    machine = SVC(kernel=kernel, degree=4, coef0=1.0, gamma="scale", tol=TOLERANCE).fit(features, good)
    fresh, _ = samples(1, 400)
    boundary = fit_boundary(features, good, kernel)
    assert boundary.decision(fresh) == pytest.approx(machine.decision_function(fresh), abs=1e-9)
    assert boundary.is_good(boundary.decision(fresh)).tolist() == machine.predict(fresh).tolist()


@pytest.mark.parametrize("n", [12, 60, 250])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_solver_alone_finds_what_the_whole_of_scikit_learn_finds_to_the_last_bit(kernel, n):
    features, values = samples(n, n)
    good = dominance_numbers(values) <= _median_cut(dominance_numbers(values))
    boundary = fit_boundary(features, good, kernel)
    machine = SVC(kernel=kernel, degree=4, coef0=1.0, gamma=boundary.gamma, tol=TOLERANCE).fit(features, good)
    assert np.array_equal(boundary.support, machine.support_vectors_)
    assert np.array_equal(boundary.weights, machine.dual_coef_[0])
    assert boundary.intercept == machine.intercept_[0]


def test_rows_that_are_not_of_zeros_and_ones_are_left_to_the_solver():
    features, values = samples(3, 80)
    features = features + 0.1 * np.random.default_rng(0).normal(size=features.shape)
    good = dominance_numbers(values) <= _median_cut(dominance_numbers(values))
    machine = SVC(gamma="scale", tol=TOLERANCE).fit(features, good)
    assert fit_boundary(features, good, "rbf").intercept == machine.intercept_[0]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 120), st.sampled_from(KERNELS), st.integers(0, 5), st.integers(1, 30))
def test_the_tree_holds_what_it_promises(seed, n, kernel, height, leaf_size):
    features, values = samples(seed, n)
    partition = Partition(features, values, REFERENCE, PartitionSettings(kernel, leaf_size, height))
    leaves = list(partition.root.leaves())
    assert sorted(np.concatenate([leaf.rows for leaf in leaves]).tolist()) == list(range(n))
    for node in nodes(partition.root):
        assert len(node.path) <= height
        assert np.flatnonzero(path_holds(node.path, features)).tolist() == node.rows.tolist()
        assert node.value == hypervolume(values[node.rows], REFERENCE)
        if node.children:
            assert len(node.rows) > leaf_size
            assert all(len(child.rows) for child in node.children)
            assert [child.parent for child in node.children] == [node, node]


def test_the_better_half_lies_on_the_good_side():
    features, values = samples(0, 200, noise=0.0)
    root = Partition(features, values, REFERENCE, PartitionSettings()).root
    numbers = dominance_numbers(values)
    good, bad = (numbers[child.rows] for child in root.children)
    assert np.median(good) < np.median(bad)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=30))
def test_the_cut_is_as_near_to_half_as_ties_allow(numbers):
    good = int(np.count_nonzero(np.array(numbers) <= _median_cut(np.array(numbers))))
    half = len(numbers) // 2
    possible = [sum(number <= cut for number in numbers) for cut in numbers]
    proper = [count for count in possible if count < len(numbers)] or possible
    assert abs(good - half) == min(abs(count - half) for count in proper)


def test_the_chosen_leaf_has_the_largest_upper_bound():
    features, values = samples(3, 150)
    partition = Partition(features, values, REFERENCE, PartitionSettings(cp=7.0))
    for leaf in partition.root.leaves():
        bound = leaf.value + 2 * 7.0 * np.sqrt(2 * np.log(len(leaf.parent.rows)) / len(leaf.rows))
        assert partition.upper_bound(leaf) == pytest.approx(bound)
        assert bound <= partition.upper_bound(partition.chosen()) + 1e-9


def test_a_share_of_the_hypervolume_is_the_same_as_the_number():
    features, values = samples(3, 150)
    share = Partition(features, values, REFERENCE, PartitionSettings(cp_share=0.2))
    number = Partition(features, values, REFERENCE, PartitionSettings(cp=0.2 * hypervolume(values, REFERENCE)))
    bounds = [[tree.upper_bound(leaf) for leaf in tree.root.leaves()] for tree in (share, number)]
    assert bounds[0] == pytest.approx(bounds[1])


def test_leaves_are_drawn_in_proportion_to_what_their_samples_alone_add():
    features, values = samples(7, 120)
    reference = np.array([60.0, 60.0])
    partition = Partition(features, values, reference, PartitionSettings(select="share"))
    leaves = list(partition.root.leaves())
    adds = own_gains(values, values, reference)
    shares = np.array([adds[leaf.rows].sum() for leaf in leaves]) / adds.sum()
    drawn = [leaves.index(partition.chosen(at)) for at in np.linspace(0.0005, 0.9995, 1000)]
    assert len(leaves) > 2
    assert np.bincount(drawn, minlength=len(leaves)) / 1000 == pytest.approx(shares, abs=2e-3)


def test_where_nothing_adds_the_largest_upper_bound_decides():
    features, values = samples(7, 120)
    partition = Partition(features, values, np.array([-99.0, -99.0]), PartitionSettings(select="share"))
    assert partition.chosen(0.7) is partition.chosen(0.1)


def test_descending_takes_the_better_child_at_every_step():
    features, values = samples(5, 200)
    partition = Partition(features, values, REFERENCE, PartitionSettings(select="mcts"))
    node = partition.chosen()
    assert not node.children
    while node.parent is not None:
        assert partition.upper_bound(node) == max(map(partition.upper_bound, node.parent.children))
        node = node.parent


def test_samples_that_are_all_alike_are_not_divided():
    features, _ = samples(0, 40)
    assert not Partition(features, np.ones((40, 2)), REFERENCE, PartitionSettings()).root.children
    alike = np.repeat(features[:1], 40, axis=0)
    _, values = samples(0, 40)
    assert not Partition(alike, values, REFERENCE, PartitionSettings()).root.children


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kernel": "rfb"}, "Did you mean 'rbf'"),
        ({"select": "tree"}, "expected one of: leaf, mcts"),
        ({"leaf_size": 0}, "leaf_size=0"),
        ({"cp": -1.0}, "cp=-1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        PartitionSettings(**wrong)
