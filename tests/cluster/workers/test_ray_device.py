"""The state of a device of a Ray cluster, without Ray."""

import itertools

import pytest

from ce_nas.cluster.workers.ray_device import RayDevice

REFERENCES = ("start_ref", "pulse_ref", "files_ref", "task_ref")


@pytest.mark.parametrize("pending", list(itertools.product([False, True], repeat=4)))
def test_only_pending_results_are_waited_for(pending):
    named = {name: name for name, is_pending in zip(REFERENCES, pending, strict=True) if is_pending}
    assert RayDevice(0, **named).refs() == list(named)


def test_devices_share_no_common_files():
    first, second = RayDevice(0), RayDevice(1)
    first.common["weights"] = 1
    assert second.common == {}
