"""How much work a search is still worth."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Rates
from ce_nas.policies.remaining_work import AGEING, USUAL, Work, prospect, share_needed, still_worth

HOUR_S = 3600.0
ALL_S = 8 * HOUR_S


def belief(trainings):
    return Work(trainings, 1800.0)  # 16 trainings a period of eight devices


PRICES = st.lists(st.floats(0.2, 3.0), min_size=1, max_size=30).map(np.array)


def followed(prices, work, policy):
    """What a policy costs that was fixed beforehand, by the belief: the search may end in any period worked in."""
    cost, done_s = 0.0, 0.0
    for price, works in zip(prices, policy, strict=True):
        if works:
            cost += price * float(work.spent(done_s + ALL_S) - work.spent(done_s)) / ALL_S
            done_s += ALL_S
    return cost + 1.5 * float(work.survival(done_s) * work.left_s(done_s)) / ALL_S


@settings(max_examples=25)
@given(st.lists(st.floats(0.2, 3.0), min_size=1, max_size=6).map(np.array), st.floats(5, 500))
def test_nothing_that_is_fixed_beforehand_is_cheaper_than_the_plan(prices, trainings):
    work = belief(trainings)
    found = prospect(prices, [work], ALL_S, len(prices))
    for first, cost in ((True, found.works), (False, found.rests)):
        plans = product([first], *[(True, False)] * (len(prices) - 1))
        assert cost[0] == pytest.approx(min(followed(prices, work, plan) for plan in plans), rel=1e-6)


@settings(max_examples=25)
@given(PRICES, st.floats(1, 500), st.floats(0, 200))
def test_each_belief_is_planned_for_as_if_it_were_alone(prices, trainings, beyond):
    beliefs = [belief(trainings * times) for times in (1 / 3, 1.0, 3.0)]
    together = prospect(prices, beliefs, ALL_S, len(prices) + beyond)
    for at, one in enumerate(beliefs):
        alone = prospect(prices, [one], ALL_S, len(prices) + beyond)
        assert together.margin[at] == pytest.approx(alone.margin[0])
        assert together.cost[at] == pytest.approx(alone.cost[0])
    assert (np.diff(together.cost) > 0).all()  # more work costs more


def test_the_clean_hour_is_for_working_and_the_dirty_one_for_resting():
    clean_first, dirty_first = np.array([0.5, 1.0, 1.5]), np.array([1.5, 1.0, 0.5])
    assert prospect(clean_first, [belief(8)], ALL_S, 3).margin[0] > 0
    assert prospect(dirty_first, [belief(8)], ALL_S, 3).margin[0] < 0


def test_the_more_work_is_left_the_dearer_an_hour_may_be():
    prices = np.array([1.2, *np.linspace(0.5, 1.5, 23)])
    margins = prospect(prices, [belief(trainings) for trainings in (16, 64, 256, 1024)], ALL_S, 24).margin
    assert margins[0] < 0 < margins[-1]
    assert (np.diff(margins) > 0).all()


def test_hours_beyond_those_known_take_the_pressure_off():
    prices = np.array([1.2, 0.8, 1.0])
    near, far = (prospect(prices, [belief(60)], ALL_S, left).margin[0] for left in (3, 100))
    assert far < near


def test_a_search_ages_well(view_of):
    """The longer it has gone on, the longer it may go on; with no gain since a quarter of its trainings."""
    for done, trainings in ((0, USUAL), (100, USUAL + 100 * AGEING), (400, USUAL + 400 * AGEING)):
        view = view_of(
            evaluations=done, trained_s=done * 900.0, target=5000.0, course=(4000.0,) * done, running=0, suspended=0
        )
        work = still_worth(view, 1e-3)
        assert work.trainings == trainings
        assert work.training_s == (900.0 if done else 1500.0)


def test_trainings_under_way_are_not_charged_to_those_that_have_ended(view_of):
    # eight devices train for hours of ten; the first has just ended, and seven are half-way on average
    view = view_of(
        evaluations=1, running=7, suspended=0, trained_s=(1 + 7 / 2) * 36_000.0, target=5000.0, course=(1.0,)
    )
    assert still_worth(view, 1e-3).training_s == 36_000.0
    waiting = view_of(
        evaluations=1, running=0, suspended=7, trained_s=(1 + 7 / 2) * 36_000.0, target=5000.0, course=(1.0,)
    )
    assert still_worth(waiting, 1e-3).training_s == 36_000.0


def test_the_faster_the_gap_to_the_target_closes_the_sooner_it_is_reckoned_to_be_reached(view_of):
    def reckoned(course):
        return still_worth(view_of(evaluations=40, course=course, target=5000.0, hypervolume=course[-1]), 0).trainings

    still = reckoned((4000.0,) * 40)
    slow = reckoned((4000.0,) * 20 + (4500.0,) * 20)
    fast = reckoned((4000.0,) * 20 + (4990.0,) * 20)
    assert still == USUAL + 40 * AGEING
    assert slow == pytest.approx(still * 0.5 ** (0.5 * 40 / 90))
    assert fast < slow
    assert reckoned((4000.0,) * 20 + (4999.9999,) * 20) > 0.4 * still  # one lucky training is not believed too much


def test_a_search_that_has_stood_still_for_long_may_stand_still_for_as_long_again(view_of):
    course = (4000.0,) * 100 + (4999.0,) * 1900
    view = view_of(evaluations=2000, course=course, target=5000.0, hypervolume=4999.0, trained_s=3e6)
    assert still_worth(view, 0).trainings >= 1900


def test_a_target_far_beyond_the_last_period_needs_all_of_them(view_of):
    known = {"evaluations": 0, "course": (), "trained_s": 0.0, "target": 5000.0}
    assert share_needed(view_of(**known, time_left_s=3600.0), 0.9) == 1.0
    week = {**known, "time_left_s": 168 * 3600.0}
    open_all, half_closed = (share_needed(view_of(**week, closed=closed), 0.9) for closed in ((), tuple(range(84))))
    assert 0.0 < open_all < 1.0
    assert half_closed == pytest.approx(2 * open_all)
    assert share_needed(view_of(**week), 0.5) < open_all
    assert share_needed(view_of(**week | {"target": math.inf}), 0.9) == 0.0
    assert share_needed(view_of(**week, closed=tuple(range(200))), 0.9) == 1.0


def test_no_more_work_is_planned_than_the_budgets_afford(view_of):
    rates = Rates(500.0, 500.0, 90.0, 1.8, np.array([0.4]))
    known = {"evaluations": 0, "course": (), "trained_s": 0.0, "rates": rates, "coming": [300.0] * 10 + [100.0] * 30}

    def hours(**budget):
        return still_worth(view_of(**known | budget), 1e-3).device_s / 3600.0

    assert hours() == pytest.approx(USUAL * 1500.0 / 3600.0)
    assert hours(carbon_left_g=1000.0) == pytest.approx(1000.0 / 100.0 / 0.5)  # in hours like the clean ones
    assert hours(energy_left_j=5 * 3.6e6) == pytest.approx(5 / 0.5)
    assert hours(cost_left=20.0) == pytest.approx(20.0 / 2.0)
    assert hours(device_s_left=9000.0) == pytest.approx(2.5)
    assert hours(evaluations_left=12) == pytest.approx(12 * 1500.0 / 3600.0)
    assert hours(carbon_left_g=1000.0, coming=None) == hours()  # nothing is known of the grid
    assert hours(cost_left=20.0, rates=None) == hours()


def test_without_a_target_the_last_doubling_tells(view_of):
    rising, flat = tuple(np.linspace(1.0, 2.0, 100)), (*(1.0,) * 40, *(2.0,) * 60)
    for course, worth in ((rising, True), (flat, False)):
        view = view_of(evaluations=100, course=course, hypervolume=2.0, target=math.inf)
        assert (still_worth(view, 1e-3) is not None) == worth
        assert still_worth(view_of(evaluations=100, course=course, hypervolume=2.0, target=3.0), 1e-3) is not None


@given(st.floats(1, 1000), st.floats(1, 1e5))
def test_half_of_the_searches_go_on_after_the_work_foretold(trainings, training_s):
    work = Work(trainings, training_s)
    alive = work.survival(np.linspace(0.0, 10 * work.device_s, 50))
    assert alive[0] == 1.0
    assert (np.diff(alive) < 0).all()
    assert work.survival(work.device_s) == pytest.approx(0.5)
    assert work.survival(work.enough_s(0.9)) == pytest.approx(0.1)
    fine_s = np.linspace(0.0, work.device_s, 2001)
    assert work.spent(work.device_s) == pytest.approx(np.trapezoid(work.survival(fine_s), fine_s), rel=1e-4)
