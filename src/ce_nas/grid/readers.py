"""Carbon intensity, weather and prices from the files people have, whoever made them.

Layouts known by their columns are in :mod:`ce_nas.grid.layouts`; other tables need a column of times and one of
intensities, which may be named. Units are read from the header, from the maker's documentation or from the caller; a
file that states none is read as g/kWh only where its values can be that.

Besides the intensity, the generation mix is read where the layout has it: ``power_production_solar_avg`` as in tables
of Electricity Maps', plain ``solar`` as in tables of CarbonCast's, ``Solar - Actual Aggregated [MW]`` of ENTSO-E, MW.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ce_nas.core.errors import SettingsError, TraceError, unknown_choice_message
from ce_nas.core.unit_text import (
    StatedUnit,
    find_intensity_unit,
    find_price_unit,
    find_weather_unit,
    parse_intensity_unit,
)
from ce_nas.core.units import parse_duration_s
from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel
from ce_nas.grid.layouts import Layout, find_layout
from ce_nas.grid.series_table import SeriesTable
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["list_factors", "list_zones", "read_future_covariates", "read_prices", "read_trace"]

DeclaredT = TypeVar("DeclaredT", EmissionFactorType, Signal)

TIME_COLUMNS = (
    *("datetime (utc)", "datetime", "time", "timestamp", "time (utc)", "utc time", "datetime_utc", "time_utc", "utc"),
    *("date_time", "date", "interval_start", "valid_time", "hour ending", "hour_ending", "interval_end", "mtu"),
)
#: names of times that are the ends of their steps
END_COLUMNS = ("hour ending", "hour_ending", "interval_end", "period ending", "period_ending")
#: columns with the hour of a day, beside one with its date
HOUR_COLUMNS = ("hour", "he", "hour number", "heures", "time of day")
ZONE_COLUMNS = ("zone id", "zone", "zone_id", "region", "area", "country", "balancing authority", "respondent")
#: the columns of layouts whose makers publish average intensities, in small letters
AVERAGE_COLUMNS = re.compile(
    r"carbon intensity gco.*\((direct|life cycle|lca)\)|carbon_intensity_(avg|lifecycle|direct)"
)
#: what columns of intensities are called, in small letters
INTENSITY_NAMES = re.compile(
    r"(carbon|co2|emissions?|ghg)?[ _-]*(emissions?)?[ _-]*intensity.*|.*co2[ _-]?emissions?[ _-]intensity.*|moer"
    r"|co2emission|taux[ _]de[ _]co2|g?co2(e|eq)?[ _]?(/|per[ _]?)kwh.*"
)
#: what the columns of a generation mix are called, in small letters
MIX_COLUMNS = re.compile(
    r"(?:power_production_)?(nat_gas|gas|coal|oil|biomass|geothermal|nuclear|hydro|solar|wind|other|unknown)(?:_avg)?"
)
FUEL_ALIASES = {"nat_gas": "gas"}
#: intensities that a grid can have over a series, g/kWh: below, a unit of kg is likely; above, one of lb/MWh or mg
PLAUSIBLE_G_PER_KWH = (2.0, 2500.0)

#: columns of ENTSO-E's generation per type, in small letters
_ENTSOE_COLUMN = re.compile(r"(.+?)\s*-?\s*actual aggregated\s*\[mw\]")
_ENTSOE_FUELS = (
    ("hydro pumped", Fuel.STORAGE), ("hydro", Fuel.HYDRO), ("coal-derived gas", Fuel.GAS), ("coal", Fuel.COAL),
    ("lignite", Fuel.COAL), ("oil shale", Fuel.COAL), ("peat", Fuel.COAL), ("gas", Fuel.GAS), ("oil", Fuel.OIL),
    ("biomass", Fuel.BIOMASS), ("geothermal", Fuel.GEOTHERMAL), ("nuclear", Fuel.NUCLEAR), ("solar", Fuel.SOLAR),
    ("wind offshore", Fuel.WIND_OFFSHORE), ("wind", Fuel.WIND), ("marine", Fuel.OCEAN),
)  # fmt: skip


def read_trace(  # noqa: PLR0913 - a file's layout has that many parts, all optional
    path: str | Path,
    *,
    zone: str | None = None,
    factors: EmissionFactorType | None = None,
    signal: Signal | None = None,
    time_column: str | None = None,
    intensity_column: str | None = None,
    unit: str | None = None,
    timezone: str | None = None,
) -> GridTrace:
    """Read the carbon intensity of one zone from a table, as g CO2eq/kWh.

    Times without an offset are UTC, or local in ``timezone``. Where a file has both life-cycle and direct intensities,
    the **life-cycle** ones are taken unless ``factors`` says otherwise. Rows may come in any order and repeat each
    other; a missing row, a blank cell or a value that cannot be is a gap, which stays one and is listed in the trace.
    Steps of several lengths are held over the shortest. A zero is kept: a grid may run on sun and wind alone. What was
    assumed is in :attr:`GridTrace.notes`.

    :param zone: the zone to read, needed where the file has several; names the zone where the file has no such column.
    :param factors: which emissions to read; names them where the file does not say.
    :param signal: average or marginal, where the file does not say.
    :param time_column: the column of the times, if it has an uncommon name.
    :param intensity_column: the column of the intensities, if it has an uncommon name or there are several.
    :param unit: the unit of the intensities, such as ``lb/MWh``, where the file does not say.
    :param timezone: the zone of times without an offset, such as ``Europe/Berlin``.
    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = SeriesTable.read(path)
    layout = find_layout(table.columns)
    if intensity_column is None and (mix := _entsoe_mix(table)):
        return _read_generation(table, mix, zone=zone, factors=factors, time_column=time_column, timezone=timezone)
    table, time = _time_column(table, layout, time_column)
    intensity = _intensity_column(table, layout, intensity_column, factors)
    table, found_zone = _select_zone(table.without_summary_rows(time), layout, zone)
    stated, unit_note = _intensity_unit(table, layout, intensity, unit)
    found = table.regular(
        time,
        {"": intensity, **_mix_columns(table)},
        may_be_negative=False,
        unit=stated,
        timezone=timezone or (layout.timezone if layout else None),
        stamped_at_end=_is_stamped_at_end(layout, time),
        single_step_s=_stated_step_s(table),
    )
    values = dict(found.values)
    series = Series(found.start, found.step_s, values.pop(""), f"the carbon intensity of zone {found_zone!r}")
    inferred = (_infer_factors(intensity), _infer_signal(intensity))
    if layout:
        inferred = (
            layout.factors if inferred[0] is EmissionFactorType.UNSTATED else inferred[0],
            layout.signal if inferred[1] is Signal.UNSTATED else inferred[1],
        )
    return GridTrace(
        zone=found_zone,
        series=series,
        factors=_reconcile(table, intensity, inferred[0], factors),
        signal=_reconcile(table, intensity, inferred[1], signal),
        origin=table.path.name,
        duplicates=found.duplicates,
        mix_mw=values,
        notes=(unit_note, *([f"layout of {layout.name}"] if layout else []), *found.notes),
    )


