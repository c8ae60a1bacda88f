import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.policies.base import Decision, active_allocation
from ce_nas.testing import make_state


@given(st.integers(1, 50), st.data())
def test_active_allocation_uses_or_releases_every_device(devices, data):
    count = data.draw(st.integers(0, devices))
    state = make_state(devices=devices, samples=data.draw(st.integers(0, 10)), can_sample=data.draw(st.booleans()))
    allocation = active_allocation(state, count, warmup_scores=5)
    assert allocation.devices == devices
    assert allocation.released == devices - count
    scores = state.search.can_sample and state.search.samples < 5
    assert allocation.sampling == ((count + 1) // 2 if scores else 0)


def test_active_allocation_of_one_device_samples_first():
    assert active_allocation(make_state(devices=1, samples=0), 1, warmup_scores=5) == Allocation(1, 0)


@pytest.mark.parametrize(("demand", "allocation"), [(1, Allocation(1, 7)), (0, Allocation(0, 8))])
def test_active_allocation_samples_no_more_than_the_demand(demand, allocation):
    state = make_state(devices=8, samples=0, sampling_demand=demand)
    assert active_allocation(state, 8, warmup_scores=5) == allocation


@pytest.mark.parametrize(
    ("progress", "sampling"),
    [
        ({}, 8),
        ({"sampling_demand": 3}, 8),
        ({"sampling_demand": 1}, 1),  # a supernet is trained
        ({"sampling_demand": 100}, 4),  # a whole space is not scored first
        ({"samples": 10}, 4),
        ({"evaluations": 1}, 4),
        ({"running": 1}, 4),
        ({"can_sample": False}, 0),
    ],
)
def test_all_active_devices_sample_while_nothing_is_scored_or_trained(progress, sampling):
    idle = {"running": 0, "suspended": 0}
    state = make_state(**{"devices": 8, "samples": 0, "evaluations": 0, "sampling_demand": 8, **idle} | progress)
    allocation = active_allocation(state, 8, warmup_scores=1000, scores_first=True)
    assert allocation == Allocation(sampling, 8 - sampling)


@pytest.mark.parametrize("allocation", [Allocation(0, 7), Allocation(-1, 9)])
def test_decision_for_other_devices_is_refused(allocation):
    with pytest.raises(SettingsError, match="Expected an allocation of 8 devices"):
        Decision(allocation, "Wrong.").require_device_count(8)
