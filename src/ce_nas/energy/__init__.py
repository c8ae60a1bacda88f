"""Energy: meters of real devices, the power model of simulated ones, and the ledger of energy, carbon and cost.

- base: `EnergyMeter`, the interface of meters
- nvml: NVIDIA GPUs: energy counter or sampled power
- cuda_devices: the GPU of a CUDA device number, by UUID
- rapl: CPUs: energy counters
- cpu_time: CPU processes without counters: CPU time times power
- sampling: sampled power integrated over time
- meter_selection: selection of the most accurate meter of a device
- power_model: power of a simulated device by activity
- power_profile, power_lever: a GPU's time and power by its power limit; the choice of the limit, a site's cap
- power_measurement: the profile of a GPU, measured in a live search's first trainings
- mixed_lever: the power limits of GPUs of several types
- gpu_limits: power limits of real GPUs, restored after any end
- ledger: totals of energy, carbon, cost and time
- live_ledger: ledger with carbon revised once the true intensity is published
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.energy.base import EnergyMeter, EnergyUsage, MeterSnapshot, usage_between
    from ce_nas.energy.cpu_time import CpuTimeMeter
    from ce_nas.energy.ledger import CarbonIntensity, Ledger, LedgerTotals, Prices
    from ce_nas.energy.live_ledger import LiveLedger
    from ce_nas.energy.meter_selection import DividedMeter, SharedMeter, select_meter
    from ce_nas.energy.nvml import NvmlMeter
    from ce_nas.energy.power_model import PowerModel
    from ce_nas.energy.rapl import RaplMeter
    from ce_nas.energy.sampling import SampledMeter

__all__ = [
    "CarbonIntensity",
    "CpuTimeMeter",
    "DividedMeter",
    "EnergyMeter",
    "EnergyUsage",
    "Ledger",
    "LedgerTotals",
    "LiveLedger",
    "MeterSnapshot",
    "NvmlMeter",
    "PowerModel",
    "Prices",
    "RaplMeter",
    "SampledMeter",
    "SharedMeter",
    "select_meter",
    "usage_between",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["EnergyMeter", "EnergyUsage", "MeterSnapshot", "usage_between"],
        "cpu_time": ["CpuTimeMeter"],
        "ledger": ["CarbonIntensity", "Ledger", "LedgerTotals", "Prices"],
        "live_ledger": ["LiveLedger"],
        "meter_selection": ["DividedMeter", "SharedMeter", "select_meter"],
        "nvml": ["NvmlMeter"],
        "power_model": ["PowerModel"],
        "rapl": ["RaplMeter"],
        "sampling": ["SampledMeter"],
    },
)
