"""A job that can wait, replayed under policies."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.analysis.policy_replay import DeferrableWorkload, plan_cheapest_periods, replay_policy
from ce_nas.core.errors import TraceError
from ce_nas.core.units import J_PER_KWH
from ce_nas.grid.trace import Series

HOUR = 3600.0
START = datetime(2024, 5, 1, tzinfo=UTC)


def series(*hours):
    return Series(START, HOUR, np.array(hours, dtype=float))


def grams(kw, hours, g_per_kwh):
    return kw * hours * g_per_kwh


def test_immediate_start_by_hand():
    work = DeferrableWorkload(3 * HOUR, 1000.0, 2, HOUR, 4 * HOUR)
    replay = replay_policy(work, series(100, 200, 300, 400), lambda *_: 2)
    # two devices for an hour at 100, and one device-hour by both in half an hour at 200
    assert replay.carbon_g == pytest.approx(grams(1, 2, 100) + grams(1, 1, 200))
    assert (replay.energy_j, replay.end_s, replay.active_devices) == (pytest.approx(3 * J_PER_KWH), 1.5 * HOUR, (2, 2))


def test_suspend_and_resume_cost_their_own_hours_intensity():
    work = DeferrableWorkload(
        2 * HOUR, 1000.0, 1, HOUR, 9 * HOUR, resume_s=360.0, resume_j=0.5 * J_PER_KWH, suspend_j=0.25 * J_PER_KWH
    )
    plan = [1, 0, 1, 1]
    replay = replay_policy(work, series(100, 200, 300, 400, 500, 500, 500, 500, 500), lambda at, *_: plan[at])
    # an hour of work, a checkpoint, a start-up of 0.1 h with 0.9 h of work, and the remaining 0.1 h of work
    expected = 100 + 0.25 * 200 + (0.5 + 0.9) * 300 + 0.1 * 400
    assert replay.carbon_g == pytest.approx(expected)
    assert replay.end_s == pytest.approx(3.1 * HOUR)


def test_all_devices_are_used_before_the_deadline_is_missed():
    work = DeferrableWorkload(2 * HOUR, 1000.0, 1, HOUR, 3 * HOUR)
    replay = replay_policy(work, series(1, 2, 3, 4), lambda *_: 0)
    assert replay.active_devices == (0, 1, 1)
    assert replay.carbon_g == pytest.approx(2 + 3)


def test_grid_record_shorter_than_the_work_is_an_error():
    with pytest.raises(TraceError, match="covers"):
        replay_policy(DeferrableWorkload(3 * HOUR, 1.0, 1, HOUR, 2 * HOUR), series(1, 2), lambda *_: 1)


def make_workload(hours, devices=2, **costs):
    return DeferrableWorkload(hours * HOUR, 100.0, devices, HOUR, 100 * HOUR, **costs)


def test_plan_takes_the_cheapest_periods_and_only_what_is_needed():
    g = np.array([5.0, 1.0, 3.0, 2.0])
    assert plan_cheapest_periods(g, make_workload(4), 4 * HOUR, 2).tolist() == [0, 2, 0, 2]
    assert plan_cheapest_periods(g, make_workload(5), 5 * HOUR, 2).tolist() == [0, 2, 1, 2]
    assert plan_cheapest_periods(g, make_workload(8), 8 * HOUR, 2).tolist() == [2, 2, 2, 2]


def test_plan_uses_all_periods_for_more_work_than_fits():
    assert plan_cheapest_periods(np.array([5.0, 1.0]), make_workload(9), 9 * HOUR, 0).tolist() == [2, 2]


def test_plan_avoids_a_break_that_costs_more_than_it_saves():
    g = np.array([1.0, 1.2, 1.0, 9.0])
    assert plan_cheapest_periods(g, make_workload(4), 4 * HOUR, 2).tolist() == [2, 0, 2, 0]
    costly_resume = make_workload(4, resume_j=100.0 * HOUR, suspend_j=0.0)
    assert plan_cheapest_periods(g, costly_resume, 4 * HOUR, 2).tolist() == [2, 2, 0, 0]


def plan_cost(active_devices, g, job, active_before):
    on = np.array(active_devices) > 0
    resumes = on & ~np.concatenate([[active_before > 0], on[:-1]])
    work_j = on * job.power_w * job.devices * HOUR
    return float((g * (work_j + resumes * job.devices * (job.resume_j + job.suspend_j))).sum())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(10, 90), min_size=2, max_size=7), st.integers(1, 7), st.sampled_from([0, 2]),
    st.sampled_from([0.0, 5e4, 4e5]),
)  # fmt: skip
def test_plan_is_optimal_among_plans_of_as_many_periods(intensities, hours, active_before, resume_j):
    g = np.array(intensities, dtype=float)
    job = make_workload(2 * min(hours, len(g)), resume_j=resume_j)
    plan = plan_cheapest_periods(g, job, job.device_s, active_before)
    assert plan.sum() * HOUR >= job.device_s
    count = int((plan > 0).sum())
    others = [one for one in itertools.product((0, 2), repeat=len(g)) if sum(map(bool, one)) == count]
    least = min(plan_cost(one, g, job, active_before) for one in others)
    assert plan_cost(np.where(plan > 0, 2, 0), g, job, active_before) == pytest.approx(least)
