"""The crew's seam: workers, one a device, that carry tasks out for real and report what happened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.benchmarks.base import Failure
    from ce_nas.core.records import Outcome, Task

__all__ = ["Crew", "Report", "Said"]


class Said(StrEnum):
    """What a worker reports."""

    WORKING = "working"  #: it has begun or gone on; until then it was loading
    FINISHED = "finished"  #: the task is done
    LEFT = "left"  #: the task was left with a checkpoint
    FAILED = "failed"  #: the task failed; what its last checkpoint holds can be gone on with
    GONE = "gone"  #: the device can no longer be used; of a task on it FAILED follows, when no other can come
    BACK = "back"  #: the device is there again


@dataclass(frozen=True, slots=True)
class Report:
    """What one worker says."""

    device: int
    said: Said
    #: the task that it is about; -1 where it is about the device
    task_id: int = -1
    #: what was found, if the task is finished
    outcome: Outcome | None = None
    #: how it failed, if it did
    failure: Failure | None = None
    #: the failure in words
    words: str = ""


class Crew(ABC):
    """Workers of one run. What they report arrives by a function that is safe to be called from any thread."""

    #: how many devices there are
    devices: int
    #: what they are, in words
    origin: str

    @abstractmethod
    def open(self, post: Callable[[Report], object]) -> None:
        """Get the workers ready; from now on each report is handed to ``post``."""

    @abstractmethod
    def start(self, device: int, task: Task) -> None:
        """Let the worker of a free device begin a task, or go on with it from its checkpoint.

        A report that it is working follows, and then one that it has finished, left or failed.
        """

    @abstractmethod
    def leave(self, device: int) -> None:
        """Let a worker write a checkpoint and leave its task; it reports that it left, or that it had just finished."""

    @abstractmethod
    def close(self) -> None:
        """Let every worker leave and go home; waits for them, and ends those that take too long.

        A crew that was never opened has nobody to wait for.
        """
