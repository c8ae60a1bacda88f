"""The cluster's seam: devices that are given roles and tasks, and say what happened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.cluster.roles import Role
    from ce_nas.core.records import Allocation, Event, Reading, Task

__all__ = ["Cluster"]


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
