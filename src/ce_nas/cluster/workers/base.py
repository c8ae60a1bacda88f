"""The interface of worker pools: one worker per device, which runs tasks and reports by messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ce_nas.benchmarks.base import Failure
    from ce_nas.core.records import Outcome, Task
    from ce_nas.energy.power_measurement import TrainingProgress
    from ce_nas.energy.reported_meter import MeterReport, ReportedMeters

__all__ = ["WorkerEvent", "WorkerMessage", "WorkerPool"]


#: the most characters of a failure's description that are kept
MAX_DETAIL_CHARS = 2000


class WorkerEvent(StrEnum):
    """The kind of a message of a worker."""

    WORKING = "working"  #: the task was started or resumed; before that, the worker was loading
    FINISHED = "finished"  #: the task is done
    PREEMPTED = "preempted"  #: the task was suspended with a checkpoint
    FAILED = "failed"  #: the task failed; it can be resumed from its last checkpoint
    DEVICE_LOST = "device_lost"  #: the device is unavailable; FAILED of its task follows, if it has one
    DEVICE_READY = "device_ready"  #: the device is available again


@dataclass(frozen=True, slots=True)
class WorkerMessage:
    """A message of one worker."""

    device: int
    event: WorkerEvent
    #: id of the task; -1 for a message about the device
    task_id: int = -1
    #: result, if the task is finished
    outcome: Outcome | None = None
    #: kind of the failure, if the task failed
    failure: Failure | None = None
    #: description of the failure
    detail: str = ""
    #: reading of the worker's meter at the message; None from workers that the run meters itself
    report: MeterReport | None = None
    #: where the task ran, one mapping a start of its job or actor, such as job, node, account and partition of Slurm
    places: tuple[Mapping[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.detail) > MAX_DETAIL_CHARS:  # it is written to the journal at every attempt
            left_out = len(self.detail) - MAX_DETAIL_CHARS
            shortened = f"{self.detail[:MAX_DETAIL_CHARS]}... ({left_out:,} characters left out)"
            object.__setattr__(self, "detail", shortened)


class WorkerPool(ABC):
    """The workers of one run; their messages are passed to a thread-safe callback."""

    #: number of devices
    devices: int
    #: description of the workers
    origin: str
    #: whether the workers are processes of this machine, see :meth:`process_id`, so that the run meters them itself
    is_local: bool = False
    #: the meters of the devices, where the workers read them on machines of their own
    reported_meters: ReportedMeters | None = None

    @abstractmethod
    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """Start the workers; ``on_message`` is called with each of their messages, from any thread."""

    @abstractmethod
    def start(self, device: int, task: Task) -> None:
        """Start a task on a free device, or resume it from its checkpoint.

        The message WORKING follows, and then FINISHED, PREEMPTED or FAILED.
        """

    @abstractmethod
    def preempt(self, device: int) -> None:
        """Suspend the task of a device with a checkpoint; PREEMPTED follows, or FINISHED if it just ended."""

    def release(self, device: int) -> None:  # noqa: B027 - a pool may have nothing to give back
        """Give back a device without a task: its worker ends, and its memory is free."""

    def acquire(self, device: int) -> None:  # noqa: B027 - as above
        """Take a released device back: its worker starts again."""

    def process_id(self, device: int) -> int | None:  # noqa: ARG002 - workers elsewhere have no process here
        """Return the id of the process of a device on this machine; None if there is none."""
        return None

    def progress(self, device: int) -> TrainingProgress | None:  # noqa: ARG002 - workers elsewhere do not say
        """Return how far the task of a device on this machine is; None without one that asks whether to stop."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Preempt all tasks and end all workers; waits for them, and kills those that exceed the time-out.

        Does nothing for a pool that was never opened.
        """
