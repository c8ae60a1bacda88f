"""The cluster's seam: devices that are given roles and tasks, and say what happened.

What every cluster of devices that are given roles has in common, whether the devices are there or not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ce_nas.cluster.assignment import ROLES, Role, divided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Allocation, Event, Reading, Task

__all__ = ["Cluster", "FleetCluster", "Held"]


class Cluster(ABC):
    """The devices of one run. What happens on them arrives as signals of the run's clock."""

    #: how many devices the run may hold
    devices: int
    #: the most that all devices together can draw at the plug, W
    peak_w: float
    #: where its energy readings come from, in words
    power_origin: str

    @abstractmethod
    def assign(self, allocation: Allocation) -> None:
        """Give every device a role, keeping as many running tasks as fit it.

        A task whose device gets another role is suspended: its checkpoint is written, and then an event of the kind
        ``FREED`` brings the task back, to be submitted again later; it goes on where it was. A released device is
        off the books once it is free, until another role takes it back; devices held already are taken first.
        """

    @abstractmethod
    def free(self) -> Sequence[tuple[int, Role]]:
        """The devices that could take a task now, with their roles; idle and released ones are left out."""

    @abstractmethod
    def submit(self, device: int, task: Task) -> None:
        """Start a task on a free device, or continue it where it was suspended."""

    @abstractmethod
    def receive(self, signal: Any) -> Event | None:  # noqa: ANN401 - a cluster's signals are its own
        """What a signal of the clock means; None if it concerns the cluster alone."""

    @abstractmethod
    def read(self) -> list[Reading]:
        """What each device drew since it was last read; together the readings leave no time out that it was held."""

    @abstractmethod
    def suspend_all(self) -> None:
        """Suspend whatever runs, as :meth:`assign` does."""

    @abstractmethod
    def running(self) -> Sequence[Task]:
        """The tasks under way."""

    def close(self) -> None:  # noqa: B027 - a cluster that is not there has nothing to let go
        """Let the devices go; work under way is left with a checkpoint."""


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
