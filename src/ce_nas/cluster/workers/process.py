"""The main loop of a worker process: receives tasks from a pipe, runs them, and sends messages.

- `run_worker`: the loop
- `execute_task`: one task, and the message of its end; also for workers on other machines
- `LifeSigns`: whether a task is under way or stuck
- `end_forked_by_signals`: processes that a task forks end by the signals that the worker handles
- `log_output`: what a task prints, in a file of its own
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure, TaskError
from ce_nas.benchmarks.metric_names import MAX_METRIC
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.started_processes import GRACE_S, end_started_processes
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import ClusterError
from ce_nas.core.records import TaskKind
from ce_nas.energy.cpu_time import process_tree, tree_cpu_time_s
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Outcome, Task

__all__ = [
    "HEARTBEAT_INTERVAL_S",
    "PREEMPT",
    "UNASKING",
    "Asked",
    "LifeSigns",
    "PreemptionCheck",
    "end_forked_by_signals",
    "execute_task",
    "kill_process_tree",
    "log_output",
    "run_worker",
    "task_log_path",
]

#: time between two heartbeats, s
HEARTBEAT_INTERVAL_S = 1.0
#: the command to preempt the current task
PREEMPT = "preempt"
#: the heartbeat of a task that has never asked whether to stop, so that it is waited for
UNASKING = "unasking"
#: share of a core above which a task that does not ask whether to stop is at work, not stuck
MIN_BUSY_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Asked:
    """The heartbeat of a task that asks whether to stop."""

    #: how often it has asked, and when it did last, s of the monotonic clock of the machine
    times: int
    at_s: float


def run_worker(  # noqa: PLR0913, PLR0917 - the device, its task's folder and its limits
    pipe: Connection,
    make_executor: Callable[[str], Executor],
    number: int,
    device: str,
    folder: Path,
    shutdown_s: float = 60.0,
) -> None:
    """Serve one device until the pipe is closed or SIGTERM arrives; the current task is suspended with a checkpoint.

    Commands are tasks, :data:`PREEMPT`, or None to exit. Replies are messages, or :class:`Asked` or :data:`UNASKING`
    as a heartbeat. The process sees no GPU but its own, may start processes, which end with it, and ends ``shutdown_s``
    after the run is killed at the latest.
    """
    multiprocessing.current_process().daemon = False  # a training may start processes of its own, to load data
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    end_forked_by_signals(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the run, which then ends its workers
    threading.Thread(target=_end_with_parent, args=(terminated, shutdown_s), daemon=True).start()
    parent_grace_s = shutdown_s - 2 * GRACE_S  # less the time for a kill and the end of this process
    replies = _Replies(pipe)
    try:
        lock = _lock_device(folder / f"device-{number}.lock", shutdown_s, terminated)
        executor = make_executor(show_only_device(device, load_nvml))
    except Exception as error:  # noqa: BLE001 - reported to the run, which continues without this device
        end_started_processes(parent_grace_s)
        replies.send(
            WorkerMessage(
                number, WorkerEvent.DEVICE_LOST, failure=Failure.ERROR, detail=f"{type(error).__name__}: {error}"
            )
        )
        return
    replies.send(WorkerMessage(number, WorkerEvent.DEVICE_READY))
    with lock:  # the device is free once what its trainings started has ended too
        try:
            while (command := _next_command(pipe, terminated)) is not None:
                if command != PREEMPT:  # a PREEMPT after the end of its task is ignored
                    replies.send(WorkerMessage(number, WorkerEvent.WORKING, command.id))
                    check = PreemptionCheck(lambda: terminated.is_set() or pipe.poll())
                    with replies.heartbeats(check.life_signs), log_output(task_log_path(folder, command.id)):
                        message = execute_task(executor, command, number, folder, check)
                    replies.send(message)
        finally:
            end_started_processes(parent_grace_s)


def end_forked_by_signals(*numbers: signal.Signals) -> None:
    """Let the processes that this one forks from now on end by signals that it handles itself.

    They inherit its handlers, which write a checkpoint first. A pool of processes that a training terminates, such as
    the loaders of its data, would outlive the signal, and be waited for without end. Handlers that the training sets
    itself are left to its processes.
    """
    if not hasattr(os, "register_at_fork"):
        return
    handlers, blocked = {number: signal.getsignal(number) for number in numbers}, threading.local()

    def block() -> None:  # a signal to a process that has not run yet would be lost
        blocked.before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked.before)

    def reset() -> None:
        for number, handler in handlers.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=reset)


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
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code may raise any error, and the run continues
        kind = "exit status" if isinstance(error, SystemExit) else type(error).__name__
        return WorkerMessage(number, WorkerEvent.FAILED, task.id, failure=Failure.ERROR, detail=f"{kind}: {error}")
    if outcome is None:
        return WorkerMessage(number, WorkerEvent.PREEMPTED, task.id)
    values = [value for row in outcome.values for value in row]
    if task.kind is TaskKind.SAMPLING and not any(outcome.scores):  # costs alone: nothing is known of the rest
        values = [value for value in values if not math.isnan(value)]
    if wrong := [value for value in values if not abs(value) <= MAX_METRIC]:
        detail = f"a metric is {wrong[0]}, not a number of at most {MAX_METRIC:g}"
        return WorkerMessage(number, WorkerEvent.FAILED, task.id, failure=Failure.DIVERGED, detail=detail)
    return WorkerMessage(number, WorkerEvent.FINISHED, task.id, outcome, detail=outcome.note)


class LifeSigns:
    """Knows whether the task of this process is under way: it has asked whether to stop, or used the processor.

    A training that asks rarely is at work as long as it or its processes compute; one that waits without end is stuck.

    :param now_s: a monotonic clock, s.
    :param cpu_time_s: returns the CPU time of this process and its descendants, s.
    """

    def __init__(
        self, now_s: Callable[[], float] = monotonic_s, cpu_time_s: Callable[[], float | None] | None = None
    ) -> None:
        self._now_s = now_s
        self._cpu_time_s = cpu_time_s or (lambda: tree_cpu_time_s(os.getpid()))
        self._has_asked = True
        #: the questions whether to stop so far
        self.asked = Asked(0, 0.0)
        self._seen_s, self._seen_cpu_s = now_s(), self._cpu_time_s()

    def note_question(self) -> None:
        """Note that the task has asked whether to stop."""
        self._has_asked = True
        self.asked = Asked(self.asked.times + 1, self._now_s())

    def __call__(self) -> bool:
        """Whether there was a sign of life since the last call."""
        asked, self._has_asked = self._has_asked, False
        last_s, last_cpu_s = self._seen_s, self._seen_cpu_s
        self._seen_s, self._seen_cpu_s = self._now_s(), self._cpu_time_s()
        if self._seen_cpu_s is None or last_cpu_s is None:
            return asked
        return asked or self._seen_cpu_s - last_cpu_s >= MIN_BUSY_SHARE * (self._seen_s - last_s) > 0


class PreemptionCheck:
    """Signals a task to stop, and notes that it has asked.

    :param is_requested: whether a preemption is requested.
    """

    def __init__(self, is_requested: Callable[[], bool]) -> None:
        self.life_signs = LifeSigns()
        self._is_requested = is_requested

    def __call__(self) -> bool:
        """Whether to stop."""
        self.life_signs.note_question()
        return self._is_requested()


class _Replies:
    """The sending end of the pipe, for the task's thread and the heartbeat's."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, reply: WorkerMessage | Asked | str) -> None:
        """Send a message, or :class:`Asked` or :data:`UNASKING` as a heartbeat; without a listener once the run is
        killed.
        """
        with self._lock, suppress(OSError):
            self._pipe.send(reply)

    @contextmanager
    def heartbeats(self, life_signs: LifeSigns) -> Iterator[None]:
        """Send heartbeats from a thread while there are signs of life."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_INTERVAL_S):
                if life_signs():
                    self.send(life_signs.asked if life_signs.asked.times else UNASKING)

        thread = threading.Thread(target=beat, name="ce-nas heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def task_log_path(folder: Path, task_id: int) -> Path:
    """Return the file of what a task prints."""
    return folder / "logs" / f"task-{task_id}.log"


@contextmanager
def log_output(path: Path) -> Iterator[None]:
    """Append what this process and its children print to a file; one that stays empty is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        saved = [(number, os.dup(number)) for number in (1, 2)]
        _flush_output()
        for number, _ in saved:
            os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            _flush_output()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()


