"""Role assignment matches the allocation with as few preemptions as possible."""

import collections
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ce_nas.cluster.assignment import TASK_ROLES, DeviceRole, assign_roles
from ce_nas.core.records import Allocation, Task, TaskKind


@dataclass
class Device:
    number: int
    task: Task | None
    is_preempting: bool
    is_released: bool


@st.composite
def device_lists(draw):
    """Devices in random order, and an allocation of them."""
    count = draw(st.integers(1, 8))
    devices = []
    for number in draw(st.permutations(range(count))):
        kind = draw(st.sampled_from([None, *TaskKind]))
        task = None if kind is None else Task(number, kind, ((number,),))
        is_preempting, is_released = task is not None and draw(st.booleans()), task is None and draw(st.booleans())
        devices.append(Device(number, task, is_preempting, is_released))
    roles = collections.Counter(draw(st.lists(st.sampled_from(list(DeviceRole)), min_size=count, max_size=count)))
    allocation = Allocation(
        roles[DeviceRole.SAMPLING], roles[DeviceRole.EVALUATING], roles[DeviceRole.IDLE], roles[DeviceRole.RELEASED]
    )
    return devices, allocation


@given(device_lists())
def test_assigned_roles_match_allocation(case):
    devices, allocation = case
    roles = assign_roles(devices, allocation)
    assert sorted(roles) == list(range(len(devices)))
    counts = collections.Counter(map(str, roles.values()))
    assert {name: counts[name] for name in allocation.counts()} == allocation.counts()


@given(device_lists())
def test_assignment_keeps_tasks_in_order(case):
    devices, allocation = case
    roles = assign_roles(devices, allocation)
    for role in (DeviceRole.EVALUATING, DeviceRole.SAMPLING):
        working = [
            device
            for device in devices
            if device.task and not device.is_preempting and TASK_ROLES[device.task.kind] is role
        ]
        kept = [device for device in working if roles[device.number] is role]
        needed = allocation.counts()[str(role)]
        assert kept[: min(len(working), needed)] == working[:needed]


@given(device_lists())
def test_assignment_reacquires_released_devices_last(case):
    devices, allocation = case
    roles = assign_roles(devices, allocation)
    working = {device.number for device in devices if device.task and not device.is_preempting}
    held = [roles[device.number] for device in devices if not device.is_released and device.number not in working]
    released = [roles[device.number] for device in devices if device.is_released]
    if any(role is not DeviceRole.RELEASED for role in released):
        assert all(role is not DeviceRole.RELEASED for role in held)
