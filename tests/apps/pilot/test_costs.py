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
    monetary_cost,
    relative_saving,
)
from ce_nas.apps.pilot.inputs import PilotInputs
from ce_nas.core.units import HOUR_S, J_PER_KWH


def cost_of(kg, kwh=10.0, hours=2.0):
    return SearchCost(kwh * J_PER_KWH, kg * 1000.0, 8 * hours * HOUR_S, hours * HOUR_S, 20)


BEFORE = SearchMethod("baseline", ((cost_of(10), cost_of(20)), (cost_of(12), cost_of(16))))
HALF = SearchMethod("ce-nas", ((cost_of(5), cost_of(10)), (cost_of(6), cost_of(8))))


def carbon(cost):
    return cost.carbon_g


def test_cost_counts_only_given_prices():
    inputs = PilotInputs(electricity_price=0.5, gpu_hour_price=2.0, carbon_price=100.0)
    assert monetary_cost(cost_of(10), inputs) == pytest.approx(10 * 0.5 + 16 * 2.0 + 0.01 * 100.0)
    assert monetary_cost(cost_of(10), PilotInputs(electricity_price=0.5)) == pytest.approx(5.0)
    assert monetary_cost(TARGET_NOT_REACHED, PilotInputs()) == math.inf
    amounts = [get_measure(name, inputs)(cost_of(10)) for name in MEASURES]
    assert amounts == pytest.approx([10.0, 10.0, 38.0, 2.0])


def test_savings_are_paired_before_the_median():
    assert relative_saving(BEFORE, HALF, carbon).median == pytest.approx(0.5)
    assert relative_saving(BEFORE, HALF, carbon).low == pytest.approx(0.5)
    assert cost_ratio(BEFORE, HALF, carbon).high == pytest.approx(2.0)
    assert absolute_saving(BEFORE, HALF, carbon).median == pytest.approx(
        6000.0
    )  # of 5, 6, 8 and 10 kg the lower middle
    assert BEFORE.median_over(carbon).median == 12_000.0


def test_a_missed_target_saves_nothing():
    late = SearchMethod("ce-nas", ((TARGET_NOT_REACHED, TARGET_NOT_REACHED), (cost_of(6), TARGET_NOT_REACHED)))
    assert late.reached_share == 0.25
    assert relative_saving(BEFORE, late, carbon).median == -math.inf
    assert cost_ratio(BEFORE, late, carbon).median == 0.0
    assert format_percent(relative_saving(BEFORE, late, carbon)).startswith("- [-, ")
    assert format_percent(relative_saving(BEFORE, BEFORE, carbon)) == "0%"
