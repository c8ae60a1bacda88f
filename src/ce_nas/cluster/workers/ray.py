"""A worker pool on a Ray cluster: one actor per device (extra ``ray``).

An actor that is lost with its node is replaced on another node as soon as Ray has resources; until then its device is
lost, and not accounted for. Its task is reported as lost, and continues from its last checkpoint: in the run's folder
where the nodes share it; elsewhere checkpoints travel through Ray's object store, and the run keeps them in its folder.
The next attempt works where a lost one cannot write, and nothing that a lost actor still says is taken.
Each actor sees the GPU that Ray assigned to it alone, and reports the meter of its own node.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
from ce_nas.cluster.workers.local import WorkerTimeouts
from ce_nas.cluster.workers.process import HEARTBEAT_INTERVAL_S, task_log_path
from ce_nas.cluster.workers.ray_actor import ActorFolder, DeviceActor
from ce_nas.cluster.workers.ray_device import RayDevice
from ce_nas.cluster.workers.ray_settings import RayResources, RayStorage, RayWorkerSettings
from ce_nas.cluster.workers.task_files import TaskFiles, TaskFolders
from ce_nas.components.registry import WORKERS
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import ClusterError, MissingExtraError, StoreError
from ce_nas.energy.reported_meter import ReportedMeters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.base import Executor
    from ce_nas.cluster.workers.ray_actor import ActorStart, Pulse, TaskEnd
    from ce_nas.core.records import Task
    from ce_nas.energy.reported_meter import MeterReport, WorkerMeter

__all__ = ["RayResources", "RayWorkerPool"]

#: time between two polls of the results, s
_POLL_INTERVAL_S = 0.1
#: time in which the head of a cluster accepts a connection, s
_CONNECT_TIMEOUT_S = 5.0
#: consecutive deaths of the actor of a device, before it could work, after which the device is lost
_MAX_CONSECUTIVE_DEATHS = 3
#: largest part of the time in which the files of a training travel
_MAX_TRAVEL_SHARE = 0.1
#: beginning of the name of the file by which an actor knows the folder of the run
_MARK_PREFIX = ".run-"


@WORKERS.register("ray", RayWorkerSettings, package="ray", extra="ray")
class RayWorkerPool(WorkerPool):
    """One actor per device.

    An actor whose training gives no sign of life, or does not stop in time, is killed; its task continues from the last
    checkpoint. An actor that is lost is replaced, at most three times before it could work.

    :param make_executor: creates the executor of a device on its node.
    :param device_names: the devices; with a share of a GPU, each sees its own GPU as ``cuda``.
    :param folder: folder of the checkpoints.
    :param resources: resources that Ray reserves for a device.
    :param make_meter: creates the meter of a device on its node, from its name; None: its energy is modelled.
    :param storage: how checkpoints reach other nodes.
    :param address: address of the Ray cluster; None for that of this machine, started if there is none.
    :raises MissingExtraError: if Ray is not installed.
    """

    def __init__(  # noqa: PLR0913 - what a pool needs, and what Ray needs
        self,
        make_executor: Callable[[str], Executor],
        device_names: Sequence[str],
        folder: Path,
        resources: RayResources | None = None,
        timeouts: WorkerTimeouts | None = None,
        *,
        make_meter: Callable[[str], WorkerMeter] | None = None,
        storage: RayStorage | None = None,
        address: str | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            package = "ray"
            raise MissingExtraError(package, "ray", "A Ray worker pool") from error
        self.devices = len(device_names)
        self.origin = f"{len(device_names)} actors of Ray"
        self.reported_meters = ReportedMeters(self.devices) if make_meter else None
        self._ray: Any = ray
        self._address = address
        self._runtime_env = dict(runtime_env or {})
        #: the same for each actor, where Ray was initialised by somebody else: it is the job's otherwise
        self._actor_env: dict[str, Any] | None = None
        self._resources = resources or RayResources()
        self._timeouts = timeouts or WorkerTimeouts()
        self._folders = TaskFolders(folder.absolute())
        storage, self._mark = storage or RayStorage(), f"{_MARK_PREFIX}{secrets.token_hex(8)}"
        way_out = (
            "raise live.workers.checkpoint_limit_gb, or use a run folder that all nodes share "
            "(live.workers.shared_folder = true)."
        )
        place = ActorFolder(self._folders.work, self._mark, storage.is_shared, storage.limit_bytes, way_out)
        self._arguments = [(make_executor, make_meter, number, name, place) for number, name in enumerate(device_names)]
        #: tasks with an attempt in the folder of the run whose end is not known, so that it may still be at work
        self._unended: set[int] = set()
        self._ray_devices = [RayDevice(number) for number in range(self.devices)]
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ce-nas ray", daemon=True)

    @classmethod
    def from_settings(
        cls,
        settings: RayWorkerSettings,
        make_executor: Callable[[str], Executor],
        devices: Sequence[str],
        folder: Path,
        make_meter: Callable[..., WorkerMeter] | None = None,
    ) -> Self:
        """The pool that the settings describe; a device of several GPUs asks for all of them on one node."""
        size = max((name.count("+") + 1 for name in devices), default=1)
        timeouts = WorkerTimeouts(
            settings.start_timeout, settings.heartbeat_timeout, settings.shutdown_timeout, settings.release_timeout
        )
        return cls(
            make_executor,
            devices,
            folder,
            RayResources(size * settings.cpus, size * settings.gpu_share),
            timeouts,
            make_meter=partial(make_meter, share=settings.gpu_share or 1.0) if make_meter else None,
            storage=RayStorage(settings.shared_folder, round(settings.checkpoint_limit_gb * 1e9)),
            address=settings.address,
            runtime_env=settings.runtime_env,
        )

    def open(self, on_message: Callable[[WorkerMessage], object]) -> None:
        """See :meth:`WorkerPool.open`.

        :raises ClusterError: if the cluster cannot be reached.
        """
        work = self._folders.work
        work.mkdir(parents=True, exist_ok=True)
        for old in work.glob(f"{_MARK_PREFIX}*"):  # of a search that was killed
            old.unlink(missing_ok=True)
        (work / self._mark).touch()
        self._unended = self._folders.unended()
        if self._ray.is_initialized():
            self._actor_env = self._runtime_env or None
        else:
            self._connect()
        self._on_message = on_message
        with self._lock:
            for device in self._ray_devices:
                self._create_actor(device)
        self._thread.start()

    def start(self, device: int, task: Task) -> None:
        """See :meth:`WorkerPool.start`."""
        target = self._ray_devices[device]
        with self._lock:
            self._ensure_actor(target)
            target.task, target.has_started, target.preempt_until_s = task, False, None
            target.attempt += 1
            target.alive_s, target.pulse_s = monotonic_s(), 0.0
            if target.is_ready:
                self._run_task(target, task)

    def preempt(self, device: int) -> None:
        """See :meth:`WorkerPool.preempt`."""
        target = self._ray_devices[device]
        with self._lock:
            if target.task is None:
                return
            if target.preempt_until_s is None:
                target.preempt_until_s = monotonic_s() + self._timeouts.shutdown_s
            if target.task_ref is not None:
                target.actor.preempt.remote(target.attempt)

    def release(self, device: int) -> None:
        """See :meth:`WorkerPool.release`; the actor ends after ``release_s``, and its resources are Ray's again."""
        with self._lock:
            self._ray_devices[device].released_until_s = monotonic_s() + self._timeouts.release_s

    def acquire(self, device: int) -> None:
        """See :meth:`WorkerPool.acquire`."""
        with self._lock:
            self._ensure_actor(self._ray_devices[device])

    def close(self) -> None:
        """See :meth:`WorkerPool.close`."""
        for device in range(self.devices):
            self.preempt(device)
        running = [device.task_ref for device in self._ray_devices if device.task_ref is not None]
        if running and self._thread.is_alive():
            self._ray.wait(running, num_returns=len(running), timeout=self._timeouts.shutdown_s)
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
            self._keep_last_files()
        for closed in self._ray_devices:
            self._kill_actor(closed)
        (self._folders.work / self._mark).unlink(missing_ok=True)

    def _keep_last_files(self) -> None:
        """Keep the files of the tasks that were suspended at the end."""
        for device in self._ray_devices:
            with suppress(Exception):  # the whole cluster may be gone already
                if device.task_ref is not None and self._ray.wait([device.task_ref], timeout=0.0)[0]:
                    self._handle_results(device, {device.task_ref})

    def _connect(self) -> None:
        """Connect to the cluster, or start one on this machine."""
        address = (self._address or "").removeprefix("ray://")
        host, _, port = address.rpartition(":")
        try:
            if host and port.isdigit():  # Ray itself waits much longer, and says much more
                socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
            self._ray.init(
                address=self._address,
                runtime_env=self._runtime_env or None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=None if self._address else False,
            )
        except (OSError, ValueError, RuntimeError) as error:
            message = (
                f"Expected a Ray cluster at {self._address or 'this machine'}, but {str(error).partition(chr(10))[0]}; "
                "set live.workers.address to the address that `ray start --head` printed."
            )
            raise ClusterError(message) from error

    def _ensure_actor(self, device: RayDevice) -> None:
        """Take the device back: its actor was to end, or has ended."""
        device.released_until_s = None
        if device.actor is None and not device.given_up:
            self._create_actor(device)

    def _create_actor(self, device: RayDevice) -> None:
        """Create the actor of a device; Ray starts it once a node has the resources."""
        actor_class = self._ray.remote(DeviceActor).options(
            num_cpus=self._resources.cpus,
            num_gpus=self._resources.gpus,
            max_concurrency=4,
            runtime_env=self._actor_env,
        )
        device.actor = actor_class.remote(*self._arguments[device.number])
        device.is_ready, device.created_s = False, monotonic_s()
        device.start_ref, device.pulse_ref, device.task_ref = device.actor.start.remote(), None, None
        device.files_ref, device.common = None, {}
        if self.reported_meters is not None:
            self.reported_meters.set_absent(device.number)  # until it has started, it holds nothing

    def _kill_actor(self, device: RayDevice) -> None:
        if device.actor is not None:
            with suppress(Exception):  # it, or the whole cluster, may be gone already
                self._ray.kill(device.actor)
        device.actor = device.start_ref = device.pulse_ref = device.task_ref = device.files_ref = None
        device.is_ready = False
        if self.reported_meters is not None:
            self.reported_meters.set_absent(device.number)

    def _listen(self) -> None:
        """Forward the results, ask for pulses, and replace actors that are lost or stuck."""
        while not self._stopped.wait(0.0):
            with self._lock:
                pending = [ref for device in self._ray_devices for ref in device.refs()]
            try:
                done = (
                    set(self._ray.wait(pending, num_returns=len(pending), timeout=_POLL_INTERVAL_S)[0])
                    if pending
                    else ()
                )
            except Exception as error:  # noqa: BLE001 - Ray raises various errors once its head is gone
                self._give_up_all(f"Ray's cluster does not answer: {type(error).__name__}: {error}")
                return
            if not pending:
                self._stopped.wait(_POLL_INTERVAL_S)
            for device in self._ray_devices:
                with self._lock:
                    messages = self._handle_results(device, done) + self._check_limits(device)
                for message in messages:
                    self._on_message(message)

    def _handle_results(self, device: RayDevice, done: Collection[Any]) -> list[WorkerMessage]:
        """Handle what has arrived from the actor of a device; returns the messages for the run."""
        try:
            if device.start_ref in done:
                return self._handle_start(device)
            messages = []
            if device.pulse_ref in done:
                messages += self._handle_pulse(device)
            if device.files_ref in done:
                self._handle_files(device)
            if device.task_ref in done:
                messages += self._handle_end(device)
        except StoreError as error:
            return self._replace_actor(device, str(error), Failure.ERROR)
        except self._ray.exceptions.RayError as error:
            cause = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
            return self._replace_actor(device, f"its actor is lost: {cause[:500]}", Failure.LOST)
        return messages

    def _handle_start(self, device: RayDevice) -> list[WorkerMessage]:
        start: ActorStart = self._ray.get(device.start_ref)
        device.start_ref = None
        if start.error:
            return self._give_up(device, start.error)
        device.is_ready, device.is_shared, device.alive_s = True, start.is_shared, monotonic_s()
        if device.task is not None:
            self._run_task(device, device.task)
        was_lost, device.is_lost = device.is_lost, False
        return [WorkerMessage(device.number, WorkerEvent.DEVICE_READY)] if was_lost else []

    def _handle_pulse(self, device: RayDevice) -> list[WorkerMessage]:
        pulse: Pulse = self._ray.get(device.pulse_ref)
        device.pulse_ref, device.pulse_s = None, monotonic_s()
        if pulse.is_alive:
            device.alive_s = device.pulse_s
        self._take_report(device, pulse.report)
        if device.task is not None and pulse.task_id == device.task.id:
            return self._note_start(device)
        return []

    def _handle_end(self, device: RayDevice) -> list[WorkerMessage]:
        end: TaskEnd = self._ray.get(device.task_ref)
        self._keep_files(device, end.files)
        if end.message.event is WorkerEvent.FINISHED and device.is_shared:
            self._folders.publish(end.message.task_id)
        self._note_end(end.message.task_id)
        messages = self._note_start(device)
        device.task_ref = device.files_ref = device.task = device.preempt_until_s = None
        device.deaths = 0
        self._take_report(device, end.report)
        return [*messages, end.message]

    def _note_end(self, task_id: int) -> None:
        """Note that no actor works on a task in the folder of its next attempt."""
        if task_id in self._unended:
            self._unended.discard(task_id)
            self._folders.note(task_id, has_ended=True)

    def _run_task(self, device: RayDevice, task: Task) -> None:
        """Start the task of an actor that is ready, where no earlier attempt at it can write."""
        folders, device.files_due_s, device.log_kept = self._folders, 0.0, 0
        if task.id in self._unended:  # a lost attempt at it may still write there
            folders.start_next_attempt(task.id)
            self._note_end(task.id)
        place: Path | TaskFiles
        if device.is_shared:
            folders.note(task.id, has_ended=False)
            self._unended.add(task.id)
            place = folders.folder(task.id)
        else:
            place = TaskFiles(task.id, folders.read(task.id), folders.read_common(device.common))
        device.task_ref = device.actor.run_task.remote(task, device.attempt, place)

    def _handle_files(self, device: RayDevice) -> None:
        """Keep the files of a running task, and say when to ask for them again: they travel a tenth of the time."""
        files: TaskFiles | None = self._ray.get(device.files_ref)
        device.files_ref, now_s = None, monotonic_s()
        self._keep_files(device, files)
        took_s = now_s - device.files_asked_s
        device.files_due_s = now_s + max(HEARTBEAT_INTERVAL_S, took_s * (1.0 / _MAX_TRAVEL_SHARE - 1.0))

    def _keep_files(self, device: RayDevice, files: TaskFiles | None) -> None:
        """Keep what has arrived of the files of a device's task in the folder of the run."""
        if files is not None:
            self._folders.write(files, device.common)
            printed = files.log[device.log_kept - files.log_start :]  # some of it may have arrived twice
            device.log_kept += len(printed)
            self._folders.append_log(task_log_path(self._folders.work, files.task_id), printed)

    def _note_start(self, device: RayDevice) -> list[WorkerMessage]:
        """Report the start of a task, once."""
        if device.has_started or device.task is None:
            return []
        device.has_started, device.deaths = True, 0
        return [WorkerMessage(device.number, WorkerEvent.WORKING, device.task.id)]

    def _take_report(self, device: RayDevice, report: MeterReport | None) -> None:
        if report is not None and self.reported_meters is not None:
            self.reported_meters.update(device.number, report)

    def _check_limits(self, device: RayDevice) -> list[WorkerMessage]:
        """End an actor that exceeds a limit, or ask for its next pulse and files; returns the messages for the run."""
        if device.actor is None:
            return []
        now_s = monotonic_s()
        if not device.is_ready:
            return self._check_start(device, now_s)
        detail = self._describe_hang(device, now_s)
        if detail:
            return self._replace_actor(device, detail, Failure.HUNG)
        if device.task is None and device.released_until_s is not None and now_s >= device.released_until_s:
            self._kill_actor(device)
        else:
            self._ask_for_pulse(device, now_s)
            self._ask_for_files(device, now_s)
        return []

    def _describe_hang(self, device: RayDevice, now_s: float) -> str:
        """Which limit a working actor exceeds; empty if none."""
        if device.preempt_until_s is not None and now_s >= device.preempt_until_s:
            return "killed after its shutdown timeout"
        heartbeat_s = self._timeouts.heartbeat_s
        if device.task is not None and now_s - device.alive_s >= heartbeat_s:
            return f"it neither asked whether to stop nor computed for {heartbeat_s:g} s"
        return ""

    def _ask_for_pulse(self, device: RayDevice, now_s: float) -> None:
        interval_s = _POLL_INTERVAL_S if device.task and not device.has_started else HEARTBEAT_INTERVAL_S
        if device.pulse_ref is None and now_s - device.pulse_s >= interval_s:
            device.pulse_ref = device.actor.pulse.remote()

    def _ask_for_files(self, device: RayDevice, now_s: float) -> None:
        """Ask for the files of a task that works outside the folder of the run, once they are due."""
        is_due = device.has_started and not device.is_shared and now_s >= device.files_due_s
        if is_due and device.task_ref is not None and device.files_ref is None:
            device.files_ref, device.files_asked_s = device.actor.collect_files.remote(device.log_kept), now_s

    def _check_start(self, device: RayDevice, now_s: float) -> list[WorkerMessage]:
        """Give back the task of an actor that has not started, if it is preempted, or waits for too long."""
        if device.task is not None and device.preempt_until_s is not None:
            task_id = device.task.id
            device.task = device.preempt_until_s = None
            return [WorkerMessage(device.number, WorkerEvent.PREEMPTED, task_id, detail="its actor had not started")]
        if device.is_lost or now_s - device.created_s < self._timeouts.start_s:
            return []
        return self._report_loss(device, self._describe_wait(), Failure.LOST)  # it may start yet

    def _replace_actor(self, device: RayDevice, detail: str, failure: Failure) -> list[WorkerMessage]:
        """Report the loss of an actor, and create another one, unless too many were lost before they could work."""
        device.deaths += 1
        self._kill_actor(device)
        if device.deaths >= _MAX_CONSECUTIVE_DEATHS:
            return self._give_up(device, f"{detail}, {device.deaths} times before it could work")
        messages = self._report_loss(device, detail, failure)
        self._create_actor(device)
        return messages

    def _give_up(self, device: RayDevice, detail: str) -> list[WorkerMessage]:
        """Report that a device is lost for good."""
        self._kill_actor(device)
        device.given_up = detail
        return self._report_loss(device, detail, Failure.LOST)

    def _give_up_all(self, detail: str) -> None:
        for device in self._ray_devices:
            with self._lock:
                messages = self._give_up(device, detail)
            for message in messages:
                self._on_message(message)

    def _report_loss(self, device: RayDevice, detail: str, failure: Failure) -> list[WorkerMessage]:
        """The messages of a lost device and of its task."""
        task, was_preempted = device.task, device.preempt_until_s is not None
        device.task = device.preempt_until_s = None
        device.is_lost = True
        lost = WorkerMessage(device.number, WorkerEvent.DEVICE_LOST, detail=detail)
        if task is None:
            return [lost]
        if was_preempted:
            return [lost, WorkerMessage(device.number, WorkerEvent.PREEMPTED, task.id, detail=detail)]
        return [lost, WorkerMessage(device.number, WorkerEvent.FAILED, task.id, failure=failure, detail=detail)]

    def _describe_wait(self) -> str:
        """Why an actor has not started: what it asks for, and what the cluster has."""
        free = self._ray.available_resources()
        cpus, gpus = free.get("CPU", 0), free.get("GPU", 0)
        return (
            f"its actor did not start within {self._timeouts.start_s:g} s: it asks for {self._resources.cpus:g} CPU "
            f"and {self._resources.gpus:g} GPU, and the cluster has {cpus:g} CPU and {gpus:g} GPU free; "
            "it is waited for"
        )
