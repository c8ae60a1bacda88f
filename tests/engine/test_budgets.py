"""Budgets: stop reasons, affordable trainings, limited allocations and remaining task times."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.base import Evaluator
from ce_nas.core.records import (
    Activity,
    Allocation,
    EnergyReading,
    Forecast,
    Outcome,
    ReadingSource,
    StopReason,
    Task,
    TaskKind,
)
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.ledger import Ledger, LedgerTotals, Prices
from ce_nas.engine.budgets import BudgetChecker, BudgetPlanner, Budgets, CarbonAccounting, TaskTimes
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


class HundredSeconds(Evaluator):
    """A task takes 100 s times the first choice of its architecture; keeps the recorded duration."""

    objectives = ()
    supernet_training_s = 0.0
    has_proxy_scores = True

    def duration_s(self, task):
        return 100.0 * task.architectures[0][0]

    def record_duration(self, task, duration_s):
        self.recorded = (task.id, duration_s)

    def run(self, task):
        return Outcome(task.id, ((0.0,),))


def make_training(number, length):
    return Task(number, TaskKind.EVALUATION, ((length,),))


def test_remaining_time_of_task():
    times, task = TaskTimes(HundredSeconds()), make_training(0, 10)
    assert times.remaining_s(task, 50.0) == 1000.0
    times.start(task, 100.0)
    assert times.remaining_s(task, 400.0) == 700.0
    times.pause(task, 500.0)
    assert times.remaining_s(task, 9000.0) == 600.0
    times.start(task, 9000.0)
    assert times.remaining_s(task, 9100.0) == 500.0
    assert times.remaining_s(task, 99999.0) == 0.0


def test_shortest_started_training():
    times = TaskTimes(HundredSeconds())
    assert times.shortest_training_s == 0.0
    times.start(Task(9, TaskKind.SAMPLING, ((1,),)), 0.0)
    for number, length in enumerate((7, 3, 5)):
        times.start(make_training(number, length), 0.0)
    assert times.shortest_training_s == 300.0


def test_unfinished_tasks():
    times, first, second = TaskTimes(HundredSeconds()), make_training(4, 1), make_training(2, 1)
    for task in (first, second):
        times.start(task, 0.0)
    times.pause(first, 5.0)
    assert times.unfinished_task_ids == [2, 4]
    times.discard(second)
    assert times.unfinished_task_ids == [4]


def test_duration_is_recorded_at_end_of_task():
    problem = HundredSeconds()
    times, task = TaskTimes(problem), make_training(3, 10)
    times.start(task, 100.0)
    times.pause(task, 500.0)
    times.start(task, 9000.0)
    times.finish(task, 9100.0)
    assert problem.recorded == (3, 500.0)
    assert times.unfinished_task_ids == []
    times.start(make_training(4, 10), 100.0)
    times.finish(make_training(4, 10), 900.0, 650.0)  # worked for 650 s, loaded for the rest
    assert problem.recorded == (4, 650.0)


def make_checker(forecast=(400.0,), prices=None, **budgets):
    checker = BudgetChecker(Budgets(**{"time_s": 50 * HOUR_S} | budgets), Ledger(FLAT, 1.0, prices or Prices()), PEAK_W)
    checker.forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.array(forecast))
    return checker


def test_affordable_trainings_before_deadline():
    assert make_checker(time_s=2 * HOUR_S).count_affordable([HOUR_S, 3 * HOUR_S, 2 * HOUR_S], 0.0) == 2
    assert make_checker(time_s=2 * HOUR_S).count_affordable([HOUR_S, 3 * HOUR_S, 2 * HOUR_S], HOUR_S + 1) == 0
    assert make_checker().count_affordable([], 0.0) == 0


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
    assert make_checker(**budgets).count_affordable([4 * HOUR_S, HOUR_S, HOUR_S, HOUR_S], 0.0) == 2


def test_affordable_trainings_by_billing_period():
    hourly = Prices(price_per_device_hour=3.0, billing_period_s=HOUR_S)
    assert make_checker(cost=5.9, prices=hourly).count_affordable([600.0, 600.0], 0.0) == 1
    assert make_checker(cost=6.0, prices=hourly).count_affordable([600.0, 600.0], 0.0) == 2


def test_no_binding_budget_if_grid_gets_cleaner():
    cleaner_later = make_checker(forecast=[400.0, 400.0, 100.0], carbon_g=0.5 * 200)
    assert cleaner_later.count_affordable([HOUR_S], 0.0) == 0
    assert cleaner_later.binding_budget(HOUR_S, 0.0) is None
    assert make_checker(carbon_g=0.5 * 200).binding_budget(HOUR_S, 0.0) is StopReason.CARBON
    assert (
        make_checker(forecast=[400.0, 400.0, 100.0], carbon_g=100.0, time_s=2 * HOUR_S).binding_budget(HOUR_S, 0.0)
        is StopReason.CARBON
    )


def test_binding_budget():
    assert make_checker(time_s=HOUR_S).binding_budget(HOUR_S, 1.0) is StopReason.DEADLINE
    assert make_checker(energy_j=1.0).binding_budget(HOUR_S, 0.0) is StopReason.ENERGY
    assert make_checker(device_s=10.0).binding_budget(HOUR_S, 0.0) is StopReason.DEVICE_TIME
    assert make_checker().binding_budget(HOUR_S, 0.0) is None


def test_affordable_trainings_by_measured_power():
    checker = make_checker(energy_j=3.0 * PEAK_W * HOUR_S)
    measured_j = 0.25 * PEAK_W * HOUR_S
    checker._ledger.record([EnergyReading(0, Activity.TRAINING, 0.0, HOUR_S, measured_j, ReadingSource.COUNTER)])
    assert checker.count_affordable([HOUR_S] * 20, HOUR_S) == 11  # 2.75 h at peak power are left, a quarter is measured
    assert measured_j < J_PER_KWH


class ThousandSeconds(Evaluator):
    """A training takes 1000 s times the first choice of its architecture."""

    objectives = ()
    supernet_training_s = 0.0
    has_proxy_scores = True

    def duration_s(self, task):
        return 1000.0 * task.architectures[0][0]

    def run(self, task):
        return Outcome(task.id, ((0.0,),))


def long_training(length):
    return Task(length, TaskKind.EVALUATION, ((length,),))


@pytest.fixture
def planner():
    budgets = Budgets(time_s=1e6, device_s=6500.0)
    return BudgetPlanner(ThousandSeconds(), BudgetChecker(budgets, Ledger(FLAT, 1.0, Prices()), 500.0))


def test_allocation_is_kept_within_budgets(planner):
    request = Allocation(3, 2, 1)
    assert planner.limit_allocation(request, [long_training(1), long_training(5)], 0.0) == (request, None)
    assert planner.limit_allocation(request, [], 0.0) == (request, None)


def test_allocation_prioritises_trainings_near_end(planner):
    allocation, stop = planner.limit_allocation(
        Allocation(3, 3, 1), [long_training(5), long_training(1), long_training(2)], 0.0
    )
    assert (allocation, stop) == (Allocation(0, 2, released=5), None)


def test_allocation_with_no_affordable_training_stops(planner):
    planner.task_times.start(long_training(7), 0.0)
    allocation, stop = planner.limit_allocation(Allocation(1, 2), [long_training(7), long_training(9)], 0.0)
    assert (allocation, stop) == (Allocation(0, 0, released=3), StopReason.DEVICE_TIME)


def test_allocation_after_rejected_training(planner):
    assert planner.fits_alongside([], 0.0)(long_training(6))
    assert not planner.fits_alongside([long_training(1)], 0.0)(long_training(6))
    assert planner.limit_allocation(Allocation(0, 2), [long_training(1)], 0.0) == (Allocation(0, 1, released=1), None)


@given(
    st.lists(st.integers(1, 9), max_size=6),
    st.integers(1, 9),
    st.floats(0.0, 12_000.0),
    st.integers(0, 5),
)
def test_budget_planner_fast_path_is_equivalent(started, new, now_s, evaluating):
    results = []
    for fast_path in (True, False):
        checker = BudgetChecker(Budgets(time_s=12_000.0), Ledger(FLAT, 1.0, Prices()), 500.0)
        checker.is_unconstrained = checker.is_unconstrained if fast_path else lambda *_: False
        planner = BudgetPlanner(ThousandSeconds(), checker)
        tasks = [Task(number, TaskKind.EVALUATION, ((length,),)) for number, length in enumerate(started)]
        for task in tasks:
            planner.task_times.start(task, max(now_s - 500.0, 0.0))
        request = Allocation(2, evaluating, 1)
        fits = planner.fits_alongside(tasks, now_s)(Task(99, TaskKind.EVALUATION, ((new,),)))
        results.append(
            (planner.limit_allocation(request, tasks, now_s), fits, planner.limit_allocation(request, tasks, now_s))
        )
    assert results[0] == results[1]


class Guessed(ThousandSeconds):
    """A live problem: a training is expected to take 1000 s times its first choice, and none has finished."""

    has_measured_durations = False


def make_guess(**budgets):
    return BudgetPlanner(
        Guessed(), BudgetChecker(Budgets(**{"time_s": 1e6} | budgets), Ledger(FLAT, 1.0, Prices()), PEAK_W)
    )


def test_one_training_probes_where_only_a_guess_stands_in_the_way():
    planner = make_guess(energy_j=1.0)
    fits = planner.fits_alongside([], 0.0)
    assert fits(long_training(1))
    assert not planner.fits_alongside([long_training(1)], 0.0)(long_training(1))
    planner.task_times.start(long_training(1), 0.0)
    assert planner.limit_allocation(Allocation(0, 4), [long_training(1)], 0.0) == (Allocation(0, 1, released=3), None)
    assert "probe" in planner.take_note()
    assert planner.take_note() == ""
    planner.limit_allocation(Allocation(0, 4), [long_training(1)], 10.0)
    assert planner.take_note() == ""  # said once
    planner._problem.has_measured_durations = True
    assert planner.limit_allocation(Allocation(0, 4), [], 500.0)[1] is StopReason.ENERGY


def test_a_probe_needs_something_left_of_each_budget():
    planner = make_guess(energy_j=10.0, time_s=500.0)
    assert planner.fits_alongside([], 0.0)(long_training(1))
    assert not planner.fits_alongside([], 500.0)(long_training(1))
    planner.checker._ledger.record([EnergyReading(0, Activity.IDLE, 0.0, 1.0, 10.0, ReadingSource.COUNTER)])
    assert not planner.fits_alongside([], 1.0)(long_training(1))


def test_no_probe_where_a_training_fits_later():
    planner = make_guess(carbon_g=0.5 * 1000 / 3600 * 200.0)
    planner.checker.forecast = Forecast("test", 0.0, 0.0, HOUR_S, np.array([400.0, 100.0]))
    assert not planner.fits_alongside([], 0.0)(long_training(1))
    planner.task_times.start(long_training(1), 0.0)
    planner.task_times.discard(long_training(1))
    assert planner.limit_allocation(Allocation(0, 1), [], 0.0) == (Allocation(0, 0, released=1), None)
