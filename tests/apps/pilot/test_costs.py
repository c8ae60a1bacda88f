"""What searches took, over seeds and days."""

import math

import pytest

from ce_nas.apps.pilot.costs import (
    MEASURES,
    NEVER,
    Outlay,
    Way,
    measure,
    money,
    percent,
    saved,
    share_saved,
    times_less,
)
from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.core.units import HOUR_S, J_PER_KWH


def outlay(kg, kwh=10.0, hours=2.0):
    return Outlay(kwh * J_PER_KWH, kg * 1000.0, 8 * hours * HOUR_S, hours * HOUR_S, 20)


BEFORE = Way("today", ((outlay(10), outlay(20)), (outlay(12), outlay(16))))
HALF = Way("ce-nas", ((outlay(5), outlay(10)), (outlay(6), outlay(8))))


def grams(one):
    return one.carbon_g


def test_money_is_what_was_priced():
    figures = PilotFigures(electricity_price=0.5, gpu_hour_price=2.0, carbon_price=100.0)
    assert money(outlay(10), figures) == pytest.approx(10 * 0.5 + 16 * 2.0 + 0.01 * 100.0)
    assert money(outlay(10), PilotFigures(electricity_price=0.5)) == pytest.approx(5.0)
    assert money(NEVER, PilotFigures()) == math.inf
    amounts = [measure(name, figures)(outlay(10)) for name in MEASURES]
    assert amounts == pytest.approx([10.0, 10.0, 38.0, 2.0])


def test_pairs_are_compared_before_the_median_is_taken():
    assert share_saved(BEFORE, HALF, grams).median == pytest.approx(0.5)
    assert share_saved(BEFORE, HALF, grams).low == pytest.approx(0.5)
    assert times_less(BEFORE, HALF, grams).high == pytest.approx(2.0)
    assert saved(BEFORE, HALF, grams).median == pytest.approx(6000.0)  # of 5, 6, 8 and 10 kg the lower middle
    assert BEFORE.over(grams).median == 12_000.0


def test_who_never_got_there_saved_nothing():
    late = Way("ce-nas", ((NEVER, NEVER), (outlay(6), NEVER)))
    assert late.reached == 0.25
    assert share_saved(BEFORE, late, grams).median == -math.inf
    assert times_less(BEFORE, late, grams).median == 0.0
    assert percent(share_saved(BEFORE, late, grams)).startswith("- [-, ")
    assert percent(share_saved(BEFORE, BEFORE, grams)) == "0%"
