"""Times as tables spell them, made moments in UTC.

ISO 8601 with or without an offset, US and day-first dates, intervals (their start counts), ``24:00``, AM and PM, and
seconds, milliseconds or microseconds since 1970. A time without an offset is UTC, or local in a zone that the caller
names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ParsedTimes", "parse_times"]

_US_PER_S = 1_000_000
_DAY_US = 86_400 * _US_PER_S
#: the moments, s since 1970, between which a bare number is taken for one: the years 2000 to 2100
_EPOCH_RANGE_S = (946_684_800, 4_102_444_800)
_EPOCH_UNITS_US = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}

_INTERVAL = re.compile(r"^(.*?\d)\s+(?:-|\u2013|to|/)\s+\d.*$")
_SHORT_OFFSET = re.compile(r"(:\d{2}(?:\.\d+)?)([+-]\d{2})$")
_UTC_SUFFIX = re.compile(r"\s*\(?(?:UTC|GMT)\)?$", re.IGNORECASE)
_CALENDAR = re.compile(
    r"^(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})"
    r"(?:[T\s]+(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?$"
)


@dataclass(frozen=True, slots=True, eq=False)
class ParsedTimes:
    """The times of a column."""

    #: microseconds since 1970, UTC, shape (rows,); 0 where a cell could not be read
    us: np.ndarray
    #: cells that hold no time, shape (rows,)
    unread: np.ndarray
    #: local times that a clock shows twice or never, shape (rows,)
    ambiguous: np.ndarray
    #: what was assumed, for a report
    notes: tuple[str, ...] = ()


def parse_times(cells: pd.Series, timezone: str | None = None) -> ParsedTimes:
    """The moments that the cells name.

    :param timezone: the zone of times without an offset, such as ``Europe/Berlin``; without it they are UTC.
    :raises SettingsError: if there is no such zone.
    """
    import pandas as pd

    zone = _zone(timezone)
    if cells.dtype.kind == "M" or isinstance(cells.dtype, pd.DatetimeTZDtype):
        return _localise(cells, np.zeros(len(cells), dtype=bool), zone, ())
    if cells.dtype.kind in "iuf":
        return _from_epoch(cells.to_numpy(dtype=np.float64))
    texts = cells.astype(str).str.strip()
    if texts.str.fullmatch(r"\d{9,19}(?:\.\d+)?").all():
        return _from_epoch(texts.to_numpy().astype(np.float64))
    texts = texts.str.replace(_INTERVAL, r"\1", regex=True)
    texts = texts.str.replace(_SHORT_OFFSET, r"\1\2:00", regex=True)
    stated_utc = texts.str.contains(_UTC_SUFFIX, regex=True)
    texts = texts.str.replace(_UTC_SUFFIX, "", regex=True)
    texts = texts.mask(stated_utc & ~texts.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True), texts + "Z")
    return _from_texts(texts, zone)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
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


def _from_texts(texts: pd.Series, zone: ZoneInfo | None) -> ParsedTimes:
    import pandas as pd

    has_offset = texts.str.contains(r"\d(?:Z|[+-]\d{2}:?\d{2})$", regex=True).to_numpy()
    iso = pd.to_datetime(texts.where(has_offset, texts + "Z"), utc=True, errors="coerce", format="ISO8601")
    us, unread = _to_us(iso)
    notes: tuple[str, ...] = ()
    rest = np.flatnonzero(unread)
    if len(rest):
        us[rest], unread[rest], notes = _from_calendar(texts.iloc[rest])
    if zone is None or has_offset.all():
        return ParsedTimes(us, unread, np.zeros(len(us), dtype=bool), notes)
    local = pd.Series(us.astype("datetime64[us]"))
    shifted = _localise(local, unread, zone, notes)
    return ParsedTimes(
        np.where(has_offset, us, shifted.us), unread, shifted.ambiguous & ~has_offset & ~unread, shifted.notes
    )


def _localise(cells: pd.Series, unread: np.ndarray, zone: ZoneInfo | None, notes: tuple[str, ...]) -> ParsedTimes:
    """Times of a datetime column, in UTC; naive ones local in the zone."""
    if cells.dt.tz is not None:
        us, blank = _to_us(cells.dt.tz_convert("UTC"))
        return ParsedTimes(us, unread | blank, np.zeros(len(us), dtype=bool), notes)
    if zone is None:
        us, blank = _to_us(cells.dt.tz_localize("UTC"))
        return ParsedTimes(us, unread | blank, np.zeros(len(us), dtype=bool), notes)
    placed = cells.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    ambiguous = (placed.isna() & cells.notna()).to_numpy()
    us, blank = _to_us(placed.dt.tz_convert("UTC"))
    return ParsedTimes(us, unread | (blank & ~ambiguous), ambiguous, (*notes, f"times are local, {zone.key}"))


def _to_us(moments: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    blank = moments.isna().to_numpy()
    plain = moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return np.where(blank, 0, plain), np.asarray(blank).copy()


def _from_calendar(texts: pd.Series) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Dates that ISO 8601 does not know, or with a time of 24:00: microseconds, what stays unread, and notes."""
    import pandas as pd

    parts = texts.str.extract(_CALENDAR)
    unread = parts["a"].isna().to_numpy()
    numbers = {
        name: pd.to_numeric(parts[name], errors="coerce").fillna(0).to_numpy().astype(np.int64)
        for name in ("a", "b", "c", "hour", "minute", "second")
    }
    year_first = parts["a"].str.len().eq(4).to_numpy()
    day_first, notes = _day_first(parts, numbers, year_first | unread)
    year = np.where(year_first, numbers["a"], numbers["c"])
    month = np.where(year_first, numbers["b"], np.where(day_first, numbers["b"], numbers["a"]))
    day = np.where(year_first, numbers["c"], np.where(day_first, numbers["a"], numbers["b"]))
    half = parts["half"].fillna("").str.lower().str[:1].to_numpy()
    hour = np.where(half == "", numbers["hour"], numbers["hour"] % 12 + 12 * (half == "p"))
    dates = pd.to_datetime({"year": year, "month": month, "day": day}, errors="coerce")
    unread |= dates.isna().to_numpy() | (hour > 24) | ((hour == 24) & (numbers["minute"] + numbers["second"] > 0))
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

    Dots mean day first. With slashes a number above 12 tells; without one, the reading in which the dates follow one
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
        day_first = _leaps(year, second, first) < _leaps(year, first, second)
    return day_first, (f"dates are read as {'day/month' if day_first else 'month/day'}/year",)


def _leaps(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> int:
    """The days between neighbouring rows, beyond one each, in one reading of the dates."""
    ordinal = np.sort(year * 372 + month * 31 + day)
    return int(np.maximum(np.diff(ordinal) - 1, 0).sum())