def read_future_covariates(
    path: str | Path, zone: str | None = None, offset_s: float = 0.0, time_column: str | None = None
) -> Mapping[str, Series]:
    """Read inputs that are known ahead, such as a weather forecast: every column of numbers, weather in SI units.

    Each value must have been predicted before the moment it is for: it may be handed to a forecaster. The checks are
    those of :func:`read_trace`, but a value may be negative.

    :param zone: the zone to read, needed where the file has several.
    :param offset_s: time from a row's stamp to the moment it is for, where a file is stamped with the time of issue.
    :param time_column: the column of the times, where the file has one of that name; else it is found.
    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = SeriesTable.read(path)
    layout = find_layout(table.columns)
    table, time = _time_column(table, layout, table.find_column([(time_column or "").strip().lower()]))
    table, found_zone = _select_zone(table.without_summary_rows(time), layout, zone)
    names = [name for name in table.columns if name != time and table.has_numbers(name)]
    trace = next((name for name in names if INTENSITY_NAMES.fullmatch(name.strip().lower())), None)
    if trace or not names:
        found = f"{trace!r}, which is not known ahead" if trace else "no column of numbers besides the time"
        message = f"Expected inputs such as a weather forecast in {str(path)!r}, found {found}. Choose another file."
        raise TraceError(message)
    later = timedelta(seconds=offset_s - _utc_offset_s(table))
    series = {
        name: table.series(
            time, name, f"{name!r} of zone {found_zone!r}", may_be_negative=True, unit=find_weather_unit(name)
        )
        for name in names
    }
    return {name: Series(one.start + later, one.step_s, one.values, one.name) for name, one in series.items()}


def read_prices(
    path: str | Path,
    *,
    time_column: str | None = None,
    price_column: str | None = None,
    unit: str | None = None,
    timezone: str | None = None,
) -> Series:
    """Read electricity prices per kWh, in the file's currency; a price per MWh in the header is converted.

    :param unit: the unit of the prices, such as ``EUR/MWh``, where the header does not say.

    The checks are those of :func:`read_trace`, but a price may be negative.

    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = SeriesTable.read(path)
    table, time = _time_column(table, find_layout(table.columns), time_column, "the setting prices.time_column")
    table = table.without_summary_rows(time)
    price = _price_column(table, price_column)
    stated = _price_unit(price, unit)
    if stated is None and (largest := float(np.nanmax(np.abs(table.numbers(price)), initial=0.0))) > MAX_PRICE_PER_KWH:
        message = (
            f"Expected prices per kWh, but column {price!r} of {str(path)!r} states no unit and holds {largest:g}: a "
            "price per MWh? State the unit with --price-unit, such as EUR/MWh."
        )
        raise TraceError(message)
    name = f"the price of electricity in {table.path.name!r}"
    return table.series(time, price, name, may_be_negative=True, unit=stated, timezone=timezone)


