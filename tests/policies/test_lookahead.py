"""The look-ahead policy works in the cheapest hours until the search has converged."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.api import Search
from ce_nas.core.records import Allocation, Rates
from ce_nas.policies.lookahead import LookAheadPolicy, choose_active_devices
from ce_nas.policies.remaining_work import RemainingWork
from ce_nas.testing import make_state, replace_state

HOUR_S = 3600.0
ALL, NONE = Allocation(0, 8), Allocation(0, 0, released=8)
#: dirty now, clean from the sixth hour on
LATER_CLEAN = [400.0] * 6 + [100.0] * 40
NOW_CLEAN = [100.0] * 6 + [400.0] * 40
#: a search that is close to its target: little work is left
NEAR = {"hypervolume_by_evaluation": (4000.0,) * 37 + (4980.0,) * 100 + (4990.0,) * 13, "hypervolume": 4990.0}


def decide(forecast, policy=(), **fields):
    known = {"target_hypervolume": 5000.0, "evaluations": 150, "allocation": NONE, "trained_s": 75e3, **NEAR}
    return LookAheadPolicy(**{"warmup_scores": 0} | dict(policy)).decide(
        make_state(forecast=forecast, **known | fields)
    )


def test_waits_for_cleaner_hours_and_works_in_them():
    assert decide(LATER_CLEAN).allocation == NONE
    assert decide(NOW_CLEAN).allocation == ALL


def test_works_in_dirty_hours_before_the_deadline():
    assert decide(LATER_CLEAN, now_s=75 * HOUR_S, time_left_s=5 * HOUR_S).allocation == ALL


def test_higher_lateness_penalty_works_in_more_expensive_hours():
    high = decide(LATER_CLEAN, time_left_s=16 * HOUR_S, policy={"lateness_penalty": 20.0})
    low = decide(LATER_CLEAN, time_left_s=16 * HOUR_S, policy={"lateness_penalty": 1.0})
    assert high.allocation == ALL
    assert low.allocation == NONE


def test_works_in_more_hours_as_the_deadline_nears():
    """An hour a little dirtier than the mean is skipped while much time is left, and used when little is."""
    forecast = [330.0, *[300.0] * 200]
    assert decide(forecast, time_left_s=160 * HOUR_S).allocation == NONE
    assert decide(forecast, time_left_s=8 * HOUR_S).allocation == ALL


def test_deadline_beyond_the_planned_periods_counts():
    forecast = [330.0, *[300.0] * 95]
    late = {
        "hypervolume_by_evaluation": (4000.0,) * 3000,
        "hypervolume": 4000.0,
        "evaluations": 3000,
        "trained_s": 4.5e6,
    }
    assert decide(forecast, time_left_s=2000 * HOUR_S).allocation == NONE
    assert decide(forecast, time_left_s=200 * HOUR_S, **late).allocation == ALL


def test_small_differences_do_not_suspend_devices():
    slightly_cleaner = [300.0, *[301.0] * 45]
    assert decide(slightly_cleaner, allocation=ALL).allocation == ALL
    slightly_dirtier = [300.0, *[297.0] * 45]
    assert decide(slightly_dirtier, allocation=ALL).allocation == ALL  # a restart costs more than the hour saves


def test_half_of_the_active_devices_sample_in_the_warmup():
    assert decide(NOW_CLEAN, samples=100, policy={"warmup_scores": 101}).allocation == Allocation(4, 4)
    assert decide(NOW_CLEAN, samples=101, policy={"warmup_scores": 101}).allocation == ALL


def test_cost_weight_trades_money_for_carbon():
    rates = Rates(450.0, 450.0, 90.0, 0.0, np.array([0.1] * 6 + [0.9] * 40))
    assert decide(LATER_CLEAN, rates=rates).allocation == NONE
    assert decide(LATER_CLEAN, rates=rates, policy={"cost_weight": 1.0}).allocation == ALL
    assert decide(NOW_CLEAN, rates=rates, policy={"cost_weight": 0.5}).allocation == ALL


def test_closed_periods_are_not_planned():
    clean_but_closed = [300.0] * 6 + [100.0] * 40
    assert decide(clean_but_closed, closed_periods=tuple(range(6, 46))).allocation == ALL


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=10), st.floats(5, 500), st.floats(1.0, 5.0))
def test_first_number_of_devices_is_optimal(prices, trainings, penalty):
    state = make_state(time_left_s=len(prices) * HOUR_S, allocation=NONE)
    work = RemainingWork(trainings, 1500.0)
    optimum = _optimum(prices, work, penalty, {0: (0, 1.0), 4: (1, 1.0), 8: (2, 1.0)})
    active = choose_active_devices(np.array(prices), work, state, penalty, parallel_loss=0.0)
    assert optimum[active] == pytest.approx(min(optimum.values()), rel=1e-3)
    # n devices take 1 + 0.3 (n - 1) of the time of one, 3.1 for 8; their work in sixteenths of that of 8
    levels = {0: (0, 1.0), 1: (6, 1.0 / 3.1), 2: (10, 1.3 / 3.1), 4: (13, 1.9 / 3.1), 8: (16, 1.0)}
    optimum = _optimum(prices, work, penalty, levels)
    active = choose_active_devices(np.array(prices), work, state, penalty, parallel_loss=0.3)
    assert optimum[active] == pytest.approx(min(optimum.values()), rel=1e-3)


def _optimum(prices, work, penalty, levels):
    """Cost of the best plan for each first number of devices, by recursion; levels are steps and price of work."""
    unit_s = 8 * HOUR_S / levels[8][0]

    @cache
    def ahead(period, before, done):
        if period == len(prices):
            return penalty * float(work.mean_residual_s(done * unit_s)) / (8 * HOUR_S)
        return min(cost(period, before, done, devices) for devices in levels)

    @cache
    def cost(period, before, done, devices):
        steps, work_price = levels[devices]
        restart = max(devices - before, 0) / 8 * 120.0 / HOUR_S
        survives = float(work.survival((done + steps) * unit_s)) / float(work.survival(done * unit_s))
        worked_s = work.expected_spent_s((done + steps) * unit_s) - work.expected_spent_s(done * unit_s)
        spent_s = worked_s / float(work.survival(done * unit_s)) * work_price
        this_period = prices[period] * (spent_s / (8 * HOUR_S) + restart)
        return this_period + survives * ahead(period + 1, devices, done + steps)

    return {devices: cost(0, 0, 0, devices) for devices in levels}


@pytest.mark.parametrize("devices", [1, 2, 3, 4, 5, 7, 9, 32])
def test_any_number_of_devices_works_on_a_level_grid(devices):
    """Without a loss waiting or fewer at a time gain nothing; with one, the fewest that are planned with work."""
    ahead = {"forecast": 300.0, "evaluations": 0, "trained_s": 0.0, "time_left_s": 200 * HOUR_S, "devices": devices}
    policy = LookAheadPolicy(warmup_scores=0)
    assert policy.decide(make_state(allocation=None, **ahead)).allocation == Allocation(0, devices)
    fewest = max(round(devices / 8), 1)
    decided = policy.decide(make_state(allocation=None, parallel_loss=0.06, usual_trainings=70.0, **ahead)).allocation
    assert decided == Allocation(0, fewest, released=devices - fewest)


def test_a_search_that_is_expected_to_be_short_waits_for_cleaner_hours():
    """Ten hours that are a quarter cleaner come last before the deadline: room for 190 trainings."""
    ahead = {"forecast": [130.0] * 30 + [100.0] * 130, "time_left_s": 40 * 3600.0, "evaluations": 0, "trained_s": 0.0}
    state = make_state(**ahead)
    assert LookAheadPolicy().decide(state).allocation.evaluating > 0
    assert LookAheadPolicy(expected_trainings=20).decide(state).allocation.released == 8


def test_a_search_that_ends_by_itself_does_not_wait_into_its_deadline():
    """Of the 18 hours left 70 trainings may need all; the last ten are much cleaner."""
    ahead = {"forecast": [900.0] * 8 + [10.0] * 152, "time_left_s": 18 * 3600.0, "evaluations": 0, "trained_s": 0.0}
    state = make_state(**ahead)
    assert LookAheadPolicy(expected_trainings=70).decide(state).allocation.released == 0
    assert LookAheadPolicy(expected_trainings=70, confidence=0.5).decide(state).allocation.released == 8


def test_fewer_gpus_work_at_a_time_the_more_time_there_is():
    ahead = {"forecast": [100.0] * 160, "evaluations": 0, "trained_s": 0.0, "parallel_loss": 0.1}
    active = [
        8 - LookAheadPolicy().decide(make_state(time_left_s=hours * HOUR_S, **ahead)).allocation.released
        for hours in (5, 30, 100)
    ]
    assert active == sorted(active, reverse=True)
    assert active[0] == 8
    assert active[-1] <= 2
    why = "since a training learns from those before it"
    decisions = [LookAheadPolicy().decide(make_state(time_left_s=hours * HOUR_S, **ahead)) for hours in (5, 100)]
    assert [why in decision.reason for decision in decisions] == [False, True]
    alone = LookAheadPolicy(plan_for_searcher=False).decide(make_state(time_left_s=100 * HOUR_S, **ahead))
    assert alone.allocation.released == 0


def test_a_search_that_usually_ends_in_time_waits_on_one_device():
    """70 trainings of 1,500 s take 29 of 80 h in the median, but 152 h with a probability of 90 %."""
    ahead = {"forecast": [400.0] * 6 + [100.0] * 160, "evaluations": 0, "trained_s": 0.0, "devices": 1}
    state = make_state(time_left_s=80 * HOUR_S, usual_trainings=70.0, parallel_loss=0.06, **ahead)
    assert LookAheadPolicy().decide(state).allocation.released == 1
    assert LookAheadPolicy(expected_trainings=70).decide(state).allocation.released == 0
    assert LookAheadPolicy().decide(replace_state(state, target_hypervolume=5000.0)).allocation.released == 0


def test_what_is_known_of_the_searcher_is_planned_with():
    """As a search of 20 trainings it waits for the ten hours that are a quarter cleaner, before the deadline."""
    ahead = {"forecast": [130.0] * 30 + [100.0] * 130, "time_left_s": 40 * HOUR_S, "evaluations": 0, "trained_s": 0.0}
    known = make_state(usual_trainings=20.0, **ahead)
    assert LookAheadPolicy().decide(known).allocation.released == 8
    assert LookAheadPolicy(plan_for_searcher=False).decide(known).allocation.evaluating > 0
    assert LookAheadPolicy(expected_trainings=200).decide(known).allocation.evaluating > 0


def test_a_single_device_trains_as_soon_as_it_has_scored():
    """Some 1,500 scores take less than an hour, in which it would rest until the next decision."""
    entries = Search(gpus=1, hours=3, zone="coal-flat", stop="never", evaluations=1).run().entries
    begins = {
        kind: [one.at_s for one in entries if one.content.get("kind") == kind] for kind in ("sampling", "evaluation")
    }
    last_sampled = max(one.at_s for one in entries if one.kind == "sampled")
    assert begins["sampling"][0] == 0.0
    assert begins["evaluation"] == [last_sampled]
    assert last_sampled < 3600.0
