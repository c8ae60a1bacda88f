"""From a generation mix to an intensity, by stated emission factors.

Sources of the factors
    [AR5] IPCC 2014, Fifth Assessment Report, Working Group III, Annex III, Table A.III.2: medians, life-cycle
    emissions and direct ones. [SRREN] IPCC 2011, Special Report on Renewable Energy Sources, Annex II, Table A.II.4.
    [2006] IPCC 2006, Guidelines for National Greenhouse Gas Inventories, Volume 2, Table 2.2.
    https://www.ipcc.ch/site/assets/uploads/2018/02/ipcc_wg3_ar5_annex-iii.pdf

What they leave out
    Imports and exports: it is the intensity of what is generated in the zone, not of what is used there. Brown coal,
    oil shale and peat count as coal, for which AR5 has one median: they are dirtier. Storage is left out of the sum,
    since what it gives back was counted when it was charged.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.units import DAY_S
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.normalize import Reading
from ce_nas.grid.trace import Factors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = ["CONTEXT_S", "EMISSIONS", "Emission", "Fuel", "Generation", "intensities"]


class Fuel(StrEnum):
    """What electricity is made from."""

    COAL = "coal"
    GAS = "gas"
    OIL = "oil"
    BIOMASS = "biomass"
    NUCLEAR = "nuclear"
    HYDRO = "hydro"
    GEOTHERMAL = "geothermal"
    SOLAR = "solar"
    WIND = "wind"
    WIND_OFFSHORE = "wind offshore"
    OCEAN = "ocean"
    OTHER = "other"  #: waste, and what its source calls other or unknown
    STORAGE = "storage"  #: batteries and pumped storage; left out of the sum


@dataclass(frozen=True, slots=True)
class Emission:
    """What one kilowatt-hour of a fuel emits."""

    #: g CO2eq/kWh
    lifecycle: float
    #: g CO2/kWh at the stack; biomass counts as none by convention
    direct: float
    source: str

    def of(self, factors: Factors) -> float:
        """The factor of that kind, g/kWh."""
        return self.direct if factors is Factors.DIRECT else self.lifecycle


EMISSIONS: Mapping[Fuel, Emission] = {
    Fuel.COAL: Emission(820.0, 760.0, "[AR5] coal, pulverised"),
    Fuel.GAS: Emission(490.0, 370.0, "[AR5] gas, combined cycle"),
    Fuel.OIL: Emission(840.0, 733.0, "[SRREN] oil; direct: [2006] 77.4 g/MJ at an efficiency of 38 %"),
    Fuel.BIOMASS: Emission(230.0, 0.0, "[AR5] biomass, dedicated"),
    Fuel.NUCLEAR: Emission(12.0, 0.0, "[AR5] nuclear"),
    Fuel.HYDRO: Emission(24.0, 0.0, "[AR5] hydropower"),
    Fuel.GEOTHERMAL: Emission(38.0, 0.0, "[AR5] geothermal"),
    Fuel.SOLAR: Emission(48.0, 0.0, "[AR5] solar PV, utility"),
    Fuel.WIND: Emission(11.0, 0.0, "[AR5] wind, onshore"),
    Fuel.WIND_OFFSHORE: Emission(12.0, 0.0, "[AR5] wind, offshore"),
    Fuel.OCEAN: Emission(17.0, 0.0, "[AR5] ocean"),
    Fuel.OTHER: Emission(655.0, 565.0, "assumed fossil: the mean of coal and gas in [AR5]"),
}

#: what to ask for before the wanted stretch, to know which fuels a zone has: one that is left out of the newest hours
#: would otherwise not be missed
CONTEXT_S = 2 * DAY_S
#: an hour is missing if fuels are missing, or negative, that carry more than this share of the zone's generation
TOLERATED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Generation:
    """What one kind of plant generated in one step."""

    #: when the step begins, UTC
    start: datetime
    #: the source's code of the fuel
    code: str
    #: mean power, MW (or energy, MWh, of an hour); NaN where it is missing
    power_mw: float


def intensities(
    generation: Iterable[Generation], fuels: Mapping[str, Fuel], factors: Factors
) -> tuple[list[Reading], list[str]]:
    """The intensity of each step of a mix, and what is to be said of it.

    A fuel that is missing is not a fuel that generates nothing: the step is missing, unless the fuels without a
    value carry a twentieth of the answer's generation at most; one that has no value anywhere may carry all of it.
    So is a step with more than that of fuels that are not known, or of negative generation; less of it (a plant's
    own use) counts as none.
    """
    mix, contradicted = _mix(generation)
    means_mw = _means_mw(mix)
    readings = [Reading(start, _intensity(powers, means_mw, fuels, factors), Quality.MEASURED) for start, powers in mix]
    unknown = sorted(set(means_mw) - set(fuels))
    notes = [f"Fuel(s) without an emission factor: {', '.join(unknown)}."] if unknown else []
    if contradicted:
        notes.append(f"{contradicted} contradicting value(s) of generation count as missing.")
    silent = sorted(code for code, mean_mw in means_mw.items() if math.isinf(mean_mw) and code not in unknown)
    if silent:
        notes.append(f"Fuel(s) without any value: {', '.join(silent)}.")
    lost = sum(math.isnan(reading.g_per_kwh) for reading in readings)
    if lost:
        notes.append(f"{lost} step(s) are missing because fuels are.")
    return readings, notes


Mix = list[tuple["datetime", dict[str, float]]]


def _mix(generation: Iterable[Generation]) -> tuple[Mix, int]:
    """The power of each fuel at each step, MW, in order of time; NaN where two rows contradict each other."""
    mix: dict[datetime, dict[str, float]] = defaultdict(dict)
    contradicted: set[tuple[datetime, str]] = set()
    for item in generation:
        powers = mix[item.start]
        before = powers.get(item.code, math.nan)
        if not math.isnan(before) and not math.isnan(item.power_mw) and before != item.power_mw:
            contradicted.add((item.start, item.code))
        powers[item.code] = before if math.isnan(item.power_mw) else item.power_mw
    for start, code in contradicted:
        mix[start][code] = math.nan
    return sorted(mix.items()), len(contradicted)


def _means_mw(mix: Mix) -> dict[str, float]:
    """What each fuel generates on the average of the steps that know it, MW; infinite where none does."""
    known: dict[str, list[float]] = defaultdict(list)
    for _, powers in mix:
        for code, power_mw in powers.items():
            known[code].extend([] if math.isnan(power_mw) else [max(power_mw, 0.0)])
    return {code: sum(powers) / len(powers) if powers else math.inf for code, powers in known.items()}


def _intensity(
    powers: Mapping[str, float], means_mw: Mapping[str, float], fuels: Mapping[str, Fuel], factors: Factors
) -> float:
    """Emissions over generation, g/kWh; NaN if too much of the generation is not known."""
    generated = emitted = doubtful = 0.0
    for code, mean_mw in means_mw.items():
        fuel, power_mw = fuels.get(code), powers.get(code, math.nan)
        if fuel is Fuel.STORAGE:
            continue
        if fuel is None or math.isnan(power_mw):
            doubtful += mean_mw if math.isnan(power_mw) else abs(power_mw)
            continue
        doubtful += max(-power_mw, 0.0)
        generated += max(power_mw, 0.0)
        emitted += max(power_mw, 0.0) * EMISSIONS[fuel].of(factors)
    if generated <= 0.0 or doubtful > TOLERATED_SHARE / (1.0 - TOLERATED_SHARE) * generated:
        return math.nan
    return emitted / generated
