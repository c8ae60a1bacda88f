import numpy as np
import pytest

from ce_nas.analysis.partition_rules import cuts, questions, region_of
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.words import Words
from ce_nas.search.lamoo.partition_tree import Partition, PartitionSettings, path_holds
from ce_nas.space.base import Space
from ce_nas.space.nasbench201 import NasBench201Space


@pytest.fixture(scope="module")
def found(lamoo):
    return cuts(lamoo.entries, NasBench201Space())


def meets(cut, rows):
    holds = np.ones(len(rows), dtype=bool)
    for question, yes in cut.clauses:
        holds &= question.answers == yes
    return holds


def test_what_is_said_of_the_first_cut_is_true_when_counted_anew(lamoo, found):
    space, first = NasBench201Space(), found[0]
    contents = [entry.content for entry in lamoo.entries if entry.kind == "evaluated"]
    features = space.encode([tuple(one["architecture"]) for one in contents])
    values = np.array([one["values"] for one in contents])
    root = Partition(features, values, np.array([0.0, 0.026]), PartitionSettings()).root
    dropped = path_holds(root.children[1].path, space.encode(space.members))
    holds = meets(first, space.members)
    assert (first.region, first.whole, first.counted) == ("", True, 15625)
    assert first.dropped == pytest.approx(dropped.mean())
    assert first.covers == pytest.approx((holds & dropped).sum() / dropped.sum())
    assert first.purity == pytest.approx((holds & dropped).sum() / holds.sum())
    assert 0.5 < first.fidelity <= 1.0
    assert first.fidelity >= max(dropped.mean(), 1 - dropped.mean())  # never worse than saying nothing
    assert (first.trained, first.dropped_trained) == (len(contents), len(root.children[1].rows))


def test_every_cut_is_of_a_region_that_an_earlier_one_made(found):
    known = {""}
    for cut in found:
        assert cut.region in known
        known |= {cut.region + "+", cut.region + "-"}
        assert 0 <= cut.dropped_front <= cut.dropped_trained <= cut.trained


def test_an_architecture_lies_in_a_leaf(lamoo, found):
    space = NasBench201Space()
    leaf = region_of(lamoo.entries, space, space.listed[77])
    assert leaf[:-1] in {cut.region for cut in found}
    assert leaf not in {cut.region for cut in found}


def test_a_searcher_without_regions_has_nothing_to_explain(result, lamoo):
    with pytest.raises(SettingsError, match="'uniform' divides no space"):
        cuts(result.entries, NasBench201Space())
    with pytest.raises(SettingsError, match="nothing was trained"):
        cuts(lamoo.entries[:1], NasBench201Space())


def test_no_clause_is_said_twice(found):
    for cut in found:
        said = [question.said(Words("en"), yes=yes) for question, yes in cut.clauses]
        assert len(said) == len(set(said))


SPACE = NasBench201Space()


def answers(text):
    """What is said of one cell, among all cells."""
    row = SPACE.index[SPACE.parse(text)]
    return {(one.key, *one.values.values()): bool(one.answers[row]) for one in questions(SPACE, SPACE.members)}


def test_an_operation_reaches_the_output_only_on_a_way_without_none():
    cell = answers("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|none~2|")
    assert not cell["why.reaches", "nor_conv_3x3"]  # on 1<-0, but 3<-1 is none and 3<-2 is none
    assert cell["why.reaches", "avg_pool_3x3"]
    cell = answers("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|")
    assert cell["why.reaches", "nor_conv_3x3"]
    assert cell["why.reaches", "skip_connect"]
    assert cell["why.edge", "3<-0", "none"]
    assert cell["why.has", 1, "nor_conv_3x3", 0]
    assert cell["why.count", 3, "none", 2]
    assert not cell["why.count", 4, "none", 3]


def test_what_is_the_same_for_all_is_not_asked_and_other_spaces_have_plain_questions():
    space = Space("own", ["depth", "width"], [["1", "2"], ["narrow", "wide", "huge"]])
    asked = questions(space, np.array([[0, 0], [0, 1]]))
    assert {(one.key, one.values["choice"]) for one in asked} == {("why.is", "narrow"), ("why.is", "wide")}
    assert asked[0].said(Words("en"), yes=False) == "width is not narrow"
