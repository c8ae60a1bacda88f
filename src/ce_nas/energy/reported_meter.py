"""Meters of devices on other machines: each worker reads the meter of the machine it runs on, and sends the reading.

- `WorkerMeter`: in the worker: the meter of its device, and its reports
- `ReportedMeters`: in the run: the meters of all devices, from their workers' reports
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ce_nas.components.registry import METERS
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import CeNasError, EnergyError, MissingExtraError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.device_power import device_power
from ce_nas.energy.nvml import load_nvml
from ce_nas.energy.power_model import PowerModel
from ce_nas.energy.rapl import RaplMeter, has_rapl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.components.base import ComponentSettings

__all__ = ["MAX_REPORT_AGE_S", "MeterReport", "ReportedMeters", "WorkerMeter"]

#: longest age of a report, s; after it the device counts as unobserved
MAX_REPORT_AGE_S = 10.0


@dataclass(frozen=True, slots=True)
class MeterReport:
    """The counts of a worker's meter, from 0 at the start of its process."""

    #: the process that counts; another one counts from 0 again
    process: str
    #: the machine, whose processors all its devices divide
    host: str
    #: energy of the device itself, J
    energy_j: float = 0.0
    #: energy of the machine's processors and memory, of which the device has a part, J
    host_energy_j: float = 0.0
    #: time in which the device was observed, s
    observed_s: float = 0.0
    source: ReadingSource = ReadingSource.MODELLED
    #: what is read, and how
    origin: str = ""
    #: why nothing is read; empty if it is
    error: str = ""
    #: what the device is modelled to draw at work and idle by its own limit, its part of the host included, W; None
    #: where nothing is known of it
    working_w: float | None = None
    idle_w: float | None = None


class WorkerMeter:
    """The meter of a worker's device, read in the worker's process.

    :param settings: which meter; see :data:`ce_nas.components.registry.METERS`.
    :param device: the device as this process sees it, for instance ``cuda:0``.
    :param share: share of a GPU that the device is.
    """

    def __init__(self, settings: ComponentSettings, device: str, share: float = 1.0) -> None:
        self._process = f"{socket.gethostname()}:{os.getpid()}:{monotonic_s():.6f}"
        self._meter: EnergyMeter | None = None
        self._error = f"there is no meter of the device {device}"
        self._host = _UndividedHost()
        self._working_w, self._idle_w = _declared_w(device, share)
        uses_counters = has_rapl() and settings.name != "modelled"
        try:
            self._meter = METERS.build(settings, device, os.getpid, self._host if uses_counters else None, share)
        except CeNasError as error:
            self._error = str(error)

    def report(self) -> MeterReport:
        """Read the meter; a reading that fails is reported with its reason."""
        if self._meter is None:
            return self._failed(self._error)
        try:
            now, host_j = self._meter.snapshot(), self._host.read_energy_j()
        except EnergyError as error:
            return self._failed(str(error))
        origin = self._meter.origin
        return replace(
            self._failed(""),
            energy_j=now.energy_j,
            host_energy_j=host_j,
            observed_s=now.observed_s,
            source=self._meter.source,
            origin=origin,
        )

    def _failed(self, error: str) -> MeterReport:
        """A report without a reading."""
        host = socket.gethostname()
        return MeterReport(self._process, host, error=error, working_w=self._working_w, idle_w=self._idle_w)

    def close(self) -> None:
        """Stop reading."""
        if self._meter is not None:
            self._meter.close()


def _declared_w(device: str, share: float) -> tuple[float | None, float | None]:
    """The power of a device of this machine at work and idle by its own limit, W; None where nothing is known.

    The processors count in equal parts for each of the machine's GPUs, or for each core of a device without one.
    """
    on_host = _count_gpus() if device.startswith("cuda") else os.cpu_count() or 1
    stated = PowerModel(origin="")
    model = device_power(device, max(on_host, 1), stated).model
    return (None, None) if model == stated else (model.training_w * share, model.idle_w * share)


def _count_gpus() -> int:
    try:
        return int(load_nvml().nvmlDeviceGetCount())
    except (EnergyError, MissingExtraError):
        return 0


class _UndividedHost:
    """Represents the :class:`~ce_nas.energy.meter_selection.DividedMeter` of a machine.

    A worker does not know the others on its machine, so it reports the whole machine, and the run divides it.
    """

    def __init__(self) -> None:
        self._meter: RaplMeter | None = None

    def member(self) -> EnergyMeter:
        """Build the meter of one device: of nothing, since the machine is reported apart."""
        self._meter = RaplMeter()
        return _NoEnergy(self._meter)

    def read_energy_j(self) -> float:
        """Read the energy of the machine, J; 0 if the device is not metered by it."""
        return self._meter.snapshot().energy_j if self._meter is not None else 0.0


class _NoEnergy(EnergyMeter):
    """The time of a meter without its energy."""

    def __init__(self, meter: EnergyMeter) -> None:
        self.source: ReadingSource = meter.source
        self.origin = f"{meter.origin}, divided between the devices held there"
        self._meter = meter

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        now = self._meter.snapshot()
        return MeterSnapshot(now.time_s, 0.0, now.observed_s)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._meter.close()


@dataclass(slots=True)
class _State:
    """What is known of one device."""

    last: MeterReport | None = None
    #: arrival of the last report, s of this process's monotonic clock
    received_s: float = 0.0
    #: energy and observed time reported since the start, over all processes of the device
    energy_j: float = 0.0
    observed_s: float = 0.0
    #: power between the last two reports, W
    power_w: float = 0.0
    #: energy returned so far: an estimate since the last report is never taken back, J
    returned_j: float = 0.0
    #: observed time returned so far, s
    returned_observed_s: float = 0.0
    #: whether the device is known to hold nothing now, so that it draws nothing
    is_absent: bool = False
    is_held: bool = True


