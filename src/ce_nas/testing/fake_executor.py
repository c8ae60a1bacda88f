"""An executor with simulated work and injected faults, to test a worker pool without any training."""

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

__all__ = ["FakeExecutor", "FakeWorkload", "InjectedFault"]


class InjectedFault(StrEnum):
    """A fault of a task's first attempt."""

    OUT_OF_MEMORY = "out-of-memory"  #: it runs out of memory
    NAN = "nan"  #: its loss is not a number
    RAISE = "raise"  #: it raises an unexpected exception
    HANG = "hang"  #: it stops sending heartbeats
    CRASH = "crash"  #: its process ends abruptly
    IGNORE_STOP = "ignore-stop"  #: it does not stop on request


@dataclass(frozen=True, slots=True)
class FakeWorkload:
    """The simulated tasks."""

    #: steps of a task, and the duration of a step, s
    steps: int = 10
    step_s: float = 0.01
    #: number of objectives of an evaluation
    objective_count: int = 2
    #: task id to the fault of its first attempt, half-way
    injected_faults: Mapping[int, InjectedFault] = field(default_factory=dict)


class FakeExecutor(Executor):
    """Counts steps in a checkpoint; the values of an evaluation are a function of its architecture.

    Each step appends a line to the file ``steps`` in the folder, so that repeated steps show.

    :param workload: the simulated tasks.
    :param device: the device's name, unused.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> executor = FakeExecutor(FakeWorkload(steps=2, step_s=0.0))
        >>> task = Task(1, TaskKind.EVALUATION, ((1, 1),))
        >>> executor.run(task, Path(tempfile.mkdtemp()), lambda: False).values
        ((2.0, 4.0),)
    """

    def __init__(self, workload: FakeWorkload, device: str = "cpu") -> None:
        self._workload = workload
        self._device = device

    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        checkpoint = folder / f"task-{task.id}.json"
        first_step = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
        fault = self._take_fault(task, folder)
        for step in range(first_step, self._workload.steps):
            if fault and (step == self._workload.steps // 2 or fault is InjectedFault.IGNORE_STOP):
                self._inject(fault)
            if step > first_step and should_stop():
                return None
            threading.Event().wait(self._workload.step_s)
            with (folder / "steps").open("a") as file:
                file.write(f"{task.id} {step}\n")
            _write_checkpoint(checkpoint, step + 1)
        return self._build_outcome(task)

    def _take_fault(self, task: Task, folder: Path) -> InjectedFault | None:
        """The fault of this attempt; none after the first attempt."""
        attempted = folder / f"attempted-{task.id}"
        if task.id not in self._workload.injected_faults or attempted.exists():
            return None
        attempted.touch()
        return InjectedFault(self._workload.injected_faults[task.id])

    def _inject(self, fault: InjectedFault) -> None:
        if fault is InjectedFault.OUT_OF_MEMORY:
            raise MemoryError
        if fault is InjectedFault.NAN:
            message = "injected fault: the loss is not a number"
            raise TaskError(Failure.DIVERGED, message)
        if fault is InjectedFault.RAISE:
            message = "injected fault: an unexpected exception"
            raise RuntimeError(message)
        if fault is InjectedFault.CRASH:
            os._exit(3)
        threading.Event().wait()  # forever

    def _build_outcome(self, task: Task) -> Outcome:
        values = tuple(
            tuple(float(sum(architecture) * (column + 1) % 7) for column in range(self._workload.objective_count))
            for architecture in task.architectures
        )
        scores = tuple((float(-sum(row)),) for row in values) if task.kind is TaskKind.SAMPLING else ()
        return Outcome(task.id, values, scores)


def _write_checkpoint(checkpoint: Path, steps_done: int) -> None:
    temporary = checkpoint.with_suffix(".part")
    temporary.write_text(json.dumps(steps_done))
    temporary.replace(checkpoint)
