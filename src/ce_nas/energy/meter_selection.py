"""Selection of the most accurate available meter of a device."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.config.registry import METERS
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.energy.cpu_time import CpuTimeMeter, process_tree
from ce_nas.energy.cuda_devices import cuda_uuid, resolve_cuda_device
from ce_nas.energy.nvml import load_nvml, nvml_meter, require_exclusive_gpu
from ce_nas.energy.rapl import RaplMeter, has_rapl, rapl_obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.config.components import ComponentSettings
    from ce_nas.energy.cuda_devices import CudaDevice

__all__ = ["ExclusiveMeter", "MeterMode", "SharedMeter", "SummedMeter", "select_meter"]

#: ``auto``: the most accurate meter; ``modelled``: CPU time or a power model, even if there is a meter
MeterMode = Literal["auto", "modelled"]


class SharedMeter(EnergyMeter):
    """A share of the energy of a meter, for devices on common hardware.

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

    def close(self) -> None:
        """See :meth:`EnergyMeter.close`."""
        self._meter.close()


class SummedMeter(EnergyMeter):
    """The sum of several meters, such as of a GPU and of the processors and memory that serve it.

    As good as the worst of them: its source, and the least time observed.
    """

    def __init__(self, meters: Sequence[EnergyMeter]) -> None:
        self._meters = tuple(meters)
        order = list(ReadingSource)
        self.source: ReadingSource = max((meter.source for meter in meters), key=order.index)
        self.origin = ", and ".join(meter.origin for meter in meters)

    def snapshot(self) -> MeterSnapshot:
        """See :meth:`EnergyMeter.snapshot`."""
        parts = [meter.snapshot() for meter in self._meters]
        return MeterSnapshot(
            parts[0].time_s, sum(part.energy_j for part in parts), min(part.observed_s for part in parts)
        )

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


def select_meter(
    device: str, current_pid: Callable[[], int | None], share: float = 1.0, mode: MeterMode = "auto"
) -> EnergyMeter | None:
    """Select the meter of a device: NVML for a GPU; RAPL, else CPU time for a CPU; None for other devices.

    :param device: for instance ``cuda:1`` or ``cpu``.
    :param current_pid: returns the id of the process that serves the device; None if there is none.
    :param share: share of the device in the CPU counters, if several devices use one CPU.
    :raises EnergyError: if the GPU does not exist, reports neither energy nor power, or is used by other processes.
    """
    kind, _, number = device.partition(":")
    if kind == "cuda":
        return _gpu_meter(int(number or 0), current_pid, share) if mode == "auto" else None
    if kind != "cpu":
        return None
    return _host_meter(current_pid, share) if mode == "auto" else CpuTimeMeter(current_pid)


def _host_meter(current_pid: Callable[[], int | None], share: float) -> EnergyMeter:
    """The processors and memory: RAPL where it can be read, else the CPU time of the process and its children."""
    if has_rapl():
        return SharedMeter(RaplMeter(), share)
    meter = CpuTimeMeter(current_pid)
    obstacle = rapl_obstacle()
    if obstacle:
        meter.origin += f"; {obstacle}"
    return meter


def _gpu_meter(number: int, current_pid: Callable[[], int | None], share: float) -> EnergyMeter:
    """A GPU, found by UUID, with its part of the processors and memory, so that metered and modelled runs compare."""
    nvml = load_nvml()
    gpu = resolve_cuda_device(number, nvml, os.environ, cuda_uuid)
    own = os.getpid()
    check = partial(_require_exclusive, gpu, own, nvml)
    return SummedMeter([ExclusiveMeter(nvml_meter(gpu, nvml=nvml), check), _host_meter(current_pid, share)])


def _require_exclusive(gpu: CudaDevice, pid: int, nvml: Any) -> None:  # noqa: ANN401 - the bindings
    require_exclusive_gpu(gpu, process_tree(pid), nvml=nvml)


@METERS.register("auto", summary="the most accurate meter of each device: NVML, RAPL, CPU time")
def _build_best_meter(
    _: ComponentSettings, device: str, current_pid: Callable[[], int | None], share: float
) -> EnergyMeter | None:
    return select_meter(device, current_pid, share, "auto")


@METERS.register("modelled", summary="CPU time or the power model, even if there is a meter")
def _build_modelled_meter(
    _: ComponentSettings, device: str, current_pid: Callable[[], int | None], share: float
) -> EnergyMeter | None:
    return select_meter(device, current_pid, share, "modelled")
