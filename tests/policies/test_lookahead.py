"""The planner works in the hours that cost least, and goes on no longer than the search is worth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Allocation, Rates
from ce_nas.policies.lookahead import LookAhead, best_level
from ce_nas.policies.remaining_work import Work

HOUR_S = 3600.0
ALL, NONE = Allocation(0, 8), Allocation(0, 0, released=8)
#: dirty now, clean from the sixth hour on
LATER_CLEAN = [400.0] * 6 + [100.0] * 40
NOW_CLEAN = [100.0] * 6 + [400.0] * 40
#: a search that has come near its target lately: little work is left
NEAR = {"course": (4000.0,) * 37 + (4980.0,) * 100 + (4990.0,) * 13, "hypervolume": 4990.0}


@pytest.fixture(scope="session")
def decide(view_of):
    def make(coming, policy=(), **rest):
        known = {"target": 5000.0, "evaluations": 150, "allocation": NONE, "trained_s": 75e3, **NEAR}
        return LookAhead(**{"scored": 0} | dict(policy)).decide(view_of(coming=coming, **known | rest))

    return make


def test_it_waits_for_cleaner_hours_and_works_in_them(decide):
    assert decide(LATER_CLEAN).allocation == NONE
    assert decide(NOW_CLEAN).allocation == ALL


def test_it_works_in_dirty_hours_if_the_deadline_leaves_no_others(decide):
    assert decide(LATER_CLEAN, now_s=75 * HOUR_S, time_left_s=5 * HOUR_S).allocation == ALL


def test_it_works_in_dearer_hours_the_more_an_hour_after_the_deadline_costs(decide):
    dear = decide(LATER_CLEAN, time_left_s=16 * HOUR_S, policy={"miss": 20.0})
    cheap = decide(LATER_CLEAN, time_left_s=16 * HOUR_S, policy={"miss": 1.0})
    assert dear.allocation == ALL
    assert cheap.allocation == NONE


def test_it_works_at_more_hours_as_the_deadline_nears(decide):
    """An hour somewhat dirtier than the mean is let go by while time is long, and used when it gets scarce."""
    coming = [330.0, *[300.0] * 200]
    assert decide(coming, time_left_s=160 * HOUR_S).allocation == NONE
    assert decide(coming, time_left_s=8 * HOUR_S).allocation == ALL


def test_a_deadline_beyond_the_plan_is_reckoned_with(decide):
    coming = [330.0, *[300.0] * 95]
    late = {"course": (4000.0,) * 3000, "hypervolume": 4000.0, "evaluations": 3000, "trained_s": 4.5e6}
    assert decide(coming, time_left_s=2000 * HOUR_S).allocation == NONE
    assert decide(coming, time_left_s=200 * HOUR_S, **late).allocation == ALL


def test_it_does_not_take_devices_back_for_a_trifle(decide):
    hardly = [300.0, *[301.0] * 45]
    assert decide(hardly, allocation=ALL).allocation == ALL
    dirtier = [300.0, *[297.0] * 45]
    assert decide(dirtier, allocation=ALL).allocation == ALL  # what runs goes on: to stop it costs more than the hour


def test_half_of_what_works_scores_until_enough_is_scored(decide):
    assert decide(NOW_CLEAN, samples=100, policy={"scored": 101}).allocation == Allocation(4, 4)
    assert decide(NOW_CLEAN, samples=101, policy={"scored": 101}).allocation == ALL


def test_money_counts_as_far_as_it_is_asked_to(decide):
    rates = Rates(450.0, 450.0, 90.0, 0.0, np.array([0.1] * 6 + [0.9] * 40))
    assert decide(LATER_CLEAN, rates=rates).allocation == NONE
    assert decide(LATER_CLEAN, rates=rates, policy={"money": 1.0}).allocation == ALL
    assert decide(NOW_CLEAN, rates=rates, policy={"money": 0.5}).allocation == ALL


def test_closed_periods_are_not_counted_on(decide):
    clean_but_closed = [300.0] * 6 + [100.0] * 40
    assert decide(clean_but_closed, closed=tuple(range(6, 46))).allocation == ALL


def test_without_a_target_it_is_done_once_a_doubling_brings_nothing(decide):
    flat = (4000.0,) * 150
    over = decide(NOW_CLEAN, target=math.inf, course=flat, hypervolume=4000.0, running=0, suspended=0)
    assert (over.done, over.allocation) == (True, NONE)
    assert "worth no more" in over.reason
    rising = tuple(np.linspace(3000.0, 4000.0, 150))
    assert decide(NOW_CLEAN, target=math.inf, course=rising, hypervolume=4000.0).allocation == ALL


def test_what_is_under_way_is_not_thrown_away_at_the_end(decide):
    flat = (4000.0,) * 150
    over = decide(NOW_CLEAN, target=math.inf, course=flat, hypervolume=4000.0, running=2, suspended=1)
    assert not over.done
    assert over.allocation == Allocation(0, 3, released=5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=12), st.floats(5, 500), st.floats(1.0, 5.0))
def test_the_programme_takes_the_best_first_step(view_of, prices, trainings, miss):
    view = view_of(time_left_s=len(prices) * HOUR_S, allocation=NONE)
    work = Work(trainings, 1500.0)
    found = best_level(np.array(prices), work, view, miss)

    optimum = _optimum(prices, work, miss)
    assert optimum[found] == pytest.approx(min(optimum.values()), rel=1e-3)


def _optimum(prices, work, miss):
    """The cost of the best plan for each first level, by plain recursion."""
    from functools import cache

    @cache
    def ahead(period, before, done):
        if period == len(prices):
            return miss * float(work.left_s(done * 4 * HOUR_S)) / (8 * HOUR_S)
        return min(of(period, before, done, level) for level in (0, 1, 2))

    def of(period, before, done, level):
        restart = max(level - before, 0) / 2 * 120.0 / HOUR_S
        unit_s = 4 * HOUR_S
        go_on = float(work.survival((done + level) * unit_s)) / float(work.survival(done * unit_s))
        spent_s = work.spent((done + level) * unit_s) - work.spent(done * unit_s)
        in_this = prices[period] * (spent_s / float(work.survival(done * unit_s)) / (8 * HOUR_S) + restart)
        return in_this + go_on * ahead(period + 1, level, done + level)

    return {level: of(0, 0, 0, level) for level in (0, 1, 2)}
