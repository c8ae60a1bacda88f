"""Selection of the most accurate available meter of a device."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.components.registry import METERS
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError, SettingsError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.cpu_time import CpuTimeMeter, process_tree
from ce_nas.energy.cuda_devices import cuda_uuid, resolve_cuda_device
from ce_nas.energy.nvml import load_nvml, nvml_meter, require_exclusive_gpu
from ce_nas.energy.rapl import RaplMeter, has_rapl, rapl_obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.components.base import ComponentSettings
    from ce_nas.energy.cuda_devices import CudaDevice

__all__ = ["DividedMeter", "ExclusiveMeter", "MeterMode", "SharedMeter", "SummedMeter", "select_meter"]

#: ``auto``: the most accurate meter; ``modelled``: CPU time or a power model, even if there is a meter
MeterMode = Literal["auto", "modelled"]


class DividedMeter:
    """A meter of hardware that several devices use, such as a host's: each joule is booked to one device.

    What the hardware draws is divided equally between the devices that are held at the time; while none is, it is not
    the run's.

    Example:
        >>> from ce_nas.energy.cpu_time import CpuTimeMeter
        >>> host = DividedMeter(CpuTimeMeter(os.getpid))
        >>> with host.member() as first, host.member() as second:
        ...     second.set_held(held=False)  # from now on the first one is charged for everything
        ...     snapshot = first.snapshot()

    :param meter: the meter of the hardware; closed with the last of its members.
    """

    def __init__(self, meter: EnergyMeter) -> None:
        self.meter = meter
        self._last = meter.snapshot()
        self._members: list[_Member] = []
        self._lock = threading.Lock()

    def member(self) -> EnergyMeter:
        """Build the meter of one more device, held from now on."""
        with self._lock:
            self._advance()
            self._members.append(_Member(self))
            return self._members[-1]

    def read(self, member: _Member) -> MeterSnapshot:
        """Read the counts of one device.

        :raises EnergyError: if the hardware does not answer, or did not at a reading of another device since.
        """
        with self._lock:
            self._advance()
            if member.error is not None:
                error, member.error = member.error, None
                raise error
            return MeterSnapshot(self._last.time_s, member.energy_j, member.observed_s)

    def hold(self, member: _Member, *, held: bool) -> None:
        """Change whether a device is held."""
        with self._lock:
            self._advance()
            member.is_held = held

    def leave(self, member: _Member) -> None:
        """Close the meter of one device."""
        with self._lock:
            if member not in self._members:
                return
            self._members.remove(member)
            if self._members:
                return
        self.meter.close()

    def _advance(self) -> None:
        """Divide what was drawn since the last reading; a failed reading is an error of every held device."""
        held = [member for member in self._members if member.is_held]
        try:
            now = self.meter.snapshot()
        except EnergyError as error:
            for member in held:
                member.error = error
            return
        for member in held:
            member.energy_j += (now.energy_j - self._last.energy_j) / len(held)
            member.observed_s += now.observed_s - self._last.observed_s
        self._last = now


class _Member(EnergyMeter):
    """The meter of one device of a :class:`DividedMeter`."""

    def __init__(self, group: DividedMeter) -> None:
        self.source: ReadingSource = group.meter.source
        self.origin = f"{group.meter.origin}, divided between the devices held"
        self.is_held = True
        self.energy_j = self.observed_s = 0.0
        self.error: EnergyError | None = None
        self._group = group

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        return self._group.read(self)

    def set_held(self, *, held: bool) -> None:
        """See :meth:`EnergyMeter.set_held`."""
        self._group.hold(self, held=held)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._group.leave(self)


class SharedMeter(EnergyMeter):
    """A fixed share of the energy of a meter, for a device that is a part of it, such as half of a GPU.

    :param meter: the meter of the hardware.
    :param share: share of this device, above 0 and up to 1.
    """

    def __init__(self, meter: EnergyMeter, share: float) -> None:
        if not 0 < share <= 1:
            message = f"Expected a share of a meter above 0 and up to 1, got {share}; give the share of one device."
            raise SettingsError(message)
        self.source: ReadingSource = meter.source
        self.origin = f"{share:.3g} of: {meter.origin}"
        self._meter = meter
        self._share = share

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        total = self._meter.snapshot()
        return MeterSnapshot(total.time_s, total.energy_j * self._share, total.observed_s)

    def set_held(self, *, held: bool) -> None:
        """See :meth:`EnergyMeter.set_held`."""
        self._meter.set_held(held=held)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._meter.close()


class SummedMeter(EnergyMeter):
    """The sum of several meters, such as of a GPU and of the processors and memory that serve it.

    As good as the worst of them, with the least time observed. Where the first, the device's own, is measured and
    another is modelled, the sum is ``partly-modelled``.
    """

    def __init__(self, meters: Sequence[EnergyMeter]) -> None:
        self._meters = tuple(meters)
        order = list(ReadingSource)
        worst = max((meter.source for meter in meters), key=order.index)
        is_measured = order.index(meters[0].source) < order.index(ReadingSource.PARTLY_MODELLED)
        self.source: ReadingSource = (
            ReadingSource.PARTLY_MODELLED if is_measured and worst is ReadingSource.MODELLED else worst
        )
        self.origin = ", and ".join(meter.origin for meter in meters)

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        parts = [meter.snapshot() for meter in self._meters]
        return MeterSnapshot(
            parts[0].time_s, sum(part.energy_j for part in parts), min(part.observed_s for part in parts)
        )

    def set_held(self, *, held: bool) -> None:
        """See :meth:`EnergyMeter.set_held`."""
        for meter in self._meters:
            meter.set_held(held=held)

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        for meter in self._meters:
            meter.close()


class ExclusiveMeter(EnergyMeter):
    """The meter of a device that must serve this run alone; looks again at intervals.

    :param meter: the device's meter.
    :param check: raises :class:`EnergyError` if another process uses the device.
    :param interval_s: time between two looks.
    """

    def __init__(
        self,
        meter: EnergyMeter,
        check: Callable[[], None],
        interval_s: float = 60.0,
        now_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self.source: ReadingSource = meter.source
        self.origin = meter.origin
        self._meter, self._check, self._interval_s, self._now_s = meter, check, interval_s, now_s
        check()
        self._checked_s = now_s()

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`.

        :raises EnergyError: also if another process uses the device by now.
        """
        if self._now_s() - self._checked_s >= self._interval_s:
            self._checked_s = self._now_s()
            self._check()
        return self._meter.snapshot()

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._meter.close()


