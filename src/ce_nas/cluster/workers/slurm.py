"""A worker pool on Slurm: a job for each device, which runs one task after another, by submitit (extra ``slurm``).

A job begins with the first task of its device, and ends when the device is released or has had no task for a while. One
that is preempted or reaches its time limit writes a checkpoint, is requeued and continues from it: its task stays the
same, and no message is sent until the task ends. Jobs left by an interrupted run are cancelled before their tasks are
started again.
"""

from __future__ import annotations

import secrets
import sys
import threading
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.cluster.workers.slurm_job import DeviceFiles, SlurmJob, read_report
from ce_nas.cluster.workers.slurm_queue import SlurmQueue
from ce_nas.components.base import WorkerSettings
from ce_nas.components.quantities import Duration  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import WORKERS
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import MissingExtraError
from ce_nas.energy.reported_meter import MAX_REPORT_AGE_S, ReportedMeters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.cluster.workers.slurm_messages import CommandFile, ReplyFile
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import MeterReport, WorkerMeter

__all__ = ["SlurmJob", "SlurmWorkerPool"]

#: wait for preempted jobs at the end of the run, s
_SHUTDOWN_TIMEOUT_S = 60.0
#: delay until the replies of a job that left the queue are visible in the shared folder, s
_RESULT_LAG_S = 30.0
#: time without a task after which a job ends, s
_IDLE_TIMEOUT_S = 300.0
#: time-outs of one job
_MAX_JOB_TIMEOUTS = 10_000
_MAX_STDERR_LINES = 20


@dataclass(slots=True)
class _Job:
    """A submitted job of a device."""

    number: int
    job: Any
    #: time of its submission, monotonic, s
    submitted_s: float
    #: whether it has started
    is_up: bool = False
    #: time at which it was first missing in the queue, monotonic, s; None while it is queued
    missing_since_s: float | None = None


@dataclass(slots=True)
class _SlurmDevice:
    """The state of one device."""

    files: DeviceFiles
    commands: CommandFile
    replies: ReplyFile
    job: _Job | None = None
    #: jobs submitted so far, and attempts at tasks
    jobs: int = 0
    attempt: int = 0
    #: its task, whether the run knows that it has started, and whether it is to be suspended
    task: Task | None = None
    has_started: bool = False
    is_preempting: bool = False
    #: whether Slurm ends or has requeued its job, and the task has its checkpoint
    is_suspended: bool = False
    #: where the attempt ran, a place for each start of the job
    places: list[Mapping[str, str]] = field(default_factory=list)
    #: the last report of its meter
    report: MeterReport | None = None


class SlurmWorkerSettings(WorkerSettings):
    """Settings of the worker pool slurm."""

    is_local: ClassVar[bool] = False

    parameters: dict[str, str | int] = Field(
        default_factory=dict,
        description="Parameters of a job, as submitit names them: slurm_partition, gpus_per_node, timeout_min, ...",
    )
    use_gpus: bool = Field(True, description="Whether a device is a GPU; otherwise it is a CPU.")  # noqa: FBT003 - the default of a field
    idle_timeout: Duration = Field(
        _IDLE_TIMEOUT_S, gt=0, description="Time without a training after which a job ends, in real time."
    )

    def device_names(self, count: int) -> tuple[str, ...]:
        """Devices of other machines."""
        return ("cuda" if self.use_gpus else "cpu",) * count


