"""Parsing of times as tables write them, into moments in UTC.

ISO 8601 with or without an offset, years and months, dates of digits alone, US and day-first dates, English months,
intervals (their start counts), ``24:00``, AM and PM, abbreviations of zones with one meaning, Excel's days, and
seconds, milliseconds or microseconds since 1970. A time without an offset is UTC, or local in a zone that the caller
names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LOCAL_CLOCK", "ParsedTimes", "find_header_zone", "parse_times"]

#: what :func:`find_header_zone` gives for a clock whose zone is not stated
LOCAL_CLOCK = "local"

_US_PER_S = 1_000_000
_DAY_US = 86_400 * _US_PER_S
#: the moments, s since 1970, between which a bare number is taken for one: the years 2000 to 2100
_EPOCH_RANGE_S = (946_684_800, 4_102_444_800)
#: the moments of texts, microseconds since 1970: the years 1900 to 2200
_US_RANGE = (-2_208_988_800 * _US_PER_S, 7_258_118_400 * _US_PER_S)
_EPOCH_UNITS_US = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}

#: days since 1899-12-30 in which Excel counts, of the same years
_EXCEL_RANGE = (36526.0, 73050.0)
_EXCEL_EPOCH_US = -25_569 * _DAY_US
#: digits alone, by their number
_COMPACT = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
#: a clock has two offsets at most, in summer and in winter
_MAX_OFFSETS = 2
_COMPACT_YEARS = (1990, 2100)
#: rows before and after an hour that a clock shows twice whose order tells its two halves apart
_ROWS_AROUND = 48
#: abbreviations of zones that mean one offset from UTC; CST, IST and BST mean several
_OFFSETS = {
    "WET": "+00:00", "WEST": "+01:00", "CET": "+01:00", "CEST": "+02:00", "MEZ": "+01:00", "MESZ": "+02:00",
    "EET": "+02:00", "EEST": "+03:00", "EST": "-05:00", "EDT": "-04:00", "CDT": "-05:00", "MST": "-07:00",
    "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00", "JST": "+09:00", "KST": "+09:00", "AEST": "+10:00",
    "AEDT": "+11:00", "NZST": "+12:00", "NZDT": "+13:00",
}  # fmt: skip
#: pairs of abbreviations that name a clock with summer time, and a zone that has it
_CLOCKS = {
    "WET/WEST": "Europe/Lisbon", "CET/CEST": "Europe/Brussels", "EET/EEST": "Europe/Helsinki",
    "GMT/BST": "Europe/London", "EST/EDT": "America/New_York", "CST/CDT": "America/Chicago",
    "MST/MDT": "America/Denver", "PST/PDT": "America/Los_Angeles",
}  # fmt: skip
_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}  # fmt: skip

_INTERVAL = re.compile(r"^(.*?\d)\s+(?:-|\u2013|to|/)\s+\d.*?(\s*\(?[A-Za-z][A-Za-z/]+\)?)?$")
_ABBREVIATION = re.compile(r"^(.*\d)\s*\(?([A-Z]{3,4}(?:/[A-Z]{3,4})?)\)?$")
_NAMED_MONTH = re.compile(
    r"^(?:[a-z]{3,9},?\s+)?(?:(?P<d1>\d{1,2})[\s-]?)?(?P<month>[a-z]{3})[a-z]*\.?[\s-]?(?:(?P<d2>\d{1,2}),?\s)?"
    r"(?P<year>\d{4})\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_FIXED_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
#: a time with the end of its interval behind a hyphen, which looks as an offset does
_HYPHENED = re.compile(r"(.*\d{1,2}:\d{2})-\d{2}:\d{2}")
_SHORT_OFFSET = re.compile(r"(:\d{2}(?:\.\d+)?)([+-]\d{2})$")
_UTC_SUFFIX = re.compile(r"\s*\(?(?:UTC|GMT)\)?$", re.IGNORECASE)
_CALENDAR = re.compile(
    r"^(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})"
    r"(?:[T\s]+(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?$"
)


@dataclass(frozen=True, slots=True, eq=False)
class ParsedTimes:
    """The times of a column."""

    #: microseconds since 1970, UTC, shape (rows,); 0 where a cell could not be read
    us: np.ndarray
    #: cells that hold no time, shape (rows,)
    unread: np.ndarray
    #: local times that a clock shows never, or twice where the order of the rows does not tell which, shape (rows,)
    ambiguous: np.ndarray
    #: what was assumed, for a report
    notes: tuple[str, ...] = ()
    #: whether a cell has neither an offset nor a zone, so that a clock is needed to place it
    has_naive: bool = False


def find_header_zone(header: str) -> str | None:
    """The zone that a column's name states: a zone's name, ``UTC+2``, UTC, or ``local`` for an unnamed clock."""
    if match := re.search(r"\b([A-Z]{3,4}/[A-Z]{3,4})\b", header):
        return _CLOCKS.get(match.group(1), LOCAL_CLOCK)
    if match := re.search(r"[(\[]\s*([A-Z][A-Za-z]+/[A-Z][A-Za-z_/]+)\s*[)\]]", header):
        return match.group(1)
    if match := re.search(r"(?<![a-z])((?:utc|gmt)\s*[+-]\s*\d{1,2}(?::?\d{2})?)(?!\d)", header, re.IGNORECASE):
        return match.group(1)
    if re.search(r"(?<![a-z])(utc|gmt)(?![a-z])|utc$", header, re.IGNORECASE):
        return "UTC"
    abbreviations = set(re.findall(r"\b[A-Z]{3,4}\b", header)) & {*_OFFSETS, "CST", "IST", "BST"}
    is_local = bool(re.search(r"(?<![a-z])(local|lokal|lokale|locale)(?![a-z])", header, re.IGNORECASE))
    return LOCAL_CLOCK if abbreviations or is_local else None


def parse_times(cells: pd.Series, timezone: str | None = None) -> ParsedTimes:
    """The moments that the cells name.

    :param timezone: the zone of times without an offset, such as ``Europe/Berlin`` or ``UTC+2``; without it they are
        UTC.
    :raises SettingsError: if there is no such zone.
    """
    import pandas as pd

    zone = _zone(timezone)
    if cells.dtype.kind == "M" or isinstance(cells.dtype, pd.DatetimeTZDtype):
        return _localise(cells, np.zeros(len(cells), dtype=bool), zone, ())
    if cells.dtype.kind in "iuf":
        return _from_epoch(cells.to_numpy(dtype=np.float64))
    texts = cells.astype(str).str.strip()
    is_excel = texts.str.fullmatch(r"\d{5}(?:[.,]\d+)?").all()
    if is_excel and (days := texts.str.replace(",", ".").astype(float)).between(*_EXCEL_RANGE).all():
        us = (days.to_numpy() * 86_400).round().astype(np.int64) * _US_PER_S + _EXCEL_EPOCH_US
        return _localise(_as_moments(us), np.zeros(len(us), dtype=bool), zone, ("times are Excel's days since 1900",))
    if (compact := _read_compact(texts)) is not None:
        texts = compact
    elif texts.str.fullmatch(r"\d{9,19}(?:\.\d+)?").all():
        return _from_epoch(texts.to_numpy().astype(np.float64))
    hyphened = texts.str.extract(_HYPHENED)[0]
    if hyphened.notna().all() and texts.str[-6:].nunique() > _MAX_OFFSETS:  # the ends of intervals, and no offsets
        texts = hyphened
    texts = texts.str.replace(_INTERVAL, lambda match: match.group(1) + (match.group(2) or ""), regex=True)
    texts = texts.str.replace(_SHORT_OFFSET, r"\1\2:00", regex=True)
    stated_utc = texts.str.contains(_UTC_SUFFIX, regex=True)
    texts = texts.str.replace(_UTC_SUFFIX, "", regex=True)
    texts = texts.mask(stated_utc & ~texts.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True), texts + "Z")
    texts, clock = _read_abbreviations(texts)
    return _from_texts(texts.str.replace(_NAMED_MONTH, _spell_date, regex=True), zone or _zone(clock))


def _read_compact(texts: pd.Series) -> pd.Series | None:
    """Dates of digits alone, such as 2024010100, in ISO 8601; None if they are none."""
    import pandas as pd

    lengths = texts.str.len().unique()
    if len(lengths) != 1 or (form := _COMPACT.get(int(lengths[0]))) is None or not texts.str.fullmatch(r"\d+").all():
        return None
    moments = pd.to_datetime(texts, format=form, errors="coerce")
    low, high = _COMPACT_YEARS
    if moments.isna().any() or not moments.dt.year.between(low, high).all():
        return None
    return moments.dt.strftime("%Y-%m-%dT%H:%M:%S")


def _read_abbreviations(texts: pd.Series) -> tuple[pd.Series, str | None]:
    """The texts with abbreviations of one meaning as offsets, and the zone of a clock that all of them name."""
    parts = texts.str.extract(_ABBREVIATION)
    named = parts[1].dropna().unique()
    if len(named) == 1 and parts[1].notna().all() and (clock := _CLOCKS.get(named[0])):
        return parts[0].str.strip(), clock
    offsets = parts[1].map(_OFFSETS)
    return texts.mask(offsets.notna(), parts[0].str.strip() + offsets.fillna("")), None


def _spell_date(match: re.Match[str]) -> str:
    """A date with an English month, year first."""
    month = _MONTHS.get(match["month"].lower())
    day = match["d1"] or match["d2"] or "1"
    return f"{match['year']}-{month:02d}-{int(day):02d}{match['rest']}" if month else match[0]


def _as_moments(us: np.ndarray) -> pd.Series:
    import pandas as pd

    return pd.Series(us.astype("datetime64[us]"))


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    if offset := _FIXED_OFFSET.fullmatch(name.strip()):
        ahead = timedelta(hours=int(offset.group(2)), minutes=int(offset.group(3) or 0))
        if ahead < timedelta(hours=15):
            return timezone(-ahead if offset.group(1) == "-" else ahead, name.strip())
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"Expected the name of a time zone such as Europe/Berlin or America/New_York, got {name!r}."
        raise SettingsError(message) from error


def _from_epoch(numbers: np.ndarray) -> ParsedTimes:
    """Counts since 1970, in the unit that puts all of them into this century."""
    finite = numbers[np.isfinite(numbers)]
    low, high = _EPOCH_RANGE_S
    for unit, unit_us in _EPOCH_UNITS_US.items():
        seconds = finite * unit_us / _US_PER_S
        if len(finite) and (seconds >= low).all() and (seconds < high).all():
            us = np.where(np.isfinite(numbers), numbers, 0.0) * unit_us
            note = f"times are {unit} since 1970"
            none = np.zeros(len(numbers), dtype=bool)
            return ParsedTimes(us.round().astype(np.int64), ~np.isfinite(numbers), none, (note,))
    rows = len(numbers)
    return ParsedTimes(np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool), np.zeros(rows, dtype=bool))


def _from_texts(texts: pd.Series, zone: tzinfo | None) -> ParsedTimes:
    import pandas as pd

    texts = texts.str.replace(r"^(\d{4}-\d{2})$", r"\1-01", regex=True)
    has_offset = texts.str.contains(r":\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$|\dZ$", regex=True).to_numpy()
    iso = pd.to_datetime(texts.where(has_offset, texts + "Z"), utc=True, errors="coerce", format="ISO8601")
    us, unread = _to_us(iso)
    notes: tuple[str, ...] = ()
    rest = np.flatnonzero(unread)
    if len(rest):
        us[rest], unread[rest], notes = _from_calendar(texts.iloc[rest])
    unread |= (us < _US_RANGE[0]) | (us > _US_RANGE[1])  # a year such as 0006 is a day that was taken for one
    if zone is None or has_offset.all():
        return ParsedTimes(us, unread, np.zeros(len(us), dtype=bool), notes, has_naive=not has_offset.all())
    shifted = _localise(_as_moments(us), unread, zone, notes, in_file_order=not has_offset.any())
    ambiguous = shifted.ambiguous & ~has_offset & ~unread
    return ParsedTimes(np.where(has_offset, us, shifted.us), unread, ambiguous, shifted.notes, has_naive=True)


def _localise(
    cells: pd.Series, unread: np.ndarray, zone: tzinfo | None, notes: tuple[str, ...], *, in_file_order: bool = True
) -> ParsedTimes:
    """Times of a datetime column, in UTC; naive ones local in the zone.

    :param in_file_order: whether the order of the rows may tell the two hours apart that a clock shows alike.
    """
    if cells.dt.tz is not None:
        us, blank = _to_us(cells.dt.tz_convert("UTC"))
        return ParsedTimes(us, unread | blank, np.zeros(len(us), dtype=bool), notes)
    if zone is None:
        us, blank = _to_us(cells.dt.tz_localize("UTC"))
        return ParsedTimes(us, unread | blank, np.zeros(len(us), dtype=bool), notes, has_naive=True)
    placed = cells.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    ambiguous = (placed.isna() & cells.notna()).to_numpy()
    notes = (*notes, f"times are local, {zone}")
    if ambiguous.any() and in_file_order:
        ordered = _place_by_order(cells, unread, zone)
        if (found := ambiguous & ordered.notna().to_numpy()).any():
            placed, ambiguous = ordered, ambiguous & ~found
            notes = (*notes, "times that the clock shows twice placed by the order of the rows")
    us, blank = _to_us(placed.dt.tz_convert("UTC"))
    return ParsedTimes(us, unread | (blank & ~ambiguous), ambiguous, notes, has_naive=True)


def _place_by_order(cells: pd.Series, unread: np.ndarray, zone: tzinfo) -> pd.Series:
    """Local times in the zone, of those that its clock shows twice the first in the rows being the earlier one.

    NaT where an hour's times are not there twice each, such as 02:00, 02:30, 02:00, 02:30, or where the rows around
    them are not in order of time. Rows elsewhere, unreadable ones included, do not matter.
    """
    known = np.flatnonzero(~unread & cells.notna().to_numpy())
    local = cells.iloc[known]
    placed = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    exists = local.dt.tz_localize(zone, ambiguous=True, nonexistent="NaT").notna().to_numpy()
    twice, is_first = placed.isna().to_numpy() & exists, np.zeros(len(known), dtype=bool)
    rows = np.flatnonzero(twice)
    runs = [run for run in np.split(rows, np.flatnonzero(np.diff(known[rows]) > 1) + 1) if len(run)]
    for run in runs:
        is_first[run[: len(run) // 2]] = True
    ordered = local.dt.tz_localize(zone, ambiguous=is_first, nonexistent="NaT")
    shown, tells = local.to_numpy(), np.zeros(len(known), dtype=bool)
    for run in runs:
        half = len(run) // 2
        around = slice(max(run[0] - _ROWS_AROUND, 0), run[-1] + 1 + _ROWS_AROUND)
        near = ordered.iloc[around][~twice[around] | np.isin(np.arange(len(known))[around], run)].dropna()
        is_doubled = np.array_equal(shown[run[:half]], shown[run[half:]])
        tells[run] = is_doubled and near.is_monotonic_increasing and near.is_unique
    placed = placed.where(~tells, ordered)
    return placed.reindex(cells.index) if len(known) == len(cells) else _spread(placed, known, cells)


def _spread(placed: pd.Series, rows: np.ndarray, cells: pd.Series) -> pd.Series:
    """Moments in their rows, NaT in the others."""
    import pandas as pd

    whole = pd.Series(pd.NaT, index=cells.index, dtype=placed.dtype)
    whole.iloc[rows] = placed.array
    return whole


def _to_us(moments: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    blank = moments.isna().to_numpy()
    plain = moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return np.where(blank, 0, plain), np.asarray(blank).copy()


def _from_calendar(texts: pd.Series) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Dates that ISO 8601 does not know, or with a time of 24:00: microseconds, what stays unread, and notes."""
    import pandas as pd

    parts = texts.str.extract(_CALENDAR)
    unread = parts["a"].isna().to_numpy(copy=True)
    numbers = {
        name: pd.to_numeric(parts[name], errors="coerce").fillna(0).to_numpy().astype(np.int64)
        for name in ("a", "b", "c", "hour", "minute", "second")
    }
    year_first = parts["a"].str.len().eq(4).to_numpy()
    short = ~unread & ~year_first & parts["c"].str.len().eq(2).to_numpy()
    if short.any() and ((parts["sep"] == ".").to_numpy()[short].all() or (numbers["b"][short] > 12).any()):
        numbers["c"][short] += 2000  # 31.12.24 and 12/31/24, which no year can begin
    day_first, notes = _day_first(parts, numbers, year_first | unread)
    year = np.where(year_first, numbers["a"], numbers["c"])
    month = np.where(year_first, numbers["b"], np.where(day_first, numbers["b"], numbers["a"]))
    day = np.where(year_first, numbers["c"], np.where(day_first, numbers["a"], numbers["b"]))
    half = parts["half"].fillna("").str.lower().str[:1].to_numpy()
    hour = np.where(half == "", numbers["hour"], numbers["hour"] % 12 + 12 * (half == "p"))
    dates = pd.to_datetime({"year": year, "month": month, "day": day}, errors="coerce")
    unread |= dates.isna().to_numpy() | (numbers["minute"] > 59) | (numbers["second"] > 59)
    unread |= (hour > 24) | ((hour == 24) & (numbers["minute"] + numbers["second"] > 0))
    fraction_us = (parts["fraction"].fillna("0").str.ljust(6, "0").str[:6]).astype(np.int64).to_numpy()
    days_us = np.where(unread, 0, dates.to_numpy().astype("datetime64[us]").astype(np.int64))
    us = days_us + (hour * 3600 + numbers["minute"] * 60 + numbers["second"]) * _US_PER_S + fraction_us
    return np.where(unread, 0, us - _offset_us(parts["offset"])), unread, notes


