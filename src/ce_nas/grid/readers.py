"""Traces and prices from the files people have: CSV and Parquet, in the common layouts.

Layouts
    Electricity Maps' CSV downloads: ``Datetime (UTC)``, ``Zone id``, ``Carbon intensity gCO₂eq/kWh (direct)`` and
    ``... (Life cycle)``, called ``... (LCA)`` in older ones. Tables after theirs: ``datetime``,
    ``carbon_intensity_avg``, one zone. Tables after CarbonCast's: ``zone``, ``time``,
    ``carbon_intensity_lifecycle``, ``carbon_intensity_direct``; its own CSV: ``UTC time``, ``carbon_intensity``. Plain
    ones: ``time``, ``intensity``, ``zone``.

Beside the intensity
    The generation mix, where the layout has it: ``power_production_solar_avg`` as in tables after Electricity Maps', or
    plain ``solar`` as in tables after CarbonCast's, MW.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from ce_nas.core.errors import TraceError, one_of
from ce_nas.grid.series_table import Table
from ce_nas.grid.trace import Factors, GridTrace, Series, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["factors_in", "read_known", "read_prices", "read_trace", "zones_in"]

Stated = TypeVar("Stated", Factors, Signal)

TIME_COLUMNS = ("datetime (utc)", "datetime", "time", "timestamp", "time (utc)", "utc time")
ZONE_COLUMNS = ("zone id", "zone", "zone_id")
#: the columns of layouts whose makers publish average intensities, in small letters
AVERAGE_COLUMNS = re.compile(
    r"carbon intensity gco.*\((direct|life cycle|lca)\)|carbon_intensity_(avg|lifecycle|direct)"
)
#: how the name of a column of intensities begins, in small letters
INTENSITY = r"(carbon[ _-]?)?intensity"
#: what the columns of a generation mix are called, in small letters
MIX_COLUMNS = re.compile(
    r"(?:power_production_)?(nat_gas|gas|coal|oil|biomass|geothermal|nuclear|hydro|solar|wind|other|unknown)(?:_avg)?"
)
MIX_NAMES = {"nat_gas": "gas"}


def read_trace(  # noqa: PLR0913 - a file's layout has that many parts, all optional
    path: str | Path,
    *,
    zone: str | None = None,
    factors: Factors | None = None,
    signal: Signal | None = None,
    time_column: str | None = None,
    intensity_column: str | None = None,
) -> GridTrace:
    """The carbon intensity of one zone from a CSV (also ``.csv.gz``) or Parquet file, g CO2eq/kWh.

    Times without a zone are UTC, others are converted. Where a file has both life-cycle and direct intensities, the
    **life-cycle** ones are taken unless ``factors`` says otherwise. Rows may come in any order and repeat
    each other; a missing row or a blank cell is a gap, which stays one and is listed in the trace. A zero is kept
    as it stands: a grid may run on sun and wind alone, even if some sources write 0 for "unknown". A generation mix in
    the file is read with it.

    :param zone: the zone to read, needed where the file has several; names the zone where the file has no such column.
    :param factors: which emissions to read; names them where the file does not say.
    :param signal: average or marginal, where the file does not say.
    :param time_column: the column of the times, if it has an uncommon name.
    :param intensity_column: the column of the intensities, if it has an uncommon name or there are several.
    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = Table.read(path)
    time = table.column("time", time_column, TIME_COLUMNS)
    intensity = _intensity_column(table, intensity_column, factors)
    table, found_zone = _one_zone(table, zone)
    series, mix_mw, duplicates = table.series_and(
        time, intensity, f"the carbon intensity of zone {found_zone!r}", _mix_columns(table), may_be_negative=False
    )
    return GridTrace(
        zone=found_zone,
        series=series,
        factors=_agreed(table, intensity, _factors(intensity), factors),
        signal=_agreed(table, intensity, _signal(intensity), signal),
        origin=table.path.name,
        duplicates=duplicates,
        mix_mw=mix_mw,
    )


