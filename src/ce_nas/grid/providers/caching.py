"""What a source has said: asked for where it must be, read from the cache where it is settled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.cache import Shelf
from ce_nas.grid.providers.errors import SourceError
from ce_nas.grid.trace import GridTrace, Series

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries, LiveSource
    from ce_nas.grid.providers.cache import Cache
    from ce_nas.grid.providers.fallback_levels import Limits

__all__ = ["Answer", "Library"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known, and why there is no more of it."""

    #: None if nothing is
    series: LiveSeries | None
    #: why the source could not be asked; None if it was, or did not need to be
    error: SourceError | None = None
    notes: tuple[str, ...] = ()


class Library:
    """A source and the cache of what it said."""

    def __init__(self, source: LiveSource, cache: Cache | None, now: Callable[[], datetime], limits: Limits) -> None:
        self._source = source
        self._cache = cache
        self._now = now
        self._limits = limits

    def past(self, zone: str, start: datetime, end: datetime) -> Answer:
        """What the source has from ``start`` to ``end``."""
        held = self.kept(zone, start, end)
        first = self._first_unsettled(held, end) if held else start
        if first is None:
            return Answer(held)
        try:
            fresh = self._source.fetch(zone, max(first, start), end)
        except SourceError as error:
            return Answer(held, error)
        return Answer(_joined(held, fresh), None, (*fresh.notes, *self._keep(fresh)))

    def forecast(self, zone: str, horizon_s: float) -> Answer:
        """The source's forecast: a new one, else the last one kept if it is not too old."""
        if not self._source.forecasts:
            return Answer(None)
        try:
            fresh = self._source.forecast(zone, horizon_s)
        except SourceError as error:
            return Answer(self.kept_forecast(zone), error)
        return Answer(fresh, None, (*fresh.notes, *self._keep(fresh)) if fresh else ())

    def kept(self, zone: str, start: datetime, end: datetime) -> LiveSeries | None:
        """What the cache has; None if that is nothing."""
        return self._cache.series(self._shelf(zone), start, end) if self._cache else None

    def kept_forecast(self, zone: str) -> LiveSeries | None:
        """The last forecast kept, if it is not too old."""
        kept = self._cache.forecast(self._shelf(zone)) if self._cache else None
        if kept is None or kept.issued_at is None:
            return None
        return kept if (self._now() - kept.issued_at).total_seconds() <= self._limits.forecast_s else None

    def _first_unsettled(self, held: LiveSeries, end: datetime) -> datetime | None:
        """From when on the source must be asked; None if all that can be had is held."""
        now, limits = self._now(), self._limits
        for step, quality in enumerate(held.qualities):
            begins, fetched = held.start_of(step), held.fetched[step]
            if begins >= min(end, now):
                return None
            settled_s = limits.missing_s if quality is Quality.MISSING else limits.settled_s
            settled = (fetched - begins).total_seconds() >= settled_s
            if not settled and (now - fetched).total_seconds() >= limits.refresh_s:
                return begins
        return None

    def _keep(self, series: LiveSeries) -> tuple[str, ...]:
        """Keep an answer; a full disk is said, and stops nothing."""
        if self._cache is None:
            return ()
        try:
            self._cache.keep(series)
        except OSError as error:
            return (f"The answer could not be kept ({error.strerror}); it will be asked for again.",)
        return ()

    def _shelf(self, zone: str) -> Shelf:
        return Shelf(self._source.name, zone, self._source.factors, self._source.signal)


def _joined(held: LiveSeries | None, fresh: LiveSeries) -> LiveSeries:
    """What was held, with the fresh values over it; what is fresh alone if their steps differ."""
    step_s = fresh.trace.step_s
    if held is None or held.trace.step_s != step_s:
        return fresh
    values, qualities, fetched = held.trace.g_per_kwh.copy(), list(held.qualities), list(held.fetched)
    shift = round((fresh.trace.start - held.trace.start).total_seconds() / step_s)
    for at, value in enumerate(fresh.trace.g_per_kwh.tolist()):
        inside = 0 <= at + shift < len(values)
        if inside and (np.isnan(values[at + shift]) or not np.isnan(value)):
            values[at + shift] = value
            qualities[at + shift], fetched[at + shift] = fresh.qualities[at], fresh.fetched[at]
    series = Series(held.trace.start, step_s, values, fresh.trace.series.name)
    trace = GridTrace(fresh.trace.zone, series, fresh.trace.factors, fresh.trace.signal, fresh.trace.origin)
    return replace(fresh, trace=trace, qualities=tuple(qualities), fetched=tuple(fetched))
