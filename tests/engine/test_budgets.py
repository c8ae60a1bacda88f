"""Budgets: stop reasons and affordable trainings."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.records import (
    Activity,
    EnergyReading,
    Forecast,
    ReadingSource,
    StopReason,
)
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import Ledger, LedgerTotals, Prices
from ce_nas.engine.budgets import BudgetChecker, Budgets, CarbonAccounting, Work
from ce_nas.grid.trace import Series

PEAK_W = 500.0
FLAT = Series(datetime(2021, 1, 1, tzinfo=UTC), HOUR_S, np.full(100, 400.0))


def make_totals(carbon_g=0.0, paper_g=0.0, energy_j=0.0, cost=0.0):
    return LedgerTotals({Activity.TRAINING: energy_j}, {Activity.TRAINING: carbon_g}, paper_carbon_g=paper_g, cost=cost)


class FakeProgress:
    """The progress of a search."""

    def __init__(self, evaluations=0, hypervolume=0.0):
        self.evaluations = evaluations
        self.hypervolume = hypervolume


def test_stop_reason_of_each_budget():
    budgets = Budgets(time_s=10.0, carbon_g=5.0, energy_j=7.0, cost=3.0, evaluations=2)
    assert budgets.stop_reason(9.9, make_totals(4.9, 99.0, 6.9, 2.9), FakeProgress(1)) is None
    assert budgets.stop_reason(10.0, make_totals(), FakeProgress()) is StopReason.DEADLINE
    assert budgets.stop_reason(0.0, make_totals(carbon_g=5.0), FakeProgress()) is StopReason.CARBON
    assert budgets.stop_reason(0.0, make_totals(energy_j=7.0), FakeProgress()) is StopReason.ENERGY
    assert budgets.stop_reason(0.0, make_totals(cost=3.0), FakeProgress()) is StopReason.COST
    assert budgets.stop_reason(0.0, make_totals(), FakeProgress(2)) is StopReason.EVALUATIONS
    assert Budgets(10.0, device_s=0.0).stop_reason(0.0, make_totals(), FakeProgress()) is StopReason.DEVICE_TIME
    assert (
        Budgets(10.0, target_hypervolume=4.0).stop_reason(0.0, make_totals(), FakeProgress(hypervolume=4.0))
        is StopReason.TARGET
    )
    assert Budgets(10.0, target_hypervolume=4.0).stop_reason(0.0, make_totals(), FakeProgress(hypervolume=3.9)) is None


def test_carbon_budget_by_accounting():
    spent = make_totals(carbon_g=1.0, paper_g=9.0)
    assert Budgets(10.0, carbon_g=5.0).stop_reason(0.0, spent, FakeProgress()) is None
    assert (
        Budgets(10.0, carbon_g=5.0, accounting=CarbonAccounting.PAPER).stop_reason(0.0, spent, FakeProgress())
        is StopReason.CARBON
    )


def test_metered_budgets():
    assert not Budgets(10.0, evaluations=5).is_metered
    assert all(Budgets(10.0, **{name: 1.0}).is_metered for name in ("carbon_g", "energy_j", "cost", "device_s"))
    assert Budgets(10.0).carbon_g == math.inf


def make_checker(forecast=(400.0,), prices=None, **budgets):
    checker = BudgetChecker(Budgets(**{"time_s": 50 * HOUR_S} | budgets), Ledger(FLAT, 1.0, prices or Prices()), PEAK_W)
    checker.forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.array(forecast))
    return checker


def works(*durations_s):
    return [Work(duration_s) for duration_s in durations_s]


def test_affordable_trainings_before_deadline():
    assert make_checker(time_s=2 * HOUR_S).count_affordable(works(HOUR_S, 3 * HOUR_S, 2 * HOUR_S), 0.0) == 2
    assert make_checker(time_s=2 * HOUR_S).count_affordable(works(HOUR_S, 3 * HOUR_S, 2 * HOUR_S), HOUR_S + 1) == 0
    assert make_checker().count_affordable(works(), 0.0) == 0


def test_unconstrained_before_deadline_only():
    assert make_checker(time_s=2 * HOUR_S).is_unconstrained(HOUR_S, HOUR_S)
    assert not make_checker(time_s=2 * HOUR_S).is_unconstrained(HOUR_S, HOUR_S + 1)
    assert not make_checker(energy_j=1e12).is_unconstrained(HOUR_S, 0.0)


@pytest.mark.parametrize(
    "budgets",
    [
        {"carbon_g": 2.5 * 0.5 * 400},
        {"energy_j": 2.5 * PEAK_W * HOUR_S},
        {"device_s": 2.5 * HOUR_S},
        {"cost": 2.5 * 3.0, "prices": Prices(price_per_device_hour=3.0)},
        {"cost": 2.5 * 0.5 * 2.0, "prices": Prices(electricity_per_kwh=2.0)},
        {"carbon_g": 2.5 * 400, "accounting": CarbonAccounting.PAPER},
    ],
)
def test_affordable_trainings_by_each_budget(budgets):
    assert make_checker(**budgets).count_affordable(works(4 * HOUR_S, HOUR_S, HOUR_S, HOUR_S), 0.0) == 2


def test_affordable_trainings_by_billing_period():
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    assert make_checker(cost=5.9, prices=hourly).count_affordable(works(600.0, 600.0), 0.0) == 1
    assert make_checker(cost=6.0, prices=hourly).count_affordable(works(600.0, 600.0), 0.0) == 2


def test_no_binding_budget_if_grid_gets_cleaner():
    cleaner_later = make_checker(forecast=[400.0, 400.0, 100.0], carbon_g=0.5 * 200)
    assert cleaner_later.count_affordable(works(HOUR_S), 0.0) == 0
    assert cleaner_later.binding_budget(Work(HOUR_S), 0.0) is None
    assert make_checker(carbon_g=0.5 * 200).binding_budget(Work(HOUR_S), 0.0) is StopReason.CARBON
    assert (
        make_checker(forecast=[400.0, 400.0, 100.0], carbon_g=100.0, time_s=2 * HOUR_S).binding_budget(
            Work(HOUR_S), 0.0
        )
        is StopReason.CARBON
    )


def test_binding_budget():
    assert make_checker(time_s=HOUR_S).binding_budget(Work(HOUR_S), 1.0) is StopReason.DEADLINE
    assert make_checker(energy_j=1.0).binding_budget(Work(HOUR_S), 0.0) is StopReason.ENERGY
    assert make_checker(device_s=10.0).binding_budget(Work(HOUR_S), 0.0) is StopReason.DEVICE_TIME
    assert make_checker().binding_budget(Work(HOUR_S), 0.0) is None


def test_affordable_trainings_by_measured_power():
    checker = make_checker(energy_j=3.0 * PEAK_W * HOUR_S)
    measured_j = 0.25 * PEAK_W * HOUR_S
    checker._ledger.record([EnergyReading(0, Activity.TRAINING, 0.0, HOUR_S, measured_j, ReadingSource.COUNTER)])
    assert (
        checker.count_affordable(works(HOUR_S) * 20, HOUR_S) == 11
    )  # 2.75 h at peak power are left, a quarter is measured
    assert measured_j < J_PER_KWH


def test_cost_budget_is_used_up_while_paid_time_runs():
    prepaid = Budgets(10.0, cost=3.0, is_prepaid=True)
    assert prepaid.stop_reason(0.0, make_totals(cost=3.0), FakeProgress()) is None
    assert prepaid.stop_reason(0.0, make_totals(cost=3.1), FakeProgress()) is StopReason.COST
    assert not make_checker(cost=3.0).limits_billing


def test_paid_time_is_not_required_again():
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    checker = make_checker(cost=2.9, prices=hourly)
    assert checker.count_affordable([Work(600.0, paid_s=600.0), Work(600.0)], 0.0) == 1
    assert checker.count_affordable([Work(600.0, 1.0, paid_s=600.0)], 0.0) == 0
    assert checker.binding_budget(Work(600.0, paid_s=600.0), 0.0) is None
    assert checker.binding_budget(Work(600.0), 0.0) is StopReason.COST
    scaled = BudgetChecker(Budgets(1e6, cost=3.0), Ledger(FLAT, 1.0, hourly, time_scale=10.0), PEAK_W)
    assert scaled.count_affordable([Work(10 * HOUR_S)], 0.0) == 1  # one real hour
    assert scaled.count_affordable([Work(11 * HOUR_S)], 0.0) == 0


def test_checkpoint_is_within_the_paid_time():
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    checker = BudgetChecker(Budgets(1e6, cost=3.0), Ledger(FLAT, 1.0, hourly), PEAK_W, checkpoint_s=20.0)
    assert checker.count_affordable([Work(HOUR_S - 20.0)], 0.0) == 1
    assert checker.count_affordable([Work(HOUR_S - 19.0)], 0.0) == 0


def test_power_before_the_first_reading_is_drawn_from_the_grid():
    checker = BudgetChecker(Budgets(1e6, energy_j=1.5 * PEAK_W * HOUR_S), Ledger(FLAT, 2.0, Prices()), PEAK_W)
    assert checker.count_affordable(works(HOUR_S / 2), 0.0) == 1
    assert checker.count_affordable(works(HOUR_S), 0.0) == 0


def test_a_training_that_ends_at_the_deadline_fits():
    assert make_checker(time_s=2 * HOUR_S).binding_budget(Work(HOUR_S), HOUR_S) is None
    assert make_checker(time_s=2 * HOUR_S).count_affordable(works(HOUR_S), HOUR_S) == 1
