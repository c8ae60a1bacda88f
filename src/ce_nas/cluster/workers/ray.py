"""A crew over Ray's machines: an actor a device, wherever Ray finds room for it (extra ``ray``).

An actor that is lost with its machine is replaced on another one as soon as there is room; until then its device is
gone, and off the books. Its task is reported as lost, and goes on from its last checkpoint, which lies in a folder that
all machines share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import Crew, Report, Said
from ce_nas.cluster.workers.process import carry_out
from ce_nas.core.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task

__all__ = ["RayCrew", "Share"]

#: time between two looks at what has come back, s
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Share:
    """What a device is to Ray."""

    cpus: float = 1.0
    #: a fraction lets several devices share one GPU
    gpus: float = 0.0


class _Worker:
    """One device's actor: works in one thread, and hears in another that it is to leave."""

    def __init__(self, make: Callable[[str], Executor], number: int, name: str, folder: Path) -> None:
        self._number = number
        self._folder = folder
        self._leave = threading.Event()
        self._executor = make(name)

    def work(self, task: Task) -> Report:
        """Carry a task out."""
        report = carry_out(self._executor, task, self._number, self._folder, self._leave.is_set)
        self._leave.clear()
        return report

    def leave(self) -> None:
        """Let it leave its task."""
        self._leave.set()

    def ready(self) -> None:
        """Answers once it was made."""


class RayCrew(Crew):
    """An actor a device.

    :param make: makes the executor of a device where the actor is.
    :param names: the devices; with a share of a GPU every one sees its own as ``cuda``.
    :param folder: where checkpoints lie; every machine has to see it.
    :param share: what Ray sets apart for a device.
    :param address: of a Ray cluster; None for the one of this machine, started if need be.
    :raises MissingExtraError: if Ray is not installed.
    """

    def __init__(
        self,
        make: Callable[[str], Executor],
        names: Sequence[str],
        folder: Path,
        share: Share | None = None,
        *,
        address: str | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            package = "ray"
            raise MissingExtraError(package, "ray", "A crew over Ray") from error
        self.devices = len(names)
        self.origin = f"{len(names)} actors of Ray"
        self._ray: Any = ray
        self._address = address
        self._share = share or Share()
        self._folder = folder.absolute()
        self._arguments = [(make, number, name, self._folder) for number, name in enumerate(names)]
        self._actors: list[Any] = []
        self._tasks: dict[int, Task] = {}
        # what was asked of the actors and has not come back: of which device, and of which task it says that it works
        self._answers: dict[Any, int] = {}
        self._greetings: dict[Any, tuple[int, Task | None]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ce-nas ray", daemon=True)

    def open(self, post: Callable[[Report], object]) -> None:
        """See :meth:`Crew.open`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._ray.is_initialized():
            self._ray.init(address=self._address, log_to_driver=False, include_dashboard=False)
        self._post = post
        self._actors = [self._engaged(device) for device in range(self.devices)]
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`Crew.start`."""
        with self._lock:
            self._tasks[device] = task
            self._greet(device, task)
            self._answers[self._actors[device].work.remote(task)] = device

    def leave(self, device: int) -> None:
        """See :meth:`Crew.leave`."""
        self._actors[device].leave.remote()

    def close(self) -> None:
        """See :meth:`Crew.close`."""
        for device in list(self._tasks):
            self.leave(device)
        if self._answers:
            self._ray.wait(list(self._answers), num_returns=len(self._answers), timeout=60.0)
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        for actor in self._actors:
            self._ray.kill(actor)

    def _greet(self, device: int, task: Task | None) -> None:
        """Let an actor say that it is there: with a task, that it works; without, that it is back."""
        self._greetings[self._actors[device].ready.remote()] = (device, task)

    def _engaged(self, device: int) -> Any:  # noqa: ANN401 - Ray's handle of an actor
        """An actor for a device; Ray starts it when and where there is room."""
        kind = self._ray.remote(_Worker)
        stated = kind.options(num_cpus=self._share.cpus, num_gpus=self._share.gpus, max_concurrency=2)
        return stated.remote(*self._arguments[device])

    def _listen(self) -> None:
        """Hand on what comes back, and replace actors that are lost."""
        while not self._over.wait(0.0):
            with self._lock:
                waiting = [*self._greetings, *self._answers]
            if not waiting:
                self._over.wait(_LOOK_S)
                continue
            done, _ = self._ray.wait(waiting, num_returns=1, timeout=_LOOK_S)
            for answer in done:
                if answer in self._greetings:
                    self._welcome(answer)
                else:
                    self._take(answer)

    def _welcome(self, answer: Any) -> None:  # noqa: ANN401 - Ray's reference to what comes back
        """An actor is there; one that is lost before it could say so is dealt with where its task is, or replaced."""
        with self._lock:
            device, task = self._greetings.pop(answer)
        try:
            self._ray.get(answer)
        except self._ray.exceptions.RayError:
            if task is None:
                self._replace(device)
            return
        if task is None:
            self._post(Report(device, Said.BACK))
        elif self._tasks.get(device) is task:
            self._post(Report(device, Said.WORKING, task.id))

    def _replace(self, device: int) -> None:
        """Another actor for a device, which is back when the actor is there."""
        with self._lock:
            self._actors[device] = self._engaged(device)
            self._greet(device, None)

    def _take(self, answer: Any) -> None:  # noqa: ANN401 - Ray's reference to what comes back
        with self._lock:
            device = self._answers.pop(answer)
            task = self._tasks.pop(device)
            greeting = next((item for item, (_, about) in self._greetings.items() if about is task), None)
            if greeting is not None:  # both came back at once
                del self._greetings[greeting]
        try:
            report: Report = self._ray.get(answer)
            if greeting is not None:
                self._post(Report(device, Said.WORKING, task.id))
        except self._ray.exceptions.RayError as error:
            words = str(error).partition("\n")[0]
            self._post(Report(device, Said.GONE, words="its actor is lost"))
            self._post(Report(device, Said.FAILED, task.id, failure=Failure.LOST, words=words))
            self._replace(device)
            return
        self._post(report)
