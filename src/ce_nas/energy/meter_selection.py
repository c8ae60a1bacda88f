"""The best meter that a device has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from ce_nas.core.errors import SettingsError
from ce_nas.energy.base import Mark, Meter
from ce_nas.energy.cpu_time import ProcessMeter
from ce_nas.energy.nvml import load_nvml, nvidia_meter, require_alone
from ce_nas.energy.rapl import RaplMeter, has_rapl

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.core.records import Source

__all__ = ["Choice", "SharedMeter", "best_meter"]

#: ``auto``: whatever is best; ``modelled``: processor time or a stated wattage, though something measures
Choice = Literal["auto", "modelled"]


class SharedMeter(Meter):
    """An equal share of what one meter measures: for devices that are parts of one thing.

    :param meter: of the whole.
    :param share: this part's share, above 0 and up to 1.
    """

    def __init__(self, meter: Meter, share: float) -> None:
        if not 0 < share <= 1:
            message = f"Expected a share of a meter above 0 and up to 1, got {share}."
            raise SettingsError(message)
        self.source: Source = meter.source
        self.origin = f"{share:.3g} of: {meter.origin}"
        self._meter = meter
        self._share = share

    def mark(self) -> Mark:
        """See :meth:`Meter.mark`."""
        whole = self._meter.mark()
        return Mark(whole.at_s, whole.energy_j * self._share, whole.observed_s)

    def close(self) -> None:
        """See :meth:`Meter.close`."""
        self._meter.close()


def best_meter(
    device: str, process_id: Callable[[], int | None], share: float = 1.0, choice: Choice = "auto"
) -> Meter | None:
    """The meter of a device: a GPU's counter or power; a CPU's counters, else its processor time; None if none.

    :param device: for instance ``cuda:1`` or ``cpu``.
    :param process_id: the process that works on it.
    :param share: of the CPU's counters that is this device's, where several share it.
    :raises EnergyError: if the GPU is not there, tells neither energy nor power, or others compute on it: its energy
        cannot be told apart from theirs.
    """
    kind, _, number = device.partition(":")
    if kind == "cuda":
        return _gpu(int(number or 0)) if choice == "auto" else None
    if kind != "cpu":
        return None
    if choice == "auto" and has_rapl():
        return SharedMeter(RaplMeter(), share)
    return ProcessMeter(process_id)


def _gpu(number: int) -> Meter:
    nvml = load_nvml()
    require_alone(number, {os.getpid()}, nvml=nvml)
    return nvidia_meter(number, nvml=nvml)
