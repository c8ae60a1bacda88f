"""The dynamic programmes find the cheapest plans, checked against enumeration."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.policies.planning import ActivityLevel, expected_costs, select_cheapest_periods
from ce_nas.policies.remaining_work import RemainingWork

HOUR_S = 3600.0
ALL_S = 8 * HOUR_S
COSTS = st.lists(st.floats(0.2, 3.0), min_size=1, max_size=30).map(np.array)


def work(trainings):
    return RemainingWork(trainings, 1800.0)  # 16 trainings in a period of eight devices


def extra_costs_of_waiting(*args):
    (waiting, working), *_ = expected_costs(*args)
    return waiting - working


def cost_of_plan(costs, work, plan):
    """Expected cost of a fixed plan: the search may end in any period worked in."""
    total, done_s = 0.0, 0.0
    for cost, works in zip(costs, plan, strict=True):
        if works:
            spent_s = work.expected_spent_s(done_s + ALL_S) - work.expected_spent_s(done_s)
            total += cost * float(spent_s) / ALL_S
            done_s += ALL_S
    return total + 1.5 * float(work.survival(done_s) * work.mean_residual_s(done_s)) / ALL_S


@settings(max_examples=25)
@given(st.lists(st.floats(0.2, 3.0), min_size=1, max_size=6).map(np.array), st.floats(5, 500))
def test_expected_cost_is_that_of_the_cheapest_plan(costs, trainings):
    ((waiting, working),) = expected_costs(costs, [work(trainings)], ALL_S, len(costs))
    for first, cost in ((True, working), (False, waiting)):
        plans = product([first], *[(True, False)] * (len(costs) - 1))
        assert cost[0] == pytest.approx(min(cost_of_plan(costs, work(trainings), plan) for plan in plans), rel=1e-6)


@settings(max_examples=25)
@given(COSTS, st.floats(1, 500), st.floats(0, 200))
def test_estimates_are_planned_for_independently(costs, trainings, beyond):
    estimates = [work(trainings * factor) for factor in (1 / 3, 1.0, 3.0)]
    together = expected_costs(costs, estimates, ALL_S, len(costs) + beyond)
    for index, estimate in enumerate(estimates):
        alone = expected_costs(costs, [estimate], ALL_S, len(costs) + beyond)
        assert together[0, :, index] == pytest.approx(alone[0, :, 0])
    assert (np.diff(together[0].min(axis=0)) > 0).all()  # more work costs more


def test_waiting_costs_more_before_dirtier_periods():
    clean_first, dirty_first = np.array([0.5, 1.0, 1.5]), np.array([1.5, 1.0, 0.5])
    assert extra_costs_of_waiting(clean_first, [work(8)], ALL_S, 3)[0] > 0
    assert extra_costs_of_waiting(dirty_first, [work(8)], ALL_S, 3)[0] < 0


def test_more_work_makes_waiting_more_expensive():
    costs = np.array([1.2, *np.linspace(0.5, 1.5, 23)])
    extra = extra_costs_of_waiting(costs, [work(trainings) for trainings in (16, 64, 256, 1024)], ALL_S, 24)
    assert extra[0] < 0 < extra[-1]
    assert (np.diff(extra) > 0).all()


def test_periods_beyond_the_planned_ones_make_waiting_cheaper():
    costs = np.array([1.2, 0.8, 1.0])
    near, far = (extra_costs_of_waiting(costs, [work(60)], ALL_S, left)[0] for left in (3, 100))
    assert far < near


HALVES = [ActivityLevel(0.0, 0), ActivityLevel(0.5, 1), ActivityLevel(1.0, 2)]


def test_restart_cost_depends_on_the_level_before():
    costs = expected_costs(np.array([1.0, 2.0]), [work(30)], ALL_S, 2, levels=HALVES, restart_cost=0.25)
    assert costs.shape == (3, 3, 1)
    assert costs[0, 2, 0] - costs[2, 2, 0] == pytest.approx(0.25)
    assert costs[1, 2, 0] - costs[2, 2, 0] == pytest.approx(0.125)
    assert np.ptp(costs[:, 0, 0]) == 0.0  # nothing is restarted


def test_periods_that_cost_nothing_have_restarts_that_cost_nothing():
    costs = expected_costs(np.array([1.0, 0.0, 0.0]), [work(30)], ALL_S, 3, levels=HALVES, restart_cost=0.25)
    assert costs.shape == (3, 3, 1)
    assert costs[:, 0].max() < costs[:, 2].min()


def test_half_of_the_devices_that_do_more_than_half_of_the_work_cost_less_where_there_is_time():
    """The other half adds a quarter of the work for half of the cost: worth it where being late costs more."""
    faster = [ActivityLevel(0.0, 0), ActivityLevel(0.5, 3, 2 / 3), ActivityLevel(1.0, 4)]
    plenty = expected_costs(np.ones(100), [work(60)], ALL_S, 100, levels=faster)[0, :, 0]
    little = expected_costs(np.ones(2), [work(60)], ALL_S, 2, levels=faster, lateness_penalty=3.0)[0, :, 0]
    assert plenty.argmin() == 1
    assert little.argmin() == 2


@settings(max_examples=25)
@given(COSTS, st.floats(5, 500), st.floats(0.0, 0.5))
def test_costs_are_lower_the_more_fewer_devices_do(costs, trainings, restart_cost):
    fewer_steps = [ActivityLevel(0.0, 0), ActivityLevel(0.5, 2), ActivityLevel(1.0, 4)]
    more_steps = [ActivityLevel(0.0, 0), ActivityLevel(0.5, 3, 2 / 3), ActivityLevel(1.0, 4)]
    least, most = (
        expected_costs(costs, [work(trainings)], ALL_S, len(costs), levels=levels, restart_cost=restart_cost)
        for levels in (more_steps, fewer_steps)
    )
    assert (least <= most * (1 + 1e-9)).all()


@settings(max_examples=50)
@given(st.data(), st.lists(st.floats(0.1, 3.0), min_size=1, max_size=7), st.booleans())
def test_selected_periods_are_the_cheapest(data, costs, running_before):
    restarts = data.draw(st.lists(st.floats(0.0, 2.0), min_size=len(costs), max_size=len(costs)))
    count = data.draw(st.integers(0, len(costs)))

    def total(chosen):
        return sum(
            costs[period] + (0.0 if period - 1 in chosen or (period == 0 and running_before) else restarts[period])
            for period in chosen
        )

    chosen = select_cheapest_periods(np.array(costs), np.array(restarts), count, running_before=running_before)
    cheapest = min(total(plan) for plan in combinations(range(len(costs)), count))
    assert chosen.sum() == count
    assert total(tuple(np.flatnonzero(chosen))) == pytest.approx(cheapest)
