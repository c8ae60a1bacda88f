"""Which column of a table holds the times and which the zones, and long tables made wide."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ce_nas.core.errors import TraceError, unknown_choice_message
from ce_nas.core.table_cells import parse_numbers
from ce_nas.core.time_text import find_header_zone, parse_times

if TYPE_CHECKING:
    from ce_nas.grid.layouts import Layout
    from ce_nas.grid.series_table import SeriesTable

__all__ = ["HOUR_ENDING", "find_time_column", "list_zone_names", "select_zone", "widen", "zone_from_file_name"]

#: columns of times, by preference, in small letters
TIME_COLUMNS = (
    *(
        "datetime (utc)",
        "datetime(utc)",
        "datetime",
        "time",
        "timestamp",
        "time (utc)",
        "utc time",
        "datetime_utc",
        "time_utc",
        "utc",
    ),
    *("date_time", "date", "interval_start", "valid_time", "hour ending", "hour_ending", "interval_end", "mtu"),
    *("mtu (utc)", "mtu (cet/cest)", "mtu (cet)", "timestamp (utc)", "date (utc)", "datetime (local)", "local time"),
    *("datum", "zeit", "zeitstempel", "horodate", "date_heure", "date - heure", "fecha", "year", "month"),
    *("hourutc", "minutes5utc", "point_time", "unix_seconds", "start_timestamp", "interval start", "start_date"),
    *("interval_start_local", "start", "starttime", "start_time", "from", "period", "hour_utc"),
)
#: columns with the hour of a day, next to one with its date
HOUR_COLUMNS = (
    *("hour", "he", "hour number", "hour ending", "heures", "heure", "time of day", "uhrzeit", "anfang", "von", "time"),
)
#: those of them that name an hour by its end
_HOUR_ENDING_COLUMNS = ("he", "hour number", "hour ending")
_CLOCK = re.compile(r"\d{1,2}(\.0)?|\d{1,2}[:hH]\d{2}(:\d{2})?(\s*[AaPp]\.?[Mm]\.?)?")
#: at the end of the name of a joined column whose hours are the ends of their steps
HOUR_ENDING = "(hour ending)"
_BRACKETS = re.compile(r"[\[(][^\])]*[\])]\s*$")
#: columns of abbreviations of zones
_CLOCK_COLUMNS = ("zeitzone von", "zeitzone", "time zone", "timezone", "time_zone", "tz", "utc_offset", "utc offset",
                  "offset")  # fmt: skip
_CALENDAR_COLUMNS = (("year",), ("month", "mo"), ("day", "dy"))
#: a row a time and metric, or a time and fuel: what names it, and the value
_METRIC_COLUMNS = ("variable", "metric", "indicator")
_FUEL_COLUMNS = ("production type", "productiontype", "generation type")
_GENERATION_COLUMNS = (
    "generation (mw)",
    "actualgenerationoutput[mw]",
    "actual generation output (mw)",
    "generation [mw]",
)
_INTENSITY_METRICS = ("co2 intensity", "carbon intensity", "emissions intensity")
ZONE_COLUMNS = ("zone id", "zone", "zone_id", "region", "area", "country", "balancing authority", "respondent",
                "areadisplayname", "mapcode", "iso 3 code", "iso3 code", "country code", "bidding zone", "entity",
                "entity_code", "regionid", "region_id", "ba", "ba_code", "location_id")  # fmt: skip


def find_time_column(
    table: SeriesTable, layout: Layout | None, requested: str | None, option: str = "--time-column"
) -> tuple[SeriesTable, str]:
    """The table with its times in one column, and that column."""
    if requested is None:
        if found := _time_of_layout(table, layout) or _time_of_calendar(table) or _time_of_day(table):
            return found
        requested = _time_before_brackets(table)
    return _with_clock(table, table.column("time", requested, TIME_COLUMNS, option))


def _time_of_layout(table: SeriesTable, layout: Layout | None) -> tuple[SeriesTable, str] | None:
    """The times where the table's layout has them."""
    for name in layout.time if layout else ():
        parts = name.split("+")
        columns = [column for part in parts if (column := table.find_column([part])) is not None]
        if len(columns) == len(parts):
            return _join_times(table, columns)
    return None


