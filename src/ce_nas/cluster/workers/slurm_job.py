"""The Slurm job of a device: it runs one task after another, and continues its task after a requeue."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.process import end_forked_by_signals, execute_task, log_output, task_log_path
from ce_nas.cluster.workers.slurm_messages import CommandFile, LineFile, ReplyFile
from ce_nas.core.clock import monotonic_s
from ce_nas.core.records import ReadingSource
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml
from ce_nas.energy.reported_meter import MeterReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import WorkerMeter

__all__ = ["DeviceFiles", "SlurmJob", "read_report"]

#: time between two looks at the orders, s
_LOOK_INTERVAL_S = 0.2
#: wait of a job for its announced end, s
_TERMINATION_WAIT_S = 120.0
#: time between two reports of a job's meter, s
_REPORT_INTERVAL_S = 2.0


@dataclass(frozen=True, slots=True)
class DeviceFiles:
    """The files of a device in the shared folder.

    :param run: names this start of the search, so that a job of an earlier one is not heard.
    """

    folder: Path
    number: int
    run: str

    def commands(self) -> CommandFile:
        """The orders of the search."""
        return CommandFile(LineFile(self.folder / f"orders-{self.number}-{self.run}.jsonl"))

    def replies(self) -> ReplyFile:
        """The replies of the jobs."""
        return ReplyFile(LineFile(self.folder / f"replies-{self.number}-{self.run}.jsonl"))

    @property
    def job_id(self) -> Path:
        """The id of the device's job, for the resumption of an interrupted run."""
        return self.folder / f"job-{self.number}"

    @property
    def meter(self) -> Path:
        """The last report of the device's meter."""
        return self.folder / f"meter-{self.number}.json"


@dataclass(slots=True)
class SlurmJob:
    """The callable of one job; submitit pickles it for the node, whose meter it reads.

    It ends once it is asked to and has nothing to do, or after ``idle_s`` without a task: a killed search holds no
    device.
    """

    make_executor: Callable[[str], Executor]
    name: str
    files: DeviceFiles
    #: number of the job among those of the device, from 1
    number: int
    idle_s: float
    #: creates the meter of the device on its node; None: its energy is modelled
    make_meter: Callable[[str], WorkerMeter] | None = None
    #: while it runs: whether it is to stop, whether it leaves a task unfinished, and the thread of the tasks
    _stopping: threading.Event | None = field(default=None, init=False, repr=False)
    _has_task: bool = field(default=False, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)
    _executor: Executor | None = field(default=None, init=False, repr=False)

    def __call__(self) -> str:
        """Serve the device in a thread, so that a signal handler can wait for a checkpoint; returns why it ended.

        On SIGTERM, by which Slurm announces the end of the job, writes a checkpoint and waits for the end.
        """
        self._stopping, terminated = threading.Event(), threading.Event()
        stopping = self._stopping

        def handle_sigterm(*_: object) -> None:
            terminated.set()
            stopping.set()

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handle_sigterm)
            end_forked_by_signals(signal.SIGTERM, signal.SIGUSR2)  # by the second submitit requeues
        self._thread = threading.Thread(target=self._serve, args=(stopping,), daemon=True)
        self._thread.start()
        self._thread.join()
        if terminated.is_set() and self._has_task:
            threading.Event().wait(_TERMINATION_WAIT_S)
            sys.exit(128 + signal.SIGTERM)  # no result: its task continues after the requeue
        return "it had nothing to do"

    def checkpoint(self) -> Any:  # noqa: ANN401 - submitit's own class
        """Return what submitit requeues when the job reaches its time limit or is preempted; None without a task.

        Called by a signal handler: suspends the task first, which continues after the requeue.
        """
        from submitit.helpers import DelayedSubmission

        if self._stopping is not None and self._thread is not None:
            self._stopping.set()
            self._thread.join()
        if not self._has_task:
            return None
        return DelayedSubmission(
            SlurmJob(self.make_executor, self.name, self.files, self.number, self.idle_s, self.make_meter)
        )

    def _serve(self, stopping: threading.Event) -> None:
        """Run tasks until the job is to end, while its meter counts."""
        self.files.replies().up(self.number)
        try:
            name = show_only_device(self.name, load_nvml)
            meter = self.make_meter(name) if self.make_meter else None
        except Exception as error:  # noqa: BLE001 - the driver's and the meter's may be any
            if self._run_tasks(stopping, None, None, f"{type(error).__name__}: {error}"):
                self.files.replies().gone(self.number)
            return
        ended = threading.Event()
        thread = threading.Thread(target=_write_reports, args=(self.files.meter, meter, ended), daemon=True)
        thread.start()
        try:
            if self._run_tasks(stopping, name, meter, ""):
                self.files.replies().gone(self.number, meter.report() if meter is not None else None)
        finally:
            ended.set()
            thread.join()
            if meter is not None:
                meter.close()

    def _run_tasks(self, stopping: threading.Event, name: str | None, meter: WorkerMeter | None, error: str) -> bool:
        """Run the tasks that are asked for; returns whether the job is to end with nothing left to do.

        :param name: the device as this process sees it; None if it cannot be had, because of ``error``.
        """
        commands, replies = self.files.commands(), self.files.replies()
        answered, idle_since_s = replies.last_ended(), monotonic_s()
        while not stopping.is_set():
            orders = commands.read()
            if orders.submitted > self.number:
                return False  # another job has the device
            if orders.attempt > answered and orders.task is not None:
                task, attempt, self._has_task = orders.task, orders.attempt, True
                if orders.preempted == attempt:
                    message = WorkerMessage(self.files.number, WorkerEvent.PREEMPTED, task.id)
                else:
                    replies.started(attempt, _place(os.environ))
                    should_stop = _StopCheck(commands, attempt, stopping)
                    message = self._run_task(task, name, error, should_stop)
                    if message.event is WorkerEvent.PREEMPTED and not should_stop.is_asked:
                        replies.suspended(attempt)
                        return False  # the job is to end: the task continues after its requeue
                report = meter.report() if meter is not None else None
                replies.ended(attempt, replace(message, report=report))
                answered, idle_since_s, self._has_task = attempt, monotonic_s(), False
            elif orders.stopped >= self.number or monotonic_s() - idle_since_s >= self.idle_s:
                return True
            else:
                stopping.wait(_LOOK_INTERVAL_S)
        return True

    def _run_task(self, task: Task, name: str | None, error: str, should_stop: Callable[[], bool]) -> WorkerMessage:
        """Run a task; an executor that cannot be had is a failure with its reason."""
        folder, number = self.files.folder, self.files.number
        with log_output(task_log_path(folder, task.id)):
            try:
                if name is not None and self._executor is None:
                    self._executor = self.make_executor(name)
            except Exception as raised:  # noqa: BLE001 - user code may raise any error
                error = f"{type(raised).__name__}: {raised}"
            if self._executor is None:
                return WorkerMessage(number, WorkerEvent.FAILED, task.id, failure=Failure.ERROR, detail=error)
            return execute_task(self._executor, task, number, folder, should_stop)


