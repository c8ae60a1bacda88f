"""A cluster that is not there: tasks take the time their evaluator states and draw what a power model says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ce_nas.cluster.assignment import ACTIVITIES, Role
from ce_nas.cluster.base import FleetCluster
from ce_nas.core.records import Activity, Event, EventKind, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.benchmarks.base import Evaluator
    from ce_nas.core.clock import Clock
    from ce_nas.core.records import Reading, Task
    from ce_nas.energy.power_model import PowerModel

__all__ = ["SimulatedCluster"]


@dataclass(slots=True)
class _Device:
    """One device, and what it is about."""

    number: int
    role: Role = Role.IDLE
    #: what it works on, or whose checkpoint it writes
    task: Task | None = None
    #: whether it writes a checkpoint and will be free then
    leaving: bool = False
    #: what it does up to when, s, in order; after the last it starts up or is idle
    phases: list[tuple[Activity, float]] = field(default_factory=list)
    #: when the work on the task itself began or begins, s: after the checkpoint was loaded
    working_from_s: float = 0.0
    #: until when it starts up after it was taken back, s
    ready_s: float = 0.0
    #: whether it is given back to others, off the books
    away: bool = False
    #: none is ever lost
    gone: bool = False
    #: what it drew before that and nobody read yet
    unread: list[Reading] = field(default_factory=list)
    #: up to when it was read, s
    read_until_s: float = 0.0
    #: of the signal that its task is over
    ticket: int = -1


class SimulatedCluster(FleetCluster[_Device]):
    """Devices on a clock that jumps or passes.

    Sampling is suspended without a checkpoint, since every score found is kept; a training costs one, and its loading.
    """

    def __init__(self, devices: int, clock: Clock, evaluator: Evaluator, power: PowerModel) -> None:
        super().__init__([_Device(number) for number in range(devices)])
        self.peak_w = devices * power.peak_w
        self.power_origin = f"{power.source}: {power.origin}"
        self._clock = clock
        self._evaluator = evaluator
        self._power = power
        # seconds of work already done on suspended tasks, by task number
        self._done_s: dict[int, float] = {}

    def submit(self, device: int, task: Task) -> None:
        """See :meth:`Cluster.submit`."""
        seat, now_s = self._fleet[device], self._clock.now_s
        done_s = self._done_s.get(task.id, 0.0)
        restores = done_s > 0 and task.kind is not TaskKind.SAMPLING
        ready_s = max(now_s, seat.ready_s)
        seat.task = task
        seat.working_from_s = ready_s + (self._power.restore_s if restores else 0.0)
        over_s = seat.working_from_s + self._evaluator.duration_s(task) - done_s
        seat.phases = [
            (Activity.STARTUP, seat.ready_s),
            (Activity.IDLE, ready_s),
            (Activity.RESTORE, seat.working_from_s),
            (ACTIVITIES[task.kind], over_s),
        ]
        seat.ticket = self._clock.post(device, over_s - now_s)

    def receive(self, signal: Any) -> Event:  # noqa: ANN401
        """See :meth:`Cluster.receive`: the signal is the number of the device whose task or checkpoint is over."""
        device = self._fleet[signal]
        task, left = device.task, device.leaving
        assert task is not None  # noqa: S101 - a signal is posted for a task and cancelled with it
        readings = tuple(self._read(device))
        device.task, device.leaving, device.phases = None, False, []
        if left:
            if device.role is Role.RELEASED:
                self._let_go(device)
            return Event(EventKind.FREED, device.number, self._clock.now_s, task, None, readings)
        self._done_s.pop(task.id, None)
        outcome = self._evaluator.run(task)
        return Event(EventKind.FINISHED, device.number, self._clock.now_s, task, outcome, readings)

    def _staying(self) -> Sequence[_Device]:
        """Those first whose tasks are nearest their end."""
        return sorted(self._fleet, key=_left_s)

    def _leave(self, device: _Device) -> None:
        """Take the task off; what was done of it is kept, at the price of a checkpoint if it is a training."""
        if device.task is None or device.leaving:
            return
        now_s = self._clock.now_s
        self._clock.cancel(device.ticket)
        worked_s = max(now_s - device.working_from_s, 0.0)
        self._done_s[device.task.id] = self._done_s.get(device.task.id, 0.0) + worked_s
        writes = worked_s > 0 and device.task.kind is not TaskKind.SAMPLING
        takes_s = self._power.checkpoint_s if writes else 0.0
        device.phases = [*_until(device.phases, now_s), (Activity.CHECKPOINT, now_s + takes_s)]
        device.leaving = True
        device.ticket = self._clock.post(device.number, takes_s)

    def _let_go(self, device: _Device) -> None:
        """Give a free device back to others; what it drew until now is still to be read."""
        device.unread = self._read(device)
        device.away = True

    def _take_back(self, device: _Device) -> None:
        """Hold a device again: it starts up first."""
        device.away = False
        device.read_until_s = self._clock.now_s
        device.ready_s = self._clock.now_s + self._power.startup_s

    def _read(self, device: _Device) -> list[Reading]:
        """What the device drew since it was last read, a reading an activity."""
        now_s, readings, device.unread = self._clock.now_s, device.unread, []
        if device.away:
            return readings
        for activity, until_s in [*device.phases, (Activity.STARTUP, device.ready_s), (Activity.IDLE, now_s)]:
            start_s, end_s = device.read_until_s, min(until_s, now_s)
            if end_s > start_s:
                readings.append(self._power.reading(device.number, activity, start_s, end_s))
                device.read_until_s = end_s
        return readings


def _left_s(device: _Device) -> tuple[float, int]:
    """When the device's work ends, the nearest first; devices of equal time by number."""
    return (device.phases[-1][1] if device.phases else 0.0, device.number)


def _until(phases: list[tuple[Activity, float]], now_s: float) -> list[tuple[Activity, float]]:
    """The phases as far as they were lived through, the one under way ending now."""
    past = [phase for phase in phases if phase[1] <= now_s]
    return [*past, *((activity, now_s) for activity, _ in phases[len(past) : len(past) + 1])]
