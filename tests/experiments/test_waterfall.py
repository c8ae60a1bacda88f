import math

import pytest

from ce_nas.analysis.statistics import Interval
from ce_nas.experiments.base import ENGLISH
from ce_nas.experiments.clustered_ratio import ClusteredRatio
from ce_nas.experiments.strategies import SUITE_STRATEGIES
from ce_nas.experiments.waterfall import STEPS, build_waterfall, draw_waterfall, waterfall_content, waterfall_table

#: grams of each strategy
GRAMS = {
    "vanilla-lamoo": 80.0,
    "vanilla-surrogate": 10.0,
    "scored-surrogate": 8.0,
    "look-ahead-surrogate": 5.0,
    "look-ahead-unscored": 4.0,
    "look-ahead-lamoo": 50.0,
    "short-surrogate": 2.5,
}


def ratio(ours, theirs):
    if ours not in GRAMS or theirs not in GRAMS:
        return None
    value = GRAMS[theirs] / GRAMS[ours]
    return ClusteredRatio(Interval(value, 0.5 * value, math.inf), 3, 1.0, 1.0)


def medians(ratios):
    return [None if one is None else pytest.approx(one.ratio.median) for one in ratios]


def test_parts_are_added_in_turn_and_left_out_of_the_whole():
    steps = build_waterfall(ratio)
    assert [step.part for step in steps] == ["searcher", "scores", "hours", "short"]  # power was not run
    assert medians(step.total for step in steps) == [8.0, 10.0, 16.0, 32.0]
    assert medians(step.added for step in steps) == [8.0, 1.25, 1.6, 2.0]
    assert medians(step.left_out for step in steps) == [10.0, 0.8, 1.6, 2.0]


def test_all_strategies_of_the_steps_are_in_the_suite():
    names = {strategy.name for strategy in SUITE_STRATEGIES}
    assert {name for _, *both in STEPS for name in both if name} <= names


def test_table_and_figure_have_a_row_per_part():
    steps = build_waterfall(ratio)
    table = waterfall_table(steps, 0.998, ENGLISH)
    parts = ["searcher", "cheap scores", "better hours, fewer at a time", "short trainings first"]
    assert [row[0] for row in table.rows] == parts
    assert "0.998" in table.caption
    (axes,) = draw_waterfall(steps, 0.998, ENGLISH).axes
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert bars == [pytest.approx(pair) for pair in ((1.0, 8.0), (8.0, 10.0), (10.0, 16.0), (16.0, 32.0))]
    assert waterfall_content(steps)[0]["total"]["ratio"]["median"] == 8.0


def test_searches_that_did_not_arrive_are_drawn_at_the_edges():
    missed = ClusteredRatio(Interval(0.0, 0.0, math.inf), 3, 0.3, 1.0)
    (axes,) = draw_waterfall(build_waterfall(lambda *_: missed), 0.998, ENGLISH).axes
    assert all(math.isfinite(bar.get_width()) for bar in axes.patches)
    assert min(min(line.get_xdata()) for line in axes.lines) == 0.1
