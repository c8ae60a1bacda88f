"""What one worker's process does: takes tasks from a pipe, carries them out, and says what happened."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.cluster.workers.base import Report, Said
from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Outcome, Task

__all__ = ["BEAT_S", "LEAVE", "carry_out", "work"]

#: time between two signs of life
BEAT_S = 1.0
#: the order to leave the task at hand
LEAVE = "leave"


def work(pipe: Connection, make: Callable[[str], Executor], number: int, device: str, folder: Path) -> None:
    """Serve one device until the pipe is closed or SIGTERM comes; a task at hand is left with a checkpoint then.

    Orders are tasks, :data:`LEAVE`, or None to go home. Answers are reports, or None as a sign of life.
    """
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a key pressed in the terminal is for the run, which then says what to do
    try:
        executor = make(device)
    except Exception as error:  # noqa: BLE001 - told to the run, which knows what to do without this device
        pipe.send(Report(number, Said.GONE, failure=Failure.ERROR, words=f"{type(error).__name__}: {error}"))
        return
    pipe.send(Report(number, Said.BACK))
    while not terminated.is_set():
        order = _order(pipe, terminated)
        if order is None:
            return
        if order != LEAVE:  # one that comes when the task is over already is late
            pipe.send(Report(number, Said.WORKING, order.id))
            pipe.send(carry_out(executor, order, number, folder, _Leave(pipe, terminated)))


def carry_out(executor: Executor, task: Task, number: int, folder: Path, leave: Callable[[], bool]) -> Report:
    """Let an executor run a task, and put into a report what came of it, whatever that is."""
    try:
        outcome: Outcome | None = executor.run(task, folder, leave)
    except TaskError as error:
        return Report(number, Said.FAILED, task.id, failure=error.failure, words=str(error))
    except MemoryError as error:
        return Report(number, Said.FAILED, task.id, failure=Failure.OUT_OF_MEMORY, words=str(error) or "MemoryError")
    except Exception as error:  # noqa: BLE001 - the user's own code may raise anything, and the run goes on
        return Report(number, Said.FAILED, task.id, failure=Failure.ERROR, words=f"{type(error).__name__}: {error}")
    if outcome is None:
        return Report(number, Said.LEFT, task.id)
    return Report(number, Said.FINISHED, task.id, outcome)


class _Leave:
    """Whether to leave: an order has come, or the process is to end. Gives a sign of life when asked."""

    def __init__(self, pipe: Connection, terminated: threading.Event) -> None:
        self._pipe = pipe
        self._terminated = terminated
        self._beat_s = monotonic_s()

    def __call__(self) -> bool:
        now_s = monotonic_s()
        if now_s - self._beat_s >= BEAT_S:
            self._pipe.send(None)
            self._beat_s = now_s
        return self._terminated.is_set() or self._pipe.poll()


def _order(pipe: Connection, terminated: threading.Event) -> Any:  # noqa: ANN401 - a task, LEAVE or None
    """The next order; None if there will be none."""
    while not terminated.is_set():
        try:
            if pipe.poll(BEAT_S):
                return pipe.recv()
        except (EOFError, OSError):
            return None
    return None