def select_meter(  # noqa: PLR0913 - a device, its processes, and what it shares
    device: str,
    current_pid: Callable[[], int | None],
    mode: MeterMode = "auto",
    *,
    host: DividedMeter | None = None,
    share: float = 1.0,
    also: Sequence[int] = (),
) -> EnergyMeter | None:
    """Select the meter of a device: NVML for a GPU; RAPL, else CPU time for a CPU; None for other devices.

    A GPU is metered with its part of the processors and memory that serve it, so that metered and modelled runs
    compare.

    :param device: for instance ``cuda:1`` or ``cpu``, or ``cuda:0+cuda:1`` for a trial on two, metered together.
    :param current_pid: returns the id of the process that serves the device; None if there is none.
    :param host: the meter of the processors and memory where several devices share them, of the mode's own kind; None:
        the device has all of RAPL, else the CPU time of its process.
    :param share: share of a GPU that the device is; below 1, other processes may use the rest.
    :param also: ids of further processes that serve the device, such as the others of a distributed training.
    :raises EnergyError: if the GPU does not exist, reports neither energy nor power, or is used by other processes.
    """
    parts = [part.partition(":") for part in device.split("+")]
    kinds = {kind for kind, _, _ in parts}
    if kinds == {"cuda"}:
        numbers = [int(number or 0) for _, _, number in parts]
        return _gpu_meter(numbers, current_pid, host, share, also) if mode == "auto" else None
    if kinds != {"cpu"}:
        return None
    if mode == "modelled" and host is None:
        return CpuTimeMeter(current_pid, also=also)
    return _host_meter(current_pid, host, also)


def _host_meter(
    current_pid: Callable[[], int | None], host: DividedMeter | None, also: Sequence[int] = ()
) -> EnergyMeter:
    """The processors and memory: RAPL where it can be read, else the CPU time of the process and its children."""
    if host is not None:
        return host.member()
    if has_rapl():
        return RaplMeter()
    meter = CpuTimeMeter(current_pid, also=also)
    obstacle = rapl_obstacle()
    if obstacle:
        meter.origin += f"; {obstacle}"
    return meter


def _gpu_meter(
    numbers: Sequence[int],
    current_pid: Callable[[], int | None],
    host: DividedMeter | None,
    share: float,
    also: Sequence[int],
) -> EnergyMeter:
    """GPUs of one device, found by UUID, and their part of the host."""
    nvml, meters = load_nvml(), list[EnergyMeter]()
    for number in numbers:
        gpu = resolve_cuda_device(number, nvml, os.environ, cuda_uuid)
        meter = nvml_meter(gpu, nvml=nvml)
        check = partial(_require_exclusive, gpu, (os.getpid(), *also), nvml)
        meters.append(SharedMeter(meter, share) if share < 1 else ExclusiveMeter(meter, check))
    return SummedMeter([*meters, _host_meter(current_pid, host, also)])


def _require_exclusive(gpu: CudaDevice, own: Sequence[int], nvml: Any) -> None:  # noqa: ANN401 - the bindings
    require_exclusive_gpu(gpu, frozenset().union(*map(process_tree, own)), nvml=nvml)


@METERS.register("auto", summary="the most accurate meter of each device: NVML, RAPL, CPU time")
def _build_best_meter(
    _: ComponentSettings,
    device: str,
    current_pid: Callable[[], int | None],
    host: DividedMeter | None = None,
    share: float = 1.0,
    also: Sequence[int] = (),
) -> EnergyMeter | None:
    return select_meter(device, current_pid, "auto", host=host, share=share, also=also)


@METERS.register("modelled", summary="CPU time or the power model, even if there is a meter")
def _build_modelled_meter(
    _: ComponentSettings,
    device: str,
    current_pid: Callable[[], int | None],
    host: DividedMeter | None = None,
    share: float = 1.0,
    also: Sequence[int] = (),
) -> EnergyMeter | None:
    return select_meter(device, current_pid, "modelled", host=host, share=share, also=also)