class ReportedMeters:
    """The meters of devices on other machines, as their workers report them.

    Between two reports energy is carried on at the last power, and set right by the next report: the sum over time is
    what was reported. A machine's own energy is divided between the devices of the run that are held there.

    Example:
        >>> meters = ReportedMeters(1)
        >>> meters.update(0, MeterReport("node-1:7", "node-1", energy_j=5.0, source=ReadingSource.COUNTER))
        >>> first = meters[0].snapshot()
        >>> meters.update(0, MeterReport("node-1:7", "node-1", energy_j=12.0, source=ReadingSource.COUNTER))
        >>> meters[0].snapshot().energy_j - first.energy_j >= 7.0
        True

    :param devices: number of devices.
    :param now_s: a monotonic clock, s.
    """

    def __init__(self, devices: int, now_s: Callable[[], float] = monotonic_s) -> None:
        self._states = [_State() for _ in range(devices)]
        self._now_s = now_s
        self._lock = threading.Lock()
        self.meters: Sequence[EnergyMeter] = [_ReportedMeter(self, number) for number in range(devices)]

    def __getitem__(self, device: int) -> EnergyMeter:
        return self.meters[device]

    def update(self, device: int, report: MeterReport) -> None:
        """Take a worker's report of a device."""
        with self._lock:
            state, now_s = self._states[device], self._now_s()
            last = state.last if state.last is not None and state.last.process == report.process else None
            added_j = report.energy_j - (last.energy_j if last else 0.0)
            host_j = report.host_energy_j - (last.host_energy_j if last else 0.0)
            if state.is_absent:
                state.observed_s += now_s - state.received_s  # known to hold nothing until now
            state.last, state.is_absent = report, False
            if report.error:
                state.received_s = now_s
                return
            if added_j < 0 or host_j < 0:
                return  # a counter was reset: what it counted before is booked, the rest is unknown
            added_j += host_j / max(self._held_on(report.host), 1)
            elapsed_s = now_s - state.received_s if last else 0.0
            state.power_w = added_j / elapsed_s if elapsed_s > 0 else 0.0
            state.energy_j += added_j
            state.observed_s += report.observed_s - (last.observed_s if last else 0.0)
            state.received_s = now_s

    def _held_on(self, host: str) -> int:
        """Count the devices of the run that are held on a machine; the caller has the lock."""
        return sum(state.is_held and state.last is not None and state.last.host == host for state in self._states)

    def age_s(self, device: int) -> float:
        """Return the age of a device's last report, s; 0 while it is known to hold nothing."""
        with self._lock:
            state = self._states[device]
            return 0.0 if state.is_absent or state.last is None else self._now_s() - state.received_s

    def set_absent(self, device: int) -> None:
        """Say that a device holds nothing until its next report: a job that waits in a queue draws nothing."""
        with self._lock:
            state, now_s = self._states[device], self._now_s()
            if state.is_absent:
                state.observed_s += now_s - state.received_s
            state.is_absent, state.power_w, state.received_s = True, 0.0, now_s

    def snapshot(self, device: int) -> MeterSnapshot:
        """Read the counts of a device, see :meth:`EnergyMeter.snapshot`.

        :raises EnergyError: if its worker has not reported yet or for long, or reported that it has no meter.
        """
        with self._lock:
            state, now_s = self._states[device], self._now_s()
            age_s = now_s - state.received_s
            if state.is_absent:
                state.observed_s, state.received_s = state.observed_s + age_s, now_s
                age_s = 0.0
            elif state.last is None:
                message = "Expected a report of the worker's meter, got none yet."
                raise EnergyError(message)
            elif state.last.error:
                raise EnergyError(state.last.error)
            elif age_s > MAX_REPORT_AGE_S:
                message = f"Expected a report of the worker's meter every second, got none for {age_s:.0f} s."
                raise EnergyError(message)
            state.returned_j = max(state.returned_j, state.energy_j + state.power_w * age_s)
            state.returned_observed_s = max(state.returned_observed_s, state.observed_s + age_s)
            return MeterSnapshot(now_s, state.returned_j, state.returned_observed_s)

    def declared_w(self, device: int) -> tuple[float, float] | None:
        """What a device is modelled to draw at work and idle by its own limit, W; None before its first report."""
        last = self._states[device].last
        if last is None or last.working_w is None or last.idle_w is None:
            return None
        return last.working_w, last.idle_w

    def source(self, device: int) -> ReadingSource:
        """How the last report was read."""
        last = self._states[device].last
        return last.source if last is not None else ReadingSource.MODELLED

    def set_held(self, device: int, *, held: bool) -> None:
        """Say whether the run holds a device: see :meth:`EnergyMeter.set_held`."""
        self._states[device].is_held = held


class _ReportedMeter(EnergyMeter):
    """The meter of one device."""

    origin = "the meter of each worker's own machine, as the worker reports it"

    def __init__(self, group: ReportedMeters, number: int) -> None:
        self._group = group
        self._number = number

    @property
    def source(self) -> ReadingSource:  # type: ignore[override]
        """See :attr:`EnergyMeter.source`."""
        return self._group.source(self._number)

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        return self._group.snapshot(self._number)

    def set_held(self, *, held: bool) -> None:
        """See :meth:`EnergyMeter.set_held`."""
        self._group.set_held(self._number, held=held)
