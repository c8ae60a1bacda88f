"""What was fetched, kept on disk: a JSON file a day, each value with its quality and the time of fetching.

A file holds what a source answered, never what we made up, and never a key. It is replaced whole or not at all, so
that two processes may share a folder. A file that cannot be read counts as not there, and is fetched anew.
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

from ce_nas.grid.providers.base import LiveSeries, Quality
from ce_nas.grid.providers.normalize import Window
from ce_nas.grid.trace import Factors, GridTrace, Series, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Cache", "Held", "Shelf"]

#: version of the files' layout
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Shelf:
    """Whose values they are."""

    source: str
    zone: str
    factors: Factors
    signal: Signal


@dataclass(frozen=True, slots=True)
class Held:
    """One value as it was answered."""

    start: datetime
    #: g CO2eq/kWh; NaN where the answer had none
    g_per_kwh: float
    quality: Quality
    fetched_at: datetime


class Cache:
    """Values in the folder ``folder``, which is made when there is something to keep."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def keep(self, series: LiveSeries) -> None:
        """Keep a series as it was answered; a value that is there is never replaced by a missing one.

        :raises OSError: if it cannot be written; what was there before still is.
        """
        shelf = Shelf(series.source, series.trace.zone, series.trace.factors, series.trace.signal)
        held = [
            Held(series.start_of(step), float(value), series.qualities[step], series.fetched[step])
            for step, value in enumerate(series.trace.g_per_kwh)
        ]
        if series.issued_at is not None:
            self._write(self._place(shelf, "forecast"), shelf, series.trace.step_s, held, series.issued_at)
            return
        for day, rows in _by_day(held).items():
            path = self._place(shelf, day)
            step_s, before, _ = _read(path, shelf)
            known = {row.start: row for row in before} if step_s == series.trace.step_s else {}
            known |= {row.start: row for row in rows if row.start not in known or not math.isnan(row.g_per_kwh)}
            known |= {row.start: _asked_again(known[row.start], row) for row in rows if math.isnan(row.g_per_kwh)}
            self._write(path, shelf, series.trace.step_s, [known[start] for start in sorted(known)], None)

    def series(self, shelf: Shelf, start: datetime, end: datetime) -> LiveSeries | None:
        """What is held from ``start`` to ``end``, missing elsewhere, at the latest step; None if there is nothing."""
        step_s, rows = None, list[Held]()
        day = start.astimezone(UTC).date()
        while day <= end.astimezone(UTC).date():
            found_s, found, _ = _read(self._place(shelf, day.isoformat()), shelf)
            if found:
                step_s, rows = found_s, [*(rows if found_s == step_s else []), *found]
            day += timedelta(days=1)
        return _series(shelf, Window.around(start, end, step_s), rows, None) if step_s else None

    def forecast(self, shelf: Shelf) -> LiveSeries | None:
        """The last forecast that was kept; None if there is none."""
        step_s, rows, issued_at = _read(self._place(shelf, "forecast"), shelf)
        if not (step_s and rows and issued_at):
            return None
        window = Window.around(rows[0].start, rows[-1].start + timedelta(seconds=step_s), step_s)
        return _series(shelf, window, rows, issued_at)

    def _place(self, shelf: Shelf, name: str) -> Path:
        zone = quote(shelf.zone, safe="").replace(".", "%2E")  # a zone is no way out of the folder
        return self._folder / shelf.source / zone / f"{shelf.factors}-{shelf.signal}" / f"{name}.json"

    def _write(self, path: Path, shelf: Shelf, step_s: float, rows: Iterable[Held], issued_at: datetime | None) -> None:
        content = {
            "format": FORMAT,
            **_label(shelf),
            "step_s": step_s,
            "issued_at": issued_at.isoformat() if issued_at else None,
            "rows": [_row(held) for held in rows],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, allow_nan=False)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise


def _by_day(held: Iterable[Held]) -> Mapping[str, list[Held]]:
    days: dict[str, list[Held]] = defaultdict(list)
    for row in held:
        days[row.start.astimezone(UTC).date().isoformat()].append(row)
    return days


def _asked_again(held: Held, now: Held) -> Held:
    """A value that an answer no longer has stays; only when it was missing before does the time of asking move."""
    return now if math.isnan(held.g_per_kwh) else held


def _label(shelf: Shelf) -> dict[str, str]:
    return {
        "source": shelf.source,
        "zone": shelf.zone,
        "factors": str(shelf.factors),
        "signal": str(shelf.signal),
    }


def _row(held: Held) -> list[object]:
    value = None if math.isnan(held.g_per_kwh) else held.g_per_kwh
    return [held.start.isoformat(), value, str(held.quality), held.fetched_at.isoformat()]


def _read(path: Path, shelf: Shelf) -> tuple[float | None, list[Held], datetime | None]:
    """The step, the rows and, of a forecast, when it was made; nothing if the file is of no use."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or any(content[name] != text for name, text in _label(shelf).items()):
            return None, [], None
        rows = [_held(row) for row in content["rows"]]
        issued_at = content["issued_at"]
        return float(content["step_s"]), rows, datetime.fromisoformat(issued_at) if issued_at else None
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None, [], None


def _held(row: Any) -> Held:  # noqa: ANN401 - a row of a file
    start, value, quality, fetched_at = row
    return Held(
        datetime.fromisoformat(start),
        math.nan if value is None else float(value),
        Quality(quality),
        datetime.fromisoformat(fetched_at),
    )


def _series(shelf: Shelf, window: Window, rows: Iterable[Held], issued_at: datetime | None) -> LiveSeries:
    held = {row.start: row for row in rows}
    never = datetime(1970, 1, 1, tzinfo=UTC)
    found = [
        held.get(moment, Held(moment, math.nan, Quality.MISSING, never))
        for moment in map(window.moment, range(window.steps))
    ]
    values = np.array([row.g_per_kwh for row in found])
    name = f"the live carbon intensity of zone {shelf.zone!r}"
    series = Series(window.start, window.step_s, values, name)
    trace = GridTrace(shelf.zone, series, shelf.factors, shelf.signal, f"live, {shelf.source}")
    return LiveSeries(
        shelf.source, trace, tuple(r.quality for r in found), tuple(r.fetched_at for r in found), issued_at=issued_at
    )