def _offset_us(offsets: pd.Series) -> np.ndarray:
    digits = offsets.fillna("Z").str.replace("Z", "+0000", regex=False).str.replace(":", "", regex=False)
    sign = np.where(digits.str[0] == "-", -1, 1)
    seconds = digits.str[1:3].astype(np.int64).to_numpy() * 3600 + digits.str[3:5].astype(np.int64).to_numpy() * 60
    return np.asarray(sign * seconds * _US_PER_S)


def _day_first(
    parts: pd.DataFrame, numbers: dict[str, np.ndarray], leave_out: np.ndarray
) -> tuple[bool, tuple[str, ...]]:
    """Whether dates such as 01/02/2024 begin with the day, and a note on it.

    Dots mean day first. With slashes a number above 12 decides; without one, the reading in which the dates follow one
    another without leaps.
    """
    looked = ~leave_out
    if not looked.any():
        return False, ()
    if (parts["sep"].to_numpy()[looked] == ".").all():
        return True, ()
    first, second = numbers["a"][looked], numbers["b"][looked]
    if (first > 12).any() or (second > 12).any():
        day_first = bool((first > 12).any())
    else:
        year = numbers["c"][looked]
        as_day_first, as_month_first = _leaps(year, second, first), _leaps(year, first, second)
        is_american = parts["half"].notna().to_numpy()[looked].any()
        if as_day_first == as_month_first and not is_american and (first != second).any():
            cell = "/".join(parts.loc[looked, ["a", "b", "c"]].iloc[int((first != second).argmax())])
            message = f"Expected dates that tell the day from the month, got {cell}; write them as 2024-12-31."
            raise SettingsError(message)
        day_first = as_day_first < as_month_first
    return day_first, (f"dates are read as {'day/month' if day_first else 'month/day'}/year",)


def _leaps(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> int:
    """The days between neighbouring rows, beyond one each, in one reading of the dates."""
    ordinal = np.sort(year * 372 + month * 31 + day)
    return int(np.maximum(np.diff(ordinal) - 1, 0).sum())