class _StopCheck:
    """Whether an attempt is to stop: since the search asks for it, or since the job is to end."""

    def __init__(self, commands: CommandFile, attempt: int, stopping: threading.Event) -> None:
        self._commands = commands
        self._attempt = attempt
        self._stopping = stopping
        self._looked_s = monotonic_s()
        #: whether the search asks for it
        self.is_asked = False

    def __call__(self) -> bool:
        """Look at the orders, not more often than they are looked at without a task."""
        if monotonic_s() - self._looked_s >= _LOOK_INTERVAL_S:
            self.is_asked = self._commands.read().preempted == self._attempt
            self._looked_s = monotonic_s()
        return self.is_asked or self._stopping.is_set()


#: what the journal keeps of a job, to be joined with ``sacct``, by Slurm's variable
_PLACE_VARIABLES = {
    "job": "SLURM_JOB_ID",
    "restart": "SLURM_RESTART_COUNT",
    "node": "SLURMD_NODENAME",
    "account": "SLURM_JOB_ACCOUNT",
    "partition": "SLURM_JOB_PARTITION",
    "cluster": "SLURM_CLUSTER_NAME",
}


def _place(environ: Mapping[str, str]) -> dict[str, str]:
    """Where a job runs; what Slurm does not say is left out."""
    return {name: environ[variable] for name, variable in _PLACE_VARIABLES.items() if environ.get(variable)}


def _write_reports(path: Path, meter: WorkerMeter | None, ended: threading.Event) -> None:
    """Write the meter's report every two seconds."""
    while meter is not None:
        partial_path = path.with_suffix(".part")
        with suppress(OSError):  # a disk that is full must not end the training: the reading comes with its end
            partial_path.write_text(json.dumps(asdict(meter.report())))
            partial_path.replace(path)
        if ended.wait(_REPORT_INTERVAL_S):
            return


def read_report(path: Path) -> MeterReport | None:
    """Read the last report of a device's meter; None while there is none."""
    try:
        content = json.loads(path.read_text())
        return MeterReport(**{**content, "source": ReadingSource(content["source"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not written yet, or just being replaced on a shared disk
