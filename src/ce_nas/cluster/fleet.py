"""What every cluster of devices that are given roles has in common, whether the devices are there or not."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ce_nas.cluster.cluster import Cluster
from ce_nas.cluster.roles import ROLES, Role, divided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Allocation, Reading, Task

__all__ = ["FleetCluster", "Held"]

_WORKING = {Role.EVALUATING, Role.SAMPLING}


class Held(Protocol):
    """One device, as far as a fleet has to know it."""

    number: int
    role: Role
    #: what it works on, or whose checkpoint it writes
    task: Task | None
    #: whether it leaves that task
    leaving: bool
    #: whether it is given back to others, or can no longer be used: off the books
    away: bool
    #: whether it can no longer be used
    gone: bool


Device = TypeVar("Device", bound=Held)


class FleetCluster(Cluster, Generic[Device]):
    """Gives a fleet of devices their roles; what becomes of a device is the concern of its own kind of cluster.

    :param fleet: the devices, by number.
    """

    def __init__(self, fleet: list[Device]) -> None:
        self.devices = len(fleet)
        self._fleet = fleet

    def assign(self, allocation: Allocation) -> None:
        """See :meth:`Cluster.assign`; which tasks stay, where not all can, is said by :meth:`_staying`."""
        roles = divided(self._staying(), allocation)
        for device in self._fleet:
            role = roles[device.number]
            if device.task is not None and role is not ROLES[device.task.kind]:
                self._leave(device)
            device.role = role
            if device.gone:
                continue
            if device.away and role is not Role.RELEASED:
                self._take_back(device)
            elif device.task is None and role is Role.RELEASED:
                self._let_go(device)

    def free(self) -> Sequence[tuple[int, Role]]:
        """See :meth:`Cluster.free`; a device that is gone is left out."""
        return [
            (device.number, device.role)
            for device in self._fleet
            if device.task is None and not device.gone and device.role in _WORKING
        ]

    def read(self) -> list[Reading]:
        """See :meth:`Cluster.read`."""
        return [reading for device in self._fleet for reading in self._read(device)]

    def suspend_all(self) -> None:
        """See :meth:`Cluster.suspend_all`."""
        for device in self._fleet:
            self._leave(device)
            device.role = Role.IDLE

    def running(self) -> Sequence[Task]:
        """See :meth:`Cluster.running`."""
        return [device.task for device in self._fleet if device.task is not None and not device.leaving]

    @abstractmethod
    def _staying(self) -> Sequence[Device]:
        """The devices in the order in which they keep their tasks."""

    @abstractmethod
    def _leave(self, device: Device) -> None:
        """Let it write a checkpoint and leave its task; nothing if it has none, or leaves already."""

    @abstractmethod
    def _let_go(self, device: Device) -> None:
        """Give a free device back to others; what it drew until now is still to be read."""

    @abstractmethod
    def _take_back(self, device: Device) -> None:
        """Hold a device again."""

    @abstractmethod
    def _read(self, device: Device) -> list[Reading]:
        """What it drew since it was last read."""
