"""Emission factors of fuels, and the intensity of a generation mix.

Sources of the factors
    [AR5] IPCC 2014, Fifth Assessment Report, Working Group III, Annex III, Table A.III.2: medians, life-cycle
    emissions and direct ones. [SRREN] IPCC 2011, Special Report on Renewable Energy Sources, Annex II, Table A.II.4.
    [2006] IPCC 2006, Guidelines for National Greenhouse Gas Inventories, Volume 2, Table 2.2.
    https://www.ipcc.ch/site/assets/uploads/2018/02/ipcc_wg3_ar5_annex-iii.pdf

Limitations
    Imports and exports are left out: it is the intensity of generation in the zone, not of consumption. Brown coal, oil
    shale and peat count as coal, for which AR5 has one median, although they emit more. Storage is left out of the sum,
    as its energy was counted when it was charged.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.units import DAY_S
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.normalize import IntensityReading
from ce_nas.grid.trace import EmissionFactorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = ["EMISSION_FACTORS", "FUEL_LOOKBACK_S", "EmissionFactor", "Fuel", "FuelGeneration", "compute_intensities"]


class Fuel(StrEnum):
    """A source of electricity."""

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
    OTHER = "other"  #: waste, and what the provider calls other or unknown
    STORAGE = "storage"  #: batteries and pumped storage; left out of the sum


@dataclass(frozen=True, slots=True)
class EmissionFactor:
    """The emissions of a kilowatt-hour of a fuel."""

    #: g CO2eq/kWh
    lifecycle: float
    #: g CO2/kWh at the stack; zero for biomass by convention
    direct: float
    citation: str

    def for_type(self, factors: EmissionFactorType) -> float:
        """Return the factor of a type, g/kWh."""
        return self.direct if factors is EmissionFactorType.DIRECT else self.lifecycle


EMISSION_FACTORS: Mapping[Fuel, EmissionFactor] = {
    Fuel.COAL: EmissionFactor(820.0, 760.0, "[AR5] coal, pulverised"),
    Fuel.GAS: EmissionFactor(490.0, 370.0, "[AR5] gas, combined cycle"),
    Fuel.OIL: EmissionFactor(840.0, 733.0, "[SRREN] oil; direct: [2006] 77.4 g/MJ at an efficiency of 38 %"),
    Fuel.BIOMASS: EmissionFactor(230.0, 0.0, "[AR5] biomass, dedicated"),
    Fuel.NUCLEAR: EmissionFactor(12.0, 0.0, "[AR5] nuclear"),
    Fuel.HYDRO: EmissionFactor(24.0, 0.0, "[AR5] hydropower"),
    Fuel.GEOTHERMAL: EmissionFactor(38.0, 0.0, "[AR5] geothermal"),
    Fuel.SOLAR: EmissionFactor(48.0, 0.0, "[AR5] solar PV, utility"),
    Fuel.WIND: EmissionFactor(11.0, 0.0, "[AR5] wind, onshore"),
    Fuel.WIND_OFFSHORE: EmissionFactor(12.0, 0.0, "[AR5] wind, offshore"),
    Fuel.OCEAN: EmissionFactor(17.0, 0.0, "[AR5] ocean"),
    Fuel.OTHER: EmissionFactor(655.0, 565.0, "assumed fossil: the mean of coal and gas in [AR5]"),
}

#: time before the requested interval that is also requested, to know the fuels of a zone: a fuel that the newest hours
#: omit would otherwise go unnoticed
FUEL_LOOKBACK_S = 2 * DAY_S
#: a step is missing if its missing or negative fuels have more than this share of the zone's generation
MAX_UNKNOWN_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class FuelGeneration:
    """The generation of one fuel in one step."""

    #: start of the step, UTC
    start: datetime
    #: the provider's code of the fuel
    code: str
    #: mean power, MW, or energy of an hour, MWh; NaN where it is missing
    power_mw: float


def compute_intensities(
    generation: Iterable[FuelGeneration], fuels: Mapping[str, Fuel], factors: EmissionFactorType
) -> tuple[list[IntensityReading], list[str]]:
    """Return the intensity of each step of a mix, and notes.

    A missing fuel is not zero generation: the step is missing, unless the missing fuels have a twentieth of the
    response's generation at most; a fuel without any value may have all of it. A step with a larger share of unknown
    fuels, or of negative generation, is missing as well; a smaller negative one (a plant's own use) is zero.
    """
    mix, n_contradicting = _collect_mix(generation)
    means_mw = _mean_power_mw(mix)
    readings = [
        IntensityReading(start, _mix_intensity(powers, means_mw, fuels, factors), DataQuality.MEASURED)
        for start, powers in mix
    ]
    unknown = sorted(set(means_mw) - set(fuels))
    notes = [f"Fuel(s) without an emission factor: {', '.join(unknown)}."] if unknown else []
    if n_contradicting:
        notes.append(f"{n_contradicting} contradicting value(s) of generation count as missing.")
    without_value = sorted(code for code, mean_mw in means_mw.items() if math.isinf(mean_mw) and code not in unknown)
    if without_value:
        notes.append(f"Fuel(s) without any value: {', '.join(without_value)}.")
    n_missing = sum(math.isnan(reading.g_per_kwh) for reading in readings)
    if n_missing:
        notes.append(f"{n_missing} step(s) are missing because fuels are.")
    return readings, notes


GenerationMix = list[tuple["datetime", dict[str, float]]]


def _collect_mix(generation: Iterable[FuelGeneration]) -> tuple[GenerationMix, int]:
    """Return the power of each fuel by step, MW, and the number of contradicting values, which are NaN."""
    mix: dict[datetime, dict[str, float]] = defaultdict(dict)
    contradicting: set[tuple[datetime, str]] = set()
    for row in generation:
        powers = mix[row.start]
        before = powers.get(row.code, math.nan)
        if not math.isnan(before) and not math.isnan(row.power_mw) and before != row.power_mw:
            contradicting.add((row.start, row.code))
        powers[row.code] = before if math.isnan(row.power_mw) else row.power_mw
    for start, code in contradicting:
        mix[start][code] = math.nan
    return sorted(mix.items()), len(contradicting)


def _mean_power_mw(mix: GenerationMix) -> dict[str, float]:
    """Return the mean generation of each fuel over its known steps, MW; infinite without any."""
    known: dict[str, list[float]] = defaultdict(list)
    for _, powers in mix:
        for code, power_mw in powers.items():
            known[code].extend([] if math.isnan(power_mw) else [max(power_mw, 0.0)])
    return {code: sum(powers) / len(powers) if powers else math.inf for code, powers in known.items()}


def _mix_intensity(
    powers: Mapping[str, float], means_mw: Mapping[str, float], fuels: Mapping[str, Fuel], factors: EmissionFactorType
) -> float:
    """Return emissions over generation, g/kWh; NaN if too much of the generation is unknown."""
    generated = emitted = unknown_mw = 0.0
    for code, mean_mw in means_mw.items():
        fuel, power_mw = fuels.get(code), powers.get(code, math.nan)
        if fuel is Fuel.STORAGE:
            continue
        if fuel is None or math.isnan(power_mw):
            unknown_mw += mean_mw if math.isnan(power_mw) else abs(power_mw)
            continue
        unknown_mw += max(-power_mw, 0.0)
        generated += max(power_mw, 0.0)
        emitted += max(power_mw, 0.0) * EMISSION_FACTORS[fuel].for_type(factors)
    if generated <= 0.0 or unknown_mw > MAX_UNKNOWN_SHARE / (1.0 - MAX_UNKNOWN_SHARE) * generated:
        return math.nan
    return emitted / generated
