"""A crew on one machine: a process a device."""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import Crew, Report, Said
from ce_nas.cluster.workers.process import LEAVE, work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext, SpawnProcess
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task

__all__ = ["LocalCrew", "Patience"]

#: processes of one device that die one after another before the device counts as gone
_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a crew waits for a worker, s."""

    #: for a new process to load what it needs
    start_s: float = 180.0
    #: for a sign of life from one that works
    silence_s: float = 120.0
    #: for a checkpoint, once it was told to leave
    grace_s: float = 60.0


class LocalCrew(Crew):
    """A process a device, started afresh and kept for one task after another.

    A worker that is told to leave and does not in time, or gives no sign of life, is killed; its task goes on from its
    last checkpoint. A process that dies is replaced.

    :param make: makes the executor of a device in its process; it and what it holds can be pickled.
    :param names: the devices, for instance ``cuda:0``; one process each.
    :param folder: where checkpoints lie.
    """

    def __init__(
        self, make: Callable[[str], Executor], names: Sequence[str], folder: Path, patience: Patience | None = None
    ) -> None:
        self.devices = len(names)
        self.origin = f"{len(names)} processes on this machine: {', '.join(names)}"
        self._folder = folder
        context = multiprocessing.get_context("spawn")
        patience = patience or Patience()
        self._workers = [_Worker(context, make, number, name, folder, patience) for number, name in enumerate(names)]

    def open(self, post: Callable[[Report], object]) -> None:
        """See :meth:`Crew.open`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for worker in self._workers:
            worker.open(post)

    def start(self, device: int, task: Task) -> None:
        """See :meth:`Crew.start`."""
        self._workers[device].order(task)

    def leave(self, device: int) -> None:
        """See :meth:`Crew.leave`."""
        self._workers[device].leave()

    def close(self) -> None:
        """See :meth:`Crew.close`."""
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.wait()

    def process_id(self, device: int) -> int | None:
        """The process that serves a device; None while there is none."""
        return self._workers[device].process_id


class _Worker:
    """One device's process, and the thread that listens to it."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a process is made of
        self,
        context: SpawnContext,
        make: Callable[[str], Executor],
        number: int,
        name: str,
        folder: Path,
        patience: Patience,
    ) -> None:
        self._context = context
        self._arguments = (make, number, name, folder)
        self._number = number
        self._patience = patience
        self._lock = threading.Lock()
        self._task: Task | None = None
        self._leaving = False
        self._dismissed = False
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    @property
    def process_id(self) -> int | None:
        """The number of the process that works now."""
        return self._process.pid if self._process else None

    def open(self, post: Callable[[Report], object]) -> None:
        """Start the process and the thread that listens."""
        self._post = post
        self._engage()
        self._thread = threading.Thread(target=self._listen, name=f"ce-nas worker {self._number}", daemon=True)
        self._thread.start()

    def order(self, task: Task) -> None:
        """Let it work on a task; if its process is just being replaced, the new one is told."""
        with self._lock:
            self._task, self._leaving = task, False
            self._send(task)

    def leave(self) -> None:
        """Let it leave its task."""
        with self._lock:
            self._leaving = True
            self._send(LEAVE)

    def dismiss(self) -> None:
        """Let it leave its task and end."""
        with self._lock:
            self._dismissed = self._leaving = True
            self._send(LEAVE)
            self._send(None)

    def wait(self) -> None:
        """Until it has ended; it is killed if it takes longer than is patience for."""
        process = self._process
        if process is None:
            return
        process.join(self._patience.grace_s)
        if process.is_alive():
            process.kill()
            process.join()
        self._thread.join()

    def _engage(self) -> None:
        """A new process."""
        mine, theirs = self._context.Pipe()
        self._process = self._context.Process(target=work, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = mine

    def _send(self, order: object) -> None:
        if self._pipe is not None:
            with suppress(OSError):  # it is dead: the listening thread sees to that
                self._pipe.send(order)

    def _listen(self) -> None:
        """Hand on what the process says; replace it when it dies or falls silent."""
        patience_s, deaths = self._patience.start_s, 0
        while deaths < _DEATHS:
            report, failure = self._hear(patience_s)
            if failure is not None:
                deaths, patience_s = deaths + 1, self._patience.start_s
                if not self._replace(failure):
                    return
                continue
            patience_s = self._waits_s()
            if report is not None:
                deaths = 0
                self._hand_on(report)
            if report is not None and report.said is Said.GONE:
                return
        self._hand_on(Report(self._number, Said.GONE, words=f"its process died {_DEATHS} times before it could work"))

    def _hear(self, patience_s: float) -> tuple[Report | None, Failure | None]:
        """The next report, None for a sign of life; and how the process failed if it did."""
        assert self._pipe is not None  # noqa: S101 - the thread begins after the process
        try:
            if not self._pipe.poll(patience_s):
                return None, None if self._task is None and not self._dismissed else Failure.HUNG
            return self._pipe.recv(), None
        except (EOFError, OSError):
            return None, Failure.LOST

    def _waits_s(self) -> float:
        """How long the next word may take."""
        return self._patience.grace_s if self._leaving else self._patience.silence_s

    def _hand_on(self, report: Report) -> None:
        with self._lock:
            task = self._task
            if report.said not in {Said.WORKING, Said.BACK}:
                self._task, self._leaving = None, False
        if report.said is not Said.BACK:  # a process that was replaced was never said to be gone
            self._post(report)
        if report.said is Said.GONE and task is not None:
            self._post(Report(self._number, Said.FAILED, task.id, failure=Failure.LOST, words=report.words))

    def _replace(self, failure: Failure) -> bool:
        """End the process, say what became of its task, and start another; False once it was sent home."""
        assert self._process is not None  # noqa: S101 - there was one to fail
        self._process.kill()
        self._process.join()
        code = self._process.exitcode
        with self._lock:
            task, left, self._task, self._leaving = self._task, self._leaving, None, False
            if self._dismissed:
                self._pipe = None
            else:
                self._engage()
        if task is not None and left:
            self._post(Report(self._number, Said.LEFT, task.id, words=f"killed after its grace: {failure}"))
        elif task is not None:
            words = f"its process ended with code {code}" if failure is Failure.LOST else "it gave no sign of life"
            self._post(Report(self._number, Said.FAILED, task.id, failure=failure, words=words))
        return not self._dismissed