#: prices above this are not a kWh's in any common currency's main unit
MAX_PRICE_PER_KWH = 60.0


def list_zones(path: str | Path) -> tuple[str, ...]:
    """Name the zones that a file of intensities has rows for; its own name where it has no such column.

    :raises TraceError: if the file is not there, or cannot be read.
    """
    table = SeriesTable.read(path)
    column = _zone_column(table, find_layout(table.columns))
    return tuple(str(name) for name in table.frame[column].unique()) if column else (_zone_from_file_name(table),)


def list_factors(path: str | Path) -> frozenset[EmissionFactorType]:
    """Name the emissions that the columns of intensities say they count.

    :raises TraceError: if the file is not there, or cannot be read.
    """
    return frozenset(map(_infer_factors, _intensity_columns(SeriesTable.read(path))))


def _time_column(
    table: SeriesTable, layout: Layout | None, requested: str | None, option: str = "--time-column"
) -> tuple[SeriesTable, str]:
    """The table with its times in one column, and that column."""
    if requested is None and layout:
        for name in layout.time:
            parts = name.split("+")
            columns = [column for part in parts if (column := table.find_column([part])) is not None]
            if len(columns) == len(parts):
                return _join_times(table, columns)
    if requested is None and (date := table.find_column(["date", "day"])) and (hour := table.find_column(HOUR_COLUMNS)):
        return _join_times(table, [date, hour])
    return table, table.column("time", requested, TIME_COLUMNS, option)


def _join_times(table: SeriesTable, columns: list[str]) -> tuple[SeriesTable, str]:
    """A date and a time of day, or an hour's number, as one column."""
    if len(columns) == 1:
        return table, columns[0]
    date, clock = (table.frame[column].astype(str).str.strip() for column in columns)
    numbered = clock.str.fullmatch(r"\d{1,2}(\.0)?")
    hours = clock.str.replace(r"\.0$", "", regex=True).str.zfill(2) + ":00"
    joined = " and ".join(columns)
    return table.with_column(joined, date + " " + clock.mask(numbered, hours)), joined


def _is_stamped_at_end(layout: Layout | None, time: str) -> bool:
    return bool(layout and layout.stamped_at_end) or time.strip().lower() in END_COLUMNS


