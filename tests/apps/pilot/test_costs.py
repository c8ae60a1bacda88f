"""Costs of searches over seeds and days, and savings."""

import math

import pytest

from ce_nas.apps.pilot.costs import (
    MEASURES,
    TARGET_NOT_REACHED,
    SearchCost,
    SearchMethod,
    absolute_saving,
    cost_ratio,
    format_percent,
    get_measure,
    intensity_ratio,
    monetary_cost,
    relative_saving,
)
from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.core.units import HOUR_S, J_PER_KWH


def cost_of(kg, kwh=10.0, hours=2.0):
    return SearchCost(kwh * J_PER_KWH, kg * 1000.0, 8 * hours * HOUR_S, hours * HOUR_S, 20)


BEFORE = SearchMethod("baseline", ((cost_of(10), cost_of(20)), (cost_of(12), cost_of(16))))
HALF = SearchMethod("ce-nas", ((cost_of(5), cost_of(10)), (cost_of(6), cost_of(8))))
UNEVEN = SearchMethod("ce-nas", ((cost_of(1, kwh=2.0), cost_of(15)), (cost_of(2, kwh=4.0), cost_of(5))))


def carbon(cost):
    return cost.carbon_g


def test_cost_counts_only_given_prices():
    inputs = PilotInputs(electricity_price=0.5, gpu_hour_price=2.0, carbon_price=100.0)
    assert monetary_cost(cost_of(10), inputs) == pytest.approx(10 * 0.5 + 16 * 2.0 + 0.01 * 100.0)
    assert monetary_cost(cost_of(10), PilotInputs(electricity_price=0.5)) == pytest.approx(5.0)
    assert monetary_cost(TARGET_NOT_REACHED, PilotInputs()) == math.inf
    amounts = [get_measure(name, inputs)(cost_of(10)) for name in MEASURES]
    assert amounts == pytest.approx([10.0, 10.0, 38.0, 2.0])


def test_ratios_and_differences_follow_from_the_medians():
    before, after = BEFORE.median_over(carbon).median, UNEVEN.median_over(carbon).median
    assert absolute_saving(BEFORE, UNEVEN, carbon).median == before - after
    assert relative_saving(BEFORE, UNEVEN, carbon).median == 1 - after / before
    assert cost_ratio(BEFORE, UNEVEN, carbon).median == before / after
    energy = cost_ratio(BEFORE, UNEVEN, lambda cost: cost.energy_j).median
    assert energy * intensity_ratio(BEFORE, UNEVEN).median == pytest.approx(before / after)
    assert BEFORE.median_over(carbon).median == 12_000.0  # of 10, 12, 16 and 20 kg the lower middle


def test_few_searches_have_a_range_and_no_interval():
    saving = relative_saving(BEFORE, UNEVEN, carbon)
    assert not BEFORE.has_intervals
    assert (saving.low, saving.high) == pytest.approx((1 - 15 / 20, 1 - 1 / 10))
    assert saving.low <= saving.median <= saving.high
    many = SearchMethod("baseline", tuple((cost_of(10 + seed), cost_of(20 + seed)) for seed in range(6)))
    assert many.has_intervals
    assert relative_saving(many, many, carbon).high == 0.0


def test_bounds_of_few_searches_hold_the_figure_they_belong_to():
    """The ratio of medians may lie beyond the ratios of the single searches."""
    before = SearchMethod("baseline", ((cost_of(10), cost_of(14)), (cost_of(30), cost_of(60))))
    after = SearchMethod("ce-nas", ((cost_of(4), cost_of(10)), (cost_of(5), cost_of(12))))
    ratio = cost_ratio(before, after, carbon)
    assert ratio.low <= ratio.median <= ratio.high
    between = intensity_ratio(before, after)
    assert between.low <= between.median <= between.high


def test_a_missed_target_saves_nothing():
    late = SearchMethod("ce-nas", ((TARGET_NOT_REACHED, TARGET_NOT_REACHED), (cost_of(6), TARGET_NOT_REACHED)))
    assert late.reached_share == 0.25
    assert relative_saving(BEFORE, late, carbon).median == -math.inf
    assert cost_ratio(BEFORE, late, carbon).median == 0.0
    assert format_percent(relative_saving(BEFORE, late, carbon)).startswith("- [-, ")
    assert format_percent(relative_saving(BEFORE, BEFORE, carbon)) == "0 %"
