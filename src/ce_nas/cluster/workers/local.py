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
from ce_nas.cluster.workers.process import HEARTBEAT_INTERVAL_S, PREEMPT, UNASKING, Asked, kill_process_tree, run_worker
from ce_nas.components.base import WorkerSettings
from ce_nas.components.quantities import Duration, Wait  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import WORKERS
from ce_nas.core.clock import monotonic_s
from ce_nas.energy.power_measurement import TrainingProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext, SpawnProcess
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import WorkerMeter

__all__ = ["LocalWorkerPool", "WorkerTimeouts"]

#: consecutive deaths of the process of a device after which the device is lost
_MAX_CONSECUTIVE_DEATHS = 3
#: time from the end of a process's pipe to that of the process, s
_EXIT_TIMEOUT_S = 2.0
#: time between two looks at the limits of a worker, s
_POLL_INTERVAL_S = 0.5


@dataclass(frozen=True, slots=True)
class WorkerTimeouts:
    """Time-outs of a worker, s."""

    #: for a new process to start
    start_s: float = 180.0
    #: for a sign of life during a task
    heartbeat_s: float = 120.0
    #: for a checkpoint after a preemption
    shutdown_s: float = 60.0
    #: for a new task after a release, until the process ends
    release_s: float = 0.0


class LocalWorkerSettings(WorkerSettings):
    """Settings of the worker pool local."""

    start_timeout: Duration = Field(180.0, description="Longest start of a worker process, in real time.")
    heartbeat_timeout: Duration = Field(
        120.0, description="Longest time in which a training neither asks whether to stop nor computes, in real time."
    )
    shutdown_timeout: Duration = Field(60.0, description="Longest end of a worker process, in real time.")
    release_timeout: Wait = Field(
        0.0, description="Time from the release of a device to the end of its process, in real time."
    )