def _intensity_column(
    table: SeriesTable, layout: Layout | None, requested: str | None, factors: EmissionFactorType | None
) -> str:
    """The column to read: the one named, or the only one that is an intensity with the factors asked for."""
    if requested:
        return table.column("intensity", requested, (), "--intensity-column")
    if layout and (found := table.find_column(layout.intensity)):
        return found
    by_factors: dict[EmissionFactorType, list[str]] = {}
    for name in _intensity_columns(table):
        by_factors.setdefault(_infer_factors(name), []).append(name)
    wanted = (
        (factors, EmissionFactorType.UNSTATED)
        if factors
        else (EmissionFactorType.LIFECYCLE, EmissionFactorType.DIRECT, EmissionFactorType.UNSTATED)
    )
    candidates = next((by_factors[kind] for kind in wanted if kind in by_factors), [])
    if len(candidates) > 1:
        message = (
            f"Expected one column of intensities in {str(table.path)!r}, found {', '.join(map(repr, candidates))}. "
            "Name the right one with --intensity-column."
        )
        raise TraceError(message)
    if not candidates:
        kind = f"{factors} carbon intensities" if factors else "carbon intensities"
        what = f"a column of {kind} (such as 'intensity' or 'carbon_intensity_lifecycle')"
        raise table.missing_column_error(what, "--intensity-column")
    return candidates[0]


def _intensity_columns(table: SeriesTable) -> list[str]:
    names = [name for name in table.columns if INTENSITY_NAMES.fullmatch(name.strip().lower())]
    return [name for name in names if table.has_numbers(name)] or names


def _intensity_unit(
    table: SeriesTable, layout: Layout | None, column: str, requested: str | None
) -> tuple[StatedUnit, str]:
    """The unit of the intensities, and a note on where it is from.

    :raises TraceError: if none is stated and the values cannot be g/kWh.
    """
    if requested:
        return parse_intensity_unit(requested), f"unit {requested}, as the settings state"
    try:
        stated = find_intensity_unit(column)
    except SettingsError as error:
        message = f"{error} Set --unit for {str(table.path)!r}."
        raise TraceError(message) from error
    if stated:
        return stated, f"unit {stated.text}, from the header {column!r}"
    if layout and layout.unit:
        return layout.unit, f"unit {layout.unit.text}, as {layout.name} documents it"
    values = table.numbers(column)
    finite = values[np.isfinite(values) & (values > 0)]
    low, high = PLAUSIBLE_G_PER_KWH
    if len(finite) and (finite.max() < low or finite.min() > high):
        message = (
            f"Expected carbon intensities in g/kWh, but column {column!r} of {str(table.path)!r} states no unit and "
            f"its values from {finite.min():g} to {finite.max():g} cannot be g/kWh. State the unit with --unit, such "
            "as kg/kWh or lb/MWh."
        )
        raise TraceError(message)
    return StatedUnit("g/kWh", 1.0), "no unit stated; read as g/kWh, which the values can be"


def _price_unit(column: str, requested: str | None) -> StatedUnit | None:
    stated = find_price_unit(requested) if requested else find_price_unit(column)
    if requested and stated is None:
        message = f"Expected a unit of a price of electricity such as EUR/MWh or USD/kWh, got {requested!r}."
        raise TraceError(message)
    return stated


def _price_column(table: SeriesTable, requested: str | None) -> str:
    if requested is None:
        named = [name for name in table.columns if find_price_unit(name) and table.has_numbers(name)]
        if len(named) == 1:
            return named[0]
    return table.column("price", requested, ("price", "price_per_kwh"), "--price-column")


def _mix_columns(table: SeriesTable) -> dict[str, str]:
    """Source of electricity to its column, for those that hold a number."""
    found: dict[str, str] = {}
    for column in table.columns:
        match = MIX_COLUMNS.fullmatch(column.strip().lower())
        if match and table.has_numbers(column):
            found.setdefault(FUEL_ALIASES.get(match.group(1), match.group(1)), column)
    return found


