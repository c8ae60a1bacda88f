"""A worker pool on a Ray cluster: one actor per device (extra ``ray``).

An actor that is lost with its node is replaced on another node as soon as Ray has resources; until then its device is
lost, and not accounted for. Its task is reported as lost, and continues from its last checkpoint in a shared folder.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.cluster.workers.process import execute_task
from ce_nas.config.components import ComponentSettings
from ce_nas.config.quantities import Share  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.config.registry import WORKERS
from ce_nas.core.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.core.records import Task

__all__ = ["RayResources", "RayWorkerPool"]

#: time between two polls of the results, s
_POLL_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class RayResources:
    """The resources of a device."""

    cpus: float = 1.0
    #: a fraction shares one GPU between several devices
    gpus: float = 0.0


class _RayActor:
    """The actor of one device: runs a task in one thread, and receives preemptions in another."""

    def __init__(self, make_executor: Callable[[str], Executor], number: int, name: str, folder: Path) -> None:
        self._number = number
        self._folder = folder
        self._preempt_requested = threading.Event()
        self._executor = make_executor(name)

    def run_task(self, task: Task) -> WorkerMessage:
        """Run a task."""
        message = execute_task(self._executor, task, self._number, self._folder, self._preempt_requested.is_set)
        self._preempt_requested.clear()
        return message

    def preempt(self) -> None:
        """Preempt its task."""
        self._preempt_requested.set()

    def ready(self) -> None:
        """Return once the actor is created."""


class RayWorkerSettings(ComponentSettings):
    """Settings of the worker pool ray."""

    address: str | None = Field(
        None, description="Address of the Ray cluster; unset: that of this machine, started if there is none."
    )
    gpu_share: Share = Field(1.0, description="Share of a GPU per device; 0: devices are CPUs.")
    cpus: float = Field(1.0, ge=0, description="CPUs per device.")

    def device_names(self, count: int) -> tuple[str, ...]:
        """Devices of other machines."""
        return ("cuda" if self.gpu_share else "cpu",) * count


@WORKERS.register("ray", RayWorkerSettings, package="ray", extra="ray")
class RayWorkerPool(WorkerPool):
    """One actor per device.

    :param make_executor: creates the executor of a device on its node.
    :param device_names: the devices; with a share of a GPU, each sees its own GPU as ``cuda``.
    :param folder: folder of the checkpoints, shared by all nodes.
    :param resources: resources that Ray reserves for a device.
    :param address: address of the Ray cluster; None for that of this machine, started if there is none.
    :raises MissingExtraError: if Ray is not installed.
    """

    def __init__(
        self,
        make_executor: Callable[[str], Executor],
        device_names: Sequence[str],
        folder: Path,
        resources: RayResources | None = None,
        *,
        address: str | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            package = "ray"
            raise MissingExtraError(package, "ray", "A Ray worker pool") from error
        self.devices = len(device_names)
        self.origin = f"{len(device_names)} actors of Ray"
        self._ray: Any = ray
        self._address = address
        self._resources = resources or RayResources()
        self._folder = folder.absolute()
        self._arguments = [(make_executor, number, name, self._folder) for number, name in enumerate(device_names)]
        self._actors: list[Any] = []
        self._tasks: dict[int, Task] = {}
        # pending results: reference -> device, and reference -> (device, task whose start it confirms)
        self._task_refs: dict[Any, int] = {}
        self._ready_refs: dict[Any, tuple[int, Task | None]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ce-nas ray", daemon=True)

    @classmethod
    def from_settings(
        cls,
        settings: RayWorkerSettings,
        make_executor: Callable[[str], Executor],
        devices: Sequence[str],
        folder: Path,
    ) -> Self:
        """The pool that the settings describe."""
        resources = RayResources(settings.cpus, settings.gpu_share)
        return cls(make_executor, devices, folder, resources, address=settings.address)

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """See :meth:`WorkerPool.open`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._ray.is_initialized():
            self._ray.init(address=self._address, log_to_driver=False, include_dashboard=False)
        self._on_message = on_message
        self._actors = [self._create_actor(device) for device in range(self.devices)]
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`WorkerPool.start`."""
        with self._lock:
            self._tasks[device] = task
            self._request_ready(device, task)
            self._task_refs[self._actors[device].run_task.remote(task)] = device

    def preempt(self, device: int) -> None:
        """See :meth:`WorkerPool.preempt`."""
        self._actors[device].preempt.remote()

    def close(self) -> None:
        """See :meth:`WorkerPool.close`."""
        for device in list(self._tasks):
            self.preempt(device)
        if self._task_refs:
            self._ray.wait(list(self._task_refs), num_returns=len(self._task_refs), timeout=60.0)
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for actor in self._actors:
            self._ray.kill(actor)

    def _request_ready(self, device: int, task: Task | None) -> None:
        """Request a confirmation of an actor: of its start of ``task``, or that its device is ready if None."""
        self._ready_refs[self._actors[device].ready.remote()] = (device, task)

    def _create_actor(self, device: int) -> Any:  # noqa: ANN401 - Ray's handle of an actor
        """Create the actor of a device; Ray starts it once a node has the resources."""
        actor_class = self._ray.remote(_RayActor)
        configured = actor_class.options(
            num_cpus=self._resources.cpus, num_gpus=self._resources.gpus, max_concurrency=2
        )
        return configured.remote(*self._arguments[device])

    def _listen(self) -> None:
        """Forward the results, and replace lost actors."""
        while not self._stopped.wait(0.0):
            with self._lock:
                pending = [*self._ready_refs, *self._task_refs]
            if not pending:
                self._stopped.wait(_POLL_INTERVAL_S)
                continue
            done, _ = self._ray.wait(pending, num_returns=1, timeout=_POLL_INTERVAL_S)
            for ref in done:
                if ref in self._ready_refs:
                    self._handle_ready(ref)
                else:
                    self._handle_result(ref)

    def _handle_ready(self, ref: Any) -> None:  # noqa: ANN401 - Ray's reference to a result
        """Report that an actor is ready; a lost actor is replaced, here or when the result of its task fails."""
        with self._lock:
            device, task = self._ready_refs.pop(ref)
        try:
            self._ray.get(ref)
        except self._ray.exceptions.RayError:
            if task is None:
                self._replace_actor(device)
            return
        if task is None:
            self._on_message(WorkerMessage(device, WorkerEvent.DEVICE_READY))
        elif self._tasks.get(device) is task:
            self._on_message(WorkerMessage(device, WorkerEvent.WORKING, task.id))

    def _replace_actor(self, device: int) -> None:
        """Create another actor for a device, which is ready once the actor is."""
        with self._lock:
            self._actors[device] = self._create_actor(device)
            self._request_ready(device, None)

    def _handle_result(self, ref: Any) -> None:  # noqa: ANN401 - Ray's reference to a result
        with self._lock:
            device = self._task_refs.pop(ref)
            task = self._tasks.pop(device)
            ready_ref = next((key for key, (_, started) in self._ready_refs.items() if started is task), None)
            if ready_ref is not None:  # the result arrives before the confirmation of the start
                del self._ready_refs[ready_ref]
        try:
            message: WorkerMessage = self._ray.get(ref)
            if ready_ref is not None:
                self._on_message(WorkerMessage(device, WorkerEvent.WORKING, task.id))
        except self._ray.exceptions.RayError as error:
            detail = str(error).partition("\n")[0]
            self._on_message(WorkerMessage(device, WorkerEvent.DEVICE_LOST, detail="its actor is lost"))
            self._on_message(WorkerMessage(device, WorkerEvent.FAILED, task.id, failure=Failure.LOST, detail=detail))
            self._replace_actor(device)
            return
        self._on_message(message)