def _time_of_calendar(table: SeriesTable) -> tuple[SeriesTable, str] | None:
    """The times of a table with a column each for years, months and days, and none for the whole time."""
    columns = [column for names in _CALENDAR_COLUMNS if (column := table.find_column(names))]
    is_whole = len(columns) == len(_CALENDAR_COLUMNS)
    return _join_calendar(table, columns) if is_whole and table.find_column(TIME_COLUMNS[:10]) is None else None


def _time_of_day(table: SeriesTable) -> tuple[SeriesTable, str] | None:
    """The times of a table with a column of dates and one of hours."""
    date = table.find_column(["date", "day", "datum"])
    if date is None or table.find_column(["date - heure"]) is not None:
        return None
    hours = [column for name in HOUR_COLUMNS if (column := table.find_column([name]))]
    hour = next((name for name in hours if _CLOCK.fullmatch(str(table.frame[name].iloc[0]).strip())), None)
    return _join_times(table, [date, hour]) if hour else None


def _time_before_brackets(table: SeriesTable) -> str | None:
    """A column of times with something in brackets after its name, such as Zeit (CET/CEST)."""
    if table.find_column(TIME_COLUMNS) is not None:
        return None
    plain = {_BRACKETS.sub("", name).strip().lower(): name for name in reversed(table.columns)}
    return next((plain[name] for name in TIME_COLUMNS if name in plain), None)


def _with_clock(table: SeriesTable, time: str) -> tuple[SeriesTable, str]:
    """The times with the zone or the offset that a column of its own states for each, where they have none."""
    zone = table.find_column(_CLOCK_COLUMNS)
    if zone is None or find_header_zone(time) is not None or not parse_times(table.frame[time]).has_naive:
        return table, time
    cells = table.frame[zone].astype(str).str.strip()
    name = f"{time} and {zone}"
    if cells.nunique() == 1 and "/" in cells.iloc[0]:  # the name of a zone, such as Europe/Berlin
        name = f"{time} ({cells.iloc[0]})"
        return table.with_column(name, table.frame[time]), name
    joiner = "" if cells.str.fullmatch(r"Z|[+-]\d{2}(:?\d{2})?").all() else " "
    return table.with_column(name, table.frame[time].astype(str).str.strip() + joiner + cells), name


def _join_calendar(table: SeriesTable, columns: list[str]) -> tuple[SeriesTable, str]:
    """Years, months, days, hours and minutes, a column each, as one column."""
    year, month, day = (table.frame[column].astype(str).str.strip() for column in columns)
    joined = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
    for names, separator in ((("hour", "hr"), " "), (("minute", "min"), ":")):
        if column := table.find_column(names):
            columns = [*columns, column]
            joined += separator + table.frame[column].astype(str).str.strip().str.zfill(2)
    joined = joined.str.replace(r"^(\S+ \d{2})$", r"\1:00", regex=True)
    name = ", ".join(columns)
    hours = set(table.frame[columns[3]].astype(str).str.strip()) if len(columns) > len(_CALENDAR_COLUMNS) else set()
    name += f" {HOUR_ENDING}" if "24" in hours and "0" not in hours else ""
    return table.with_column(name, joined), name


def _join_times(table: SeriesTable, columns: list[str]) -> tuple[SeriesTable, str]:
    """A date and a time of day, or an hour's number, as one column."""
    if len(columns) == 1:
        return table, columns[0]
    date, clock = (table.frame[column].astype(str).str.strip() for column in columns)
    if zone := table.find_column(_CLOCK_COLUMNS):  # CET and CEST next to each time
        clock += " " + table.frame[zone].astype(str).str.strip()
    clock = clock.str.replace(r"^(\d{1,2})[hH](\d{2})$", r"\1:\2", regex=True)
    numbered = clock.str.fullmatch(r"\d{1,2}(\.0)?")
    hours = clock.str.replace(r"\.0$", "", regex=True).str.zfill(2) + ":00"
    joined = " and ".join(columns)
    numbers = set(hours[numbered])
    is_one_to_24 = "24:00" in numbers and "00:00" not in numbers
    if is_one_to_24 or columns[1].strip().lower() in _HOUR_ENDING_COLUMNS:
        joined += f" {HOUR_ENDING}"
    return table.with_column(joined, date + " " + clock.mask(numbered, hours)), joined


