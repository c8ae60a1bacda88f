"""A live cluster: a worker pool runs the tasks, and meters read their energy."""

from __future__ import annotations

import logging
import statistics
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas.cluster.assignment import TASK_ACTIVITIES, DeviceRole
from ce_nas.cluster.base import DeviceCluster, TakeBack
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.core.errors import ClusterError, EnergyError
from ce_nas.core.records import Activity, EnergyReading, ReadingSource, TaskEvent, TaskEventKind
from ce_nas.energy.base import usage_between
from ce_nas.energy.mixed_lever import MeasuredTypes
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.power_profile import PowerLimit, PowerProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.cluster.failure_watch import FailureWatch
    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.core.records import Task
    from ce_nas.energy.base import EnergyMeter, MeterSnapshot
    from ce_nas.energy.device_power import DevicePower
    from ce_nas.energy.gpu_limits import GpuLimits
    from ce_nas.energy.power_measurement import MixedMeasurement, PowerMeasurement
    from ce_nas.store.checkpoint_gc import CheckpointQuota
    from ce_nas.store.event_log import EventLog

__all__ = ["LiveCluster"]

_log = logging.getLogger(__name__)

_EVENT_KINDS = {
    WorkerEvent.FINISHED: TaskEventKind.FINISHED,
    WorkerEvent.PREEMPTED: TaskEventKind.SUSPENDED,
    WorkerEvent.FAILED: TaskEventKind.FAILED,
}


@dataclass(slots=True)
class _LiveDevice:
    """The state of one live device."""

    number: int
    role: DeviceRole = DeviceRole.IDLE
    task: Task | None = None
    #: whether its task is being preempted
    is_preempting: bool = False
    #: whether it is returned to the cluster, or lost: not accounted for
    is_released: bool = False
    is_lost: bool = False
    #: when it was taken back after a release, s, until its task works; None if it was not
    taken_back_s: float | None = None
    activity: Activity = Activity.IDLE
    #: start of the work on its task, s; None during a restore or a checkpoint
    working_since_s: float | None = None
    #: readings not returned yet
    unread_readings: list[EnergyReading] = field(default_factory=list)
    #: end of its last reading, s
    read_until_s: float = 0.0
    #: snapshot of its meter at the last reading; None before real time starts, or without a meter
    meter_snapshot: MeterSnapshot | None = None
    #: the last reason why its meter was not read: each is logged once
    meter_error: str = ""


