"""A crew over Slurm: a job a task, by submitit (extra ``slurm``).

A job that is pre-empted or runs out of time writes a checkpoint, is put back into the queue and goes on from it: its
task is still the same one, and nothing is reported until it is over. Orders to leave, and the word that a job has
begun, travel through the folder that all machines share. Jobs that a killed run left behind are taken off the queue
before their tasks are begun again.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import Crew, Report, Said
from ce_nas.cluster.workers.process import carry_out
from ce_nas.cluster.workers.slurm_queue import SlurmQueue
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task

__all__ = ["SlurmCrew", "SlurmJob"]

#: how long jobs that were told to leave are waited for in the end, s
_GRACE_S = 60.0
#: how long a job that is no longer in the queue may take until its result is seen in the shared folder, s
_LAG_S = 30.0
#: how long a job that was told of its end waits for it, s
_END_S = 120.0
#: how often a job may run out of its time
_TIMEOUTS = 10_000
_MOST_LINES = 20


@dataclass(slots=True)
class SlurmJob:
    """What one job does; Slurm's machine gets it pickled."""

    make: Callable[[str], Executor]
    number: int
    name: str
    folder: Path
    #: where the work is under way: whether it is told to leave, and its thread
    _told: threading.Event | None = field(default=None, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def __call__(self, task: Task) -> Report:
        """Carry the task out, in a thread of its own, so that a signal can wait for its checkpoint.

        On SIGTERM, with which Slurm announces the job's end, a checkpoint is written and the end waited for.
        """
        self.begun(task.id).touch()
        told, terminated, reports = threading.Event(), threading.Event(), list[Report]()

        def end(*_: object) -> None:
            terminated.set()
            told.set()

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, end)
        self._told = told
        self._thread = threading.Thread(target=lambda: reports.append(self._carried_out(task, told)), daemon=True)
        self._thread.start()
        self._thread.join()
        if terminated.is_set() and reports[0].said is Said.LEFT and not self.order(task.id).exists():
            threading.Event().wait(_END_S)
            sys.exit(128 + signal.SIGTERM)  # no result: the task is not over
        return reports[0]

    def checkpoint(self, task: Task) -> Any:  # noqa: ANN401 - submitit's own class
        """What submitit puts back into the queue when the job is pre-empted: the same, which finds its checkpoint.

        It is called in the midst of the work, by a signal: the work is left first.
        """
        from submitit.helpers import DelayedSubmission

        if self._told is not None and self._thread is not None:
            self._told.set()
            self._thread.join()
        return DelayedSubmission(SlurmJob(self.make, self.number, self.name, self.folder), task)

    def order(self, task_id: int) -> Path:
        """The file whose being there orders a task to be left."""
        return self.folder / f"leave-{task_id}"

    def begun(self, task_id: int) -> Path:
        """The file whose being there says that a task's job has begun."""
        return self.folder / f"begun-{task_id}"

    @property
    def under_way(self) -> Path:
        """The file that holds the number of the device's job, for a run that goes on after it was killed."""
        return self.folder / f"job-{self.number}"

    def _carried_out(self, task: Task, told: threading.Event) -> Report:
        order = self.order(task.id)
        return carry_out(self.make(self.name), task, self.number, self.folder, lambda: told.is_set() or order.exists())


@dataclass(slots=True)
class _Running:
    """A job under way."""

    task: Task
    job: Any
    #: when it was put into the queue
    since_s: float
    told: bool = field(default=False)
    #: when it was first missed in the queue; None while it is there
    missed_s: float | None = None


