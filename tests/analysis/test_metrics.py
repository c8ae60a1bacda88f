import math

import pytest

from ce_nas.analysis.metrics import log_gap, log_share, top_of


def test_gaps_by_hand():
    assert log_share(100.0, 99.0) == pytest.approx(-2)
    assert log_gap(100.0, 99.0) == pytest.approx(0.0)
    assert log_gap(4000.0, 0.0) == pytest.approx(math.log10(4000))
    assert log_share(100.0, 100.0) == -6  # not minus infinity


def test_without_a_known_top_the_best_run_stands_for_it(finding):
    marks = [(90, 1, 1, 1)]
    assert top_of([finding("ce-nas", 0, marks)])[0] == 100.0
    top, meaning = top_of([finding("ce-nas", 0, marks, top=None), finding("ce-nas", 1, [(80, 1, 1, 1)], top=None)])
    assert top == pytest.approx(90.009)
    assert meaning == "exp.top.found"