@WORKERS.register("slurm", SlurmWorkerSettings, package="submitit", extra="slurm")
class SlurmWorkerPool(WorkerPool):
    """One job per device.

    :param make_executor: creates the executor of a device on the node of the job.
    :param device_names: the devices, all of one kind.
    :param folder: folder of the checkpoints, shared by all nodes.
    :param job_parameters: parameters of the jobs as named by submitit: ``slurm_partition``, ``gpus_per_node``, ...
    :param make_meter: creates the meter of a device on its node, from its name; None: its energy is modelled.
    :param poll_interval_s: time between two polls of the jobs, s.
    :param idle_timeout_s: time without a task after which a job ends, s.
    :param cluster: ``slurm``; ``local`` runs the jobs on this machine.
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
        poll_interval_s: float = 0.5,
        idle_timeout_s: float = _IDLE_TIMEOUT_S,
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            package = "submitit"
            raise MissingExtraError(package, "slurm", "A Slurm worker pool") from error
        self.devices = len(device_names)
        self.origin = f"{len(device_names)} jobs at a time on {cluster}"
        self._folder = folder.absolute()
        self._cluster = cluster
        self._poll_interval_s = poll_interval_s
        self._job_parameters = dict(job_parameters or {})
        self._submitit: Any = submitit
        run = secrets.token_hex(4)
        files = [DeviceFiles(self._folder, number, run) for number in range(self.devices)]
        self._make_job = [
            partial(SlurmJob, make_executor, name, file, idle_s=idle_timeout_s, make_meter=make_meter)
            for name, file in zip(device_names, files, strict=True)
        ]
        self._slurm_devices = [_SlurmDevice(file, file.commands(), file.replies()) for file in files]
        self.reported_meters = ReportedMeters(self.devices) if make_meter else None
        self._queue = SlurmQueue()
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
        return cls(
            make_executor,
            devices,
            folder,
            settings.parameters,
            make_meter=whole,
            idle_timeout_s=settings.idle_timeout,
        )

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """See :meth:`WorkerPool.open`; jobs left in the queue by an interrupted run are cancelled first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # a job may time out many times: each time its training continues from its checkpoint
        options = {"slurm_max_num_timeout": _MAX_JOB_TIMEOUTS} if self._cluster == "slurm" else {}
        self._executor = self._submitit.AutoExecutor(self._folder / "jobs", cluster=self._cluster, **options)
        self._executor.update_parameters(name="ce-nas", **self._job_parameters)
        if self._cluster == "slurm":
            self._cancel_orphans()
        for pattern in ("orders-*.jsonl", "replies-*.jsonl"):  # of earlier starts of the search
            for file in self._folder.glob(pattern):
                file.unlink(missing_ok=True)
        self._on_message = on_message
        for device in range(self.devices):
            self._set_absent(device)
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`WorkerPool.start`; submits a job, unless the device has one."""
        target = self._slurm_devices[device]
        with self._lock:
            target.attempt += 1
            target.task, target.places = task, []
            target.has_started = target.is_preempting = target.is_suspended = False
            target.commands.start(target.attempt, task)
            if target.job is None:
                self._submit(device)

    def preempt(self, device: int) -> None:
        """See :meth:`WorkerPool.preempt`; a job that has not started is cancelled."""
        target = self._slurm_devices[device]
        with self._lock:
            if target.task is None or target.is_preempting:
                return
            target.is_preempting = True
            target.commands.preempt(target.attempt)
            if target.job is not None and not target.job.is_up:
                target.job.job.cancel(check=False)

    def release(self, device: int) -> None:
        """See :meth:`WorkerPool.release`; the job ends, and its resources are Slurm's again."""
        target = self._slurm_devices[device]
        with self._lock:
            if target.job is not None and target.task is None:
                target.commands.stop(target.job.number)

    def close(self) -> None:
        """See :meth:`WorkerPool.close`; a job that exceeds the time-out is cancelled."""
        for device in range(self.devices):
            self.preempt(device)
        if self._thread.is_alive():
            for _ in range(round(_SHUTDOWN_TIMEOUT_S / self._poll_interval_s)):
                if not any(device.task for device in self._slurm_devices):
                    break
                threading.Event().wait(self._poll_interval_s)
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for target in self._slurm_devices:
            if target.job is not None:
                self._end_job(target.job.job)
                target.files.job_id.unlink(missing_ok=True)

    def _submit(self, device: int) -> None:
        """Submit the next job of a device; the lock is held."""
        target = self._slurm_devices[device]
        target.jobs += 1
        target.commands.submit(target.jobs)
        target.files.meter.unlink(missing_ok=True)
        job = self._executor.submit(self._make_job[device](number=target.jobs))
        target.job = _Job(target.jobs, job, monotonic_s())
        target.files.job_id.write_text(str(job.job_id))

    def _cancel_orphans(self) -> None:
        """Cancel the jobs of an interrupted run, and wait until they left the queue: no task runs twice."""
        for device in self._slurm_devices:
            if device.files.job_id.exists():
                orphan = self._submitit.SlurmJob(self._folder / "jobs", device.files.job_id.read_text())
                start_s = monotonic_s()
                orphan.cancel(check=False)
                while (
                    self._queue.contains(orphan.job_id, monotonic_s()) and monotonic_s() - start_s < _SHUTDOWN_TIMEOUT_S
                ):
                    threading.Event().wait(1.0)

    def _listen(self) -> None:
        while not self._stopped.wait(self._poll_interval_s):
            for device in range(self.devices):
                with self._lock:
                    messages = self._poll(device)
                for message in messages:
                    self._on_message(message)

    def _poll(self, device: int) -> list[WorkerMessage]:
        """Take the replies and the meter of a device's job; returns the messages for the run."""
        target = self._slurm_devices[device]
        if target.job is None:
            return []
        is_over = self._has_ended(target.job)  # before the replies are read: they are complete then
        messages = [message for reply in target.replies.read() for message in self._take_reply(device, reply)]
        self._poll_meter(device)
        if target.job is not None and is_over:
            messages += self._handle_end(device, target.job)
        return messages

    def _take_reply(self, device: int, reply: Mapping[str, Any]) -> list[WorkerMessage]:
        target = self._slurm_devices[device]
        if target.job is not None and reply.get("up") == target.job.number:
            target.job.is_up = True
        elif target.job is not None and reply.get("gone") == target.job.number:
            self._take_report(device, reply["report"])
            self._forget_job(device)
            if target.task is not None:  # which it has not seen
                self._submit(device)
        elif target.task is not None:
            return self._take_task_reply(device, reply)
        return []

    def _take_task_reply(self, device: int, reply: Mapping[str, Any]) -> list[WorkerMessage]:
        """Take a reply about a device's task; one about an earlier attempt at it is ignored."""
        target = self._slurm_devices[device]
        if reply.get("started") == target.attempt:
            target.places.append(reply["place"])
            target.is_suspended = False
            return self._note_start(device)
        if reply.get("suspended") == target.attempt:
            target.is_suspended = True
        elif reply.get("ended") == target.attempt:
            messages, message = self._note_start(device), reply["message"]
            self._take_report(device, message.report)
            target.task = None
            places = tuple(place for place in target.places if place)
            return [*messages, replace(message, report=None, places=places)]
        return []

    def _note_start(self, device: int) -> list[WorkerMessage]:
        """Report the start of a task, once."""
        target = self._slurm_devices[device]
        if target.has_started or target.task is None:
            return []
        target.has_started = True
        return [WorkerMessage(device, WorkerEvent.WORKING, target.task.id)]

    def _forget_job(self, device: int) -> None:
        """Note that the job of a device is over; one that Slurm requeued while it ended is cancelled."""
        target = self._slurm_devices[device]
        if target.job is not None:
            self._end_job(target.job.job)
        target.job = target.report = None
        target.files.job_id.unlink(missing_ok=True)
        self._set_absent(device)

    def _end_job(self, job: Any) -> None:  # noqa: ANN401 - submitit's own class
        """Cancel a job that may be over; a process of this machine is waited for."""
        if self._cluster == "slurm" or self._stopped.is_set():
            job.cancel(check=False)
        while self._cluster != "slurm" and not job.done():
            threading.Event().wait(0.05)

    def _poll_meter(self, device: int) -> None:
        """Take the last report of a job's meter; a job that waits in the queue again draws nothing."""
        target = self._slurm_devices[device]
        if self.reported_meters is None or target.job is None:
            return
        report = read_report(target.files.meter)
        if report is not None and report != target.report:
            target.report = report
            self.reported_meters.update(device, report)
        elif self.reported_meters.age_s(device) > MAX_REPORT_AGE_S and self._is_pending(target.job):
            self._set_absent(device)

    def _take_report(self, device: int, report: MeterReport | None) -> None:
        if report is not None and self.reported_meters is not None:
            self.reported_meters.update(device, report)

    def _is_pending(self, job: _Job) -> bool:
        return self._cluster == "slurm" and self._queue.is_pending(str(job.job.job_id), job.submitted_s)

    def _set_absent(self, device: int) -> None:
        """Book nothing for a device without a running job."""
        if self.reported_meters is not None:
            self.reported_meters.set_absent(device)

    def _has_ended(self, job: _Job) -> bool:
        """Whether a job is over: it left its result, or has left the queue for longer than a shared folder lags.

        submitit's own check needs ``sacct``, which not every cluster has.
        """
        if self._cluster != "slurm":
            return bool(job.job.done())
        if job.job.paths.result_pickle.exists():
            return True
        if self._queue.contains(str(job.job.job_id), job.submitted_s) is not False:
            job.missing_since_s = None
            return False
        job.missing_since_s = job.missing_since_s or monotonic_s()
        return not job.is_up or monotonic_s() - job.missing_since_s >= _RESULT_LAG_S

    def _handle_end(self, device: int, job: _Job) -> list[WorkerMessage]:
        """Handle a job that ended without a word; returns the message of its task, if it had one."""
        target = self._slurm_devices[device]
        task, was_up = target.task, job.is_up
        detail = self._describe_end(job) if task is not None and not target.is_preempting else ""
        self._forget_job(device)
        if task is None:
            return []
        if was_up and not target.has_started and not target.is_preempting:
            self._submit(device)  # it ended before it saw the task
            return []
        target.task, places = None, tuple(filter(None, target.places))
        if target.is_preempting or target.is_suspended:
            detail = "its job was cancelled" if target.is_preempting else "Slurm ended its job, and did not requeue it"
            return [WorkerMessage(device, WorkerEvent.PREEMPTED, task.id, detail=detail, places=places)]
        failure = Failure.LOST
        return [WorkerMessage(device, WorkerEvent.FAILED, task.id, failure=failure, detail=detail, places=places)]

    @staticmethod
    def _describe_end(job: _Job) -> str:
        """Why a job ended without a word, with the end of what it printed."""
        detail = "its job left the queue of Slurm without a result"
        try:
            if job.job.paths.result_pickle.exists():
                job.job.result()
        except Exception as error:  # noqa: BLE001 - submitit raises various errors for a lost job
            detail = f"{type(error).__name__}: {error}"
        stderr = (job.job.stderr() or "").splitlines()[-_MAX_STDERR_LINES:]
        return "\n".join([_explain_missing_package(detail, stderr), *stderr])


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