def _flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()


def kill_process_tree(pid: int) -> None:
    """Kill a process and its descendants, such as the loaders of its data."""
    for process in sorted(process_tree(pid), key=lambda process: process == pid):  # itself last: it may be this one
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _end_with_parent(terminated: threading.Event, shutdown_s: float) -> None:
    """Wait for the end of the run's process; then suspend the task, and end this process if the task does not stop."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    connection.wait([parent.sentinel])
    terminated.set()
    threading.Event().wait(shutdown_s)
    kill_process_tree(os.getpid())


@contextmanager
def _no_lock() -> Iterator[None]:
    yield


def _lock_device(path: Path, timeout_s: float, terminated: threading.Event) -> Any:  # noqa: ANN401 - a context
    """Lock a device of the run, so that a worker that outlives a killed run and the resumed run's do not share it.

    :returns: a context that holds the lock.
    :raises ClusterError: if another process holds it for longer than the time-out.
    """
    try:
        import fcntl
    except ImportError:
        return _no_lock()
    path.parent.mkdir(parents=True, exist_ok=True)
    file, start_s = path.open("a+"), monotonic_s()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if monotonic_s() - start_s >= timeout_s or terminated.wait(0.1):
                file.seek(0)
                holder = file.read().strip() or "of an earlier run"
                file.close()
                message = (
                    f"Expected a free device, but the process {holder} still works on it after {timeout_s:g} s; end it "
                    "and resume the run."
                )
                raise ClusterError(message) from error
        else:
            break
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _next_command(pipe: Connection, terminated: threading.Event) -> Any:  # noqa: ANN401 - a task, PREEMPT or None
    """Receive the next command; None if the pipe is closed or the process is to end."""
    while not terminated.is_set():
        try:
            if pipe.poll(HEARTBEAT_INTERVAL_S):
                return pipe.recv()
        except (EOFError, OSError):
            return None
    return None
