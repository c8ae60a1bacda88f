"""A cache of fetched values on disk: one JSON file a day, each value with its quality and fetch time.

A file holds values of a provider, never computed ones, and never a key. It is replaced atomically, so that processes
may share a folder. A file that cannot be read counts as missing, and is fetched again.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from ce_nas.grid.providers.base import DataQuality, IntensitySeries
from ce_nas.grid.providers.normalize import AlignedWindow
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CacheKey", "CachedValue", "IntensityCache"]

#: version of the file format
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What distinguishes cached series."""

    provider: str
    zone: str
    factors: EmissionFactorType
    signal: Signal


@dataclass(frozen=True, slots=True)
class CachedValue:
    """One value as fetched."""

    start: datetime
    #: g CO2eq/kWh; NaN where the response had none
    g_per_kwh: float
    quality: DataQuality
    fetched_at: datetime


class IntensityCache:
    """A cache in ``folder``, which is created with the first value."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def store(self, series: IntensitySeries) -> None:
        """Store a fetched series; a cached value is never replaced by a missing one.

        :raises OSError: if it cannot be written; the earlier content is kept.
        """
        key = CacheKey(series.provider, series.trace.zone, series.trace.factors, series.trace.signal)
        fetched = [
            CachedValue(series.step_start(step), float(value), series.qualities[step], series.fetch_times[step])
            for step, value in enumerate(series.trace.g_per_kwh)
        ]
        if series.issued_at is not None:
            self._write(self._path(key, "forecast"), key, series.trace.step_s, fetched, series.issued_at)
            return
        for day, rows in _group_by_day(fetched).items():
            path = self._path(key, day)
            step_s, cached, _ = _read_file(path, key)
            known = {row.start: row for row in cached} if step_s == series.trace.step_s else {}
            known |= {row.start: row for row in rows if row.start not in known or not math.isnan(row.g_per_kwh)}
            known |= {row.start: _keep_known_value(known[row.start], row) for row in rows if math.isnan(row.g_per_kwh)}
            self._write(path, key, series.trace.step_s, [known[start] for start in sorted(known)], None)

    def load_series(self, key: CacheKey, start: datetime, end: datetime) -> IntensitySeries | None:
        """Return the cached values from ``start`` to ``end``, at the last one's step; None if there are none."""
        step_s, rows = None, list[CachedValue]()
        day = start.astimezone(UTC).date()
        while day <= end.astimezone(UTC).date():
            day_step_s, day_rows, _ = _read_file(self._path(key, day.isoformat()), key)
            if day_rows:
                step_s, rows = day_step_s, [*(rows if day_step_s == step_s else []), *day_rows]
            day += timedelta(days=1)
        return _build_series(key, AlignedWindow.covering(start, end, step_s), rows, None) if step_s else None

    def load_forecast(self, key: CacheKey) -> IntensitySeries | None:
        """Return the last stored forecast; None if there is none."""
        step_s, rows, issued_at = _read_file(self._path(key, "forecast"), key)
        if not (step_s and rows and issued_at):
            return None
        window = AlignedWindow.covering(rows[0].start, rows[-1].start + timedelta(seconds=step_s), step_s)
        return _build_series(key, window, rows, issued_at)

    def _path(self, key: CacheKey, name: str) -> Path:
        zone = quote(key.zone, safe="").replace(".", "%2E")  # a zone must not escape the folder
        return self._folder / key.provider / zone / f"{key.factors}-{key.signal}" / f"{name}.json"

    def _write(
        self, path: Path, key: CacheKey, step_s: float, rows: Iterable[CachedValue], issued_at: datetime | None
    ) -> None:
        content = {
            "format": FORMAT_VERSION,
            **_key_fields(key),
            "step_s": step_s,
            "issued_at": issued_at.isoformat() if issued_at else None,
            "rows": [_to_row(row) for row in rows],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, allow_nan=False)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _group_by_day(values: Iterable[CachedValue]) -> Mapping[str, list[CachedValue]]:
    days: dict[str, list[CachedValue]] = defaultdict(list)
    for row in values:
        days[row.start.astimezone(UTC).date().isoformat()].append(row)
    return days


def _keep_known_value(cached: CachedValue, fetched: CachedValue) -> CachedValue:
    """Keep a value that the provider no longer has; of a missing value, keep the later fetch time."""
    return fetched if math.isnan(cached.g_per_kwh) else cached


def _key_fields(key: CacheKey) -> dict[str, str]:
    return {
        "source": key.provider,
        "zone": key.zone,
        "factors": str(key.factors),
        "signal": str(key.signal),
    }


def _to_row(cached: CachedValue) -> list[object]:
    value = None if math.isnan(cached.g_per_kwh) else cached.g_per_kwh
    return [cached.start.isoformat(), value, str(cached.quality), cached.fetched_at.isoformat()]


def _read_file(path: Path, key: CacheKey) -> tuple[float | None, list[CachedValue], datetime | None]:
    """Return the step, the rows and the issue time of a forecast; nothing if the file cannot be used."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT_VERSION or any(content[name] != text for name, text in _key_fields(key).items()):
            return None, [], None
        rows = [_from_row(row) for row in content["rows"]]
        issued_at = content["issued_at"]
        return float(content["step_s"]), rows, datetime.fromisoformat(issued_at) if issued_at else None
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None, [], None


def _from_row(row: Any) -> CachedValue:  # noqa: ANN401 - a row of a file
    start, value, quality, fetched_at = row
    return CachedValue(
        datetime.fromisoformat(start),
        math.nan if value is None else float(value),
        DataQuality(quality),
        datetime.fromisoformat(fetched_at),
    )


def _build_series(
    key: CacheKey, window: AlignedWindow, rows: Iterable[CachedValue], issued_at: datetime | None
) -> IntensitySeries:
    cached = {row.start: row for row in rows}
    never = datetime(1970, 1, 1, tzinfo=UTC)
    values = [
        cached.get(moment, CachedValue(moment, math.nan, DataQuality.MISSING, never))
        for moment in map(window.step_start, range(window.steps))
    ]
    name = f"the live carbon intensity of zone {key.zone!r}"
    series = Series(window.start, window.step_s, np.array([value.g_per_kwh for value in values]), name)
    trace = GridTrace(key.zone, series, key.factors, key.signal, f"live, {key.provider}")
    return IntensitySeries(
        key.provider,
        trace,
        tuple(value.quality for value in values),
        tuple(value.fetched_at for value in values),
        issued_at=issued_at,
    )
