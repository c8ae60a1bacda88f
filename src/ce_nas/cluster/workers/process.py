"""The main loop of a worker process: receives tasks from a pipe, runs them, and sends messages."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.core.clock import monotonic_s

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Outcome, Task

__all__ = ["HEARTBEAT_INTERVAL_S", "PREEMPT", "execute_task", "run_worker"]

#: time between two heartbeats, s
HEARTBEAT_INTERVAL_S = 1.0
#: the command to preempt the current task
PREEMPT = "preempt"


def run_worker(
    pipe: Connection, make_executor: Callable[[str], Executor], number: int, device: str, folder: Path
) -> None:
    """Serve one device until the pipe is closed or SIGTERM arrives; the current task is suspended with a checkpoint.

    Commands are tasks, :data:`PREEMPT`, or None to exit. Replies are messages, or None as a heartbeat.
    """
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the run, which then ends its workers
    try:
        executor = make_executor(device)
    except Exception as error:  # noqa: BLE001 - reported to the run, which continues without this device
        pipe.send(
            WorkerMessage(
                number, WorkerEvent.DEVICE_LOST, failure=Failure.ERROR, detail=f"{type(error).__name__}: {error}"
            )
        )
        return
    pipe.send(WorkerMessage(number, WorkerEvent.DEVICE_READY))
    while not terminated.is_set():
        command = _next_command(pipe, terminated)
        if command is None:
            return
        if command != PREEMPT:  # a PREEMPT after the end of its task is ignored
            pipe.send(WorkerMessage(number, WorkerEvent.WORKING, command.id))
            pipe.send(execute_task(executor, command, number, folder, _PreemptionCheck(pipe, terminated)))


def execute_task(
    executor: Executor, task: Task, number: int, folder: Path, should_stop: Callable[[], bool]
) -> WorkerMessage:
    """Run a task and return the message with its outcome, suspension or failure."""
    try:
        outcome: Outcome | None = executor.run(task, folder, should_stop)
    except TaskError as error:
        return WorkerMessage(number, WorkerEvent.FAILED, task.id, failure=error.failure, detail=str(error))
    except MemoryError as error:
        return WorkerMessage(
            number, WorkerEvent.FAILED, task.id, failure=Failure.OUT_OF_MEMORY, detail=str(error) or "MemoryError"
        )
    except Exception as error:  # noqa: BLE001 - user code may raise any error, and the run continues
        return WorkerMessage(
            number, WorkerEvent.FAILED, task.id, failure=Failure.ERROR, detail=f"{type(error).__name__}: {error}"
        )
    if outcome is None:
        return WorkerMessage(number, WorkerEvent.PREEMPTED, task.id)
    return WorkerMessage(number, WorkerEvent.FINISHED, task.id, outcome)


class _PreemptionCheck:
    """Tells whether to preempt: a command has arrived, or the process is to end. Sends heartbeats."""

    def __init__(self, pipe: Connection, terminated: threading.Event) -> None:
        self._pipe = pipe
        self._terminated = terminated
        self._last_heartbeat_s = monotonic_s()

    def __call__(self) -> bool:
        now_s = monotonic_s()
        if now_s - self._last_heartbeat_s >= HEARTBEAT_INTERVAL_S:
            self._pipe.send(None)
            self._last_heartbeat_s = now_s
        return self._terminated.is_set() or self._pipe.poll()


def _next_command(pipe: Connection, terminated: threading.Event) -> Any:  # noqa: ANN401 - a task, PREEMPT or None
    """Receive the next command; None if the pipe is closed or the process is to end."""
    while not terminated.is_set():
        try:
            if pipe.poll(HEARTBEAT_INTERVAL_S):
                return pipe.recv()
        except (EOFError, OSError):
            return None
    return None
