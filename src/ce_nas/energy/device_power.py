"""What a real device can draw at most, by its own limit, and what it is modelled to draw where no meter reads it.

Sources
    [EC-NAS] Bakhtiarifard, Igel, Selvan. EC-NAS: Energy Consumption Aware Tabular Benchmarks for NAS. ICASSP 2024:
        trainings draw 172 W on a Quadro RTX 6000, whose limit is 260 W.
    [powercap] Linux kernel documentation, Power Capping Framework: constraint_0 is the long-term limit of a package.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ce_nas.core.errors import EnergyError, MissingExtraError
from ce_nas.energy.cpu_time import BASELINE_W, BUSY_CORE_W
from ce_nas.energy.cuda_devices import cuda_uuid, resolve_cuda_device
from ce_nas.energy.nvml import gpu_power_limit_w, load_nvml
from ce_nas.energy.rapl import POWERCAP_DIR, package_limit_w

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.energy.power_model import PowerModel

__all__ = ["DevicePower", "device_power"]

#: power of a training as a share of the GPU's limit [EC-NAS]
TRAINING_SHARE_OF_LIMIT = 172.0 / 260.0
#: power of an idle GPU as a share of its limit: an estimate of 25 W for the same card
IDLE_SHARE_OF_LIMIT = 25.0 / 260.0


@dataclass(frozen=True, slots=True)
class DevicePower:
    """The power of one device at the plug, its part of the host included."""

    #: the most that it can draw, W
    limit_w: float
    #: what it draws where no meter reads it
    model: PowerModel
    #: where the limit comes from
    origin: str


def device_power(device: str, on_host: int, stated: PowerModel, powercap_dir: Path = POWERCAP_DIR) -> DevicePower:
    """Find the power of a device of this machine, or take the stated one for a device of which nothing is known.

    :param device: for instance ``cuda:1`` or ``cpu``, or ``cuda:0+cuda:1`` for a trial on two.
    :param on_host: number of devices of the run on this machine, which divide its processors.
    :param stated: the power model of the settings; its durations of checkpoints and start-ups are kept.
    """
    parts = [part.partition(":") for part in device.split("+")]
    kinds = {kind for kind, _, _ in parts}
    host_w, host_origin = _host_limit(on_host, powercap_dir)
    if kinds == {"cpu"}:
        return _limited(host_w, host_w, BASELINE_W, host_origin, stated)
    if kinds == {"cuda"}:
        try:
            limits = _gpu_limits([int(number or 0) for _, _, number in parts])
        except (EnergyError, MissingExtraError):
            return DevicePower(stated.peak_w, stated, stated.origin)
        gpus_w = sum(limits.values())
        words = ", ".join(f"{name} {limit_w:g} W" for name, limit_w in limits.items())
        return _limited(
            gpus_w + host_w,
            TRAINING_SHARE_OF_LIMIT * gpus_w + host_w,
            IDLE_SHARE_OF_LIMIT * gpus_w + BASELINE_W,
            f"power limit of {words} and {host_origin}",
            stated,
        )
    return DevicePower(stated.peak_w, stated, stated.origin)


def _gpu_limits(numbers: Sequence[int]) -> dict[str, float]:
    """The power limit of each GPU by name and UUID, W.

    :raises EnergyError: if one does not exist, or does not say.
    """
    nvml = load_nvml()
    gpus = [resolve_cuda_device(number, nvml, os.environ, cuda_uuid) for number in numbers]
    return {f"{gpu.name} ({gpu.uuid})": gpu_power_limit_w(gpu, nvml=nvml) for gpu in gpus}


def _limited(limit_w: float, active_w: float, idle_w: float, origin: str, stated: PowerModel) -> DevicePower:
    model = replace(
        stated,
        training_w=active_w,
        sampling_w=active_w,
        idle_w=idle_w,
        checkpoint_j=active_w * stated.checkpoint_s,
        restore_j=active_w * stated.restore_s,
        startup_j=active_w * stated.startup_s,
        origin=f"{active_w:.3g} W at work and {idle_w:.3g} W idle, from the {origin}",
    )
    return DevicePower(limit_w, model, origin)


def _host_limit(on_host: int, powercap_dir: Path) -> tuple[float, str]:
    """The most that a device's part of the processors can draw, W, and where that comes from."""
    packages_w = package_limit_w(powercap_dir)
    if packages_w is not None:
        return packages_w / on_host, f"limit of the processors {packages_w:g} W over {on_host} device(s)"
    cores = os.cpu_count() or 1
    core_w = cores / on_host * BUSY_CORE_W + BASELINE_W
    return core_w, f"{cores} cores at {BUSY_CORE_W:.3g} W over {on_host} device(s), and {BASELINE_W:g} W held"
