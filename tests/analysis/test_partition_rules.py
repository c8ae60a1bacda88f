import numpy as np
import pytest

from ce_nas.analysis.partition_rules import build_predicates, explain_splits, find_region
from ce_nas.core.errors import SettingsError
from ce_nas.search.lamoo.partition_tree import PartitionSettings, PartitionTree, path_contains
from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE = NasBench201Space()


@pytest.fixture(scope="module")
def splits(lamoo_run):
    return explain_splits(lamoo_run.entries, SPACE)


def meets_conditions(split, rows):
    holds = np.ones(len(rows), dtype=bool)
    for predicate, wanted in split.conditions:
        holds &= predicate.mask == wanted
    return holds


def test_shares_of_the_first_split_match_a_direct_count(lamoo_run, splits):
    first = splits[0]
    contents = [entry.content for entry in lamoo_run.entries if entry.kind == "evaluated"]
    features = SPACE.encode([tuple(one["architecture"]) for one in contents])
    values = np.array([one["values"] for one in contents])
    root = PartitionTree(features, values, np.array([0.0, 0.026]), PartitionSettings()).root
    dropped = path_contains(root.children[1].path, SPACE.encode(SPACE.members))
    holds = meets_conditions(first, SPACE.members)
    assert (first.region, first.exhaustive, first.n_architectures) == ("", True, 15625)
    assert first.dropped_share == pytest.approx(dropped.mean())
    assert first.recall == pytest.approx((holds & dropped).sum() / dropped.sum())
    assert first.precision == pytest.approx((holds & dropped).sum() / holds.sum())
    assert 0.5 < first.tree_accuracy <= 1.0
    assert first.tree_accuracy >= max(dropped.mean(), 1 - dropped.mean())  # never worse than a constant answer
    assert (first.n_trained, first.n_trained_dropped) == (len(contents), len(root.children[1].rows))


def test_every_split_is_of_a_region_that_an_earlier_split_made(splits):
    known = {""}
    for split in splits:
        assert split.region in known
        known |= {split.region + "+", split.region + "-"}
        assert 0 <= split.n_front_dropped <= split.n_trained_dropped <= split.n_trained


def test_region_of_an_architecture_is_a_leaf(lamoo_run, splits):
    leaf = find_region(lamoo_run.entries, SPACE, SPACE.all_architectures[77])
    assert leaf[:-1] in {split.region for split in splits}
    assert leaf not in {split.region for split in splits}


def test_searcher_without_partition_is_refused(finished_run, lamoo_run):
    with pytest.raises(SettingsError, match="'random' has no partition"):
        explain_splits(finished_run.entries, SPACE)
    with pytest.raises(SettingsError, match="no training has finished"):
        explain_splits(lamoo_run.entries[:1], SPACE)


def predicates_of(text):
    """Kind and values of each predicate to whether it holds for one cell."""
    row = SPACE.index[SPACE.parse(text)]
    return {
        (predicate.kind, *predicate.values.values()): bool(predicate.mask[row])
        for predicate in build_predicates(SPACE, SPACE.members)
    }


def test_operation_reaches_the_output_only_on_a_path_without_none():
    cell = predicates_of("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|none~2|")
    assert not cell["reaches_output", "nor_conv_3x3"]  # on 1<-0, but 3<-1 is none and 3<-2 is none
    assert cell["reaches_output", "avg_pool_3x3"]
    cell = predicates_of("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|")
    assert cell["reaches_output", "nor_conv_3x3"]
    assert cell["reaches_output", "skip_connect"]
    assert cell["edge_choice", "3<-0", "none"]
    assert cell["contains", 1, "nor_conv_3x3", 0]
    assert cell["count", 3, "none", 2]
    assert not cell["count", 4, "none", 3]


def test_constant_predicates_are_left_out():
    space = Space("own", ["depth", "width"], [["1", "2"], ["narrow", "wide", "huge"]])
    predicates = build_predicates(space, np.array([[0, 0], [0, 1]]))
    assert {(one.kind, one.values["choice"]) for one in predicates} == {("choice", "narrow"), ("choice", "wide")}