def _entsoe_mix(table: SeriesTable) -> dict[str, Fuel]:
    """The columns of ENTSO-E's generation per type that hold numbers, and their fuels; empty in other tables."""
    found = {}
    for column in table.columns:
        match = _ENTSOE_COLUMN.fullmatch(column.strip().lower())
        if match and table.has_numbers(column):
            name = match.group(1)
            found[column] = next((fuel for word, fuel in _ENTSOE_FUELS if word in name), Fuel.OTHER)
    return found


def _read_generation(  # noqa: PLR0913 - as read_trace
    table: SeriesTable,
    mix: dict[str, Fuel],
    *,
    zone: str | None,
    factors: EmissionFactorType | None,
    time_column: str | None,
    timezone: str | None,
) -> GridTrace:
    """The intensity of a generation mix, by this package's emission factors; storage is left out of the sum."""
    table, time = _time_column(table, None, time_column)
    table, found_zone = _select_zone(table.without_summary_rows(time), None, zone)
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


def _select_zone(table: SeriesTable, layout: Layout | None, zone: str | None) -> tuple[SeriesTable, str]:
    """The rows of the zone asked for, or of the only one there is, and its name."""
    column = _zone_column(table, layout)
    if column is None:
        return table, zone or _zone_from_file_name(table)
    zones = [str(name) for name in table.frame[column].unique()]
    if zone is None and len(zones) > 1:
        message = f"Expected one zone in {str(table.path)!r}, found {', '.join(sorted(zones))}. Choose one with --zone."
        raise TraceError(message)
    chosen = zones[0] if zone is None else zone
    if chosen not in zones:
        message = f"{unknown_choice_message('zone', chosen, zones)} These are the zones in {str(table.path)!r}."
        raise TraceError(message)
    return table.filter_rows(column, chosen), chosen


def _zone_column(table: SeriesTable, layout: Layout | None) -> str | None:
    return table.find_column([*(layout.zone if layout else ()), *ZONE_COLUMNS])


def _zone_from_file_name(table: SeriesTable) -> str:
    return table.path.name.split(".")[0]


def _stated_step_s(table: SeriesTable) -> float | None:
    """The step of a file of one row, where a column of durations says."""
    column = table.find_column(["duration"])
    if column is None:
        return None
    hours, minutes, seconds = [*str(table.frame[column].iloc[0]).split(":"), "0", "0"][:3]
    try:
        return parse_duration_s(f"{float(hours) * 3600 + float(minutes) * 60 + float(seconds)} s")
    except (ValueError, SettingsError):
        return None


def _utc_offset_s(table: SeriesTable) -> float:
    """The offset of Open-Meteo's local times from UTC, which the lines above its header state."""
    for names, values in zip(table.preamble, table.preamble[1:], strict=False):
        cells = dict(zip(names.split(","), values.split(","), strict=False))
        if "utc_offset_seconds" in cells:
            return float(cells["utc_offset_seconds"])
    return 0.0


def _infer_factors(column: str) -> EmissionFactorType:
    words = set(re.findall("[a-z]+", column.lower()))
    if words & {"lifecycle", "lca"} or words >= {"life", "cycle"}:
        return EmissionFactorType.LIFECYCLE
    return EmissionFactorType.DIRECT if "direct" in words else EmissionFactorType.UNSTATED


def _infer_signal(column: str) -> Signal:
    if "marginal" in column.lower() or column.strip().lower() == "moer":
        return Signal.MARGINAL
    return Signal.AVERAGE if AVERAGE_COLUMNS.fullmatch(column.strip().lower()) else Signal.UNSTATED


def _reconcile(table: SeriesTable, column: str, inferred: DeclaredT, requested: DeclaredT | None) -> DeclaredT:
    """What the file says, or what the caller says where it says nothing."""
    if requested is None or requested == inferred:
        return inferred
    if inferred == "unstated":
        return requested
    what = "factors" if isinstance(inferred, EmissionFactorType) else "signal"
    message = (
        f"Expected {what} {requested!s}, but column {column!r} of {str(table.path)!r} says {inferred!s}. Name another "
        f"column with --intensity-column, or leave {what} out."
    )
    raise TraceError(message)
