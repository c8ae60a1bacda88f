from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.allocate.prospect import prospect
from ce_nas.allocate.worth import Work

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