@WORKERS.register("local", LocalWorkerSettings)
class LocalWorkerPool(WorkerPool):
    """One spawned process per device, used for one task after another.

    A process that does not preempt its task in time, or gives no sign of life, is killed with its descendants; its task
    continues from the last checkpoint. A task that never asks whether to stop is waited for, as long as it computes. A
    process that dies is replaced. That of a released device ends after a while, which frees its memory, and is started
    again when the device is taken back.

    :param make_executor: creates the executor of a device in its process; must be picklable.
    :param device_names: the devices, for instance ``cuda:0``; one process each.
    :param folder: folder of the checkpoints.
    """

    is_local = True

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
        make_meter: Callable[..., WorkerMeter] | None = None,  # noqa: ARG003 - the run meters this machine
    ) -> Self:
        """The pool that the settings describe."""
        timeouts = WorkerTimeouts(
            settings.start_timeout, settings.heartbeat_timeout, settings.shutdown_timeout, settings.release_timeout
        )
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

    def release(self, device: int) -> None:
        """See :meth:`WorkerPool.release`; the process ends after ``release_s``."""
        self._workers[device].release()

    def acquire(self, device: int) -> None:
        """See :meth:`WorkerPool.acquire`."""
        self._workers[device].acquire()

    def close(self) -> None:
        """See :meth:`WorkerPool.close`."""
        for worker in self._workers:
            worker.shut_down()
        for worker in self._workers:
            worker.join()

    def process_id(self, device: int) -> int | None:
        """Return the id of the process of a device; None if there is none."""
        return self._workers[device].process_id

    def progress(self, device: int) -> TrainingProgress | None:
        """See :meth:`WorkerPool.progress`."""
        return self._workers[device].progress


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
        self._arguments = (make_executor, number, name, folder, timeouts.shutdown_s)
        self._number = number
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._task: Task | None = None
        #: how far its task is; None before its first heartbeat
        self.progress: TrainingProgress | None = None
        self._shutting_down = False
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._thread: threading.Thread | None = None
        # monotonic times, s: until the next sign of life; until a checkpoint; until a released process ends
        self._silent_until_s = 0.0
        self._preempt_until_s: float | None = None
        self._released_until_s: float | None = None
        self._acquired = threading.Event()

    @property
    def process_id(self) -> int | None:
        """The id of the current process; None while it is released."""
        process = self._process
        return process.pid if process else None

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """Start the process and the thread."""
        self._on_message = on_message
        self._spawn_process()
        self._thread = threading.Thread(target=self._listen, name=f"ce-nas worker {self._number}", daemon=True)
        self._thread.start()

    def assign(self, task: Task) -> None:
        """Send a task; a process that is just being replaced gets it after its start."""
        with self._lock:
            self._ensure_process()
            self._task, self._preempt_until_s, self.progress = task, None, None
            self._silent_until_s = max(self._silent_until_s, monotonic_s() + self._timeouts.heartbeat_s)
            self._send(task)

    def preempt(self) -> None:
        """Preempt its task."""
        with self._lock:
            self._request_preemption()

    def release(self) -> None:
        """Let the process end after a while, unless the device is taken back."""
        with self._lock:
            if self._released_until_s is None:
                self._released_until_s = monotonic_s() + self._timeouts.release_s

    def acquire(self) -> None:
        """Keep the process of a released device, or start another one."""
        with self._lock:
            self._ensure_process()

    def shut_down(self) -> None:
        """Preempt its task and let its process exit."""
        with self._lock:
            self._shutting_down = True
            self._request_preemption()
            self._send(None)
        self._acquired.set()

    def join(self) -> None:
        """Wait for the end of the process; kill it after the shutdown time-out."""
        process = self._process
        if process is not None:
            process.join(self._timeouts.shutdown_s)
            if process.is_alive():
                _kill(process)
        if self._thread is not None:
            self._thread.join()

    def _ensure_process(self) -> None:
        """Take the device back: its process was to end, or has ended."""
        self._released_until_s = None
        if self._process is None and self._thread is not None and not self._shutting_down:
            self._spawn_process()
            self._acquired.set()

    def _spawn_process(self) -> None:
        """Start a process with a new pipe."""
        parent_end, child_end = self._context.Pipe()
        process = self._context.Process(target=run_worker, args=(child_end, *self._arguments), daemon=True)
        process.start()
        child_end.close()
        self._silent_until_s = monotonic_s() + self._timeouts.start_s
        self._pipe = parent_end
        self._process = process  # at last: the listening thread takes it as the sign that there is a pipe

    def _send(self, command: object) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # it is dead: the listening thread handles that
                self._pipe.send(command)

    def _request_preemption(self) -> None:
        if self._preempt_until_s is None:
            self._preempt_until_s = monotonic_s() + self._timeouts.shutdown_s
        self._send(PREEMPT)

    def _listen(self) -> None:
        """Forward the messages of the process; replace it when it dies or gives no sign of life."""
        deaths = 0
        while deaths < _MAX_CONSECUTIVE_DEATHS:
            if self._process is None:  # released
                self._acquired.wait()
                if self._shutting_down:
                    return
                continue
            message, failure = self._receive()
            if failure is not None:
                deaths += 1
                if not self._restart_process(failure):
                    return
            elif message is not None:
                deaths = 0
                self._forward(message)
                if message.event is WorkerEvent.DEVICE_LOST:
                    return
            elif self._is_release_due():
                self._end_released_process()
        self._forward(
            WorkerMessage(
                self._number,
                WorkerEvent.DEVICE_LOST,
                detail=f"its process died {_MAX_CONSECUTIVE_DEATHS} times before it could work",
            )
        )

    def _receive(self) -> tuple[WorkerMessage | None, Failure | None]:
        """Receive the next message, None if there is none yet; and the failure of the process, if any."""
        assert self._pipe is not None  # noqa: S101 - there is a process
        try:
            if self._pipe.poll(min(_POLL_INTERVAL_S, self._timeouts.shutdown_s, self._timeouts.heartbeat_s)):
                message = self._take_reply(self._pipe.recv())
                return message, Failure.HUNG if message is None and self._is_checkpoint_late() else None
        except (EOFError, OSError):
            return None, Failure.LOST
        is_silent = self._task is not None and monotonic_s() >= self._silent_until_s  # else see `join`
        return None, Failure.HUNG if is_silent or self._is_checkpoint_late() else None

    def _take_reply(self, reply: WorkerMessage | Asked | str) -> WorkerMessage | None:
        """Take what the process has sent; returns it where it is for the run."""
        self._silent_until_s = monotonic_s() + self._timeouts.heartbeat_s
        if reply == UNASKING:
            self._wait_for_unasking_task()
        elif isinstance(reply, Asked) and self._task is not None:
            self.progress = TrainingProgress(self._task.id, reply.times, reply.at_s)
        return reply if isinstance(reply, WorkerMessage) else None

    def _wait_for_unasking_task(self) -> None:
        """Give a task that cannot be asked to stop, since it never asks, until its end; not during a shutdown."""
        with self._lock:
            if self._preempt_until_s is not None and not self._shutting_down:
                wait_s = max(self._timeouts.shutdown_s, 3.0 * HEARTBEAT_INTERVAL_S)
                self._preempt_until_s = monotonic_s() + wait_s

    def _is_checkpoint_late(self) -> bool:
        """Whether a task that was asked to stop is still at work after the time-out."""
        late_s = self._preempt_until_s
        return self._task is not None and late_s is not None and monotonic_s() >= late_s

    def _is_release_due(self) -> bool:
        with self._lock:
            until_s = self._released_until_s
            return self._task is None and until_s is not None and monotonic_s() >= until_s

    def _end_released_process(self) -> None:
        """End the process of a released device, unless the device is just taken back."""
        with self._lock:
            if self._released_until_s is None or self._task is not None or self._shutting_down:
                return
            process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
            self._acquired.clear()
        assert process is not None  # noqa: S101 - the caller has checked it
        assert pipe is not None  # noqa: S101 - as above
        with suppress(OSError):
            pipe.send(None)
        process.join(self._timeouts.shutdown_s)
        if process.is_alive():
            _kill(process)
        pipe.close()

    def _forward(self, message: WorkerMessage) -> None:
        with self._lock:
            task = self._task
            if message.event not in {WorkerEvent.WORKING, WorkerEvent.DEVICE_READY}:
                self._task = self._preempt_until_s = self.progress = None
        if message.event is not WorkerEvent.DEVICE_READY:  # the loss of a replaced process was never reported
            self._on_message(message)
        if message.event is WorkerEvent.DEVICE_LOST and task is not None:
            self._on_message(
                WorkerMessage(self._number, WorkerEvent.FAILED, task.id, failure=Failure.LOST, detail=message.detail)
            )

    def _restart_process(self, failure: Failure) -> bool:
        """Kill the process, report its task, and start another process; False during shutdown."""
        process = self._process
        assert process is not None  # noqa: S101 - only a started process fails
        if failure is Failure.LOST:
            process.join(_EXIT_TIMEOUT_S)  # it is ending: its own exit code says why
        _kill(process)
        code = process.exitcode
        with self._lock:
            task, preempted = self._task, self._preempt_until_s is not None
            self._task = self._preempt_until_s = self.progress = None
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
            detail = _describe_death(failure, code, self._timeouts)
            self._on_message(WorkerMessage(self._number, WorkerEvent.FAILED, task.id, failure=failure, detail=detail))
        return not self._shutting_down


def _kill(process: SpawnProcess) -> None:
    if process.pid is not None and process.is_alive():
        kill_process_tree(process.pid)
    process.join()


def _describe_death(failure: Failure, code: int | None, timeouts: WorkerTimeouts) -> str:
    if failure is Failure.HUNG:
        return f"it neither asked whether to stop nor computed for {timeouts.heartbeat_s:g} s"
    if code is not None and code < 0:
        return f"its process was ended by the signal {-code}"
    return f"its process ended with code {code}"
