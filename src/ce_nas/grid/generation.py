"""The carbon intensity of a generation mix, as ENTSO-E publishes it, by this package's emission factors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel
from ce_nas.grid.find_columns import find_time_column, select_zone
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal

if TYPE_CHECKING:
    from ce_nas.grid.series_table import SeriesTable

__all__ = ["find_generation", "read_generation"]

#: columns of ENTSO-E's generation per type, in small letters
_ENTSOE_COLUMN = re.compile(r"(.+?)\s*-?\s*actual aggregated\s*\[mw\]")
_ENTSOE_FUELS = (
    ("hydro pumped", Fuel.STORAGE), ("hydro", Fuel.HYDRO), ("coal-derived gas", Fuel.GAS), ("coal", Fuel.COAL),
    ("lignite", Fuel.COAL), ("oil shale", Fuel.COAL), ("peat", Fuel.COAL), ("gas", Fuel.GAS), ("oil", Fuel.OIL),
    ("biomass", Fuel.BIOMASS), ("geothermal", Fuel.GEOTHERMAL), ("nuclear", Fuel.NUCLEAR), ("solar", Fuel.SOLAR),
    ("wind offshore", Fuel.WIND_OFFSHORE), ("wind", Fuel.WIND), ("marine", Fuel.OCEAN),
)  # fmt: skip


def find_generation(table: SeriesTable) -> dict[str, Fuel]:
    """The columns of ENTSO-E's generation per type that hold numbers, and their fuels; empty in other tables."""
    found = {}
    for column in table.columns:
        match = _ENTSOE_COLUMN.fullmatch(column.strip().lower())
        if match and table.has_numbers(column):
            name = match.group(1)
            found[column] = next((fuel for word, fuel in _ENTSOE_FUELS if word in name), Fuel.OTHER)
    return found


def read_generation(  # noqa: PLR0913 - as read_trace
    table: SeriesTable,
    mix: dict[str, Fuel],
    *,
    zone: str | None,
    factors: EmissionFactorType | None,
    time_column: str | None,
    timezone: str | None,
) -> GridTrace:
    """The intensity of a generation mix, by this package's emission factors; storage is left out of the sum."""
    table, time = find_time_column(table, None, time_column)
    table, found_zone = select_zone(table.without_summary_rows(time), None, zone)
    found = table.regular(time, {column: column for column in mix}, may_be_negative=True, timezone=timezone)
    kind = factors or EmissionFactorType.LIFECYCLE
    counted = [
        (found.values[column], EMISSION_FACTORS[fuel]) for column, fuel in mix.items() if fuel is not Fuel.STORAGE
    ]
    powers = np.stack([np.maximum(power, 0.0) for power, _ in counted])
    weights = np.array([factor.for_type(kind) for _, factor in counted])
    with np.errstate(invalid="ignore", divide="ignore"):
        intensity = weights @ powers / powers.sum(axis=0)
    name = f"the carbon intensity of zone {found_zone!r}"
    by_fuel: dict[str, np.ndarray] = {}
    for column, fuel in mix.items():
        by_fuel[fuel.value] = by_fuel.get(fuel.value, 0.0) + found.values[column]
    return GridTrace(
        zone=found_zone,
        series=Series(found.start, found.step_s, np.where(np.isfinite(intensity), intensity, np.nan), name),
        factors=kind,
        signal=Signal.AVERAGE,
        origin=table.path.name,
        duplicates=found.duplicates,
        mix_mw=by_fuel,
        notes=("intensity worked out from the generation mix, MW, by IPCC emission factors", *found.notes),
    )
