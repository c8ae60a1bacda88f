"""What the exports of a run have in common, from its journal alone.

Embodied carbon and water are reported apart from the run's carbon, with their source; no decision uses them.

Sources
    [BLOOM] Luccioni, Viguier, Ligozat. Estimating the Carbon Footprint of BLOOM, a 176B Parameter Language Model. JMLR
        2023: 2500 kg of CO2eq for a server of 8 GPUs and 150 kg for each GPU, over 6 years at 85 % use.
    [LBNL] Shehabi et al. United States Data Center Energy Usage Report. Lawrence Berkeley National Laboratory 2016:
        1.8 L of water on site for a kWh.
    [Part-time] Yang, Adamek, Armour. Part-time Power Measurements: nvidia-smi's Lack of Attention. SC 2024: 5 % for
        NVIDIA's counters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.analysis.summary import run_header
from ce_nas.core.errors import StoreError
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.api import Result

__all__ = ["EMBODIED_G_PER_GPU_HOUR", "UNCERTAINTY", "WATER_L_PER_KWH", "RunFacts"]

_USED_HOURS = 6 * 8760 * 0.85
#: embodied carbon of an hour of a GPU with its share of a server, g CO2eq [BLOOM]
EMBODIED_G_PER_GPU_HOUR = (2500.0 / 8 + 150.0) * 1000.0 / _USED_HOURS
#: water on site for the energy of a data centre, L/kWh [LBNL]
WATER_L_PER_KWH = 1.8
#: relative uncertainty of an energy by the source of its readings: counters as measured by [Part-time]; the others are
#: this package's own assumptions
UNCERTAINTY = {"counter": 0.05, "integrated": 0.10, "modelled": 0.25, "estimated": 0.50}
_COUNTRY_ZONE = re.compile(r"([A-Z]{2})(?:-.*|_.*)?")


@dataclass(frozen=True)
class RunFacts:
    """Energy, carbon and circumstances of a run.

    :param result: the run; finished, since an export is final.
    :param embodied_g_per_device_hour: embodied carbon of an hour of a device; None: that of a GPU [BLOOM], and unknown
        for other devices.
    :param water_l_per_kwh: water for a kWh of energy from the grid; None: on site, by [LBNL].
    """

    result: Result
    embodied_g_per_device_hour: float | None = None
    water_l_per_kwh: float | None = None

    def __post_init__(self) -> None:
        """Refuse a run that has not ended."""
        if self.summary.stop == "unfinished":
            message = "Expected a run that has ended, since an export is final, got one in progress; resume it first."
            raise StoreError(message)

    @property
    def summary(self) -> RunSummary:
        """The run's summary."""
        return self.result.summary

    @property
    def header(self) -> dict[str, Any]:
        """The content of the journal's first entry."""
        return run_header(self.result.entries)

    @property
    def is_simulated(self) -> bool:
        """Whether devices and time were simulated: its energy was never drawn."""
        return not self.header["settings"]["live"]["enabled"]

    @property
    def is_search(self) -> bool:
        """Whether it is a search, not the books of a loop of the caller's."""
        return bool(self.summary.objectives)

    @property
    def start(self) -> datetime:
        """Start of the run, UTC; of a built-in grid, a day of its typical year."""
        return datetime.fromisoformat(self.header["start"])

    @property
    def end(self) -> datetime:
        """End of the run, UTC, without interruptions."""
        return self.start + timedelta(hours=self.summary.simulated_hours)

    @property
    def duration_s(self) -> float:
        """Length of the run, without interruptions, s."""
        return self.summary.simulated_hours * HOUR_S

    @property
    def carbon_g(self) -> float:
        """Operational carbon by the full accounting, g CO2eq."""
        return self.summary.carbon_g["full"]

    @property
    def energy_kwh(self) -> float:
        """Energy from the grid, PUE included, kWh."""
        return self.summary.energy_j / J_PER_KWH

    @property
    def intensity_g_per_kwh(self) -> float | None:
        """Mean carbon intensity of the energy, g CO2eq/kWh; None without energy."""
        return self.carbon_g / self.energy_kwh if self.energy_kwh else None

    @property
    def pue(self) -> float:
        """Energy from the grid per energy at the devices' plugs."""
        return float(self.header["settings"]["cluster"]["pue"])

    @property
    def device_hours(self) -> float:
        """Hours of held devices."""
        return sum(self.summary.device_hours_by_activity.values())

    @property
    def device_kind(self) -> Literal["gpu", "cpu"]:
        """What the devices are."""
        names = self.header["settings"]["live"]["devices"]
        power = str(self.header["power_origin"])
        return "gpu" if self.is_simulated or any("cuda" in name for name in names) or "NVML" in power else "cpu"

    @property
    def uncertainty(self) -> float:
        """Relative uncertainty of the energy, 0 to 1: by the source of the readings, and the unobserved share."""
        by_source, total = self.summary.energy_j_by_source, sum(self.summary.energy_j_by_source.values())
        read = sum(UNCERTAINTY[name] * energy_j for name, energy_j in by_source.items()) / total if total else 0.0
        return min(read + (1.0 - self.summary.energy_coverage), 1.0)

    @property
    def method(self) -> str:
        """How the energy was found, in a sentence or two."""
        parts = ", ".join(
            f"{name} {format_percentage(energy_j / self.summary.energy_j)}"
            for name, energy_j in self.summary.energy_j_by_source.items()
            if self.summary.energy_j
        )
        kind = "Simulated devices; the energy is modelled and was not drawn. " if self.is_simulated else ""
        return f"{kind}{self.header['power_origin']}; readings: {parts or 'none'}; PUE {self.pue:g}."

    @property
    def embodied_g(self) -> float | None:
        """Embodied carbon of the device-hours, g CO2eq; None where no factor is known."""
        factor = self.embodied_g_per_device_hour
        if factor is None:
            if self.device_kind != "gpu":
                return None
            factor = EMBODIED_G_PER_GPU_HOUR
        return factor * self.device_hours

    @property
    def embodied_source(self) -> str:
        """Where the factor of embodied carbon is from."""
        if self.embodied_g_per_device_hour is not None:
            return f"{self.embodied_g_per_device_hour:g} g per device-hour, stated by the user"
        if self.device_kind != "gpu":
            return "unknown: no factor for processors alone; state one"
        return (
            f"{EMBODIED_G_PER_GPU_HOUR:.1f} g per GPU-hour: 2500 kg a server of 8 GPUs and 150 kg a GPU over 6 years "
            "at 85 % use (Luccioni et al., JMLR 2023), not of this device"
        )

    @property
    def water_l(self) -> float:
        """Water for the energy, L."""
        return self.energy_kwh * (WATER_L_PER_KWH if self.water_l_per_kwh is None else self.water_l_per_kwh)

    @property
    def water_source(self) -> str:
        """Where the factor of water is from."""
        if self.water_l_per_kwh is not None:
            return f"{self.water_l_per_kwh:g} L/kWh, stated by the user"
        return f"{WATER_L_PER_KWH:g} L/kWh on site (Shehabi et al., LBNL 2016), not of this site"

    @property
    def country(self) -> str | None:
        """The zone's country by its two letters; None of a zone without one, or a synthetic grid."""
        match = _COUNTRY_ZONE.fullmatch(self.summary.grid["zone"])
        return match.group(1) if match and not self.summary.grid["synthetic"] else None

    @property
    def title(self) -> str:
        """The run in a few words."""
        if self.is_search:
            return f"architecture search on {self.summary.benchmark['name']} by {self.summary.searcher}"
        return str(self.summary.benchmark["name"])
