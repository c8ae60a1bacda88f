"""Weather forecasts, each with its time of issue: what was forecast, kept apart from what was known later.

A table has a row for each issue and hour: ``issued``, ``time`` (UTC) and the columns of weather in SI units. At a
moment, an hour ahead has the value of the latest issue by then, and an hour that has passed keeps the value of the
latest issue by its own start. So a backtest sees neither later forecasts nor analyses.

Sources
    Open-Meteo's forecast API and files (open-meteo.com/en/docs), also those of its previous runs, whose columns
    ``..._previous_day1`` to ``7`` are forecasts of that many days before. Radiation and precipitation are stamped with
    the end of their hour; here every hour is stamped with its start.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ce_nas.core.errors import TraceError
from ce_nas.core.formatting import format_time
from ce_nas.core.unit_text import find_weather_unit
from ce_nas.core.units import DAY_S, HOUR_S, parse_time
from ce_nas.grid.readers import read_future_covariates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.grid.trace import Series

__all__ = ["OPEN_METEO_PARAMETERS", "WeatherIssue", "WeatherIssues", "parse_open_meteo", "read_open_meteo"]

#: Open-Meteo's variable to our column, and hours by which its stamps are late
VARIABLES = {
    "temperature_2m": ("temperature_k", 0),
    "wind_speed_10m": ("wind_speed_m_s", 0),
    "windspeed_10m": ("wind_speed_m_s", 0),
    "shortwave_radiation": ("dswrf_w_m2", 1),
    "precipitation": ("precipitation_kg_m2", 1),
}
#: what a request for a forecast asks for
OPEN_METEO_PARAMETERS = {
    "hourly": "temperature_2m,wind_speed_10m,shortwave_radiation,precipitation",
    "forecast_days": "7",
    "timezone": "GMT",
    "format": "csv",
}
#: the longest forecast
MAX_LEAD_S = 17 * DAY_S
_COLUMN = re.compile(r"([a-z_]+\d*m?)(?:_previous_day(\d+))?\s*(?:[(\[].*)?")
_HEADER = "issued,time,"


@dataclass(frozen=True, slots=True, eq=False)
class WeatherIssue:
    """One forecast: hourly values from ``start`` on."""

    #: UTC
    issued: datetime
    #: start of the first hour, UTC
    start: datetime
    #: column to its values, shape (hours,), NaN where missing; the same length for all
    values: Mapping[str, np.ndarray]


class WeatherIssues:
    """The forecasts of a place, in the order of their issue.

    Example:
        >>> at = datetime(2023, 1, 1, tzinfo=UTC)
        >>> first = WeatherIssue(at, at, {"temperature_k": np.array([280.0, 281.0, 282.0])})
        >>> later = at + timedelta(hours=1)
        >>> second = WeatherIssue(later, later, {"temperature_k": np.full(2, 270.0)})
        >>> issues = WeatherIssues([first, second])
        >>> issues.known_at(at, at, 3600.0, 3)["temperature_k"].tolist()
        [280.0, 281.0, 282.0]
        >>> issues.known_at(later, at, 3600.0, 3)["temperature_k"].tolist()
        [280.0, 270.0, 270.0]

    :raises TraceError: if there is none, or two were issued at the same moment.
    """

    def __init__(self, issues: list[WeatherIssue]) -> None:
        self.issues = sorted(issues, key=lambda issue: issue.issued)
        moments = [issue.issued for issue in self.issues]
        twice = next((one for one, other in pairwise(moments) if one == other), None)
        if not issues or twice:
            found = f"two of {format_time(twice)}" if twice else "none"
            message = f"Expected weather forecasts of different times of issue, got {found}. Keep one of each."
            raise TraceError(message)
        self.names = tuple(sorted({name for issue in self.issues for name in issue.values}))
        self._first_h = min(_hour(issue.start) for issue in self.issues)
        end_h = max(_hour(issue.start) + len(next(iter(issue.values.values()))) for issue in self.issues)
        self._hours = end_h - self._first_h

    def known_at(self, now: datetime, start: datetime, step_s: float, steps: int) -> dict[str, np.ndarray]:
        """Return each column at ``steps`` steps from ``start`` on as known at ``now``, shape ``(steps,)``.

        NaN where nothing had been forecast. A longer step than an hour has the mean of its hours.
        """
        hourly = {name: values.copy() for name, values in self._by_their_start.items()}
        now_h = -(-now.timestamp() // HOUR_S) - self._first_h
        for values in hourly.values():
            values[max(int(now_h), 0) :] = np.nan
        for issue in self.issues:
            if now - timedelta(seconds=MAX_LEAD_S) <= issue.issued <= now:
                self._overwrite(hourly, issue, int(now_h))
        parts = max(round(step_s / HOUR_S), 1)
        middles_s = (start.timestamp() - self._first_h * HOUR_S) + step_s * (np.arange(steps * parts) + 0.5) / parts
        hours = np.floor(middles_s / HOUR_S).astype(np.int64)
        inside = (hours >= 0) & (hours < self._hours)
        safe = np.where(inside, hours, 0)
        return {
            name: np.where(inside, values[safe], np.nan).reshape(steps, parts).mean(axis=1)
            for name, values in hourly.items()
        }

    @property
    def sha256(self) -> str:
        """SHA-256 of the table, in hexadecimal."""
        return hashlib.sha256(self.to_csv().encode()).hexdigest()

    def to_csv(self) -> str:
        """Return the table, a row for each issue and hour."""
        lines = [_HEADER + ",".join(self.names)]
        for issue in self.issues:
            hours = len(next(iter(issue.values.values())))
            columns = [issue.values.get(name, np.full(hours, np.nan)) for name in self.names]
            for hour, row in enumerate(np.stack(columns, axis=1)):
                at = issue.start + timedelta(hours=hour)
                cells = ("" if np.isnan(value) else f"{value:.6g}" for value in row)
                lines.append(f"{_stamp(issue.issued)},{_stamp(at)},{','.join(cells)}")
        return "\n".join(lines) + "\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the result of :meth:`to_csv`.

        :raises TraceError: if the file is not there, or something else.
        """
        import pandas as pd

        try:
            table = pd.read_csv(path)
            names = [name for name in table.columns if name not in {"issued", "time"}]
            issues = []
            for issued, rows in table.groupby("issued"):
                times = [parse_time(text) for text in rows["time"]]
                hours = np.array([_hour(at) for at in times]) - _hour(times[0])
                columns = {}
                for name in names:
                    columns[name] = np.full(int(hours.max()) + 1, np.nan)
                    columns[name][hours] = rows[name].to_numpy(float)
                issues.append(WeatherIssue(parse_time(str(issued)), times[0], columns))
        except (OSError, ValueError, KeyError, IndexError) as error:
            message = f"Expected a table of weather forecasts with issued and time in {str(path)!r}, but {error}."
            raise TraceError(message) from error
        return cls(issues)

    @staticmethod
    def is_table(path: Path) -> bool:
        """Whether a file is a table of issues, by its first line."""
        if not path.is_file() or path.suffix.lower() != ".csv":
            return False
        with path.open(errors="replace") as file:
            return file.readline().startswith(_HEADER)

    def extended(self, issues: list[WeatherIssue]) -> WeatherIssues:
        """Return these forecasts and others; one of the same moment of issue replaces none.

        :raises TraceError: if one was issued at a moment that is there already.
        """
        return WeatherIssues([*self.issues, *issues])

    @cached_property
    def _by_their_start(self) -> dict[str, np.ndarray]:
        """Each hour by the latest forecast issued by its start, shape ``(hours,)``."""
        values = {name: np.full(self._hours, np.nan) for name in self.names}
        for issue in self.issues:
            self._overwrite(values, issue, -int(-issue.issued.timestamp() // HOUR_S) - self._first_h)
        return values

    def _overwrite(self, hourly: dict[str, np.ndarray], issue: WeatherIssue, from_h: int) -> None:
        """Put the values of an issue from an hour on into ``hourly``, as far as it has them."""
        offset = _hour(issue.start) - self._first_h
        for name, values in issue.values.items():
            skipped = max(from_h - offset, 0)
            known = values[skipped:]
            target = hourly[name][offset + skipped : offset + skipped + len(known)]
            target[:] = np.where(np.isnan(known), target, known)


def read_open_meteo(path: Path, issued: datetime | None) -> list[WeatherIssue]:
    """Read a file of Open-Meteo's: one forecast issued at ``issued``, or the earlier runs whose columns it has.

    Hours before the issue are left out: a file has analyses there.

    :param issued: time of issue, UTC; None for a file of previous runs, read as a forecast of each midnight.
    :raises TraceError: if it cannot be read, has no known column, or does not say when it was issued.
    """
    columns: dict[int, dict[str, Series]] = {}
    for header, series in read_future_covariates(path).items():
        match = _COLUMN.fullmatch(header.strip().lower())
        if match and match.group(1) in VARIABLES:
            _require_unit(path, header)
            name, late_h = VARIABLES[match.group(1)]
            shifted = type(series)(series.start - timedelta(hours=late_h), series.step_s, series.values, series.name)
            columns.setdefault(int(match.group(2) or 0), {})[name] = shifted
    previous = {days: found for days, found in columns.items() if days}
    if issued is not None and columns.get(0):
        return [_cut_issue(issued, columns[0])]
    if issued is None and previous:
        return _midnight_issues(previous)
    wanted = "a time of issue (--issued)" if columns.get(0) else f"columns such as {', '.join(list(VARIABLES)[:3])}"
    message = (
        f"Expected {wanted}, or columns of previous runs such as temperature_2m_previous_day1, for {str(path)!r}: "
        "weather that was known later must not be taken for a forecast."
    )
    raise TraceError(message)


def _require_unit(path: Path, header: str) -> None:
    """Refuse a variable without its unit, which depends on the request that made the file."""
    if find_weather_unit(header) is None:
        message = (
            f"Expected the unit of {header!r} in its name, such as 'temperature_2m (°C)' or 'wind_speed_10m (km/h)', "
            f"got none in {str(path)!r}; write it there."
        )
        raise TraceError(message)


def parse_open_meteo(text: str, issued: datetime) -> WeatherIssue:
    """Read a response of Open-Meteo's forecast API in CSV.

    :raises TraceError: if it is something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "open-meteo.csv"
        path.write_text(text)
        return read_open_meteo(path, issued)[0]


def _cut_issue(issued: datetime, columns: Mapping[str, Series]) -> WeatherIssue:
    """Return the hours of a forecast from its issue on."""
    first_h = -int(-issued.timestamp() // HOUR_S)
    end_h = max(_hour(series.end) for series in columns.values())
    if end_h <= first_h:
        message = f"Expected hours after the time of issue, {format_time(issued)}, got none. State another --issued."
        raise TraceError(message)
    values = {name: _hours(series, first_h, end_h) for name, series in columns.items()}
    return WeatherIssue(issued, datetime.fromtimestamp(first_h * HOUR_S, UTC), values)


def _midnight_issues(previous: Mapping[int, Mapping[str, Series]]) -> list[WeatherIssue]:
    """Return a forecast of every midnight; its n-th day is what had been forecast n days before each of its hours."""
    n_days = max(days for days in previous if set(range(1, days + 1)) <= set(previous)) if 1 in previous else 0
    if not n_days:
        message = f"Expected columns of the previous day, ..._previous_day1, got only days {sorted(previous)}."
        raise TraceError(message)
    names = sorted(previous[1])
    first = min(series.start for series in previous[1].values())
    last = max(series.end for series in previous[1].values())
    issues, midnight = [], first.replace(hour=0, minute=0) + timedelta(days=bool(first.hour))
    while midnight + timedelta(days=1) <= last:
        hour = _hour(midnight)
        values = {
            name: np.concatenate(
                [
                    _hours(previous[day][name], hour + 24 * (day - 1), hour + 24 * day)
                    if name in previous[day]
                    else np.full(24, np.nan)
                    for day in range(1, n_days + 1)
                ]
            )
            for name in names
        }
        issues.append(WeatherIssue(midnight, midnight, values))
        midnight += timedelta(days=1)
    return issues


def _hours(series: Series, first_h: int, end_h: int) -> np.ndarray:
    """Return a series at the starts of hours, NaN outside it, shape ``(hours,)``."""
    at = np.floor((np.arange(first_h, end_h) * HOUR_S - series.start.timestamp()) / series.step_s).astype(np.int64)
    inside = (at >= 0) & (at < len(series))
    return np.where(inside, series.values[np.where(inside, at, 0)], np.nan)


def _hour(moment: datetime) -> int:
    return int(moment.timestamp() // HOUR_S)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
