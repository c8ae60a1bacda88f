"""The actor of one device of a Ray cluster: it runs tasks, and reports its state."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.process import (
    PreemptionCheck,
    end_forked_by_signals,
    execute_task,
    log_output,
    task_log_path,
)
from ce_nas.cluster.workers.task_files import TaskFiles, WorkingCopy
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import MeterReport, WorkerMeter

__all__ = ["ActorFolder", "ActorStart", "DeviceActor", "Pulse", "TaskEnd"]


@dataclass(frozen=True, slots=True)
class ActorFolder:
    """The folder of checkpoints, and what an actor does where its machine cannot reach it."""

    path: Path
    #: a file in it by which an actor knows that it is the run's, not one of the same name
    mark: str
    #: whether all machines share it; None: each actor finds out
    is_shared: bool | None
    #: largest checkpoint that travels, and what to do about a larger one
    limit_bytes: int
    way_out: str


@dataclass(frozen=True, slots=True)
class ActorStart:
    """The answer of a new actor."""

    #: whether it works in the folder of the run itself
    is_shared: bool = True
    #: why its executor cannot be built; empty if it is
    error: str = ""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The end of a task."""

    message: WorkerMessage
    report: MeterReport | None
    #: its files; None where they are in the folder of the run already
    files: TaskFiles | None = None


@dataclass(frozen=True, slots=True)
class Pulse:
    """The state that an actor reports."""

    #: whether its task asked whether to stop, or computed, since the last pulse
    is_alive: bool
    #: id of its running task; None if there is none
    task_id: int | None
    report: MeterReport | None


class DeviceActor:
    """The actor of one device: runs a task in one thread, and answers in others.

    It sees the GPU that Ray assigned to it alone.
    """

    def __init__(
        self,
        make_executor: Callable[[str], Executor],
        make_meter: Callable[[str], WorkerMeter] | None,
        number: int,
        name: str,
        folder: ActorFolder,
    ) -> None:
        self._make_executor = make_executor
        self._make_meter = make_meter
        self._number = number
        self._name = name
        self._folder = folder
        self._preempted_attempt = 0
        self._check: PreemptionCheck | None = None
        self._task_id: int | None = None
        self._meter: WorkerMeter | None = None
        #: its own folder; None where it works in that of the run
        self._copy: WorkingCopy | None = None
        #: why the checkpoint of its task cannot travel, so that it is stopped
        self._error = ""
        #: bytes of the log of its task that the run has
        self._log_kept = 0

    def start(self) -> ActorStart:
        """Build the executor, and find out whether the folder of the run is there."""
        end_forked_by_signals(signal.SIGTERM)  # which Ray handles
        try:
            name = show_only_device(self._name, load_nvml)
            self._meter = self._make_meter(name) if self._make_meter else None
            self._executor = self._make_executor(name)
        except Exception as error:  # noqa: BLE001 - reported to the run, which continues without this device
            return ActorStart(error=f"{type(error).__name__}: {error}")
        folder = self._folder
        is_shared = folder.is_shared
        if is_shared is None:
            is_shared = (folder.path / folder.mark).exists()
        if not is_shared:
            self._copy = WorkingCopy(folder.limit_bytes, folder.way_out)
        return ActorStart(is_shared)

    def run_task(self, task: Task, attempt: int, place: Path | TaskFiles) -> TaskEnd:
        """Run a task; returns its last message, the reading of the meter at its end, and its files.

        :param attempt: number of the attempt, from 1, which :meth:`preempt` names.
        :param place: the folder in which it works, or the files with which it begins in a folder of the actor's own.
        """
        self._error, self._log_kept = "", 0
        self._check = PreemptionCheck(lambda: self._preempted_attempt == attempt or bool(self._error))
        self._task_id = task.id
        copy = self._copy
        log = task_log_path(copy.folder if copy else self._folder.path, task.id)
        if copy and isinstance(place, TaskFiles):
            copy.receive(place, log)
            folder = copy.folder
        else:
            assert isinstance(place, Path)  # noqa: S101 - the run knows by its start where it works
            folder = place
        with log_output(log):
            message = execute_task(self._executor, task, self._number, folder, self._check)
        files = copy.collect(task.id, log, self._log_kept, is_over=True) if copy else None
        if files is not None and (error := files.error_after(is_finished=message.event is WorkerEvent.FINISHED)):
            message = WorkerMessage(self._number, WorkerEvent.FAILED, task.id, failure=Failure.ERROR, detail=error)
        self._check = self._task_id = None
        return TaskEnd(replace(message, places=(_place(),)), self._report(), files)

    def collect_files(self, log_kept: int) -> TaskFiles | None:
        """Return the files of the running task that have changed since the last time; None if none has.

        :param log_kept: bytes of its log that the run has.
        """
        task_id = self._task_id
        if self._copy is None or task_id is None:
            return None
        self._log_kept = log_kept
        files = self._copy.collect(task_id, task_log_path(self._copy.folder, task_id), log_kept)
        if files is not None and files.error:
            self._error = files.error
        return files

    def preempt(self, attempt: int) -> None:
        """Preempt an attempt of a task, also one that has not started yet; one that has ended is none of the next's."""
        self._preempted_attempt = attempt

    def pulse(self) -> Pulse:
        """Tell how it is."""
        check = self._check
        return Pulse(check is None or check.life_signs(), self._task_id, self._report())

    def _report(self) -> MeterReport | None:
        return self._meter.report() if self._meter is not None else None


def _place() -> dict[str, str]:
    """Where this actor runs: its machine, and the node and the job by Ray's ids."""
    import ray

    place = {"host": socket.gethostname(), "process": str(os.getpid())}
    if ray.is_initialized():
        context = ray.get_runtime_context()
        place |= {"node": context.get_node_id(), "job": context.get_job_id()}
    return place
