import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.analysis.counterfactual import Work, cheapest

HOUR = 3600.0


def work(hours, devices=2, **more):
    return Work(hours * HOUR, 100.0, devices, HOUR, 100 * HOUR, **more)


def test_the_cheapest_hours_are_taken_and_the_dearest_of_them_only_as_far_as_needed():
    g = np.array([5.0, 1.0, 3.0, 2.0])
    assert cheapest(g, work(4), 4 * HOUR, 2).tolist() == [0, 2, 0, 2]
    assert cheapest(g, work(5), 5 * HOUR, 2).tolist() == [0, 2, 1, 2]
    assert cheapest(g, work(8), 8 * HOUR, 2).tolist() == [2, 2, 2, 2]


def test_more_than_fits_is_begun_at_once():
    assert cheapest(np.array([5.0, 1.0]), work(9), 9 * HOUR, 0).tolist() == [2, 2]


def test_a_break_that_costs_more_than_it_saves_is_not_taken():
    g = np.array([1.0, 1.2, 1.0, 9.0])
    assert cheapest(g, work(4), 4 * HOUR, 2).tolist() == [2, 0, 2, 0]
    dear = work(4, enter_j=100.0 * HOUR, leave_j=0.0)
    assert cheapest(g, dear, 4 * HOUR, 2).tolist() == [2, 2, 0, 0]


def cost(levels, g, job, level):
    on = np.array(levels) > 0
    entries = on & ~np.concatenate([[level > 0], on[:-1]])
    return float(
        (g * (on * job.power_w * job.devices * HOUR + entries * job.devices * (job.enter_j + job.leave_j))).sum()
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(10, 90), min_size=2, max_size=7), st.integers(1, 7), st.sampled_from([0, 2]),
    st.sampled_from([0.0, 5e4, 4e5]),
)  # fmt: skip
def test_no_schedule_of_as_many_whole_hours_is_cheaper(intensities, hours, level, enter_j):
    g = np.array(intensities, dtype=float)
    job = work(2 * min(hours, len(g)), enter_j=enter_j)
    found = cheapest(g, job, job.device_s, level)
    assert found.sum() * HOUR >= job.device_s
    worked = int((found > 0).sum())
    others = [one for one in itertools.product((0, 2), repeat=len(g)) if sum(map(bool, one)) == worked]
    least = min(cost(one, g, job, level) for one in others)
    assert cost(np.where(found > 0, 2, 0), g, job, level) == pytest.approx(least)
