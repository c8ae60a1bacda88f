"""Layouts of the files that publishers of carbon-intensity data provide: which column is what, and in which unit.

A layout is known by its columns. What the publisher documents and the header leaves out (the unit, whether a time is a
step's end, the local zone) is stated here, and named in the report as coming from the layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.unit_text import StatedUnit
from ce_nas.core.units import G_PER_LB
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LAYOUTS", "Layout", "find_layout"]

_G_PER_KWH = StatedUnit("g/kWh", 1.0)
_LB_PER_MWH = StatedUnit("lb/MWh", G_PER_LB / 1000.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """One maker's layout; names of columns in small letters."""

    name: str
    #: columns that must all be there
    columns: frozenset[str]
    #: columns with the time, by preference; two names with a plus are a date and a time of day
    time: tuple[str, ...]
    #: columns with the intensity, by preference; empty: found by their names
    intensity: tuple[str, ...] = ()
    #: the unit that the maker documents, where the header states none
    unit: StatedUnit | None = None
    factors: EmissionFactorType = EmissionFactorType.UNSTATED
    signal: Signal = Signal.UNSTATED
    zone: tuple[str, ...] = ()
    stamped_at_end: bool = False
    #: whether the one row of a file is its year's
    is_yearly_if_single: bool = False
    #: zone of its times, where they have no offset and are not UTC
    timezone: str | None = None


def _layout(name: str, columns: Iterable[str], **rest: object) -> Layout:
    return Layout(name, frozenset(columns), **rest)  # type: ignore[arg-type]


LAYOUTS = (
    # Electricity Maps: the portal's files from 5-minute to yearly, and the API's history
    _layout("Electricity Maps", ["datetime (utc)", "zone id"], time=("datetime (utc)",), signal=Signal.AVERAGE,
            zone=("zone id", "zone name"), is_yearly_if_single=True),
    _layout("Electricity Maps", ["carbonintensity", "datetime", "zone"], time=("datetime",), timezone="UTC",
            intensity=("carbonintensity",), unit=_G_PER_KWH, signal=Signal.AVERAGE, zone=("zone",)),
    # Ember, yearly and monthly, in long form: CO2 intensity with the emissions of the whole life cycle
    _layout("Ember", ["area", "year", "carbon_intensity", "unit"], time=("year",), intensity=("carbon_intensity",),
            factors=EmissionFactorType.LIFECYCLE, signal=Signal.AVERAGE, zone=("area", "iso 3 code"),
            is_yearly_if_single=True, timezone="UTC"),
    _layout("Ember", ["area", "date", "carbon_intensity", "unit"], time=("date",), intensity=("carbon_intensity",),
            factors=EmissionFactorType.LIFECYCLE, signal=Signal.AVERAGE, zone=("area", "iso 3 code"), timezone="UTC"),
    # WattTime API, /v3/historical: co2_moer in lbs_co2_per_mwh; v2 historical files: MOER in lbs/MWh
    _layout("WattTime v3", ["point_time", "value"], time=("point_time",), intensity=("value",), unit=_LB_PER_MWH,
            factors=EmissionFactorType.DIRECT, signal=Signal.MARGINAL, zone=("region",), timezone="UTC"),
    _layout("WattTime v2", ["timestamp", "moer"], time=("timestamp",), intensity=("moer",), unit=_LB_PER_MWH,
            factors=EmissionFactorType.DIRECT, signal=Signal.MARGINAL, zone=("ba",)),
    # NESO (GB): historic generation mix and the API's actual column, gCO2/kWh
    _layout("NESO generation mix", ["datetime", "gas", "coal", "carbon_intensity"], time=("datetime",), timezone="UTC",
            intensity=("carbon_intensity",), unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE),
    _layout("NESO Carbon Intensity API", ["from", "to", "actual"], time=("from",), intensity=("actual",),
            unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE, zone=("regionid", "shortname"),
            timezone="UTC"),
    _layout("NESO Carbon Intensity API", ["from", "to", "intensity.actual"], time=("from",), timezone="UTC",
            intensity=("intensity.actual",), unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE),
    _layout("NESO Carbon Intensity API", ["datetime", "forecast", "actual", "index"], time=("datetime",),
            timezone="UTC", intensity=("actual",), unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT,
            signal=Signal.AVERAGE),
    # EIA-930 balance and emissions files: rows end at the stated hour; the header or the user states the unit
    _layout("EIA-930", ["utc time at end of hour"], time=("utc time at end of hour",), signal=Signal.AVERAGE,
            factors=EmissionFactorType.DIRECT, zone=("balancing authority", "ba code"), stamped_at_end=True),
    _layout("EIA-930", ["utc time", "local date", "hour"], time=("utc time",), signal=Signal.AVERAGE, timezone="UTC",
            factors=EmissionFactorType.DIRECT, zone=("ba", "ba code", "region"), stamped_at_end=True),
    _layout("gridstatus", ["interval_start_utc", "interval_end_utc"], time=("interval_start_utc",),
            signal=Signal.AVERAGE, zone=("respondent", "location", "zone")),
    _layout("Energinet", ["minutes5utc", "co2emission"], time=("minutes5utc",), intensity=("co2emission",),
            unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE, zone=("pricearea",)),
    _layout("Energinet", ["hourutc", "co2emission"], time=("hourutc",), intensity=("co2emission",),
            unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE, zone=("pricearea",)),
    # RTE eCO2mix: local French time in two columns, g CO2eq/kWh
    _layout("RTE eCO2mix", ["date", "heures", "taux de co2"], time=("date+heures",), intensity=("taux de co2",),
            unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE, timezone="Europe/Paris",
            zone=("périmètre", "perimetre")),
    _layout("RTE eCO2mix", ["date_heure", "taux_co2"], time=("date_heure",), intensity=("taux_co2",),
            unit=_G_PER_KWH, factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE, zone=("perimetre",)),
    _layout("RTE eCO2mix", ["date - heure", "taux de co2 (g/kwh)"], time=("date - heure",),
            intensity=("taux de co2 (g/kwh)",), factors=EmissionFactorType.DIRECT, signal=Signal.AVERAGE,
            zone=("périmètre", "perimetre")),
    _layout("Energy-Charts", ["unix_seconds", "co2eq"], time=("unix_seconds",), intensity=("co2eq",), unit=_G_PER_KWH,
            signal=Signal.AVERAGE),
    # carbon-aware-sdk: Rating in gCO2/kWh
    _layout("carbon-aware-sdk", ["location", "time", "rating"], time=("time",), timezone="UTC", intensity=("rating",),
            unit=_G_PER_KWH, zone=("location",)),
    # Energinet's spot prices, a MWh; SMARD (DE): local German time
    _layout("Energinet", ["hourutc", "spotpriceeur"], time=("hourutc",), zone=("pricearea",)),
    _layout("SMARD", ["datum von", "datum bis"], time=("datum von",), timezone="Europe/Berlin"),
    _layout("Open-Meteo", ["time", "temperature_2m (°c)"], time=("time",)),
)  # fmt: skip


def find_layout(columns: Iterable[str]) -> Layout | None:
    """The layout whose columns are all there; None for a table of no known maker."""
    present = {name.strip().lower() for name in columns}
    return next((layout for layout in LAYOUTS if layout.columns <= present), None)
