import numpy as np

from ce_nas.report.questions import questions
from ce_nas.report.words import Words
from ce_nas.space.cells import NasBench201Space
from ce_nas.space.space import Space

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
