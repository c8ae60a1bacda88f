"""Carbon intensity and weather from the files people have, of any maker.

Layouts known by their columns are in :mod:`ce_nas.grid.layouts`; other tables need a column of times and one of
intensities, which may be named. Units are read from the header, from the maker's documentation or from the caller; a
file that states none is read as g/kWh only where its values can be that.

Besides the intensity, the generation mix is read where the layout has it: ``power_production_solar_avg`` as in tables
of Electricity Maps', plain ``solar`` as in tables of CarbonCast's, ``Solar - Actual Aggregated [MW]`` of ENTSO-E, MW.
"""

from __future__ import annotations

import re
from calendar import isleap
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.formatting import format_duration
from ce_nas.core.time_text import parse_times
from ce_nas.core.unit_text import find_weather_unit, names_temperature
from ce_nas.core.units import DAY_S, parse_duration_s
from ce_nas.grid.find_columns import HOUR_ENDING, find_time_column, list_zone_names, select_zone, widen
from ce_nas.grid.generation import find_generation, read_generation
from ce_nas.grid.layouts import Layout, find_layout
from ce_nas.grid.series_table import SeriesTable
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal
from ce_nas.grid.trace_units import (
    PLAUSIBLE_G_PER_KWH,
    check_range,
    find_trace_unit,
    find_unit_in_text,
    take_units_row,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["list_factors", "list_zones", "read_future_covariates", "read_trace"]

#: the layout whose answers name their signal, and the signals of CO2
WATTTIME = "WattTime v3"
WATTTIME_SIGNALS = {"co2_moer": Signal.MARGINAL, "co2_aoer": Signal.AVERAGE}
#: emissions other than of CO2, in small letters
OTHER_EMISSIONS = re.compile(r"(?<![a-z])(?:nox|no2|so2|sox|ch4|n2o|nmvoc|co|pm[\d.]*|hg|mercury|water)(?![a-z0-9])")
#: columns of classes of intensities, in small letters
LEVELS = re.compile(r"(?<![a-z])(?:index|level|band|class|category|rank|rating)(?![a-z])")
#: columns of intensities that were expected, and not measured, in small letters
FORECASTS = re.compile(r"forecast|predict|pr[eé]vision|prognos")
DeclaredT = TypeVar("DeclaredT", EmissionFactorType, Signal)

#: names of times that are the ends of their steps
END_COLUMNS = ("hour ending", "hour_ending", "interval_end", "period ending", "period_ending")
#: the columns of layouts whose makers publish average intensities, in small letters
AVERAGE_COLUMNS = re.compile(
    r"carbon intensity gco.*\((direct|life cycle|lca)\)|carbon_intensity_(avg|lifecycle|direct)"
)
#: what columns of intensities are called, in small letters
INTENSITY_NAMES = re.compile(
    r"(carbon|co2|emissions?|ghg)?[ _-]*(emissions?)?[ _-]*intensity.*|.*co2[ _-]?emissions?[ _-]intensity.*|moer.*"
    r"|co2emission|co2eq|taux[ _]de[ _]co2|g?co2(e|eq)?[ _]?(/|per[ _]?)kwh.*"
)
#: what the columns of a generation mix are called, in small letters
MIX_COLUMNS = re.compile(
    r"(?:power_production_)?(nat_gas|gas|coal|oil|biomass|geothermal|nuclear|hydro|solar|wind|other|unknown)(?:_avg)?"
)
FUEL_ALIASES = {"nat_gas": "gas"}
#: a series of temperatures of the air that stays below is not in kelvin
MIN_TEMPERATURE_K = 150.0


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
    table = widen(SeriesTable.read(path))
    layout = _with_signal_type(table, find_layout(table.columns))
    if intensity_column is None and (mix := find_generation(table)):
        return read_generation(table, mix, zone=zone, factors=factors, time_column=time_column, timezone=timezone)
    table, time = find_time_column(table, layout, time_column)
    intensity = _intensity_column(table, layout, intensity_column, factors)
    table, found_zone = select_zone(table.without_summary_rows(time), layout, zone)
    table, row_unit = take_units_row(table, intensity, find_unit_in_text)
    stated, unit_note = find_trace_unit(table, layout, intensity, unit, row_unit)
    notes = check_range(table, intensity, stated)
    found = table.regular(
        time,
        {"": intensity, **_mix_columns(table)},
        may_be_negative=False,
        unit=stated,
        timezone=timezone or (layout.timezone if layout else None),
        stamped_at_end=_is_stamped_at_end(layout, time),
        single_step_s=(stated_step_s := _stated_step_s(table, layout, time)),
        largest=PLAUSIBLE_G_PER_KWH[1],
    )
    if stated_step_s is not None and abs(stated_step_s - found.step_s) > 1.0:
        notes = (*notes, _duration_note(stated_step_s, found.step_s))
    values = dict(found.values)
    series = Series(found.start, found.step_s, values.pop(""), f"the carbon intensity of zone {found_zone!r}")
    found_factors, found_signal = _infer_kind(table, layout, intensity)
    return GridTrace(
        zone=found_zone,
        series=series,
        factors=_reconcile(table, intensity, found_factors, factors),
        signal=_reconcile(table, intensity, found_signal, signal),
        origin=table.path.name,
        duplicates=found.duplicates,
        mix_mw=values,
        notes=(
            unit_note,
            *notes,
            *([f"layout of {layout.name}"] if layout else []),
            *([f"column {intensity!r} is a forecast"] if FORECASTS.search(intensity.lower()) else []),
            *found.notes,
        ),
    )


def read_future_covariates(
    path: str | Path,
    zone: str | None = None,
    offset_s: float = 0.0,
    time_column: str | None = None,
    timezone: str | None = None,
) -> Mapping[str, Series]:
    """Read inputs that are known ahead, such as a weather forecast: every column of numbers, weather in SI units.

    Each value must have been predicted before the moment it is for: it may be handed to a forecaster. The checks are
    those of :func:`read_trace`, but a value may be negative.

    :param zone: the zone to read, needed where the file has several.
    :param offset_s: time from a row's stamp to the moment it is for, where a file is stamped with the time of issue.
    :param time_column: the column of the times, where the file has one of that name; else it is found.
    :param timezone: the zone of times without an offset; UTC, or as the lines above the header say, without it.
    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = SeriesTable.read(path)
    layout = find_layout(table.columns)
    table, time = find_time_column(table, layout, table.find_column([(time_column or "").strip().lower()]))
    table, found_zone = select_zone(table.without_summary_rows(time), layout, zone)
    names = [name for name in table.columns if name != time and table.has_numbers(name)]
    trace = next((name for name in names if INTENSITY_NAMES.fullmatch(name.strip().lower())), None)
    if trace or not names:
        found = f"{trace!r}, which is not known ahead" if trace else "no column of numbers besides the time"
        message = f"Expected inputs such as a weather forecast in {str(path)!r}, found {found}. Choose another file."
        raise TraceError(message)
    for name in names:
        _check_temperature(table, name)
    is_local = timezone is None and parse_times(table.frame[time]).has_naive
    later = timedelta(seconds=offset_s - (_utc_offset_s(table) if is_local else 0.0))
    series = {
        name: table.series(
            time,
            name,
            f"{name!r} of zone {found_zone!r}",
            may_be_negative=True,
            unit=find_weather_unit(name),
            timezone=timezone,
            timezone_option="--weather-timezone",
        )
        for name in names
    }
    return {name: Series(one.start + later, one.step_s, one.values, one.name) for name, one in series.items()}


def list_zones(path: str | Path) -> tuple[str, ...]:
    """Name the zones that a file of intensities has rows for; its own name where it has no such column.

    :raises TraceError: if the file is not there, or cannot be read.
    """
    table = widen(SeriesTable.read(path))
    return list_zone_names(table, find_layout(table.columns))


def list_factors(path: str | Path) -> frozenset[EmissionFactorType]:
    """Name the emissions that the columns of intensities say they count.

    :raises TraceError: if the file is not there, or cannot be read.
    """
    return frozenset(map(_infer_factors, _intensity_columns(SeriesTable.read(path))))


def _check_temperature(table: SeriesTable, column: str) -> None:
    """Refuse a temperature without a unit that cannot be in kelvin.

    :raises TraceError: if it cannot be.
    """
    if not names_temperature(column) or find_weather_unit(column) is not None:
        return
    values = table.numbers(column)
    largest = float(np.nanmax(values, initial=-np.inf))
    if largest < MIN_TEMPERATURE_K:
        message = (
            f"Expected temperatures in K, but column {column!r} of {str(table.path)!r} states no unit and holds at "
            f"most {largest:g}, which cannot be K. State the unit in its name, such as 'temperature (°C)' or "
            "'temperature_c'."
        )
        raise TraceError(message)


def _is_stamped_at_end(layout: Layout | None, time: str) -> bool:
    return bool(layout and layout.stamped_at_end) or time.strip().lower().endswith((*END_COLUMNS, HOUR_ENDING))


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
    """The columns that may be intensities of CO2; where some are named so, those of a mere unit are left out."""
    named = [
        name
        for name in table.columns
        if INTENSITY_NAMES.fullmatch(name.strip().lower()) and not LEVELS.search(name.lower())
    ]
    with_unit = [name for name in table.columns if find_unit_in_text(name) and not OTHER_EMISSIONS.search(name.lower())]
    names = [name for name in table.columns if name in named or name in with_unit]
    return [name for name in names if table.has_numbers(name)] or names


def _with_signal_type(table: SeriesTable, layout: Layout | None) -> Layout | None:
    """WattTime's layout with the signal that its answer names.

    :raises TraceError: if that is no rate of CO2 emissions, or there are several.
    """
    if layout is None or layout.name != WATTTIME:
        return layout
    column = table.find_column(["signal_type"])
    above = [line.partition(":")[2].strip() for line in table.preamble if line.startswith("meta.signal_type:")]
    types = sorted(set(map(str, table.frame[column].unique()) if column else above) - {""})
    if not types:
        return layout
    if len(types) > 1 or types[0] not in WATTTIME_SIGNALS:
        message = (
            f"Expected one of WattTime's signals {' or '.join(WATTTIME_SIGNALS)} in {str(table.path)!r}, found "
            f"{', '.join(types)}; choose another file."
        )
        raise TraceError(message)
    return replace(layout, signal=WATTTIME_SIGNALS[types[0]])


def _mix_columns(table: SeriesTable) -> dict[str, str]:
    """Source of electricity to its column, for those that hold a number."""
    found: dict[str, str] = {}
    for column in table.columns:
        match = MIX_COLUMNS.fullmatch(column.strip().lower())
        if match and table.has_numbers(column):
            found.setdefault(FUEL_ALIASES.get(match.group(1), match.group(1)), column)
    return found


def _duration_note(stated_s: float, step_s: float) -> str:
    return (
        f"values last {format_duration(stated_s)} by the file, but rows are {format_duration(step_s)} apart: each "
        "holds until the next row"
    )


def _stated_step_s(table: SeriesTable, layout: Layout | None, time: str) -> float | None:
    """The step of a file of one row, where a column of durations or the layout says."""
    column = table.find_column(["duration"])
    if column is None:
        year = re.match(r"\d{4}", str(table.frame[time].iloc[0]))
        is_yearly = len(table.frame) == 1 and layout and layout.is_yearly_if_single and year
        return (365 + isleap(int(year[0]))) * DAY_S if is_yearly and year else None
    hours, minutes, seconds = [*str(table.frame[column].iloc[0]).split(":"), "0", "0"][:3]
    try:
        return parse_duration_s(f"{float(hours) * 3600 + float(minutes) * 60 + float(seconds)} s")
    except (ValueError, SettingsError):
        return None


def _utc_offset_s(table: SeriesTable) -> float:
    """The offset of Open-Meteo's local times from UTC, which the lines above its header state."""
    for line in table.preamble:  # of its JSON
        if line.startswith("utc_offset_seconds:"):
            return float(line.partition(":")[2])
    for names, values in zip(table.preamble, table.preamble[1:], strict=False):
        cells = dict(zip(names.split(","), values.split(","), strict=False))
        if "utc_offset_seconds" in cells:
            return float(cells["utc_offset_seconds"])
    return 0.0


def _infer_factors(column: str, table: SeriesTable | None = None) -> EmissionFactorType:
    """The emissions that a column's name, or a column of their kinds, says it counts."""
    if table and (name := table.find_column(["emissionfactortype"])):
        column = f"{column} {'/'.join(map(str, table.frame[name].unique()))}"
    words = set(re.findall("[a-z]+", column.lower()))
    if words & {"lifecycle", "lca"} or words >= {"life", "cycle"}:
        return EmissionFactorType.LIFECYCLE
    return EmissionFactorType.DIRECT if "direct" in words else EmissionFactorType.UNSTATED


def _infer_signal(column: str) -> Signal:
    if "marginal" in column.lower() or column.strip().lower() == "moer":
        return Signal.MARGINAL
    return Signal.AVERAGE if AVERAGE_COLUMNS.fullmatch(column.strip().lower()) else Signal.UNSTATED


def _infer_kind(table: SeriesTable, layout: Layout | None, column: str) -> tuple[EmissionFactorType, Signal]:
    """The factors and the signal by the column's name and the rows, else by the layout."""
    factors, signal = _infer_factors(column, table), _infer_signal(column)
    if layout and factors is EmissionFactorType.UNSTATED:
        factors = layout.factors
    if layout and signal is Signal.UNSTATED:
        signal = layout.signal
    return factors, signal


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