def select_zone(table: SeriesTable, layout: Layout | None, zone: str | None) -> tuple[SeriesTable, str]:
    """The rows of the zone asked for, by its name or its code, or of the only one there is, and its name.

    :raises TraceError: if there are several and none is asked for, or none of that name.
    """
    columns = _zone_columns(table, layout)
    if not columns:
        return table, zone or zone_from_file_name(table)
    zones = [str(name) for name in table.frame[columns[0]].unique()]
    if zone is None and len(zones) > 1:
        message = f"Expected one zone in {str(table.path)!r}, found {', '.join(sorted(zones))}. Choose one with --zone."
        raise TraceError(message)
    chosen = zones[0] if zone is None else zone
    column = next((name for name in columns if (table.frame[name].astype(str) == chosen).any()), None)
    if column is None:
        message = f"{unknown_choice_message('zone', chosen, zones)} These are the zones in {str(table.path)!r}."
        raise TraceError(message)
    return table.filter_rows(column, chosen), chosen


def list_zone_names(table: SeriesTable, layout: Layout | None) -> tuple[str, ...]:
    """The zones that a table has rows for; its file's name where it has no column of zones."""
    columns = _zone_columns(table, layout)
    return tuple(map(str, table.frame[columns[0]].unique())) if columns else (zone_from_file_name(table),)


def zone_from_file_name(table: SeriesTable) -> str:
    """The name of a file's only zone, where nothing in it says."""
    return table.path.name.split(".")[0]


def widen(table: SeriesTable) -> SeriesTable:
    """A long table as one with a row a time: of metrics the intensity's rows, of fuels a column each.

    Such are Ember's (``Variable``, ``Unit``, ``Value``) and ENTSO-E's (``Production Type``, ``Generation (MW)``);
    other tables stay as they are.
    """
    metric, value = table.find_column(_METRIC_COLUMNS), table.find_column(["value"])
    if metric and value and table.find_column(["unit"]):
        kept = table.frame[table.frame[metric].astype(str).str.strip().str.lower().isin(_INTENSITY_METRICS)]
        if len(kept):
            return replace(table, frame=kept.rename(columns={value: "carbon_intensity"}))
    fuel, power = table.find_column(_FUEL_COLUMNS), table.find_column(_GENERATION_COLUMNS)
    return _pivot_fuels(table, fuel, power) if fuel and power else table


def _pivot_fuels(table: SeriesTable, fuel: str, power: str) -> SeriesTable:
    _, time = find_time_column(table, None, None)
    zones = _zone_columns(table, None)
    keys = [time, *zones]
    frame = table.frame
    lines = frame.assign(line=frame.index).groupby(keys, sort=False)["line"].first()
    powers = frame.assign(power=parse_numbers(frame[power])).groupby([*keys, fuel], sort=False)["power"]
    if (differing := powers.nunique() > 1).any():
        where = ", ".join(map(str, differing[differing].index[0]))
        message = (
            f"Expected one value a time and fuel in {str(table.path)!r}, got several for {where}; remove all but one."
        )
        raise TraceError(message)
    wide = frame.pivot_table(index=keys, columns=fuel, values=power, aggfunc="first", sort=False)
    wide.columns = [f"{name} - Actual Aggregated [MW]" for name in wide.columns]
    wide["line"] = lines
    wide = wide.reset_index().set_index("line").fillna("")
    wide.index.name = None
    return replace(table, frame=wide, notes=(*table.notes, "a row a fuel made a column each"))


def _zone_columns(table: SeriesTable, layout: Layout | None) -> list[str]:
    """The columns that name a row's zone, the first by preference first."""
    names = [*(layout.zone if layout else ()), *ZONE_COLUMNS]
    found = [column for name in names if (column := table.find_column([name])) is not None]
    return list(dict.fromkeys(found))
