"""The executor's seam: who carries a task out for real, in whatever process it was made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.errors import CeNasError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.core.records import Outcome, Task

__all__ = ["Executor", "Failure", "TaskError"]


class Failure(StrEnum):
    """How a task can fail."""

    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"  #: its loss is no longer a number
    HUNG = "hung"  #: no sign of life for longer than is allowed
    LOST = "lost"  #: its process or machine is gone
    ERROR = "error"  #: anything else that was raised


class TaskError(CeNasError):
    """A task that failed in a way that has a name."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Executor(ABC):
    """Carries out tasks for real, one at a time.

    It is made in the process that it works in, and it holds what several tasks share: images, a supernet's weights.
    """

    @abstractmethod
    def run(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """Carry a task out, or go on with it where it was left.

        :param folder: where checkpoints lie; what is found there under the task's number is gone on with.
        :param leave: asked often; once it answers True a checkpoint is written and the task left.
        :returns: what was found, its values objectives, all minimised; None if the task was left.
        :raises TaskError: if it failed in a way that has a name.
        """
