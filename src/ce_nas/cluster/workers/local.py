"""A worker pool on this machine: one process per device."""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import Field

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.cluster.workers.process import PREEMPT, run_worker
from ce_nas.config.components import ComponentSettings
from ce_nas.config.quantities import Duration  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.config.registry import WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext, SpawnProcess
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task

__all__ = ["LocalWorkerPool", "WorkerTimeouts"]

#: consecutive deaths of the process of a device after which the device is lost
_MAX_CONSECUTIVE_DEATHS = 3


@dataclass(frozen=True, slots=True)
class WorkerTimeouts:
    """Time-outs of a worker, s."""

    #: for a new process to start
    start_s: float = 180.0
    #: for a heartbeat during a task
    heartbeat_s: float = 120.0
    #: for a checkpoint after a preemption
    shutdown_s: float = 60.0


class LocalWorkerSettings(ComponentSettings):
    """Settings of the worker pool local."""

    start_timeout: Duration = Field(180.0, description="Longest start of a worker process, in real time.")
    heartbeat_timeout: Duration = Field(120.0, description="Longest silence of a worker process, in real time.")
    shutdown_timeout: Duration = Field(60.0, description="Longest end of a worker process, in real time.")


@WORKERS.register("local", LocalWorkerSettings)
class LocalWorkerPool(WorkerPool):
    """One spawned process per device, used for one task after another.

    A process that does not preempt its task in time, or sends no heartbeat, is killed; its task continues from the last
    checkpoint. A process that dies is replaced.

    :param make_executor: creates the executor of a device in its process; must be picklable.
    :param device_names: the devices, for instance ``cuda:0``; one process each.
    :param folder: folder of the checkpoints.
    """

    def __init__(
        self,
        make_executor: Callable[[str], Executor],
        device_names: Sequence[str],
        folder: Path,
        timeouts: WorkerTimeouts | None = None,
    ) -> None:
        self.devices = len(device_names)
        self.origin = f"{len(device_names)} processes on this machine: {', '.join(device_names)}"
        self._folder = folder
        context = multiprocessing.get_context("spawn")
        timeouts = timeouts or WorkerTimeouts()
        self._workers = [
            _LocalWorker(context, make_executor, number, name, folder, timeouts)
            for number, name in enumerate(device_names)
        ]

    @classmethod
    def from_settings(
        cls,
        settings: LocalWorkerSettings,
        make_executor: Callable[[str], Executor],
        devices: Sequence[str],
        folder: Path,
    ) -> Self:
        """The pool that the settings describe."""
        timeouts = WorkerTimeouts(settings.start_timeout, settings.heartbeat_timeout, settings.shutdown_timeout)
        return cls(make_executor, devices, folder, timeouts)

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """See :meth:`WorkerPool.open`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for worker in self._workers:
            worker.open(on_message)

    def start(self, device: int, task: Task) -> None:
        """See :meth:`WorkerPool.start`."""
        self._workers[device].assign(task)

    def preempt(self, device: int) -> None:
        """See :meth:`WorkerPool.preempt`."""
        self._workers[device].preempt()

    def close(self) -> None:
        """See :meth:`WorkerPool.close`."""
        for worker in self._workers:
            worker.shut_down()
        for worker in self._workers:
            worker.join()

    def process_id(self, device: int) -> int | None:
        """Return the id of the process of a device; None if there is none."""
        return self._workers[device].process_id


class _LocalWorker:
    """The process of one device, and the thread that receives its messages."""

    def __init__(  # noqa: PLR0913, PLR0917 - the arguments of its process
        self,
        context: SpawnContext,
        make_executor: Callable[[str], Executor],
        number: int,
        name: str,
        folder: Path,
        timeouts: WorkerTimeouts,
    ) -> None:
        self._context = context
        self._arguments = (make_executor, number, name, folder)
        self._number = number
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._task: Task | None = None
        self._preempting = False
        self._shutting_down = False
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    @property
    def process_id(self) -> int | None:
        """The id of the current process."""
        return self._process.pid if self._process else None

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """Start the process and the thread."""
        self._on_message = on_message
        self._spawn_process()
        self._thread = threading.Thread(target=self._listen, name=f"ce-nas worker {self._number}", daemon=True)
        self._thread.start()

    def assign(self, task: Task) -> None:
        """Send a task; a process that is just being replaced gets it after its start."""
        with self._lock:
            self._task, self._preempting = task, False
            self._send(task)

    def preempt(self) -> None:
        """Preempt its task."""
        with self._lock:
            self._preempting = True
            self._send(PREEMPT)

    def shut_down(self) -> None:
        """Preempt its task and let its process exit."""
        with self._lock:
            self._shutting_down = self._preempting = True
            self._send(PREEMPT)
            self._send(None)

    def join(self) -> None:
        """Wait for the end of the process; kill it after the shutdown time-out."""
        process = self._process
        if process is None:
            return
        process.join(self._timeouts.shutdown_s)
        if process.is_alive():
            process.kill()
            process.join()
        self._thread.join()

    def _spawn_process(self) -> None:
        """Start a process with a new pipe."""
        parent_end, child_end = self._context.Pipe()
        self._process = self._context.Process(target=run_worker, args=(child_end, *self._arguments), daemon=True)
        self._process.start()
        child_end.close()
        self._pipe = parent_end

    def _send(self, command: object) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # it is dead: the listening thread handles that
                self._pipe.send(command)

    def _listen(self) -> None:
        """Forward the messages of the process; replace it when it dies or sends no heartbeat."""
        timeout_s, deaths = self._timeouts.start_s, 0
        while deaths < _MAX_CONSECUTIVE_DEATHS:
            message, failure = self._receive(timeout_s)
            if failure is not None:
                deaths, timeout_s = deaths + 1, self._timeouts.start_s
                if not self._restart_process(failure):
                    return
                continue
            timeout_s = self._message_timeout_s()
            if message is not None:
                deaths = 0
                self._forward(message)
            if message is not None and message.event is WorkerEvent.DEVICE_LOST:
                return
        self._forward(
            WorkerMessage(
                self._number,
                WorkerEvent.DEVICE_LOST,
                detail=f"its process died {_MAX_CONSECUTIVE_DEATHS} times before it could work",
            )
        )

    def _receive(self, timeout_s: float) -> tuple[WorkerMessage | None, Failure | None]:
        """Receive the next message, None for a heartbeat; and the failure of the process, if any."""
        assert self._pipe is not None  # noqa: S101 - the thread starts after the process
        try:
            if not self._pipe.poll(timeout_s):
                return None, None if self._task is None and not self._shutting_down else Failure.HUNG
            return self._pipe.recv(), None
        except (EOFError, OSError):
            return None, Failure.LOST

    def _message_timeout_s(self) -> float:
        """Return the time-out of the next message, s."""
        return self._timeouts.shutdown_s if self._preempting else self._timeouts.heartbeat_s

    def _forward(self, message: WorkerMessage) -> None:
        with self._lock:
            task = self._task
            if message.event not in {WorkerEvent.WORKING, WorkerEvent.DEVICE_READY}:
                self._task, self._preempting = None, False
        if message.event is not WorkerEvent.DEVICE_READY:  # the loss of a replaced process was never reported
            self._on_message(message)
        if message.event is WorkerEvent.DEVICE_LOST and task is not None:
            self._on_message(
                WorkerMessage(self._number, WorkerEvent.FAILED, task.id, failure=Failure.LOST, detail=message.detail)
            )

    def _restart_process(self, failure: Failure) -> bool:
        """Kill the process, report its task, and start another process; False during shutdown."""
        assert self._process is not None  # noqa: S101 - only a started process fails
        self._process.kill()
        self._process.join()
        code = self._process.exitcode
        with self._lock:
            task, preempted, self._task, self._preempting = self._task, self._preempting, None, False
            if self._shutting_down:
                self._pipe = None
            else:
                self._spawn_process()
        if task is not None and preempted:
            self._on_message(
                WorkerMessage(
                    self._number, WorkerEvent.PREEMPTED, task.id, detail=f"killed after its shutdown timeout: {failure}"
                )
            )
        elif task is not None:
            detail = f"its process ended with code {code}" if failure is Failure.LOST else "it sent no heartbeat"
            self._on_message(WorkerMessage(self._number, WorkerEvent.FAILED, task.id, failure=failure, detail=detail))
        return not self._shutting_down
