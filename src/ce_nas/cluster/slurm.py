"""A crew over Slurm: a job a task, by submitit (extra ``slurm``).

A job that is pre-empted or runs out of time is put back into the queue by Slurm and goes on from its checkpoint: its
task is still the same one, and nothing is reported until it is over. Orders to leave travel through the folder that
all machines share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ce_nas.cluster.crew import Crew, Report, Said
from ce_nas.cluster.worker import carry_out
from ce_nas.core.errors import MissingExtraError
from ce_nas.evaluate.executor import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.core.records import Task
    from ce_nas.evaluate.executor import Executor

__all__ = ["SlurmCrew", "SlurmJob"]

#: how long jobs that were told to leave are waited for in the end, s
_GRACE_S = 60.0
_MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """What one job does; Slurm's machine gets it pickled."""

    make: Callable[[str], Executor]
    number: int
    name: str
    folder: Path

    def __call__(self, task: Task) -> Report:
        """Carry the task out."""
        return carry_out(self.make(self.name), task, self.number, self.folder, self.order(task.id).exists)

    def checkpoint(self, task: Task) -> Any:  # noqa: ANN401 - submitit's own class
        """What submitit puts back into the queue when the job is pre-empted: the same, which finds its checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task)

    def order(self, task_id: int) -> Path:
        """The file whose being there orders a task to be left."""
        return self.folder / f"leave-{task_id}"


@dataclass(slots=True)
class _Running:
    """A job under way."""

    task: Task
    job: Any
    told: bool = field(default=False)


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
        self._running: dict[int, _Running] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def open(self, post: Callable[[Report], object]) -> None:
        """See :meth:`Crew.open`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._executor = self._submitit.AutoExecutor(folder=self._folder / "jobs", cluster=self._cluster)
        self._executor.update_parameters(name="ce-nas", **self._stated)
        self._post = post
        self._thread = threading.Thread(target=self._listen, name="ce-nas slurm", daemon=True)
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`Crew.start`."""
        self._jobs[device].order(task.id).unlink(missing_ok=True)
        job = self._executor.submit(self._jobs[device], task)
        with self._lock:
            self._running[device] = _Running(task, job)

    def leave(self, device: int) -> None:
        """See :meth:`Crew.leave`; a job that still waits in the queue is taken off it."""
        with self._lock:
            running = self._running.get(device)
        if running is None:
            return
        self._jobs[device].order(running.task.id).touch()
        if running.job.state == "PENDING":
            running.job.cancel(check=False)

    def close(self) -> None:
        """See :meth:`Crew.close`."""
        for device in list(self._running):
            self.leave(device)
        for _ in range(round(_GRACE_S / self._look_s)):
            if not self._running:
                break
            threading.Event().wait(self._look_s)
        self._over.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._over.wait(self._look_s):
            with self._lock:
                jobs = list(self._running.items())
            for device, running in jobs:
                self._look(device, running)

    def _look(self, device: int, running: _Running) -> None:
        """Report what is new of one job."""
        done = running.job.done()
        if not running.told and (done or running.job.state == "RUNNING"):
            running.told = True
            self._post(Report(device, Said.WORKING, running.task.id))
        if done:
            with self._lock:
                del self._running[device]
            self._post(self._report(device, running))

    def _report(self, device: int, running: _Running) -> Report:
        if self._jobs[device].order(running.task.id).exists() and running.job.state == "CANCELLED":
            return Report(device, Said.LEFT, running.task.id, words="it had not begun")
        try:
            report: Report = running.job.result()
        except Exception as error:  # noqa: BLE001 - submitit raises what it likes when a job is gone
            tail = (running.job.stderr() or "").splitlines()[-_MOST_LINES:]
            words = "\n".join([f"{type(error).__name__}: {error}", *tail])
            return Report(device, Said.FAILED, running.task.id, failure=Failure.LOST, words=words)
        return report
