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


def test_a_budget_is_used_up_at_nothing_left_and_not_before():
    assert make_checker(energy_j=0.5, cost=0.01).has_anything_left(0.0)
    assert not make_checker(energy_j=0.0).has_anything_left(0.0)
    assert not make_checker(time_s=HOUR_S).has_anything_left(HOUR_S)


def test_accounting_rules_have_the_names_of_the_settings():
    assert {CarbonAccounting("full"), CarbonAccounting("paper")} == set(CarbonAccounting)


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
    large = Budgets(10.0, cost=3e6, is_prepaid=True)  # the rounding error of a sum grows with it
    assert large.stop_reason(0.0, make_totals(cost=3e6 + 2e-3), FakeProgress()) is None
    assert large.stop_reason(0.0, make_totals(cost=3e6 + 4e-3), FakeProgress()) is StopReason.COST
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


def test_only_finite_budgets_remain():
    assert Budgets(10.0, cost=3.0).remaining(make_totals(cost=1.0)) == {StopReason.COST: 2.0}
    assert Budgets(10.0).remaining(make_totals(carbon_g=1.0)) == {}
    held = LedgerTotals(device_s={Activity.TRAINING: 3.0, Activity.IDLE: 1.0})
    assert Budgets(10.0, device_s=10.0).remaining(held) == {StopReason.DEVICE_TIME: 6.0}


EVERYTHING = {"carbon_g": 1e9, "energy_j": 1e12, "cost": 1e9, "device_s": 1e9}


def required_by(work, ledger, now_s=0.0, forecast=None, **more):
    """What one piece of work takes of each budget."""
    checker = BudgetChecker(Budgets(1e6, **(EVERYTHING | more)), ledger, PEAK_W, checkpoint_s=60.0)
    checker.forecast = forecast
    available = dict.fromkeys(checker.remaining(), 0.0)
    limits = dict.fromkeys(available, 1e12)
    assert checker.count_within([work], now_s, limits) == 1
    return {budget: pytest.approx(1e12 - amount, rel=1e-6, abs=1e-3) for budget, amount in limits.items()}


FORECAST = Forecast("test", 0.0, 0.0, HOUR_S, np.array([400.0, 100.0, 300.0]))


def test_work_takes_of_each_budget_in_real_time():
    ledger = Ledger(FLAT, 2.0, Prices(electricity_per_kwh=0.5, price_per_device_hour=3.0), 4.0, gpus_per_device=2)
    work = Work(HOUR_S, overhead_s=HOUR_S)  # two hours of the run, half a real one
    energy_j = PEAK_W * 2.0 * HOUR_S / 2
    assert required_by(work, ledger, forecast=FORECAST) == {
        StopReason.CARBON: energy_j / J_PER_KWH * 250.0,
        StopReason.ENERGY: energy_j,
        StopReason.COST: 3.0 * 0.5 + energy_j / J_PER_KWH * 0.5,
        StopReason.DEVICE_TIME: HOUR_S,
    }
    assert required_by(work, ledger)[StopReason.CARBON] == 0.0  # without a forecast carbon is not checked


def test_paper_accounting_takes_a_kilowatt_for_each_training_gpu():
    ledger = Ledger(FLAT, 2.0, Prices(), gpus_per_device=2)
    paper = {"accounting": CarbonAccounting.PAPER, "forecast": FORECAST}
    assert required_by(Work(HOUR_S), ledger, **paper)[StopReason.CARBON] == 2 * 400.0
    sampling = Work(HOUR_S, activity=Activity.SAMPLING)
    assert required_by(sampling, ledger, **paper)[StopReason.CARBON] == 0.0


def test_measured_power_is_of_a_device_of_several_gpus():
    ledger = Ledger(FLAT, 2.0, Prices(), gpus_per_device=2)
    ledger.record([EnergyReading(0, Activity.TRAINING, 0.0, HOUR_S, 1000.0, ReadingSource.COUNTER)])
    assert required_by(Work(2 * HOUR_S), ledger)[StopReason.ENERGY] == 4000.0
    assert required_by(Work(HOUR_S, activity=Activity.IDLE), ledger)[StopReason.ENERGY] == 2 * PEAK_W * HOUR_S


def test_electricity_is_charged_at_the_prices_of_its_hours():
    tariff = Series(datetime(2021, 1, 1, tzinfo=UTC), HOUR_S, np.array([0.1, 0.5, 0.3]))
    ledger = Ledger(FLAT, 1.0, Prices(electricity_per_kwh=tariff))
    assert required_by(Work(HOUR_S), ledger, now_s=HOUR_S)[StopReason.COST] == 0.5 * 0.5
    assert required_by(Work(2 * HOUR_S), ledger)[StopReason.COST] == 1.0 * 0.3