class SlurmCrew(Crew):
    """A job a task.

    :param make: makes the executor of a device where the job runs.
    :param names: the devices, all alike.
    :param folder: where checkpoints lie; every machine has to see it.
    :param stated: parameters of the jobs as submitit names them: ``slurm_partition``, ``gpus_per_node``, ...
    :param look_s: time between two looks at the jobs.
    :param cluster: ``slurm``; ``local`` or ``debug`` let submitit run the jobs on this machine.
    :raises MissingExtraError: if submitit is not installed.
    """

    def __init__(  # noqa: PLR0913 - who works, where, with what, looked at how often
        self,
        make: Callable[[str], Executor],
        names: Sequence[str],
        folder: Path,
        stated: Mapping[str, Any] | None = None,
        *,
        cluster: str = "slurm",
        look_s: float = 2.0,
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            package = "submitit"
            raise MissingExtraError(package, "slurm", "A crew over Slurm") from error
        self.devices = len(names)
        self.origin = f"{len(names)} jobs at a time on {cluster}"
        self._folder = folder
        self._cluster = cluster
        self._look_s = look_s
        self._stated = dict(stated or {})
        self._submitit: Any = submitit
        self._jobs = [SlurmJob(make, number, name, folder.absolute()) for number, name in enumerate(names)]
        self._queue = SlurmQueue()
        self._running: dict[int, _Running] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ce-nas slurm", daemon=True)

    def open(self, post: Callable[[Report], object]) -> None:
        """See :meth:`Crew.open`; jobs that an earlier life of the run left in the queue are cancelled first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # a training may run out of a partition's time as often as it takes: each time it has come further
        patience = {"slurm_max_num_timeout": _TIMEOUTS} if self._cluster == "slurm" else {}
        self._executor = self._submitit.AutoExecutor(self._folder / "jobs", cluster=self._cluster, **patience)
        self._executor.update_parameters(name="ce-nas", **self._stated)
        if self._cluster == "slurm":
            self._cancel_orphans()
        self._post = post
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`Crew.start`."""
        for file in (self._jobs[device].order(task.id), self._jobs[device].begun(task.id)):
            file.unlink(missing_ok=True)
        job = self._executor.submit(self._jobs[device], task)
        self._jobs[device].under_way.write_text(str(job.job_id))
        with self._lock:
            self._running[device] = _Running(task, job, monotonic_s())

    def leave(self, device: int) -> None:
        """See :meth:`Crew.leave`; a job that still waits in the queue is taken off it."""
        with self._lock:
            running = self._running.get(device)
        if running is None:
            return
        self._jobs[device].order(running.task.id).touch()
        if not self._jobs[device].begun(running.task.id).exists():
            running.job.cancel(check=False)

    def close(self) -> None:
        """See :meth:`Crew.close`; a job that takes too long is cancelled."""
        for device in list(self._running):
            self.leave(device)
        for _ in range(round(_GRACE_S / self._look_s)):
            if not self._running:
                break
            threading.Event().wait(self._look_s)
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        for running in self._running.values():
            running.job.cancel(check=False)

    def _cancel_orphans(self) -> None:
        """Cancel the jobs of a run that was killed, and wait until they are off the queue: no task runs twice."""
        for job in self._jobs:
            if job.under_way.exists():
                orphan = self._submitit.SlurmJob(self._folder / "jobs", job.under_way.read_text())
                began_s = monotonic_s()
                orphan.cancel(check=False)
                while self._queue.holds(orphan.job_id, monotonic_s()) and monotonic_s() - began_s < _GRACE_S:
                    threading.Event().wait(1.0)

    def _listen(self) -> None:
        while not self._over.wait(self._look_s):
            with self._lock:
                jobs = list(self._running.items())
            for device, running in jobs:
                self._look(device, running)

    def _look(self, device: int, running: _Running) -> None:
        """Report what is new of one job."""
        done, vanished = self._done(running), self._vanished(running)
        if not running.told and (done or self._jobs[device].begun(running.task.id).exists()):
            running.told = True
            self._post(Report(device, Said.WORKING, running.task.id))
        if done or vanished:
            with self._lock:
                del self._running[device]
            if self._cluster == "slurm" and self._queue.waits(str(running.job.job_id), monotonic_s()):
                running.job.cancel(check=False)  # it was put back into the queue while it finished
            self._jobs[device].under_way.unlink(missing_ok=True)
            self._post(self._report(device, running, done=done))

    def _done(self, running: _Running) -> bool:
        """Whether a job has a result; submitit's own way to ask calls ``sacct``, which not every cluster has."""
        job = running.job
        return bool(job.paths.result_pickle.exists() if self._cluster == "slurm" else job.done())

    def _vanished(self, running: _Running) -> bool:
        """Whether a job has left the queue, and its result has had time to show."""
        if self._cluster != "slurm" or self._queue.holds(str(running.job.job_id), running.since_s) is not False:
            running.missed_s = None
            return False
        running.missed_s = running.missed_s or monotonic_s()
        return monotonic_s() - running.missed_s >= _LAG_S

    def _report(self, device: int, running: _Running, *, done: bool) -> Report:
        task_id, words = running.task.id, "Slurm's queue no longer holds its job, which has left no result"
        try:
            if done:
                report: Report = running.job.result()
                return report
        except Exception as error:  # noqa: BLE001 - submitit raises what it likes when a job is gone
            words = f"{type(error).__name__}: {error}"
        if self._jobs[device].order(task_id).exists():
            return Report(device, Said.LEFT, task_id, words="it was taken off the queue")
        tail = (running.job.stderr() or "").splitlines()[-_MOST_LINES:]
        return Report(device, Said.FAILED, task_id, failure=Failure.LOST, words="\n".join([words, *tail]))