def read_known(path: str | Path, zone: str | None = None, later_s: float = 0.0) -> Mapping[str, Series]:
    """Inputs of a zone that are known ahead, such as a weather forecast: every column of numbers, in its own unit.

    Each value must have been foretold before the moment it speaks of: it may be handed to a forecaster. The checks
    are those of :func:`read_trace`, but a value may be negative.

    :param zone: the zone to read, needed where the file has several.
    :param later_s: how much later than its stamp a value speaks of, where a file is stamped with the time of issue.
    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = Table.read(path)
    time = table.column("time", None, TIME_COLUMNS)
    table, found_zone = _one_zone(table, zone)
    names = [name for name in table.columns if name != time and table.holds_numbers(name)]
    trace = next((name for name in names if re.match(INTENSITY, name.strip().lower())), None)
    if trace or not names:
        found = f"{trace!r}, which is not known ahead" if trace else "no column of numbers beside the time"
        message = f"Expected inputs such as a weather forecast in {str(path)!r}, found {found}. Choose another file."
        raise TraceError(message)
    series = {
        name: table.series(time, name, f"{name!r} of zone {found_zone!r}", may_be_negative=True)[0] for name in names
    }
    later = timedelta(seconds=later_s)
    return {name: Series(one.start + later, one.step_s, one.values, one.name) for name, one in series.items()}


def read_prices(path: str | Path, *, time_column: str | None = None, price_column: str | None = None) -> Series:
    """Electricity prices per kWh, in whatever currency the file is in, from a CSV or Parquet file.

    The checks are those of :func:`read_trace`, but a price may be negative.

    :raises TraceError: if the file is not there, cannot be read, or holds something that is no such series.
    """
    table = Table.read(path)
    time = table.column("time", time_column, TIME_COLUMNS)
    price = table.column("price", price_column, ("price", "price_per_kwh"))
    _refuse_mwh(table, price)
    series, _ = table.series(time, price, f"the price of electricity in {table.path.name!r}", may_be_negative=True)
    return series


def zones_in(path: str | Path) -> tuple[str, ...]:
    """The zones that a file of intensities has rows for; its own name where it has no such column.

    :raises TraceError: if the file is not there, or cannot be read.
    """
    table = Table.read(path)
    column = _zone_column(table)
    return tuple(str(name) for name in table.frame[column].unique()) if column else (_file_zone(table),)


def factors_in(path: str | Path) -> frozenset[Factors]:
    """What the columns of intensities say that they count.

    :raises TraceError: if the file is not there, or cannot be read.
    """
    return frozenset(map(_factors, _intensities(Table.read(path))))


def _intensity_column(table: Table, named: str | None, factors: Factors | None) -> str:
    """The column to read: the one named, or the only one that is an intensity with the factors asked for."""
    column = table.column("intensity", named, ()) if named else _only_intensity(table, factors)
    _refuse_mwh(table, column)
    return column


def _only_intensity(table: Table, factors: Factors | None) -> str:
    by_factors: dict[Factors, list[str]] = {}
    for name in _intensities(table):
        by_factors.setdefault(_factors(name), []).append(name)
    wanted = (factors, Factors.UNSTATED) if factors else (Factors.LIFECYCLE, Factors.DIRECT, Factors.UNSTATED)
    found = next((by_factors[kind] for kind in wanted if kind in by_factors), [])
    if len(found) > 1:
        message = (
            f"Expected one column of intensities in {str(table.path)!r}, found {', '.join(map(repr, found))}. Name "
            f"the right one with intensity_column."
        )
        raise TraceError(message)
    if not found:
        kind = f"{factors} carbon intensities" if factors else "carbon intensities"
        what = f"a column of {kind} (such as 'intensity' or 'carbon_intensity_lifecycle')"
        raise table.lacks(what, "intensity_column")
    return found[0]


def _mix_columns(table: Table) -> dict[str, str]:
    """Source of electricity to its column, for those that hold a number."""
    found: dict[str, str] = {}
    for column in table.columns:
        match = MIX_COLUMNS.fullmatch(column.strip().lower())
        if match and table.holds_numbers(column):
            found.setdefault(MIX_NAMES.get(match.group(1), match.group(1)), column)
    return found


def _intensities(table: Table) -> list[str]:
    return [name for name in table.columns if re.match(INTENSITY, name.strip().lower())]


def _one_zone(table: Table, zone: str | None) -> tuple[Table, str]:
    """The rows of the zone asked for, or of the only one there is, and its name."""
    column = _zone_column(table)
    if column is None:
        return table, zone or _file_zone(table)
    zones = [str(name) for name in table.frame[column].unique()]
    if zone is None and len(zones) > 1:
        message = f"Expected one zone in {str(table.path)!r}, found {', '.join(sorted(zones))}. Choose one with zone."
        raise TraceError(message)
    chosen = zones[0] if zone is None else zone
    if chosen not in zones:
        message = f"{one_of('zone', chosen, zones)} These are the zones in {str(table.path)!r}."
        raise TraceError(message)
    return table.where(column, chosen), chosen


def _zone_column(table: Table) -> str | None:
    return next((name for name in table.columns if name.strip().lower() in ZONE_COLUMNS), None)


def _file_zone(table: Table) -> str:
    return table.path.name.split(".")[0]


def _factors(column: str) -> Factors:
    words = set(re.findall("[a-z]+", column.lower()))
    if words & {"lifecycle", "lca"} or words >= {"life", "cycle"}:
        return Factors.LIFECYCLE
    return Factors.DIRECT if "direct" in words else Factors.UNSTATED


def _signal(column: str) -> Signal:
    if "marginal" in column.lower():
        return Signal.MARGINAL
    return Signal.AVERAGE if AVERAGE_COLUMNS.fullmatch(column.strip().lower()) else Signal.UNSTATED


def _agreed(table: Table, column: str, found: Stated, given: Stated | None) -> Stated:
    """What the file says, or what the caller says where it says nothing."""
    if given is None or given == found:
        return found
    if found == "unstated":
        return given
    what = type(found).__name__.lower()
    message = (
        f"Expected {what} {given!s}, but column {column!r} of {str(table.path)!r} says {found!s}. Name another column "
        f"with intensity_column, or leave {what} out."
    )
    raise TraceError(message)


def _refuse_mwh(table: Table, column: str) -> None:
    """A column that says it is per MWh would be a thousand times off."""
    if "mwh" in column.lower():
        message = (
            f"Expected values per kWh, but column {column!r} of {str(table.path)!r} says per MWh. Convert it first."
        )
        raise TraceError(message)
