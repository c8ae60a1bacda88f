"""A worker pool on Slurm: one job per task, by submitit (extra ``slurm``).

A job that is preempted or times out writes a checkpoint, is requeued and continues from it: its task stays the same,
and no message is sent until the task ends. Preemptions by the run, starts of jobs and readings of their meters are
files in a shared folder. Jobs left by an interrupted run are cancelled before their tasks are started again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.cluster.workers.process import execute_task
from ce_nas.cluster.workers.slurm_queue import SlurmQueue
from ce_nas.config.components import ComponentSettings
from ce_nas.config.registry import WORKERS
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import MissingExtraError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml
from ce_nas.energy.reported_meter import MAX_REPORT_AGE_S, MeterReport, ReportedMeters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import WorkerMeter

__all__ = ["SlurmJob", "SlurmWorkerPool"]

#: wait for preempted jobs at the end of the run, s
_SHUTDOWN_TIMEOUT_S = 60.0
#: delay until the result of a job that left the queue is visible in the shared folder, s
_RESULT_LAG_S = 30.0
#: wait of a job for its announced end, s
_TERMINATION_WAIT_S = 120.0
#: time-outs of one job
_MAX_JOB_TIMEOUTS = 10_000
_MAX_STDERR_LINES = 20
#: time between two reports of a job's meter, s
_REPORT_INTERVAL_S = 2.0


@dataclass(slots=True)
class SlurmJob:
    """The callable of one job; submitit pickles it for the node, whose meter it reads."""

    make_executor: Callable[[str], Executor]
    number: int
    name: str
    folder: Path
    #: creates the meter of the device on its node; None: its energy is modelled
    make_meter: Callable[[str], WorkerMeter] | None = None
    #: while the task runs: the preemption event, and the thread of the task
    _preempt_requested: threading.Event | None = field(default=None, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def __call__(self, task: Task) -> WorkerMessage:
        """Run the task in a thread, so that a signal handler can wait for its checkpoint.

        On SIGTERM, by which Slurm announces the end of the job, writes a checkpoint and waits for the end.
        """
        with self.started_file(task.id).open("a") as file:  # once more after each requeue
            file.write(json.dumps(_place(os.environ)) + "\n")
        preempt_requested, terminated, messages = threading.Event(), threading.Event(), list[WorkerMessage]()

        def handle_sigterm(*_: object) -> None:
            terminated.set()
            preempt_requested.set()

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handle_sigterm)
        self._preempt_requested = preempt_requested
        self._thread = threading.Thread(
            target=lambda: messages.append(self._run_task(task, preempt_requested)), daemon=True
        )
        self._thread.start()
        self._thread.join()
        if (
            terminated.is_set()
            and messages[0].event is WorkerEvent.PREEMPTED
            and not self.preempt_file(task.id).exists()
        ):
            threading.Event().wait(_TERMINATION_WAIT_S)
            sys.exit(128 + signal.SIGTERM)  # no result: the task continues after the requeue
        return messages[0]

    def checkpoint(self, task: Task) -> Any:  # noqa: ANN401 - submitit's own class
        """Return what submitit requeues when the job is preempted: the same task, which finds its checkpoint.

        Called by a signal handler during the task: preempts the task first.
        """
        from submitit.helpers import DelayedSubmission

        if self._preempt_requested is not None and self._thread is not None:
            self._preempt_requested.set()
            self._thread.join()
        job = SlurmJob(self.make_executor, self.number, self.name, self.folder, self.make_meter)
        return DelayedSubmission(job, task)

    def preempt_file(self, task_id: int) -> Path:
        """Return the file that requests the preemption of a task."""
        return self.folder / f"preempt-{task_id}"

    def started_file(self, task_id: int) -> Path:
        """Return the file that signals the start of the job of a task."""
        return self.folder / f"started-{task_id}"

    @property
    def job_id_file(self) -> Path:
        """The file with the job id of the device, for the resumption of an interrupted run."""
        return self.folder / f"job-{self.number}"

    @property
    def meter_file(self) -> Path:
        """The file with the last report of the meter of the device."""
        return self.folder / f"meter-{self.number}.json"

    def _run_task(self, task: Task, preempt_requested: threading.Event) -> WorkerMessage:
        """Run the task; a device or an executor that cannot be had is a failure with its reason."""
        try:
            return self._meter_task(task, preempt_requested)
        except Exception as error:  # noqa: BLE001 - user code may raise any error
            detail = f"{type(error).__name__}: {error}"
            return WorkerMessage(self.number, WorkerEvent.FAILED, task.id, failure=Failure.ERROR, detail=detail)

    def _meter_task(self, task: Task, preempt_requested: threading.Event) -> WorkerMessage:
        """Run the task while its meter counts, and return its message with the last reading."""
        name = show_only_device(self.name, load_nvml)
        if self.make_meter is None:
            return self._execute_task(name, task, preempt_requested)
        meter, ended = self.make_meter(name), threading.Event()

        def write_reports() -> None:
            while True:
                _write_report(self.meter_file, meter.report())
                if ended.wait(_REPORT_INTERVAL_S):
                    return

        thread = threading.Thread(target=write_reports, name="ce-nas meter", daemon=True)
        thread.start()
        try:
            message = self._execute_task(name, task, preempt_requested)
            return replace(message, report=meter.report())
        finally:
            ended.set()
            thread.join()
            meter.close()

    def _execute_task(self, name: str, task: Task, preempt_requested: threading.Event) -> WorkerMessage:
        preempt_file = self.preempt_file(task.id)
        return execute_task(
            self.make_executor(name),
            task,
            self.number,
            self.folder,
            lambda: preempt_requested.is_set() or preempt_file.exists(),
        )


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


def _read_places(path: Path) -> tuple[Mapping[str, str], ...]:
    """Where a job ran, a place for each of its starts; those without any word are left out."""
    try:
        return tuple(filter(None, map(json.loads, path.read_text().splitlines())))
    except (OSError, ValueError):
        return ()


def _write_report(path: Path, report: MeterReport) -> None:
    partial_path = path.with_suffix(".part")
    with suppress(OSError):  # a disk that is full must not end the training: the reading comes with its end
        partial_path.write_text(json.dumps(asdict(report)))
        partial_path.replace(path)


def _read_report(path: Path) -> MeterReport | None:
    try:
        content = json.loads(path.read_text())
        return MeterReport(**{**content, "source": ReadingSource(content["source"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not written yet, or just being replaced on a shared disk


@dataclass(slots=True)
class _RunningJob:
    """A submitted job."""

    task: Task
    job: Any
    #: time of its submission, monotonic, s
    submitted_s: float
    working_reported: bool = field(default=False)
    #: the last report of its meter
    report: MeterReport | None = None
    #: time at which it was first missing in the queue, monotonic, s; None while it is queued
    missing_since_s: float | None = None


class SlurmWorkerSettings(ComponentSettings):
    """Settings of the worker pool slurm."""

    parameters: dict[str, str | int] = Field(
        default_factory=dict,
        description="Parameters of a job, as submitit names them: slurm_partition, gpus_per_node, timeout_min, ...",
    )
    use_gpus: bool = Field(True, description="Whether a device is a GPU; otherwise it is a CPU.")  # noqa: FBT003 - the default of a field

    def device_names(self, count: int) -> tuple[str, ...]:
        """Devices of other machines."""
        return ("cuda" if self.use_gpus else "cpu",) * count


@WORKERS.register("slurm", SlurmWorkerSettings, package="submitit", extra="slurm")
class SlurmWorkerPool(WorkerPool):
    """One job per task.

    :param make_executor: creates the executor of a device on the node of the job.
    :param device_names: the devices, all of one kind.
    :param folder: folder of the checkpoints, shared by all nodes.
    :param job_parameters: parameters of the jobs as named by submitit: ``slurm_partition``, ``gpus_per_node``, ...
    :param make_meter: creates the meter of a device on its node, from its name; None: its energy is modelled.
    :param poll_interval_s: time between two polls of the jobs, s.
    :param cluster: ``slurm``; ``local`` or ``debug`` run the jobs on this machine.
    :raises MissingExtraError: if submitit is not installed.
    """

    def __init__(  # noqa: PLR0913 - parameters of the pool and of its jobs
        self,
        make_executor: Callable[[str], Executor],
        device_names: Sequence[str],
        folder: Path,
        job_parameters: Mapping[str, Any] | None = None,
        *,
        make_meter: Callable[[str], WorkerMeter] | None = None,
        cluster: str = "slurm",
        poll_interval_s: float = 2.0,
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            package = "submitit"
            raise MissingExtraError(package, "slurm", "A Slurm worker pool") from error
        self.devices = len(device_names)
        self.origin = f"{len(device_names)} jobs at a time on {cluster}"
        self._folder = folder
        self._cluster = cluster
        self._poll_interval_s = poll_interval_s
        self._job_parameters = dict(job_parameters or {})
        self._submitit: Any = submitit
        self._jobs = [
            SlurmJob(make_executor, number, name, folder.absolute(), make_meter)
            for number, name in enumerate(device_names)
        ]
        self.reported_meters = ReportedMeters(self.devices) if make_meter else None
        self._queue = SlurmQueue()
        self._running: dict[int, _RunningJob] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ce-nas slurm", daemon=True)

    @classmethod
    def from_settings(
        cls,
        settings: SlurmWorkerSettings,
        make_executor: Callable[[str], Executor],
        devices: Sequence[str],
        folder: Path,
        make_meter: Callable[..., WorkerMeter] | None = None,
    ) -> Self:
        """The pool that the settings describe."""
        whole = partial(make_meter, share=1.0) if make_meter else None
        return cls(make_executor, devices, folder, settings.parameters, make_meter=whole)

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """See :meth:`WorkerPool.open`; jobs left in the queue by an interrupted run are cancelled first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # a training may time out many times: each time it continues from its checkpoint
        options = {"slurm_max_num_timeout": _MAX_JOB_TIMEOUTS} if self._cluster == "slurm" else {}
        self._executor = self._submitit.AutoExecutor(self._folder / "jobs", cluster=self._cluster, **options)
        self._executor.update_parameters(name="ce-nas", **self._job_parameters)
        if self._cluster == "slurm":
            self._cancel_orphans()
        self._on_message = on_message
        for device in range(self.devices):
            self._set_absent(device)
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`WorkerPool.start`."""
        job_files = self._jobs[device]
        for file in (job_files.preempt_file(task.id), job_files.started_file(task.id), job_files.meter_file):
            file.unlink(missing_ok=True)
        job = self._executor.submit(self._jobs[device], task)
        self._jobs[device].job_id_file.write_text(str(job.job_id))
        with self._lock:
            self._running[device] = _RunningJob(task, job, monotonic_s())

    def preempt(self, device: int) -> None:
        """See :meth:`WorkerPool.preempt`; a pending job is cancelled."""
        with self._lock:
            running = self._running.get(device)
        if running is None:
            return
        self._jobs[device].preempt_file(running.task.id).touch()
        if not self._jobs[device].started_file(running.task.id).exists():
            running.job.cancel(check=False)

    def close(self) -> None:
        """See :meth:`WorkerPool.close`; a job that exceeds the time-out is cancelled."""
        for device in list(self._running):
            self.preempt(device)
        for _ in range(round(_SHUTDOWN_TIMEOUT_S / self._poll_interval_s)):
            if not self._running:
                break
            threading.Event().wait(self._poll_interval_s)
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for running in self._running.values():
            running.job.cancel(check=False)

    def _cancel_orphans(self) -> None:
        """Cancel the jobs of an interrupted run, and wait until they left the queue: no task runs twice."""
        for job in self._jobs:
            if job.job_id_file.exists():
                orphan = self._submitit.SlurmJob(self._folder / "jobs", job.job_id_file.read_text())
                start_s = monotonic_s()
                orphan.cancel(check=False)
                while (
                    self._queue.contains(orphan.job_id, monotonic_s()) and monotonic_s() - start_s < _SHUTDOWN_TIMEOUT_S
                ):
                    threading.Event().wait(1.0)

    def _listen(self) -> None:
        while not self._stopped.wait(self._poll_interval_s):
            with self._lock:
                jobs = list(self._running.items())
            for device, running in jobs:
                self._poll_job(device, running)

    def _poll_job(self, device: int, running: _RunningJob) -> None:
        """Take the reading of one job's meter, and send its messages."""
        self._poll_meter(device, running)
        done, vanished = self._has_result(running), self._has_vanished(running)
        if not running.working_reported and (done or self._jobs[device].started_file(running.task.id).exists()):
            running.working_reported = True
            self._on_message(WorkerMessage(device, WorkerEvent.WORKING, running.task.id))
        if done or vanished:
            with self._lock:
                del self._running[device]
            if self._cluster == "slurm" and self._queue.is_pending(str(running.job.job_id), monotonic_s()):
                running.job.cancel(check=False)  # it was requeued while it finished
            self._jobs[device].job_id_file.unlink(missing_ok=True)
            places = _read_places(self._jobs[device].started_file(running.task.id))
            message = replace(self._final_message(device, running, has_result=done), places=places)
            if self.reported_meters is not None and message.report is not None:
                self.reported_meters.update(device, message.report)
            self._set_absent(device)
            self._on_message(message)

    def _poll_meter(self, device: int, running: _RunningJob) -> None:
        """Take the last report of a job's meter; a job that waits in the queue again draws nothing."""
        if self.reported_meters is None:
            return
        report = _read_report(self._jobs[device].meter_file)
        if report is not None and report != running.report:
            running.report = report
            self.reported_meters.update(device, report)
        elif self.reported_meters.age_s(device) > MAX_REPORT_AGE_S and self._is_pending(running):
            self._set_absent(device)

    def _is_pending(self, running: _RunningJob) -> bool:
        return self._cluster == "slurm" and self._queue.is_pending(str(running.job.job_id), running.submitted_s)

    def _set_absent(self, device: int) -> None:
        """Book nothing for a device without a running job."""
        if self.reported_meters is not None:
            self.reported_meters.set_absent(device)

    def _has_result(self, running: _RunningJob) -> bool:
        """Tell whether a job has a result; submitit's own check needs ``sacct``, which not every cluster has."""
        job = running.job
        return bool(job.paths.result_pickle.exists() if self._cluster == "slurm" else job.done())

    def _has_vanished(self, running: _RunningJob) -> bool:
        """Tell whether a job left the queue without a result, after the delay of the shared folder."""
        if self._cluster != "slurm" or self._queue.contains(str(running.job.job_id), running.submitted_s) is not False:
            running.missing_since_s = None
            return False
        running.missing_since_s = running.missing_since_s or monotonic_s()
        return monotonic_s() - running.missing_since_s >= _RESULT_LAG_S

    def _final_message(self, device: int, running: _RunningJob, *, has_result: bool) -> WorkerMessage:
        task_id, detail = running.task.id, "its job left the queue of Slurm without a result"
        try:
            if has_result:
                message: WorkerMessage = running.job.result()
                return message
        except Exception as error:  # noqa: BLE001 - submitit raises various errors for a lost job
            detail = f"{type(error).__name__}: {error}"
        if self._jobs[device].preempt_file(task_id).exists():
            return WorkerMessage(device, WorkerEvent.PREEMPTED, task_id, detail="its pending job was cancelled")
        stderr = (running.job.stderr() or "").splitlines()[-_MAX_STDERR_LINES:]
        detail = "\n".join([_explain_missing_package(detail, stderr), *stderr])
        return WorkerMessage(device, WorkerEvent.FAILED, task_id, failure=Failure.LOST, detail=detail)


def _explain_missing_package(detail: str, stderr: Sequence[str]) -> str:
    """Say what a node lacks whose Python cannot run a job; otherwise ``detail``."""
    for line in [detail, *stderr]:
        if "No module named" in line or f"{sys.executable}: " in line:
            reason = line.rpartition("Error: ")[2].strip()
            return (
                f"Expected ce-nas and its extra slurm in {sys.executable} on every node, but on this job's node: "
                f"{reason}; install them there, or in a folder that all nodes share."
            )
    return detail
