from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Allocation
from ce_nas.policies.base import working


@given(st.integers(1, 50), st.data())
def test_every_device_works_or_is_given_back(view_of, devices, data):
    count = data.draw(st.integers(0, devices))
    view = view_of(devices=devices, samples=data.draw(st.integers(0, 10)), can_sample=data.draw(st.booleans()))
    allocation = working(view, count, scored=5)
    assert allocation.devices == devices
    assert allocation.released == devices - count
    scores = view.can_sample and view.samples < 5
    assert allocation.sampling == ((count + 1) // 2 if scores else 0)


def test_a_single_device_scores_first(view_of):
    assert working(view_of(devices=1, samples=0), 1, scored=5) == Allocation(1, 0)


def test_no_more_devices_score_than_there_is_to_score(view_of):
    assert working(view_of(devices=8, samples=0, samplings=1), 8, scored=5) == Allocation(1, 7)
    assert working(view_of(devices=8, samples=0, samplings=0), 8, scored=5) == Allocation(0, 8)
