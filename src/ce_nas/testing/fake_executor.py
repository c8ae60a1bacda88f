"""An executor that only pretends to work: to try a cluster, and how it gets over failures, without any training."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import Executor, Failure, TaskError
from ce_nas.core.records import Outcome, Task, TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Mishap", "Rehearsal", "RehearsalExecutor"]


class Mishap(StrEnum):
    """What can befall a task the first time it is tried."""

    MEMORY = "memory"  #: it runs out of memory
    NAN = "nan"  #: its loss is no longer a number
    RAISE = "raise"  #: it raises something unforeseen
    HANG = "hang"  #: it gives no sign of life any more
    DIE = "die"  #: its process ends without a word
    STAY = "stay"  #: it does not leave when told


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is pretended."""

    #: steps of a task, and what one takes, s
    steps: int = 10
    step_s: float = 0.01
    #: values of an evaluation
    objectives: int = 2
    #: what befalls a task of this number half-way, the first time
    mishaps: Mapping[int, Mishap] = field(default_factory=dict)


class RehearsalExecutor(Executor):
    """Counts steps, keeping the count in a checkpoint; an evaluation's values are made of its architecture.

    Each step taken is added to the file ``steps`` in the folder, a line a step, so that what was done twice shows.

    :param rehearsal: what is pretended.
    :param device: the device's name; nothing is done with it.
    """

    def __init__(self, rehearsal: Rehearsal, device: str = "cpu") -> None:
        self._rehearsal = rehearsal
        self._device = device

    def run(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        checkpoint, first = folder / f"task-{task.id}.json", True
        done = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
        mishap = self._mishap(task, folder)
        for step in range(done, self._rehearsal.steps):
            if mishap and (step == self._rehearsal.steps // 2 or mishap is Mishap.STAY):
                self._befall(mishap)
            if not first and leave():
                return None
            first = False
            threading.Event().wait(self._rehearsal.step_s)
            with (folder / "steps").open("a") as file:
                file.write(f"{task.id} {step}\n")
            _keep(checkpoint, step + 1)
        return self._found(task)

    def _mishap(self, task: Task, folder: Path) -> Mishap | None:
        """What is to befall the task now: nothing, once it was tried."""
        tried = folder / f"tried-{task.id}"
        if task.id not in self._rehearsal.mishaps or tried.exists():
            return None
        tried.touch()
        return Mishap(self._rehearsal.mishaps[task.id])

    def _befall(self, mishap: Mishap) -> None:
        if mishap is Mishap.MEMORY:
            raise MemoryError
        if mishap is Mishap.NAN:
            message = "a loss that is no number was rehearsed"
            raise TaskError(Failure.DIVERGED, message)
        if mishap is Mishap.RAISE:
            message = "an unforeseen failure was rehearsed"
            raise RuntimeError(message)
        if mishap is Mishap.DIE:
            os._exit(3)
        threading.Event().wait()  # for ever

    def _found(self, task: Task) -> Outcome:
        values = tuple(
            tuple(float(sum(architecture) * (column + 1) % 7) for column in range(self._rehearsal.objectives))
            for architecture in task.architectures
        )
        scores = tuple((float(-sum(row)),) for row in values) if task.kind is TaskKind.SAMPLING else ()
        return Outcome(task.id, values, scores)


def _keep(checkpoint: Path, done: int) -> None:
    beside = checkpoint.with_suffix(".part")
    beside.write_text(json.dumps(done))
    beside.replace(checkpoint)
