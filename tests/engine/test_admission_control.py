"""Allocations limited by budgets."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.api import Search
from ce_nas.benchmarks.base import Evaluator
from ce_nas.config.schema import settings_from_flags
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
from ce_nas.core.units import HOUR_S
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.engine.admission_control import AdmissionControl
from ce_nas.engine.budgets import BudgetChecker, Budgets
from ce_nas.grid.trace import Series

PEAK_W = 500.0
FLAT = Series(datetime(2021, 1, 1, tzinfo=UTC), HOUR_S, np.full(100, 400.0))


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
    return AdmissionControl(ThousandSeconds(), BudgetChecker(budgets, Ledger(FLAT, 1.0, Prices()), 500.0))


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
        planner = AdmissionControl(ThousandSeconds(), checker)
        tasks = [Task(number, TaskKind.EVALUATION, ((length,),)) for number, length in enumerate(started)]
        for task in tasks:
            planner.task_times.start(task, max(now_s - 500.0, 0.0))
        request = Allocation(2, evaluating, 1)
        fits = planner.fits_alongside(tasks, now_s)(Task(99, TaskKind.EVALUATION, ((new,),)))
        results.append(
            (planner.limit_allocation(request, tasks, now_s), fits, planner.limit_allocation(request, tasks, now_s))
        )
    assert results[0] == results[1]


def test_sampling_needs_no_place_without_a_metered_budget():
    checker = BudgetChecker(Budgets(time_s=2000.0), Ledger(FLAT, 1.0, Prices()), PEAK_W)
    planner = AdmissionControl(ThousandSeconds(), checker)
    planner.task_times.start(long_training(3), 0.0)  # the longest does not fit: no fast path
    fits = planner.fits_alongside([], 0.0)
    assert fits(Task(8, TaskKind.SAMPLING, ((9,),)))
    assert not fits(long_training(3))


class Guessed(ThousandSeconds):
    """A live problem: a training is expected to take 1000 s times its first choice, and none has finished."""

    has_measured_durations = False


def make_guess(**budgets):
    return AdmissionControl(
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


class Devices:
    """Held devices: number -> id of the task, or None."""

    startup_s = restore_s = 0.0

    def __init__(self, held):
        self.held = held

    def held_devices(self):
        return self.held


HOURLY = Prices(price_per_device_hour=1.0, billing_period_s=HOUR_S)


def billed_planner(cost, held, paid_to_s=()):
    """A planner with devices whose first hours, which began at other times, are paid."""
    ledger = Ledger(FLAT, 1.0, HOURLY)
    for device, start_s in enumerate(paid_to_s):
        ledger.record([EnergyReading(device, Activity.IDLE, start_s, 3000.0, 0.0, ReadingSource.MODELLED)])
    checker = BudgetChecker(Budgets(time_s=1e6, cost=cost, is_prepaid=True), ledger, PEAK_W)
    return AdmissionControl(ThousandSeconds(), checker, Devices(held), 300.0)


def test_no_device_is_taken_whose_billing_period_is_not_within_the_budget():
    assert billed_planner(1.6, {0: None, 1: None}).limit_allocation(Allocation(2, 0), [], 0.0) == (
        Allocation(1, 0, released=1),
        None,
    )
    assert billed_planner(1.6, {}).limit_allocation(Allocation(1, 1, 1), [], 0.0)[0] == Allocation(0, 1, released=2)
    assert billed_planner(2.0, {}).limit_allocation(Allocation(1, 0, 2), [], 0.0)[0] == Allocation(1, 0, 1, 1)


def test_paid_time_is_free_until_it_ends():
    paid = billed_planner(2.0, {0: 1, 1: None}, (0.0, 1000.0))  # nothing is left; paid to 3600 s and to 4600 s
    running = long_training(1)
    paid.task_times.start(running, 2500.0)
    assert paid.limit_allocation(Allocation(0, 1, released=1), [running], 3000.0)[1] is None
    assert paid.fits_alongside([running], 3000.0, 1)(long_training(1))
    assert not paid.fits_alongside([running], 3000.0, 1)(long_training(2))
    unpaid = billed_planner(2.0, {0: 1, 1: None}, (0.0, 1000.0))
    unpaid.task_times.start(long_training(1), 2700.0)  # would end at 3700 s
    assert unpaid.limit_allocation(Allocation(0, 1, released=1), [long_training(1)], 3000.0)[0].evaluating == 0


def test_training_with_paid_time_keeps_its_device():
    planner = billed_planner(2.0, {0: 1, 1: 2}, (0.0, 1000.0))
    for task in (long_training(1), long_training(2)):
        planner.task_times.start(task, 2700.0 - 200.0 * (task.id == 2))
    planner.limit_allocation(Allocation(0, 2), [long_training(1), long_training(2)], 3000.0)
    assert planner.kept_first == (2, 1)


def test_sampling_is_within_the_budgets():
    budgets = Budgets(time_s=1e6, energy_j=2.5 * PEAK_W * 1000.0)
    planner = AdmissionControl(ThousandSeconds(), BudgetChecker(budgets, Ledger(FLAT, 1.0, Prices()), PEAK_W))
    batch = Task(7, TaskKind.SAMPLING, ((1,),))
    planner.task_times.start(batch, 0.0)
    assert planner.limit_allocation(Allocation(4, 0), [batch], 0.0) == (Allocation(2, 0, released=2), None)
    assert planner.limit_allocation(Allocation(1, 2), [], 0.0)[0] == Allocation(1, 2)  # nothing is known of trainings
    planner.task_times.start(long_training(1), 0.0)
    assert planner.limit_allocation(Allocation(1, 2), [long_training(1)], 0.0)[0] == Allocation(0, 2, released=1)
    assert planner.fits_alongside([batch], 0.0)(Task(8, TaskKind.SAMPLING, ((1,),)))
    assert not planner.fits_alongside([batch, long_training(1)], 0.0)(Task(8, TaskKind.SAMPLING, ((1,),)))
    spent = EnergyReading(0, Activity.SAMPLING, 0.0, 1.0, 2.0 * PEAK_W * 1000.0, ReadingSource.COUNTER)
    planner.checker._ledger.record([spent])
    assert planner.limit_allocation(Allocation(4, 0), [], 1.0) == (Allocation(0, 0, released=4), StopReason.ENERGY)


def sampling_task(number, length=1):
    return Task(number, TaskKind.SAMPLING, ((length,),))


def metered_planner(problem=None, devices=None, **budgets):
    checker = BudgetChecker(Budgets(**{"time_s": 1e6} | budgets), Ledger(FLAT, 1.0, Prices()), PEAK_W)
    return AdmissionControl(problem or ThousandSeconds(), checker, devices, 300.0)


@pytest.mark.parametrize(("device_s", "fits"), [(1150.0, True), (1149.0, False)])
def test_start_up_and_restore_count_for_what_is_not_running(device_s, fits):
    devices = Devices({0: None})
    devices.startup_s, devices.restore_s = 100.0, 50.0
    planner = metered_planner(devices=devices, device_s=device_s)
    assert planner.fits_alongside([], 0.0)(long_training(1)) is fits
    assert planner.fits_alongside([], 0.0)(sampling_task(9)) is fits
    planner.task_times.start(long_training(1), 0.0)  # suspended, as no device has it
    assert planner.limit_allocation(Allocation(0, 1), [long_training(1)], 0.0)[0].evaluating == fits
    assert planner.limit_allocation(Allocation(0, 1), [], 0.0)[0].evaluating == fits
    devices.held = {0: 1}
    assert planner.limit_allocation(Allocation(0, 1), [long_training(1)], 0.0)[0].evaluating == 1
    without_devices = metered_planner(device_s=1000.0)
    assert without_devices.fits_alongside([], 0.0)(long_training(1))


def test_no_more_trainings_run_than_the_policy_wants(planner):
    wanted = Allocation(0, 1, released=1)
    assert planner.limit_allocation(wanted, [long_training(1), long_training(2)], 0.0) == (wanted, None)


def test_idle_devices_are_held_for_a_check_interval_each():
    planner = metered_planner(device_s=700.0)
    assert planner.limit_allocation(Allocation(0, 0, 3), [], 0.0) == (Allocation(0, 0, 2, 1), None)
    assert planner.checker.remaining() == {StopReason.DEVICE_TIME: 700.0}  # nothing is spent by asking
    assert metered_planner(device_s=900.0).limit_allocation(Allocation(0, 0, 3), [], 0.0)[0] == Allocation(0, 0, 3)


def test_a_guessed_sampling_is_checked_again_after_an_interval():
    for length, count in ((9, 2), (0.1, 3)):
        planner = metered_planner(Guessed(), device_s=700.0)
        batch = sampling_task(7, length)
        planner.task_times.start(batch, 0.0)
        allocation, stop = planner.limit_allocation(Allocation(3, 0), [batch], 0.0)
        assert (allocation.sampling, allocation.released, stop) == (count, 3 - count, None)
        assert planner.fits_alongside([batch], 0.0)(sampling_task(8, 9))


def test_a_run_goes_on_while_a_training_fits_where_no_sampling_does():
    planner = metered_planner(device_s=500.0)
    planner.task_times.start(sampling_task(7), 0.0)
    planner.task_times.start(long_training(0.4), 0.0)
    assert planner.limit_allocation(Allocation(1, 0), [], 0.0) == (Allocation(0, 0, released=1), None)
    assert planner.limit_allocation(Allocation(0, 0, released=1), [], 0.0) == (Allocation(0, 0, released=1), None)
    short = metered_planner(device_s=300.0)
    short.task_times.start(sampling_task(7), 0.0)
    short.task_times.start(long_training(0.4), 0.0)
    assert short.limit_allocation(Allocation(1, 0), [], 0.0)[1] is StopReason.DEVICE_TIME


def test_free_devices_are_taken_with_their_paid_time_by_number():
    planner = billed_planner(2.0, {1: None, 0: None}, (0.0, 1000.0))  # at 3000 s, 600 s and 1600 s are paid
    planner.task_times.start(long_training(1), 0.0)
    planner.task_times.discard(long_training(1))
    assert planner.limit_allocation(Allocation(0, 1), [], 3000.0) == (Allocation(0, 0, released=1), None)
    assert planner.limit_allocation(Allocation(0, 2), [], 3000.0) == (Allocation(0, 1, released=1), None)
    assert planner.limit_allocation(Allocation(0, 3), [], 3000.0) == (Allocation(0, 1, released=2), None)


def test_a_device_whose_sampling_is_to_end_is_free():
    for allocation, expected in (
        (Allocation(1, 1), Allocation(1, 1)),
        (Allocation(0, 2), Allocation(0, 1, released=1)),
        (Allocation(0, 1), Allocation(0, 0, released=1)),  # the lower number comes first
    ):
        planner = billed_planner(2.0, {0: 7, 1: None}, (0.0, 1000.0))
        planner.task_times.start(long_training(1), 0.0)
        planner.task_times.discard(long_training(1))
        planner.task_times.start(sampling_task(7), 2500.0)
        assert planner.limit_allocation(allocation, [sampling_task(7)], 3000.0) == (expected, None)


def test_without_billing_periods_no_task_keeps_its_device_first():
    planner = metered_planner(devices=Devices({0: 1}), device_s=5000.0)
    planner.task_times.start(long_training(1), 0.0)
    planner.limit_allocation(Allocation(0, 1), [long_training(1)], 0.0)
    assert planner.kept_first == ()


def test_a_suspended_sampling_is_continued_within_the_budget():
    planner = metered_planner(devices=Devices({0: None}), device_s=1999.0)
    batch, long_batch = sampling_task(7), sampling_task(8, 2)
    for task in (batch, long_batch):
        planner.task_times.start(task, 0.0)
        planner.task_times.pause(task, 500.0)
    assert planner.limit_allocation(Allocation(1, 0), [batch], 500.0)[0].sampling == 1
    assert planner.limit_allocation(Allocation(2, 0), [batch, long_batch], 500.0)[0].sampling == 1
    assert planner.limit_allocation(Allocation(1, 0), [long_batch], 500.0)[0].sampling == 1  # 1500 s are left of it
    assert planner.limit_allocation(Allocation(1, 0), [], 500.0)[0].sampling == 0  # another takes 2000 s


def test_of_several_started_trainings_none_is_a_probe():
    planner = make_guess(energy_j=1.0)
    two = [long_training(1), long_training(2)]
    for task in two:
        planner.task_times.start(task, 0.0)
    assert planner.limit_allocation(Allocation(0, 2), two, 0.0) == (Allocation(0, 0, released=2), StopReason.ENERGY)
    assert planner.take_note() == ""
    assert planner.limit_allocation(Allocation(1, 1), two[:1], 0.0)[0] == Allocation(1, 1)
    assert planner.take_note().startswith(f"By the guessed duration and the bound of the power: {StopReason.ENERGY}")


@pytest.mark.parametrize("lengths", [(3, 2), (2, 3)])
def test_the_next_training_is_the_shortest_that_was_rejected(lengths):
    planner = metered_planner(device_s=2500.0)
    fits = planner.fits_alongside([long_training(1)], 0.0)
    assert [fits(long_training(length)) for length in lengths] == [False, False]
    assert planner.limit_allocation(Allocation(0, 3), [], 0.0)[0] == Allocation(0, 1, released=2)
    planner.reset_rejections()
    assert planner.limit_allocation(Allocation(0, 3), [], 0.0)[0] == Allocation(0, 3)


def test_a_run_ends_by_the_budget_that_stops_its_first_training():
    planner = metered_planner(time_s=2000.0, energy_j=1.0)
    for task in (long_training(5), long_training(1)):
        planner.task_times.start(task, 0.0)
    assert planner.limit_allocation(Allocation(0, 1), [long_training(5)], 0.0)[1] is StopReason.DEADLINE
    assert planner.limit_allocation(Allocation(0, 1), [long_training(1)], 0.0)[1] is StopReason.ENERGY


@pytest.mark.long
@pytest.mark.parametrize("policy", ["vanilla", "hotcarbon", "one-shot", "look-ahead"])
@pytest.mark.parametrize(("cost", "electricity"), [(4.0, 0.0), (4.0, 0.3), (1.6, 0.0), (1.6, 0.3), (9.5, 0.1)])
def test_cost_budget_by_the_hour_is_kept_and_used(policy, cost, electricity):
    prices = {"gpu_hour_price": 1.0, "electricity_price": electricity, "billing_period": "1h"}
    flags = {"policy": policy, "searcher": "random", "gpus": 2, "hours": 12, "zone": "solar"}
    stated = settings_from_flags({"budget": {"cost": cost, "stop": "never"}, "prices": prices}, **flags)
    summary = Search.from_settings(stated).run().summary
    assert summary.cost <= cost + 1e-9
    assert summary.evaluations > 0 or policy == "one-shot"  # which scores the whole space first
    assert summary.cost > cost - 1.2 or summary.stop == "deadline"


@pytest.mark.parametrize("policy", ["hotcarbon", "one-shot", "fixed"])
@pytest.mark.parametrize("hours", [0.7, 1.3])
@pytest.mark.parametrize("check_interval", ["5min", "1h"])
def test_energy_budget_is_not_overrun_by_sampling(policy, hours, check_interval):
    budget = {"energy": f"{hours * 0.287 * 1.56:.6f}kWh", "check_interval": check_interval, "stop": "never"}
    flags = {"policy": policy, "searcher": "random", "gpus": 4, "hours": 12, "zone": "solar"}
    summary = Search.from_settings(settings_from_flags({"budget": budget}, **flags)).run().summary
    assert summary.samples + summary.evaluations > 0
    assert summary.energy_j <= hours * 0.287 * 1.56 * 3.6e6 * (1 + 1e-9)
