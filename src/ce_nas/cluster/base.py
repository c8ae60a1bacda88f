"""The interface of clusters, and the role handling common to simulated and live clusters.

- `Cluster`: devices with roles and tasks, which report events and energy readings
- `DeviceCluster`: base class of the clusters that manage a list of devices
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ce_nas.cluster.assignment import TASK_ROLES, DeviceRole, assign_roles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Allocation, EnergyReading, Task, TaskEvent
    from ce_nas.energy.mixed_lever import MeasuredTypes
    from ce_nas.energy.power_profile import PowerLimit, PowerProfile

__all__ = ["Cluster", "DeviceCluster", "ManagedDevice", "TakeBack"]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """A released device that was taken back, as measured."""

    device: int
    #: the first task on it
    task_id: int
    #: time from taking it back until its task works, in real time, s
    took_s: float


class Cluster(ABC):
    """The devices of one run; their events arrive as signals of the clock of the run."""

    #: number of devices
    devices: int
    #: maximum power of all devices at the plug, W
    peak_w: float
    #: description of the origin of the energy readings
    power_origin: str
    #: time to start up a device that was released, to restore a task and to write its checkpoint, s; 0 where unknown
    startup_s: float = 0.0
    restore_s: float = 0.0
    checkpoint_s: float = 0.0

    #: why the power limit of the devices cannot be set; empty if it can
    no_power_limit: str = ""

    @abstractmethod
    def assign(self, allocation: Allocation, kept_first: Sequence[int] = ()) -> None:
        """Assign a role to every device, with as few preemptions as possible.

        :param kept_first: ids of the tasks that keep their devices before others, in this order.

        A task whose device gets another role is suspended: once its checkpoint is written, an event of the kind
        ``SUSPENDED`` returns it; submitted again, it continues from there. A released device is not accounted for
        from the end of its task until it is reacquired; held devices are used first.
        """

    @abstractmethod
    def free_devices(self) -> Sequence[tuple[int, DeviceRole]]:
        """Return number and role of the devices that can take a task; idle and released devices are left out."""

    @abstractmethod
    def submit(self, device: int, task: Task) -> None:
        """Start or resume a task on a free device."""

    @abstractmethod
    def handle_signal(self, signal: Any) -> TaskEvent | None:  # noqa: ANN401 - each cluster has its own signals
        """Handle a signal of the clock; returns the event of a task, or None."""

    @abstractmethod
    def read_energy(self) -> list[EnergyReading]:
        """Read the energy of each device since its last reading; the readings cover all the time it was held."""

    @abstractmethod
    def suspend_all(self) -> None:
        """Suspend all running tasks, as :meth:`assign` does."""

    @abstractmethod
    def running_tasks(self) -> Sequence[Task]:
        """Return the running tasks."""

    @abstractmethod
    def held_devices(self) -> Mapping[int, int | None]:
        """Return the numbers of the held devices, each with the id of its task, or None without one."""

    def overhead_s(self, device: int) -> float:  # noqa: ARG002 - unknown by default
        """Return the time until the work on the task of a device begins, s; 0 where unknown."""
        return 0.0

    def take_backs(self) -> Sequence[TakeBack]:
        """Return the devices that were taken back since the last call, and work; empty where that is not measured."""
        return ()

    def limit_power(self, limit: PowerLimit) -> None:  # noqa: B027 - a cluster may have no power limit to set
        """Set the power limit of every device, until the next call."""

    def measured_profile(self) -> PowerProfile | MeasuredTypes | str | None:
        """Return how the devices' power and speed follow the limit as measured, by type, or why that is not known.

        None while it is being measured.
        """
        return "these devices are not measured."

    def close(self) -> None:  # noqa: B027 - a simulated cluster has nothing to release
        """Release the devices; running tasks are suspended with a checkpoint."""


_WORKING_ROLES = {DeviceRole.EVALUATING, DeviceRole.SAMPLING}


class ManagedDevice(Protocol):
    """The state of a device that :class:`DeviceCluster` manages."""

    number: int
    role: DeviceRole
    #: current task, also while its checkpoint is written
    task: Task | None
    #: whether the task is being preempted
    is_preempting: bool
    #: whether it is returned to the cluster, or lost: not accounted for
    is_released: bool
    #: whether it is unavailable
    is_lost: bool


DeviceT = TypeVar("DeviceT", bound=ManagedDevice)


class DeviceCluster(Cluster, Generic[DeviceT]):
    """A cluster with a list of devices; subclasses implement the changes of a device.

    :param devices: the devices, ordered by number.
    """

    def __init__(self, devices: list[DeviceT]) -> None:
        self.devices = len(devices)
        self._devices = devices

    def assign(self, allocation: Allocation, kept_first: Sequence[int] = ()) -> None:
        """See :meth:`Cluster.assign`; then tasks are kept in the order of :meth:`_retention_order`."""
        order = self._retention_order()
        if kept_first:
            rank = {task_id: rank for rank, task_id in enumerate(kept_first)}
            order = sorted(order, key=lambda item: rank.get(item.task.id, len(rank)) if item.task else len(rank))
        roles = assign_roles(order, allocation)
        for device in self._devices:
            role = roles[device.number]
            if device.task is not None and role is not TASK_ROLES[device.task.kind]:
                self._preempt(device)
            device.role = role
            if device.is_lost:
                continue
            if device.is_released and role is not DeviceRole.RELEASED:
                self._reacquire(device)
            elif device.task is None and role is DeviceRole.RELEASED:
                self._release(device)

    def free_devices(self) -> Sequence[tuple[int, DeviceRole]]:
        """See :meth:`Cluster.free_devices`; lost devices are left out."""
        return [
            (device.number, device.role)
            for device in self._devices
            if device.task is None and not device.is_lost and device.role in _WORKING_ROLES
        ]

    def read_energy(self) -> list[EnergyReading]:
        """See :meth:`Cluster.read_energy`."""
        return [reading for device in self._devices for reading in self._read_device(device)]

    def suspend_all(self) -> None:
        """See :meth:`Cluster.suspend_all`."""
        for device in self._devices:
            self._preempt(device)
            device.role = DeviceRole.IDLE

    def running_tasks(self) -> Sequence[Task]:
        """See :meth:`Cluster.running_tasks`."""
        return [device.task for device in self._devices if device.task is not None and not device.is_preempting]

    def held_devices(self) -> Mapping[int, int | None]:
        """See :meth:`Cluster.held_devices`."""
        return {
            device.number: device.task.id if device.task else None
            for device in self._devices
            if not device.is_released and not device.is_lost
        }

    @abstractmethod
    def _retention_order(self) -> Sequence[DeviceT]:
        """Return the devices in the order in which they keep their tasks."""

    @abstractmethod
    def _preempt(self, device: DeviceT) -> None:
        """Preempt the task of a device; does nothing if it has none, or is being preempted."""

    @abstractmethod
    def _release(self, device: DeviceT) -> None:
        """Release a free device; its unread energy is kept."""

    @abstractmethod
    def _reacquire(self, device: DeviceT) -> None:
        """Reacquire a released device."""

    @abstractmethod
    def _read_device(self, device: DeviceT) -> list[EnergyReading]:
        """Read the energy of a device since its last reading."""
