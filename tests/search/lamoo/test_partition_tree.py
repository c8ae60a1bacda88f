import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_contributions
from ce_nas.search.lamoo.partition_tree import PartitionSettings, PartitionTree, _median_threshold, path_contains
from ce_nas.space.nasbench201_cell import NasBench201Space

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


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 120), st.sampled_from(KERNELS), st.integers(0, 5), st.integers(1, 30))
def test_partition_tree_invariants(seed, n, kernel, height, leaf_size):
    features, values = samples(seed, n)
    partition = PartitionTree(features, values, REFERENCE, PartitionSettings(kernel, leaf_size, height))
    leaves = list(partition.root.leaves())
    assert sorted(np.concatenate([leaf.rows for leaf in leaves]).tolist()) == list(range(n))
    for node in nodes(partition.root):
        assert len(node.path) <= height
        assert np.flatnonzero(path_contains(node.path, features)).tolist() == node.rows.tolist()
        assert node.value == hypervolume(values[node.rows], REFERENCE)
        if node.children:
            assert len(node.rows) > leaf_size
            assert all(len(child.rows) for child in node.children)
            assert [child.parent for child in node.children] == [node, node]


def test_better_half_lies_on_the_good_side():
    features, values = samples(0, 200, noise=0.0)
    root = PartitionTree(features, values, REFERENCE, PartitionSettings()).root
    numbers = dominance_numbers(values)
    good, bad = (numbers[child.rows] for child in root.children)
    assert np.median(good) < np.median(bad)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=30))
def test_median_threshold_splits_as_evenly_as_ties_allow(numbers):
    good = int(np.count_nonzero(np.array(numbers) <= _median_threshold(np.array(numbers))))
    half = len(numbers) // 2
    possible = [sum(number <= cut for number in numbers) for cut in numbers]
    proper = [count for count in possible if count < len(numbers)] or possible
    assert abs(good - half) == min(abs(count - half) for count in proper)


def test_selected_leaf_has_the_largest_ucb():
    features, values = samples(3, 150)
    partition = PartitionTree(features, values, REFERENCE, PartitionSettings(cp=7.0))
    for leaf in partition.root.leaves():
        bound = leaf.value + 2 * 7.0 * np.sqrt(2 * np.log(len(leaf.parent.rows)) / len(leaf.rows))
        assert partition.upper_confidence_bound(leaf) == pytest.approx(bound)
        assert bound <= partition.upper_confidence_bound(partition.select_leaf()) + 1e-9


def test_cp_share_is_a_share_of_the_hypervolume():
    features, values = samples(3, 150)
    share = PartitionTree(features, values, REFERENCE, PartitionSettings(cp_share=0.2))
    number = PartitionTree(features, values, REFERENCE, PartitionSettings(cp=0.2 * hypervolume(values, REFERENCE)))
    bounds = [[tree.upper_confidence_bound(leaf) for leaf in tree.root.leaves()] for tree in (share, number)]
    assert bounds[0] == pytest.approx(bounds[1])


def test_proportional_selection_by_hypervolume_contribution():
    features, values = samples(7, 120)
    reference = np.array([60.0, 60.0])
    partition = PartitionTree(features, values, reference, PartitionSettings(select="proportional"))
    leaves = list(partition.root.leaves())
    adds = hypervolume_contributions(values, values, reference)
    shares = np.array([adds[leaf.rows].sum() for leaf in leaves]) / adds.sum()
    drawn = [leaves.index(partition.select_leaf(at)) for at in np.linspace(0.0005, 0.9995, 1000)]
    assert len(leaves) > 2
    assert np.bincount(drawn, minlength=len(leaves)) / 1000 == pytest.approx(shares, abs=2e-3)


def test_proportional_selection_without_contributions():
    features, values = samples(7, 120)
    partition = PartitionTree(features, values, np.array([-99.0, -99.0]), PartitionSettings(select="proportional"))
    assert partition.select_leaf(0.7) is partition.select_leaf(0.1)


def test_mcts_selection_takes_the_better_child_at_every_step():
    features, values = samples(5, 200)
    partition = PartitionTree(features, values, REFERENCE, PartitionSettings(select="mcts"))
    node = partition.select_leaf()
    assert not node.children
    while node.parent is not None:
        assert partition.upper_confidence_bound(node) == max(
            map(partition.upper_confidence_bound, node.parent.children)
        )
        node = node.parent


def test_identical_samples_are_not_split():
    features, _ = samples(0, 40)
    assert not PartitionTree(features, np.ones((40, 2)), REFERENCE, PartitionSettings()).root.children
    alike = np.repeat(features[:1], 40, axis=0)
    _, values = samples(0, 40)
    assert not PartitionTree(alike, values, REFERENCE, PartitionSettings()).root.children


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kernel": "rfb"}, "Did you mean 'rbf'"),
        ({"select": "tree"}, "expected one of: leaf, mcts"),
        ({"leaf_size": 0}, "leaf_size=0"),
        ({"cp": -1.0}, "cp=-1.0"),
    ],
)
def test_invalid_settings_are_rejected(wrong, message):
    with pytest.raises(SettingsError, match=message):
        PartitionSettings(**wrong)