class LiveCluster(DeviceCluster[_LiveDevice]):
    """Devices of a worker pool on a replayable clock.

    During a replay the worker pool is not used; when real time starts, it gets the running tasks, which continue from
    their checkpoints.

    :param workers: runs the tasks.
    :param clock: delivers the messages of the workers.
    :param event_log: records the energy readings, and replays them.
    :param power_model: power of a device without a meter.
    :param meters: the meter of each device, or None for a device without one.
    :param checkpoint_quota: removes checkpoints of finished tasks; None keeps all.
    :param device_power: power of each device by its own limit, in place of ``power_model``; it bounds the energy of a
        training before the first reading, so it is logged, and a resumed run keeps the logged limits.
    :param failure_watch: shows failures, and ends the search if the first trainings all fail; None keeps silent.
    :param gpu_limits: sets the power limits of the devices; why they cannot be set; None where nothing sets them.
    :param power_measurement: measures the devices' profile; None where it is known, or nothing needs it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the components of a live run
        self,
        workers: WorkerPool,
        clock: ReplayableClock,
        event_log: EventLog,
        power_model: PowerModel,
        meters: Sequence[EnergyMeter | None] | None = None,
        checkpoint_quota: CheckpointQuota | None = None,
        device_power: Sequence[DevicePower] | None = None,
        failure_watch: FailureWatch | None = None,
        gpu_limits: GpuLimits | str | None = None,
        power_measurement: PowerMeasurement | MixedMeasurement | None = None,
    ) -> None:
        super().__init__([_LiveDevice(number) for number in range(workers.devices)])
        self._meters = list(meters) if meters is not None else [None] * workers.devices
        self._power_models = (
            [power.model for power in device_power] if device_power else [power_model] * workers.devices
        )
        # stated wattages come before a device's own limit
        self._uses_declared = power_model.origin.endswith(PowerModel().origin)
        self._workers = workers
        self._clock = clock
        self._event_log = event_log
        self.peak_w, self.power_origin = self._log_power(device_power, power_model)
        self._gpu_limits, self.no_power_limit = self._log_power_limits(gpu_limits)
        self._power_limit: PowerLimit | None = None
        self._power_measurement = power_measurement
        self._started: set[int] = set()
        self._finished: set[int] = set()
        self._take_backs: list[TakeBack] = []
        #: how long taking devices back took so far, s of the run
        self._took_s: list[float] = []
        # task id -> working time in earlier runs of the task, s
        self._worked_s: dict[int, float] = {}
        self._checkpoint_quota = checkpoint_quota
        self._failure_watch = failure_watch
        clock.on_live(self._go_live)

    def submit(self, device: int, task: Task) -> None:
        """See :meth:`Cluster.submit`."""
        target = self._devices[device]
        target.unread_readings += self._collect_reading(target)
        target.task, target.is_preempting = task, False
        if target.taken_back_s != self._clock.now_s:  # it waited for a task meanwhile: the two cannot be separated
            target.taken_back_s = None
        target.activity = Activity.RESTORE if task.id in self._started else Activity.STARTUP
        self._started.add(task.id)
        if self._clock.is_live:
            self._workers.start(device, task)

    def handle_signal(self, signal: Any) -> TaskEvent | None:  # noqa: ANN401
        """See :meth:`Cluster.handle_signal`; the signal is a message of a worker; None if its task has ended."""
        message: WorkerMessage = signal
        device = self._devices[message.device]
        if message.event in {WorkerEvent.DEVICE_LOST, WorkerEvent.DEVICE_READY}:
            self._set_availability(device, message.detail, lost=message.event is WorkerEvent.DEVICE_LOST)
            return None
        if device.task is None or device.task.id != message.task_id:
            return None
        device.unread_readings += self._collect_reading(device)
        if message.event is WorkerEvent.WORKING:
            device.activity = Activity.CHECKPOINT if device.is_preempting else TASK_ACTIVITIES[device.task.kind]
            device.working_since_s = None if device.is_preempting else self._clock.now_s
            self._note_take_back(device, device.task)
            return None
        return self._complete_task(device, device.task, message)

    @property
    def usable_devices(self) -> int:
        """The number of available devices."""
        return sum(not device.is_lost for device in self._devices)

    def take_backs(self) -> Sequence[TakeBack]:
        """See :meth:`Cluster.take_backs`."""
        taken, self._take_backs = self._take_backs, []
        return taken

    @property
    def startup_s(self) -> float:  # type: ignore[override]
        """The median of what taking a released device back took so far, s of the run; 0 before the first."""
        return statistics.median(self._took_s) if self._took_s else 0.0

    def limit_power(self, limit: PowerLimit) -> None:
        """See :meth:`Cluster.limit_power`."""
        self._power_limit = limit
        if self._gpu_limits is None or not self._clock.is_live:
            return
        apply, is_limited = partial(self._gpu_limits.apply, limit), limit.time_factor > 1 or limit.power_factor < 1
        try:
            if self._power_measurement is not None:
                self._power_measurement.hold(apply, is_limited=is_limited)
            else:
                apply()
        except EnergyError as error:
            _log.warning("%s The GPUs' power limits are restored, and stay so.", error)
            self._close_limits()

    def measured_profile(self) -> PowerProfile | MeasuredTypes | str | None:
        """See :meth:`Cluster.measured_profile`; as logged, since decisions depend on it."""
        recorded = self._event_log.pop("power_profile")
        if recorded is None:
            result = self._power_measurement.result if self._power_measurement else super().measured_profile()
            content = _profile_to_json(result)
            self._event_log.append("power_profile", self._clock.now_s, content)
        else:
            content = recorded.content
        if content is None or isinstance(content, str):
            reason: str | None = content
            return reason
        profile = _profile_from_json(content)
        if self._power_measurement is not None:
            self._power_measurement.close()
            self._power_measurement = None
        if self._gpu_limits is not None and isinstance(profile, PowerProfile):
            self._gpu_limits.default_w = profile.default_limit_w
        return profile

    def close(self) -> None:
        """See :meth:`Cluster.close`; closes the meters, too, and restores the power limits."""
        self._workers.close()
        self._close_limits()
        for meter in self._meters:
            if meter is not None:
                meter.close()

    def _close_limits(self) -> None:
        """Measure no more, and restore the power limits."""
        if self._power_measurement is not None:
            self._power_measurement.close()
        if self._gpu_limits is not None:
            self._gpu_limits.close()
        self._power_measurement = self._gpu_limits = None

    def _retention_order(self) -> Sequence[_LiveDevice]:
        """The devices by the id of their task: earlier tasks first, since remaining times are unknown."""
        return sorted(self._devices, key=lambda device: (device.task.id if device.task else -1, device.number))

    def _complete_task(self, device: _LiveDevice, task: Task, message: WorkerMessage) -> TaskEvent:
        readings, worked_s = tuple(self._read_device(device)), self._stop_work_timer(device, task)
        device.task, device.is_preempting, device.activity = None, False, Activity.IDLE
        if device.role is DeviceRole.RELEASED:
            self._release(device)
        if message.event is WorkerEvent.FINISHED:
            self._finished.add(task.id)
            if self._checkpoint_quota and self._clock.is_live:
                self._checkpoint_quota.enforce(self._finished)
        if self._failure_watch and self._clock.is_live:
            self._failure_watch.note(message, task)
        return TaskEvent(
            _EVENT_KINDS[message.event],
            device.number,
            self._clock.now_s,
            task,
            message.outcome,
            readings,
            failure=message.failure,
            detail=message.detail,
            active_s=worked_s,
            places=message.places,
        )

    def _note_take_back(self, device: _LiveDevice, task: Task) -> None:
        """Note how long it took to take a device back, now that its task works."""
        since_s, device.taken_back_s = device.taken_back_s, None
        if since_s is not None:
            took_s = self._clock.now_s - since_s
            self._took_s.append(took_s)
            self._take_backs.append(TakeBack(device.number, task.id, took_s / self._clock.time_scale))

    def _stop_work_timer(self, device: _LiveDevice, task: Task) -> float:
        """Stop the timer of the work on a task; returns its working time on all devices, s."""
        since_s, device.working_since_s = device.working_since_s, None
        added_s = 0.0 if since_s is None else self._clock.now_s - since_s
        self._worked_s[task.id] = self._worked_s.get(task.id, 0.0) + added_s
        return self._worked_s[task.id]

    def _preempt(self, device: _LiveDevice) -> None:
        if device.task is None or device.is_preempting:
            return
        device.unread_readings += self._collect_reading(device)
        self._stop_work_timer(device, device.task)
        device.is_preempting, device.activity = True, Activity.CHECKPOINT
        if self._clock.is_live:
            self._workers.preempt(device.number)

    def _release(self, device: _LiveDevice) -> None:
        if device.is_released:
            return
        device.unread_readings += self._collect_reading(device)
        device.is_released = True
        self._set_held(device, held=False)

    def _reacquire(self, device: _LiveDevice) -> None:
        device.is_released, device.taken_back_s = False, None if device.is_lost else self._clock.now_s
        self._set_held(device, held=True)
        device.read_until_s = self._clock.now_s
        device.meter_snapshot = self._snapshot_meter(device)

    def _set_availability(self, device: _LiveDevice, detail: str, *, lost: bool) -> None:
        if lost:
            device.is_lost = True
            self._release(device)
        elif device.role is not DeviceRole.RELEASED:
            self._reacquire(device)
        device.is_lost = lost
        if not lost and device.is_released and self._clock.is_live:
            self._workers.release(device.number)  # not wanted any more when it came back
        if self._clock.is_live and not self.usable_devices:
            message = (
                f"Expected at least one of the {self.devices} devices to be available, but the last one is lost: "
                f"{detail}; fix it and resume the run."
            )
            raise ClusterError(message)

    def _go_live(self) -> None:
        """Start real time: the running tasks are given to the worker pool."""
        for device in self._devices:
            if device.is_lost:  # the workers start again, and a lost one reports it again
                self._set_availability(device, "", lost=False)
        if not self._clock.is_live:
            return  # a replayed start of real time
        self._workers.open(self._clock.post)
        if self._power_limit is not None:
            self.limit_power(self._power_limit)
        if self._power_measurement is not None:
            self._power_measurement.start()
        for device in self._devices:
            device.meter_snapshot = self._snapshot_meter(device)
            if device.is_released:
                self._workers.release(device.number)
            if device.task is not None:
                self._workers.start(device.number, device.task)
                if device.is_preempting:
                    self._workers.preempt(device.number)

    def _set_held(self, device: _LiveDevice, *, held: bool) -> None:
        """Tell the meter, which may divide shared hardware, and the workers, whose process may end."""
        meter = self._meters[device.number]
        if meter is not None:
            meter.set_held(held=held)
        if self._clock.is_live and not device.is_lost:
            (self._workers.acquire if held else self._workers.release)(device.number)

    def _snapshot_meter(self, device: _LiveDevice) -> MeterSnapshot | None:
        """Read the meter now; None without one, or where it cannot be read."""
        meter = self._meters[device.number]
        if meter is None or not self._clock.is_live:
            return None
        try:
            return meter.snapshot()
        except EnergyError as error:
            self._report_meter_error(device, error)
            return None

    def _report_meter_error(self, device: _LiveDevice, error: EnergyError) -> None:
        if device.meter_error != str(error):
            device.meter_error = str(error)
            _log.warning("device %d: %s Its energy is modelled for this time.", device.number, error)

    def _read_device(self, device: _LiveDevice) -> list[EnergyReading]:
        readings, device.unread_readings = device.unread_readings + self._collect_reading(device), []
        return readings

    def _collect_reading(self, device: _LiveDevice) -> list[EnergyReading]:
        """Read the energy of the current activity since the last reading; replayed if it is in the event log."""
        start_s, now_s = device.read_until_s, self._clock.now_s
        if device.is_released or now_s <= start_s:
            return []
        device.read_until_s = now_s
        recorded = self._event_log.pop("energy_reading")
        if recorded is not None:
            energy_j, source, coverage = recorded.content
            return [
                EnergyReading(device.number, device.activity, start_s, now_s, energy_j, ReadingSource(source), coverage)
            ]
        reading = self._measure(device, start_s, now_s)
        self._event_log.append("energy_reading", now_s, [reading.energy_j, reading.source, reading.coverage])
        return [reading]

    def _measure(self, device: _LiveDevice, start_s: float, now_s: float) -> EnergyReading:
        """Measure by the meter; by the power model without one, or for time in which the meter did not observe."""
        meter, start = self._meters[device.number], device.meter_snapshot
        if meter is None:
            return self._model(device, start_s, now_s, coverage=1.0)
        device.meter_snapshot = None
        try:
            device.meter_snapshot = meter.snapshot()
            if start is None:
                return self._model(device, start_s, now_s, coverage=0.0)
            usage = usage_between(start, device.meter_snapshot)
        except EnergyError as error:  # a reset, a failed read, another process: modelled, and counted as unobserved
            self._report_meter_error(device, error)
            return self._model(device, start_s, now_s, coverage=0.0)
        return EnergyReading(
            device.number, device.activity, start_s, now_s, usage.energy_j, meter.source, usage.coverage
        )

    def _model(self, device: _LiveDevice, start_s: float, now_s: float, *, coverage: float) -> EnergyReading:
        """The energy of a device by the power model; ``coverage`` is the share of the time that counts as observed."""
        real_s = (now_s - start_s) / self._clock.time_scale
        power_model = self._power_model(device.number)
        modelled = power_model.model_reading(device.number, device.activity, start_s, now_s)
        energy_j = power_model.power_w(device.activity) * real_s
        return replace(modelled, energy_j=energy_j, coverage=coverage)

    def _power_model(self, device: int) -> PowerModel:
        """The power model of a device; on another machine by its own limit, once its worker has reported it."""
        model, reported = self._power_models[device], self._workers.reported_meters
        declared = reported.declared_w(device) if reported and self._uses_declared else None
        if declared is None:
            return model
        working_w, idle_w = declared
        return replace(
            model,
            training_w=working_w,
            sampling_w=working_w,
            idle_w=idle_w,
            checkpoint_j=working_w * model.checkpoint_s,
            restore_j=working_w * model.restore_s,
            startup_j=working_w * model.startup_s,
        )

    def _log_power(self, device_power: Sequence[DevicePower] | None, power_model: PowerModel) -> tuple[float, str]:
        """The maximum power of all devices, W, and the origin of their energy: as logged when the run began.

        Budgets depend on the first, and the machine's limits can change before a run is resumed.
        """
        recorded = self._event_log.pop("devices")
        if recorded is None:
            described = map(self._describe_meter, self._meters, self._power_models)
            origin, peak_w = "; ".join(dict.fromkeys(described)), power_model.peak_w
            if device_power:
                peak_w = max(power.limit_w for power in device_power)
                bounds = dict.fromkeys(f"{power.limit_w:.4g} W ({power.origin})" for power in device_power)
                origin += f"; a device draws at most {', '.join(bounds)}"
            self._event_log.append("devices", 0.0, [self.devices * peak_w, origin])
            return self.devices * peak_w, origin
        peak_w, origin = recorded.content
        return peak_w, origin

    def _log_power_limits(self, limits: GpuLimits | str | None) -> tuple[GpuLimits | None, str]:
        """What sets power limits, and why they cannot be set: as logged when the run began, since decisions need it."""
        if limits is None:
            return None, ""
        reason = limits if isinstance(limits, str) else ""
        recorded = self._event_log.pop("power_limits")
        if recorded is None:
            self._event_log.append("power_limits", 0.0, reason)
            if reason:
                _log.warning("The GPUs' power limits are left alone: %s", reason)
        return None if isinstance(limits, str) else limits, reason if recorded is None else recorded.content

    @staticmethod
    def _describe_meter(meter: EnergyMeter | None, power_model: PowerModel) -> str:
        return f"{power_model.source}: {power_model.origin}" if meter is None else f"{meter.source}: {meter.origin}"


def _profile_to_json(profile: PowerProfile | MeasuredTypes | str | None) -> Any:  # noqa: ANN401 - JSON
    """A measured profile for the event log; those of several types in an object."""
    if isinstance(profile, PowerProfile):
        points = [[point.limit_w, point.time_factor, point.power_factor] for point in profile.points]
        return [profile.name, profile.origin, points]
    if isinstance(profile, MeasuredTypes):
        return {"types": [[_profile_to_json(each), count] for each, count in profile.profiles]}
    return profile


def _profile_from_json(content: Any) -> PowerProfile | MeasuredTypes:  # noqa: ANN401 - JSON
    if isinstance(content, dict):
        return MeasuredTypes(tuple((_one_profile(each), int(count)) for each, count in content["types"]))
    return _one_profile(content)


def _one_profile(content: Any) -> PowerProfile:  # noqa: ANN401 - JSON
    name, origin, points = content
    return PowerProfile([PowerLimit(*point) for point in points], name, origin)
