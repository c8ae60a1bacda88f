"""What can still be finished within the budgets, by the forecast."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.records import Activity, Forecast, Reading, Source, Stop
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.engine.budgets import Book, Guard, Limits
from ce_nas.grid.trace import Series

WATTS = 500.0
FLAT = Series(datetime(2021, 1, 1, tzinfo=UTC), HOUR_S, np.full(100, 400.0))


def guard(forecast=(400.0,), prices=None, **limits):
    made = Guard(Limits(**{"time_s": 50 * HOUR_S} | limits), Ledger(FLAT, 1.0, prices or Prices()), WATTS)
    made.forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.array(forecast))
    return made


def test_with_time_alone_what_ends_before_the_deadline_fits():
    assert guard(time_s=2 * HOUR_S).fitting([HOUR_S, 3 * HOUR_S, 2 * HOUR_S], 0.0) == 2
    assert guard(time_s=2 * HOUR_S).fitting([HOUR_S, 3 * HOUR_S, 2 * HOUR_S], HOUR_S + 1) == 0
    assert guard().fitting([], 0.0) == 0


def test_time_is_ample_while_the_longest_ends_before_the_deadline_and_nothing_else_is_bounded():
    assert guard(time_s=2 * HOUR_S).ample(HOUR_S, HOUR_S)
    assert not guard(time_s=2 * HOUR_S).ample(HOUR_S, HOUR_S + 1)
    assert not guard(energy_j=1e12).ample(HOUR_S, 0.0)


@pytest.mark.parametrize(
    "limits",
    [
        {"carbon_g": 2.5 * 0.5 * 400},
        {"energy_j": 2.5 * WATTS * HOUR_S},
        {"device_s": 2.5 * HOUR_S},
        {"cost": 2.5 * 3.0, "prices": Prices(device_hour=3.0)},
        {"cost": 2.5 * 0.5 * 2.0, "prices": Prices(electricity_per_kwh=2.0)},
        {"carbon_g": 2.5 * 400, "book": Book.PAPER},
    ],
)
def test_of_each_budget_the_shortest_are_paid_first(limits):
    assert guard(**limits).fitting([4 * HOUR_S, HOUR_S, HOUR_S, HOUR_S], 0.0) == 2


def test_a_started_hour_counts_as_a_whole_one():
    hourly = Prices(device_hour=3.0, billing_s=HOUR_S)
    assert guard(cost=5.9, prices=hourly).fitting([600.0, 600.0], 0.0) == 1
    assert guard(cost=6.0, prices=hourly).fitting([600.0, 600.0], 0.0) == 2


def test_what_does_not_fit_now_may_fit_in_a_cleaner_hour():
    dirty_then_clean = guard(forecast=[400.0, 400.0, 100.0], carbon_g=0.5 * 200)
    assert dirty_then_clean.fitting([HOUR_S], 0.0) == 0
    assert dirty_then_clean.short_of(HOUR_S, 0.0) is None
    assert guard(carbon_g=0.5 * 200).short_of(HOUR_S, 0.0) is Stop.CARBON
    assert guard(forecast=[400.0, 400.0, 100.0], carbon_g=100.0, time_s=2 * HOUR_S).short_of(HOUR_S, 0.0) is Stop.CARBON


def test_it_says_which_budget_is_short():
    assert guard(time_s=HOUR_S).short_of(HOUR_S, 1.0) is Stop.DEADLINE
    assert guard(energy_j=1.0).short_of(HOUR_S, 0.0) is Stop.ENERGY
    assert guard(device_s=10.0).short_of(HOUR_S, 0.0) is Stop.DEVICE_TIME
    assert guard().short_of(HOUR_S, 0.0) is None


def test_what_trainings_drew_so_far_tells_what_they_draw():
    made = guard(energy_j=3.0 * WATTS * HOUR_S)
    measured_j = 0.25 * WATTS * HOUR_S
    made._ledger.book([Reading(0, Activity.TRAINING, 0.0, HOUR_S, measured_j, Source.COUNTER)])
    assert made.fitting([HOUR_S] * 20, HOUR_S) == 11  # of the 2.75 left, a quarter each
    assert measured_j < J_PER_KWH
