"""Assignment of roles to devices: an allocation is applied with as few preemptions as possible."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from ce_nas.core.records import Activity, TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import Allocation, Task

__all__ = ["TASK_ACTIVITIES", "TASK_ROLES", "DeviceRole", "DeviceState", "assign_roles"]


class DeviceRole(StrEnum):
    """The role of a device in the current period."""

    EVALUATING = "evaluating"
    SAMPLING = "sampling"
    IDLE = "idle"
    RELEASED = "released"


#: activity of a device by the kind of its task
TASK_ACTIVITIES = {
    TaskKind.EVALUATION: Activity.TRAINING,
    TaskKind.SAMPLING: Activity.SAMPLING,
    TaskKind.SUPERNET: Activity.SUPERNET,
}
#: role required by the kind of a task
TASK_ROLES = {
    TaskKind.EVALUATION: DeviceRole.EVALUATING,
    TaskKind.SAMPLING: DeviceRole.SAMPLING,
    TaskKind.SUPERNET: DeviceRole.SAMPLING,
}


class DeviceState(Protocol):
    """The state of a device that its role depends on."""

    number: int
    #: current task
    task: Task | None
    #: whether the task is being preempted
    is_preempting: bool
    #: whether it is returned to the cluster
    is_released: bool


def assign_roles(devices: Iterable[DeviceState], allocation: Allocation) -> dict[int, DeviceRole]:
    """Assign a role to each device; returns device number -> role.

    A device keeps its task if the role of the task is still needed, in the order of ``devices``. The other roles go to
    held devices first, then to released ones, each by ascending number.
    """
    needed = {
        DeviceRole.EVALUATING: allocation.evaluating,
        DeviceRole.SAMPLING: allocation.sampling,
        DeviceRole.IDLE: allocation.idle,
        DeviceRole.RELEASED: allocation.released,
    }
    kept: dict[int, DeviceRole] = {}
    all_devices = list(devices)
    for device in all_devices:
        role = TASK_ROLES[device.task.kind] if device.task and not device.is_preempting else None
        if role is not None and needed[role] > 0:
            needed[role] -= 1
            kept[device.number] = role
    others = sorted(
        (device for device in all_devices if device.number not in kept),
        key=lambda device: (device.is_released, device.number),
    )
    remaining_roles = [role for role, count in needed.items() for _ in range(count)]
    return kept | {device.number: role for device, role in zip(others, remaining_roles, strict=True)}
