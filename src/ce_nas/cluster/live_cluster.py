"""A cluster that is there: a crew does the work, and meters say what it drew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ce_nas.cluster.assignment import ACTIVITIES, Role
from ce_nas.cluster.base import FleetCluster
from ce_nas.cluster.workers.base import Report, Said
from ce_nas.core.errors import ClusterError
from ce_nas.core.records import Activity, Event, EventKind, Reading, Source
from ce_nas.energy.base import between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.cluster.replay_clock import LiveClock
    from ce_nas.cluster.workers.base import Crew
    from ce_nas.core.records import Task
    from ce_nas.energy.base import Mark, Meter
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.store.checkpoint_gc import Shelf
    from ce_nas.store.event_log import Recording

__all__ = ["LiveCluster"]

_KINDS = {Said.FINISHED: EventKind.FINISHED, Said.LEFT: EventKind.FREED, Said.FAILED: EventKind.FAILED}


@dataclass(slots=True)
class _Device:
    """One device, and what it is about."""

    number: int
    role: Role = Role.IDLE
    task: Task | None = None
    #: whether it was told to leave its task
    leaving: bool = False
    #: whether it is given back to others, or can no longer be used: off the books
    away: bool = False
    gone: bool = False
    activity: Activity = Activity.IDLE
    #: since when it is at work on its task, s; None while it loads, or writes a checkpoint
    working_since_s: float | None = None
    #: what it drew and nobody read yet
    unread: list[Reading] = field(default_factory=list)
    #: up to when it was read, s
    read_until_s: float = 0.0
    #: where its meter stood then; None before real time passes, or where nothing measures it
    mark: Mark | None = None


class LiveCluster(FleetCluster[_Device]):
    """Devices of a crew on a live clock.

    While a recording is lived through again the crew is not asked for anything; when real time begins to pass, it is
    given whatever was under way, which goes on from its checkpoints.

    :param crew: who does the work.
    :param clock: hands out the crew's reports.
    :param recording: what was drawn is put there, and taken from there when it is lived through again.
    :param power: what a device without a meter is taken to draw.
    :param meters: the meter of each device, or None where nothing measures it.
    :param shelf: where checkpoints lie, to be tidied; None to keep them all.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - who works, on what time, metered how, kept where
        self,
        crew: Crew,
        clock: LiveClock,
        recording: Recording,
        power: PowerModel,
        meters: Sequence[Meter | None] | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        super().__init__([_Device(number) for number in range(crew.devices)])
        self.peak_w = crew.devices * power.peak_w
        self._meters = list(meters) if meters is not None else [None] * crew.devices
        self.power_origin = "; ".join(dict.fromkeys(self._origin(meter, power) for meter in self._meters))
        self._crew = crew
        self._clock = clock
        self._recording = recording
        self._power = power
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        # time at work in earlier sittings, s, by task
        self._worked_s: dict[int, float] = {}
        self._shelf = shelf
        clock.when_live(self._go_live)

    def submit(self, device: int, task: Task) -> None:
        """See :meth:`Cluster.submit`."""
        seat = self._fleet[device]
        seat.unread += self._draw(seat)
        seat.task, seat.leaving = task, False
        seat.activity = Activity.RESTORE if task.id in self._begun else Activity.STARTUP
        self._begun.add(task.id)
        if self._clock.live:
            self._crew.start(device, task)

    def receive(self, signal: Any) -> Event | None:  # noqa: ANN401
        """See :meth:`Cluster.receive`: the signal is a report of the crew; one about a task that is over is None."""
        report: Report = signal
        device = self._fleet[report.device]
        if report.said in {Said.GONE, Said.BACK}:
            self._come_or_go(device, report.words, gone=report.said is Said.GONE)
            return None
        if device.task is None or device.task.id != report.task_id:
            return None
        device.unread += self._draw(device)
        if report.said is Said.WORKING:
            device.activity = Activity.CHECKPOINT if device.leaving else ACTIVITIES[device.task.kind]
            device.working_since_s = None if device.leaving else self._clock.now_s
            return None
        return self._over(device, device.task, report)

    @property
    def usable(self) -> int:
        """How many devices are there."""
        return sum(not device.gone for device in self._fleet)

    def close(self) -> None:
        """See :meth:`Cluster.close`; the meters are put away."""
        self._crew.close()
        for meter in self._meters:
            if meter is not None:
                meter.close()

    def _staying(self) -> Sequence[_Device]:
        """Those first whose tasks began first; how long one still needs nobody knows."""
        return sorted(self._fleet, key=lambda device: (device.task.id if device.task else -1, device.number))

    def _over(self, device: _Device, task: Task, report: Report) -> Event:
        readings, worked_s = tuple(self._read(device)), self._rest(device, task)
        device.task, device.leaving, device.activity = None, False, Activity.IDLE
        if device.role is Role.RELEASED:
            self._let_go(device)
        if report.said is Said.FINISHED:
            self._finished.add(task.id)
            if self._shelf and self._clock.live:
                self._shelf.tidy(self._finished)
        return Event(
            _KINDS[report.said],
            device.number,
            self._clock.now_s,
            task,
            report.outcome,
            readings,
            failure=report.failure,
            words=report.words,
            worked_s=worked_s,
        )

    def _rest(self, device: _Device, task: Task) -> float:
        """A device is no longer at work on its task; for how long it, and others before it, were."""
        since_s, device.working_since_s = device.working_since_s, None
        more_s = 0.0 if since_s is None else self._clock.now_s - since_s
        self._worked_s[task.id] = self._worked_s.get(task.id, 0.0) + more_s
        return self._worked_s[task.id]

    def _leave(self, device: _Device) -> None:
        if device.task is None or device.leaving:
            return
        device.unread += self._draw(device)
        self._rest(device, device.task)
        device.leaving, device.activity = True, Activity.CHECKPOINT
        if self._clock.live:
            self._crew.leave(device.number)

    def _let_go(self, device: _Device) -> None:
        if not device.away:
            device.unread += self._draw(device)
            device.away = True

    def _take_back(self, device: _Device) -> None:
        device.away = False
        device.read_until_s = self._clock.now_s
        device.mark = self._mark(device)

    def _come_or_go(self, device: _Device, words: str, *, gone: bool) -> None:
        if gone:
            self._let_go(device)
        elif device.role is not Role.RELEASED:
            self._take_back(device)
        device.gone = gone
        if self._clock.live and not self.usable:
            message = (
                f"Expected at least one of the {self.devices} devices to be there, but the last one is gone: {words}; "
                "mend it and resume the run."
            )
            raise ClusterError(message)

    def _go_live(self) -> None:
        """Real time begins to pass: whatever is under way is given to the crew."""
        for device in self._fleet:
            if device.gone:  # workers begin anew, and one that still cannot work says so again
                self._come_or_go(device, "", gone=False)
        if not self._clock.live:
            return  # it did so once, and another life of the run went on from there
        self._crew.open(self._clock.post)
        for device in self._fleet:
            device.mark = self._mark(device)
            if device.task is not None:
                self._crew.start(device.number, device.task)
                if device.leaving:
                    self._crew.leave(device.number)

    def _mark(self, device: _Device) -> Mark | None:
        meter = self._meters[device.number]
        return meter.mark() if meter is not None and self._clock.live else None

    def _read(self, device: _Device) -> list[Reading]:
        readings, device.unread = device.unread + self._draw(device), []
        return readings

    def _draw(self, device: _Device) -> list[Reading]:
        """What the device drew since the last time, as one reading of what it was about; as recorded, if it was."""
        start_s, now_s = device.read_until_s, self._clock.now_s
        if device.away or now_s <= start_s:
            return []
        device.read_until_s = now_s
        recorded = self._recording.take("drew")
        if recorded is not None:
            energy_j, source, coverage = recorded.content
            return [Reading(device.number, device.activity, start_s, now_s, energy_j, Source(source), coverage)]
        reading = self._measured(device, start_s, now_s)
        self._recording.put("drew", now_s, [reading.energy_j, reading.source, reading.coverage])
        return [reading]

    def _measured(self, device: _Device, start_s: float, now_s: float) -> Reading:
        """By the device's meter; without one, or for a stretch that a killed run left unread, by the power model."""
        meter, first = self._meters[device.number], device.mark
        if meter is None or first is None:
            real_s = (now_s - start_s) / self._clock.time_scale
            modelled = self._power.reading(device.number, device.activity, start_s, now_s)
            energy_j = self._power.power_w(device.activity) * real_s
            return replace(modelled, energy_j=energy_j, coverage=1.0 if meter is None else 0.0)
        device.mark = meter.mark()
        used = between(first, device.mark)
        return Reading(device.number, device.activity, start_s, now_s, used.energy_j, meter.source, used.coverage)

    @staticmethod
    def _origin(meter: Meter | None, power: PowerModel) -> str:
        return f"{power.source}: {power.origin}" if meter is None else f"{meter.source}: {meter.origin}"
