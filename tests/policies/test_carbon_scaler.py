"""Each further device goes to the hour in which its work costs the least carbon."""

import math

import pytest

from ce_nas.core.records import Allocation
from ce_nas.policies.carbon_scaler import Marginal

HOUR_S = 3600.0


@pytest.fixture(scope="session")
def decide(view_of):
    def make(coming, **rest):
        near = {"course": (4000.0,) * 37 + (4980.0,) * 100 + (4990.0,) * 13, "hypervolume": 4990.0}
        known = {"target": 5000.0, "evaluations": 150, "trained_s": 75e3, **near}
        return Marginal(scored=0).decide(view_of(coming=coming, **known | rest))

    return make


def test_the_cheapest_hours_are_filled_first(decide):
    assert decide([100.0] * 4 + [300.0] * 36).allocation == Allocation(0, 8)
    assert decide([300.0] * 4 + [100.0] * 36).allocation == Allocation(0, 0, released=8)


def test_the_work_is_spread_where_hours_are_alike_for_one_device_adds_more_than_a_further_one(decide):
    allocation = decide([200.0] * 40).allocation
    assert 0 < allocation.evaluating < 8


def test_everything_works_where_the_time_left_is_short(decide):
    assert decide([200.0] * 40, time_left_s=2 * HOUR_S).allocation == Allocation(0, 8)


def test_it_plans_for_more_where_it_wants_to_be_surer(view_of):
    coming = [150.0] * 20 + [100.0] * 20
    view = view_of(coming=coming, target=5000.0, evaluations=0, course=(), hypervolume=0.0, trained_s=0.0)
    assert Marginal(scored=0, sure=0.5).decide(view).allocation == Allocation(0, 0, released=8)
    assert Marginal(scored=0, sure=0.95).decide(view).allocation == Allocation(0, 8)


def test_it_is_done_once_the_search_is_worth_no_more(decide):
    flat = {"target": math.inf, "course": (4990.0,) * 150}
    over = decide([200.0] * 40, **flat, running=0, suspended=0)
    assert over.done
    under_way = decide([200.0] * 40, **flat, running=1, suspended=1)
    assert (under_way.done, under_way.allocation) == (False, Allocation(0, 2, released=6))