def test_a_new_device_costs_a_billing_period_at_least_and_sampling_writes_no_checkpoint():
    ledger = Ledger(FLAT, 1.0, Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S))

    def cost(*arguments, **more):
        return required_by(Work(*arguments, **more), ledger)[StopReason.COST]

    idle = {"activity": Activity.IDLE}
    assert cost(0.0, **idle) == 3.0
    assert cost(HOUR_S, **idle) == 3.0
    assert cost(HOUR_S) == 6.0  # with the checkpoint
    assert cost(HOUR_S - 60.0) == 3.0
    assert cost(100.0, paid_s=100.0, **idle) == 0.0
    assert cost(100.0, paid_s=160.0) == 0.0
    assert cost(100.0, paid_s=159.0) == 3.0


def test_billing_limits_only_a_cost_budget_with_a_price_by_period():
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    assert make_checker(cost=3.0, prices=hourly).limits_billing
    assert not make_checker(energy_j=3.0, prices=hourly).limits_billing
    assert not make_checker(cost=3.0, prices=Prices(price_per_device_hour=3.0)).limits_billing
    assert not make_checker(cost=3.0, prices=Prices(billing_period_s=HOUR_S)).limits_billing
    for budget, paid_s in (("cost", HOUR_S - 10.0), ("energy_j", 0.0)):
        checker = make_checker(**{budget: 1e9}, prices=hourly)
        checker._ledger.record([EnergyReading(0, Activity.IDLE, 0.0, 10.0, 0.0, ReadingSource.MODELLED)])
        assert checker.paid_s(0, 10.0) == paid_s


def test_trainings_with_the_least_to_pay_come_first_then_the_shortest():
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    order = [Work(3000.0), Work(2000.0, paid_s=2000.0), Work(500.0, paid_s=500.0), Work(100.0)]
    assert make_checker(cost=9.0, prices=hourly).sort(order) == [2, 1, 3, 0]
    assert make_checker().sort(order) == [3, 2, 1, 0]


def test_a_training_has_to_end_before_the_deadline_and_sampling_has_not():
    late = {"time_s": HOUR_S, "energy_j": 1e12}
    assert make_checker(**late).count_affordable(works(HOUR_S), 0.0) == 1
    assert make_checker(**late).count_affordable(works(HOUR_S), 1.0) == 0
    sampling = Work(2 * HOUR_S, activity=Activity.SAMPLING)
    assert make_checker(**late).count_within([sampling], 0.0, {}) == 1


def test_later_hours_count_as_far_as_the_forecast_and_without_paid_time():
    def checker(**budgets):
        return make_checker(forecast=[400.0, 300.0, 100.0], **budgets)

    assert checker(carbon_g=0.5 * 99.0).binding_budget(Work(HOUR_S), 0.0) is StopReason.CARBON
    assert checker(carbon_g=0.5 * 101.0).binding_budget(Work(HOUR_S), 0.0) is None
    assert checker(carbon_g=0.5 * 101.0, time_s=3 * HOUR_S).binding_budget(Work(HOUR_S), 0.0) is None
    assert checker(carbon_g=0.5 * 101.0, time_s=2.9 * HOUR_S).binding_budget(Work(HOUR_S), 0.0) is StopReason.CARBON
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    paid = checker(carbon_g=0.5 * 101.0, cost=2.0, prices=hourly)
    assert paid.binding_budget(Work(HOUR_S, paid_s=HOUR_S), 0.0) is StopReason.COST
    longer = Work(HOUR_S + 0.5, paid_s=2 * HOUR_S)
    assert checker(carbon_g=0.5 * 101.0, cost=4.0, prices=hourly).binding_budget(longer, 0.0) is StopReason.COST
    just_missed = {"carbon_g": 0.5 * 101.0, "time_s": 3 * HOUR_S - 1.5}  # the clean hour begins after the last start
    assert checker(**just_missed).binding_budget(Work(HOUR_S), 0.0) is StopReason.CARBON
    unknown = make_checker(energy_j=1.0)
    unknown.forecast = None
    assert unknown.binding_budget(Work(HOUR_S), 0.0) is StopReason.ENERGY


def test_nothing_is_left_of_a_budget_that_is_used_up():
    assert make_checker(time_s=10.0, energy_j=5.0).has_anything_left(9.9)
    assert not make_checker(time_s=10.0, energy_j=5.0).has_anything_left(10.0)
    assert not make_checker(time_s=10.0, energy_j=0.0).has_anything_left(1.0)
    assert make_checker(time_s=10.0).has_anything_left(1.0)


def test_work_of_no_time_takes_nothing():
    nothing = required_by(Work(0.0), Ledger(FLAT, 1.0, Prices()), forecast=FORECAST)
    assert nothing == dict.fromkeys(nothing, 0.0)
