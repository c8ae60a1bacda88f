import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Allocation, Forecast
from ce_nas.policies.learned.actions import ACTIONS, action_mask, allocation_from_action, allocation_from_shares
from ce_nas.policies.remaining_work import DEFAULT_CONFIDENCE, required_duty_cycle
from ce_nas.testing import make_state

HOUR_S = 3600.0


def forecast_of(*values):
    return Forecast("test", 0.0, 0.0, HOUR_S, np.array(values, dtype=float))


CLEANER_LATER = forecast_of(300, 200, 250)
DIRTIER_LATER = forecast_of(200, 300, 250)


@given(st.integers(0, len(ACTIONS) - 1), st.integers(1, 70))
def test_every_action_allocates_all_devices(action, devices):
    allocation = allocation_from_action(action, devices)
    assert allocation.devices == devices
    assert min(allocation.counts().values()) >= 0
    evaluating, sampling = ACTIONS[action]
    assert abs(allocation.evaluating - evaluating * devices) <= 0.5
    assert allocation.idle == 0
    if evaluating + sampling == 1.0:
        assert allocation.released == 0


@settings(max_examples=60)
@given(
    st.integers(1, 20),
    st.booleans(),
    st.sampled_from([0.0, 3.0, math.inf]),
    st.sampled_from([CLEANER_LATER, DIRTIER_LATER, None]),
)
def test_action_mask_allows_only_feasible_actions(devices, can_sample, evaluations_left, forecast):
    state = make_state(devices=devices, can_sample=can_sample, evaluations_left=evaluations_left, forecast=forecast)
    mask = action_mask(state)
    assert mask.any()
    allocations = [allocation_from_action(int(action), devices) for action in np.flatnonzero(mask)]
    assert len(set(allocations)) == len(allocations)
    for allocation in allocations:
        assert can_sample or allocation.sampling == 0
        assert evaluations_left > 0 or allocation.evaluating == 0


def test_waiting_is_allowed_only_for_a_later_cleaner_period():
    wait = ACTIONS.index((0.0, 0.0))
    assert action_mask(make_state(forecast=CLEANER_LATER))[wait]
    assert not action_mask(make_state(forecast=DIRTIER_LATER))[wait]
    assert not action_mask(make_state(forecast=None))[wait]
    assert not action_mask(make_state(forecast=CLEANER_LATER, time_left_s=HOUR_S))[wait]
    assert not action_mask(make_state(forecast=forecast_of(300, 299, 299)))[wait]  # not worth a restart
    assert action_mask(make_state(forecast=DIRTIER_LATER, can_sample=False, evaluations_left=0)).tolist() == [
        True, *[False] * (len(ACTIONS) - 1),
    ]  # fmt: skip


def test_waiting_is_masked_when_the_target_needs_every_hour():
    wait, forecast = ACTIONS.index((0.0, 0.0)), forecast_of(*np.linspace(300, 200, 40))
    far = {"forecast": forecast, "target_hypervolume": 9000.0, "hypervolume": 4000.0}
    assert not action_mask(make_state(time_left_s=20 * HOUR_S, **far))[wait]
    assert action_mask(make_state(time_left_s=1000 * HOUR_S, **far))[wait]
    assert allocation_from_shares(0.0, 0.0, make_state(time_left_s=20 * HOUR_S, **far)) == Allocation(0, 8)


def test_waiting_is_allowed_in_dirty_hours_when_time_is_scarce():
    wait, far = (
        ACTIONS.index((0.0, 0.0)),
        {"target_hypervolume": 9000.0, "hypervolume": 4000.0, "time_left_s": 40 * HOUR_S},
    )
    middling, dirty = (forecast_of(*([now] + [200] * 20 + [300] * 19)) for now in (250, 400))
    assert required_duty_cycle(make_state(forecast=dirty, **far), DEFAULT_CONFIDENCE) == 1.0
    assert action_mask(make_state(forecast=dirty, **far))[wait]
    assert not action_mask(make_state(forecast=middling, **far))[wait]


def test_waiting_is_masked_where_a_search_without_target_may_need_every_hour_to_end():
    wait, known = ACTIONS.index((0.0, 0.0)), {"forecast": forecast_of(*np.linspace(300, 200, 40)), "evaluations": 0}
    short, ample = (make_state(time_left_s=hours * HOUR_S, **known) for hours in (5, 1000))
    assert action_mask(short)[wait]
    assert not action_mask(short, expected_trainings=70)[wait]
    assert allocation_from_shares(0.0, 0.0, short, expected_trainings=70) == Allocation(0, 8)
    assert action_mask(ample, expected_trainings=70)[wait]


@settings(max_examples=60)
@given(st.tuples(st.floats(0, 1), st.floats(0, 1)), st.integers(1, 40), st.booleans(), st.booleans())
def test_continuous_shares_are_kept_where_feasible(shares, devices, can_sample, known):
    evaluating, sampling = shares
    state = make_state(devices=devices, can_sample=can_sample, forecast=CLEANER_LATER if known else None)
    allocation = allocation_from_shares(evaluating, sampling, state)
    assert allocation.devices == devices
    assert min(allocation.counts().values()) >= 0
    assert can_sample or not allocation.sampling
    if not known:
        assert allocation.released == 0
    else:
        assert abs(allocation.evaluating - evaluating * devices) <= 0.5


def test_continuous_shares_agree_with_the_actions():
    state = make_state(forecast=CLEANER_LATER)
    for action, (evaluating, sampling) in enumerate(ACTIONS):
        expected = allocation_from_action(action, state.cluster.devices)
        assert allocation_from_shares(evaluating, sampling, state) == expected
    assert allocation_from_shares(0.0, 0.0, make_state(forecast=DIRTIER_LATER)) == Allocation(0, 8)


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_equal_allocations_are_masked_on_few_devices(devices):
    state = make_state(devices=devices, forecast=CLEANER_LATER)
    allocations = [allocation_from_action(int(action), devices) for action in np.flatnonzero(action_mask(state))]
    assert len(allocations) == len(set(allocations)) >= 3
