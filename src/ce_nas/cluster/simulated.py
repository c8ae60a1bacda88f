"""A simulated cluster: durations from an evaluator, energy from a power model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ce_nas.cluster.assignment import TASK_ACTIVITIES, DeviceRole
from ce_nas.cluster.base import DeviceCluster
from ce_nas.core.records import Activity, TaskEvent, TaskEventKind, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.benchmarks.base import Evaluator
    from ce_nas.core.clock import Clock
    from ce_nas.core.records import EnergyReading, Task
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.energy.power_profile import PowerLimit

__all__ = ["SimulatedCluster"]


@dataclass(slots=True)
class _SimulatedDevice:
    """The state of one simulated device."""

    number: int
    role: DeviceRole = DeviceRole.IDLE
    #: current task, also while its checkpoint is written
    task: Task | None = None
    #: whether the checkpoint of its task is being written
    is_preempting: bool = False
    #: activities of its task in order, each with its end, s
    phases: list[tuple[Activity, float]] = field(default_factory=list)
    #: start of the work on the task, after the restore or the last change of the power limit, s
    working_from_s: float = 0.0
    #: work on the task before that, since it was submitted, s at the default power limit
    worked_s: float = 0.0
    #: end of the start-up after it was reacquired, s
    ready_s: float = 0.0
    #: whether it is returned to the cluster, and not accounted for
    is_released: bool = False
    #: always False
    is_lost: bool = False
    #: readings taken before its release and not returned yet
    unread_readings: list[EnergyReading] = field(default_factory=list)
    #: end of its last reading, s
    read_until_s: float = 0.0
    #: signal of the end of its task or checkpoint
    signal_id: int = -1


class SimulatedCluster(DeviceCluster[_SimulatedDevice]):
    """Simulated devices on any clock.

    Suspending a training costs a checkpoint and a restore; sampling needs neither, since its scores are kept.

    Example:
        >>> from ce_nas.benchmarks.base import Evaluator
        >>> from ce_nas.core.clock import VirtualClock
        >>> from ce_nas.core.records import Allocation, Outcome, Task
        >>> from ce_nas.energy.power_model import PowerModel
        >>> class ConstantEvaluator(Evaluator):
        ...     objectives = ()
        ...     supernet_training_s = 0.0
        ...     has_proxy_scores = False
        ...
        ...     def duration_s(self, task):
        ...         return 600.0
        ...
        ...     def run(self, task):
        ...         return Outcome(task.id, ((1.0,),))
        >>> clock = VirtualClock()
        >>> cluster = SimulatedCluster(1, clock, ConstantEvaluator(), PowerModel(training_w=300.0))
        >>> cluster.assign(Allocation(sampling=0, evaluating=1))
        >>> cluster.submit(0, Task(0, TaskKind.EVALUATION, ((0,),)))
        >>> event = cluster.handle_signal(clock.next(until_s=3600.0))
        >>> event.at_s, event.readings[0].energy_j
        (600.0, 180000.0)
    """

    def __init__(self, devices: int, clock: Clock, evaluator: Evaluator, power_model: PowerModel) -> None:
        super().__init__([_SimulatedDevice(number) for number in range(devices)])
        self.peak_w = devices * power_model.peak_w
        self.power_origin = f"{power_model.source}: {power_model.origin}"
        self._clock = clock
        self._evaluator = evaluator
        self._power_model = self._unlimited_model = power_model
        self.startup_s, self.restore_s = power_model.startup_s, power_model.restore_s
        self.checkpoint_s = power_model.checkpoint_s
        #: duration of work at the power limit, relative to the default one
        self._time_factor = 1.0
        # task id -> work done in earlier runs of a suspended task, s at the default power limit
        self._done_s: dict[int, float] = {}

    def submit(self, device: int, task: Task) -> None:
        """See :meth:`Cluster.submit`."""
        target, now_s = self._devices[device], self._clock.now_s
        restores = self._done_s.get(task.id, 0.0) > 0 and task.kind is not TaskKind.SAMPLING
        ready_s = max(now_s, target.ready_s)
        target.task = task
        target.working_from_s = ready_s + (self._power_model.restore_s if restores else 0.0)
        target.worked_s = 0.0
        end_s = self._end_of_work_s(target, task)
        target.phases = [
            (Activity.STARTUP, target.ready_s),
            (Activity.IDLE, ready_s),
            (Activity.RESTORE, target.working_from_s),
            (TASK_ACTIVITIES[task.kind], end_s),
        ]
        target.signal_id = self._clock.post(device, end_s - now_s)

    def overhead_s(self, device: int) -> float:
        """See :meth:`Cluster.overhead_s`."""
        return max(self._devices[device].working_from_s - self._clock.now_s, 0.0)

    def handle_signal(self, signal: Any) -> TaskEvent:  # noqa: ANN401
        """See :meth:`Cluster.handle_signal`; the signal is the number of a device whose task or checkpoint is done."""
        device = self._devices[signal]
        task, preempted = device.task, device.is_preempting
        assert task is not None  # noqa: S101 - a signal belongs to a task, and is cancelled with it
        readings = tuple(self._read_device(device))
        device.task, device.is_preempting, device.phases = None, False, []
        if preempted:
            if device.role is DeviceRole.RELEASED:
                self._release(device)
            return TaskEvent(TaskEventKind.SUSPENDED, device.number, self._clock.now_s, task, None, readings)
        self._done_s.pop(task.id, None)
        outcome = self._evaluator.run(task)
        return TaskEvent(TaskEventKind.FINISHED, device.number, self._clock.now_s, task, outcome, readings)

    def limit_power(self, limit: PowerLimit) -> None:
        """See :meth:`Cluster.limit_power`: work is slower from now on, and draws less."""
        now_s = self._clock.now_s
        for device in self._devices:
            device.unread_readings = self._read_device(device)
            device.worked_s += self._worked_since_s(device)
        self._time_factor = limit.time_factor
        self._power_model = self._unlimited_model.limited(limit.power_factor)
        for device in self._devices:
            if device.task is None or device.is_preempting:
                continue
            device.working_from_s = max(device.working_from_s, now_s)
            end_s = self._end_of_work_s(device, device.task)
            device.phases[-1] = (device.phases[-1][0], end_s)
            self._clock.cancel(device.signal_id)
            device.signal_id = self._clock.post(device.number, end_s - now_s)

    def _end_of_work_s(self, device: _SimulatedDevice, task: Task) -> float:
        """The end of a task on a device at the present power limit, s."""
        done_s = self._done_s.get(task.id, 0.0) + device.worked_s
        return device.working_from_s + self._time_factor * self._evaluator.duration_s(task) - self._time_factor * done_s

    def _worked_since_s(self, device: _SimulatedDevice) -> float:
        """The work on a device's task since :attr:`working_from_s`, s at the default power limit."""
        if device.task is None or device.is_preempting:
            return 0.0
        return max(self._clock.now_s - device.working_from_s, 0.0) / self._time_factor

    def _retention_order(self) -> Sequence[_SimulatedDevice]:
        """The devices by the end of their task, earliest first."""
        return sorted(self._devices, key=_remaining_work_key)

    def _preempt(self, device: _SimulatedDevice) -> None:
        """Suspend the task; its work is kept, and a training writes a checkpoint."""
        if device.task is None or device.is_preempting:
            return
        now_s = self._clock.now_s
        self._clock.cancel(device.signal_id)
        worked_s = device.worked_s + self._worked_since_s(device)
        self._done_s[device.task.id] = self._done_s.get(device.task.id, 0.0) + worked_s
        writes_checkpoint = worked_s > 0 and device.task.kind is not TaskKind.SAMPLING
        checkpoint_s = self._power_model.checkpoint_s if writes_checkpoint else 0.0
        device.phases = [*_truncate_phases(device.phases, now_s), (Activity.CHECKPOINT, now_s + checkpoint_s)]
        device.is_preempting = True
        device.signal_id = self._clock.post(device.number, checkpoint_s)

    def _release(self, device: _SimulatedDevice) -> None:
        """Release a free device; its unread energy is kept."""
        device.unread_readings = self._read_device(device)
        device.is_released = True

    def _reacquire(self, device: _SimulatedDevice) -> None:
        """Reacquire a released device; it starts up first."""
        device.is_released = False
        device.read_until_s = self._clock.now_s
        device.ready_s = self._clock.now_s + self._power_model.startup_s

    def _read_device(self, device: _SimulatedDevice) -> list[EnergyReading]:
        """Read the energy of a device since its last reading, one reading per activity."""
        now_s, readings, device.unread_readings = self._clock.now_s, device.unread_readings, []
        if device.is_released:
            return readings
        for activity, until_s in [*device.phases, (Activity.STARTUP, device.ready_s), (Activity.IDLE, now_s)]:
            start_s, end_s = device.read_until_s, min(until_s, now_s)
            if end_s > start_s:
                readings.append(self._power_model.model_reading(device.number, activity, start_s, end_s))
                device.read_until_s = end_s
        return readings


def _remaining_work_key(device: _SimulatedDevice) -> tuple[float, int]:
    """Sort key: end of the work of a device, then its number."""
    return (device.phases[-1][1] if device.phases else 0.0, device.number)


def _truncate_phases(phases: list[tuple[Activity, float]], now_s: float) -> list[tuple[Activity, float]]:
    """Return the past phases, with the current one ending now."""
    past = [phase for phase in phases if phase[1] <= now_s]
    return [*past, *((activity, now_s) for activity, _ in phases[len(past) : len(past) + 1])]
