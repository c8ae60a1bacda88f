"""A live source that always has a value, or says why not: what is missing is made up in stated steps.

The steps
    1. *fresh*: what the source says, now or, for hours that have passed, when it was fetched before.
    2. *forecast*: the source's last forecast, else our own from the last good data, up to an age.
    3. *typical*: the mean day of the zone's own past, else of a built-in zone that was named as its like.
    4. *stop*: an error. A strict feed stops before the step that it does not allow.

Every step down is recorded, with its reason and the age of what it rests on. A zone that a source does not have is
an error at once: no other zone is ever taken, and nothing is ever zero because it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.core.units import DAY_S, as_duration, as_time
from ce_nas.grid.live.cache import Shelf
from ce_nas.grid.live.faults import Fault, SourceError
from ce_nas.grid.live.regular import Window
from ce_nas.grid.live.source import LiveSeries, Quality
from ce_nas.grid.live.typical import Likeness, own_profile
from ce_nas.grid.trace import GridTrace, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ce_nas.grid.live.cache import Cache
    from ce_nas.grid.live.source import LiveSource

__all__ = ["Degradation", "Extend", "Feed", "Limits", "Step", "Supply", "repeat_days"]


class Step(StrEnum):
    """How far down a value is, best first."""

    FRESH = "fresh"
    FORECAST = "forecast"
    TYPICAL = "typical"


#: from best to worst
STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Degradation:
    """One step down, for the journal."""

    source: str
    zone: str
    #: what the values are instead
    step: Step
    #: why, in a sentence
    reason: str
    #: seconds from the end of the last good data to the first of these values (None: there is none at all)
    age_s: float | None
    #: the stretch it concerns, from its first to its last value
    start: datetime
    end: datetime
    #: how many values
    values: int

    def content(self) -> dict[str, object]:
        """The record as plain JSON."""
        return {
            "source": self.source,
            "zone": self.zone,
            "step": str(self.step),
            "reason": self.reason,
            "age_s": self.age_s,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "values": self.values,
        }


class Extend(Protocol):
    """A forecast from good data alone: any forecaster, adapted."""

    def __call__(self, known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
        """The ``steps`` values that follow ``known_g_per_kwh``, which ends at ``end``; g CO2eq/kWh, shape (steps,)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Ages."""

    #: our own forecast reaches this far beyond the last good data
    extend_s: float = DAY_S
    #: a source's forecast is used up to this long after it was made
    forecast_s: float = DAY_S
    #: a value younger than this may still be revised, and is fetched again
    settled_s: float = 6 * 3600.0
    #: but not more often than this
    refresh_s: float = 300.0
    #: how much good past our own forecast is shown
    lookback_s: float = 7 * DAY_S
    #: how much kept past a typical day is the mean of
    typical_s: float = 28 * DAY_S


@dataclass(frozen=True, slots=True)
class Supply:
    """A value for every step, and how each came to be."""

    series: LiveSeries
    degradations: tuple[Degradation, ...] = ()


@dataclass(slots=True)
class _Sheet:
    """A supply in the making."""

    window: Window
    values: np.ndarray
    qualities: list[Quality]
    fetched: list[datetime]
    degradations: list[Degradation] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        return [int(step) for step in np.flatnonzero(np.isnan(self.values))]

    def put(self, step: int, g_per_kwh: float, quality: Quality, fetched_at: datetime) -> None:
        self.values[step], self.qualities[step], self.fetched[step] = g_per_kwh, quality, fetched_at


def repeat_days(known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
    """Each hour is as it was a day before; with less than a day known, the last value stays."""
    del end, zone
    day = max(round(DAY_S / step_s), 1)
    season = known_g_per_kwh[-day:] if len(known_g_per_kwh) >= day else known_g_per_kwh[-1:]
    return np.resize(season, steps)


class Feed:
    """One source with its cache and its steps of degradation.

    :param now: the moment by the calendar, UTC.
    :param cache: where answers are kept; without it, nothing outlasts the feed.
    :param extend: our own forecast.
    :param like: name of the built-in zone whose typical day may stand in for a zone without a past.
    :param worst: the last step that is allowed; ``Step.FRESH`` is the strictest.
    :raises SettingsError: if there is no such built-in zone, or it counts something else than the source.
    """

    def __init__(  # noqa: PLR0913 - what degradation rests on, each part to be chosen
        self,
        source: LiveSource,
        *,
        now: Callable[[], datetime],
        cache: Cache | None = None,
        extend: Extend = repeat_days,
        like: str | None = None,
        limits: Limits | None = None,
        worst: Step = Step.TYPICAL,
    ) -> None:
        self.source = source
        self.worst = worst
        self._clock = now
        self._cache = cache
        self._extend = extend
        self._like = Likeness(like, source) if like else None
        self._limits = limits or Limits()

    def now(self) -> datetime:
        """The moment by the calendar, UTC."""
        return self._clock().astimezone(UTC)

    def past(self, zone: str, start: datetime, end: datetime) -> Supply:
        """Every step from ``start`` to ``end``, which may reach into the step that is not over yet.

        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if a value is missing below the worst step that is allowed.
        """
        self.source.check(zone)
        known, error, notes = self._known(zone, start, end)
        sheet = self._sheet(Window.around(start, end, known.trace.step_s if known else self.source.step_s), known)
        reason = str(error) if error else f"Live source {self.source.name!r} has no value there (yet)."
        if sheet.missing and self.source.forecasts:
            self._lay_forecast(sheet, zone, reason, fresh=False)
        return self._finished(sheet, zone, reason, known, notes)

    def ahead(self, zone: str, horizon_s: float) -> Supply:
        """Every step from the present one to the horizon.

        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if a value is missing below the worst step that is allowed.
        """
        self.source.check(zone)
        now, notes = self.now(), list[str]()
        reason = f"Live source {self.source.name!r} has no forecast of its own that reaches there."
        issued, error = self._issued(zone, horizon_s)
        if error:
            reason = str(error)
        known, _, notes = self._known(zone, now - timedelta(seconds=self._limits.lookback_s), now)
        step_s = issued.trace.step_s if issued else known.trace.step_s if known else self.source.step_s
        sheet = self._sheet(Window.around(now, now + timedelta(seconds=horizon_s), step_s), None)
        if issued:
            notes = [*issued.notes, *notes]
            self._lay(sheet, issued)
            stale = (now - issued.issued_at).total_seconds() if issued.issued_at else 0.0
            if error:
                held = [step for step in range(sheet.window.steps) if sheet.qualities[step] is Quality.FORECAST]
                self._note(sheet, zone, Step.FORECAST, reason, stale, held)
        return self._finished(sheet, zone, reason, known, notes)

    def _known(self, zone: str, start: datetime, end: datetime) -> tuple[LiveSeries | None, SourceError | None, list[str]]:
        """What the source has, from the cache where that is settled; and why there is no more."""
        held = self._cache.series(self._shelf(zone), start, end) if self._cache else None
        first = self._first_unsettled(held, start, end)
        if first is None:
            return held, None, []
        try:
            fresh = self.source.fetch(zone, first, end)
        except SourceError as error:
            return held, error, []
        notes = [*fresh.notes, *self._keep(fresh)]
        return _merged(held, fresh, Window.around(start, end, fresh.trace.step_s)), None, notes

    def _first_unsettled(self, held: LiveSeries | None, start: datetime, end: datetime) -> datetime | None:
        """From when on the source must be asked; None if all is held."""
        if held is None:
            return start
        if self._cache is None:
            return start
        now = self.now()
        for step, quality in enumerate(held.qualities):
            begins, asked_ago_s = held.start_of(step), (now - held.fetched[step]).total_seconds()
            if begins >= min(end, now):
                return None
            young = (now - begins).total_seconds() < self._limits.settled_s
            if (quality is Quality.MISSING or young) and asked_ago_s >= self._limits.refresh_s:
                return max(begins, start)
        return None

    def _keep(self, series: LiveSeries) -> list[str]:
        """Keep an answer; a full disk is said, and stops nothing."""
        if self._cache is None:
            return []
        try:
            self._cache.keep(series)
        except OSError as error:
            return [f"The answer could not be kept ({error.strerror}); it will be asked for again."]
        return []

    def _issued(self, zone: str, horizon_s: float) -> tuple[LiveSeries | None, SourceError | None]:
        """The source's forecast: a new one, else the last one kept if it is not too old, and why."""
        if not self.source.forecasts:
            return None, None
        try:
            fresh = self.source.forecast(zone, horizon_s)
        except SourceError as error:
            return self._kept_forecast(zone), error
        if fresh is not None:
            self._keep(fresh)
        return fresh, None

    def _kept_forecast(self, zone: str) -> LiveSeries | None:
        kept = self._cache.forecast(self._shelf(zone)) if self._cache else None
        if kept is None or kept.issued_at is None:
            return None
        return kept if (self.now() - kept.issued_at).total_seconds() <= self._limits.forecast_s else None

    def _lay_forecast(self, sheet: _Sheet, zone: str, reason: str, *, fresh: bool) -> None:
        """Fill what is missing with the source's forecast: the last one kept, else a new one."""
        del fresh
        if self.worst is Step.FRESH:
            return
        issued = self._kept_forecast(zone)
        if issued is None or not set(self._lay(sheet, issued, dry=True)):
            issued, _ = self._issued(zone, DAY_S)
        laid = self._lay(sheet, issued) if issued else []
        if laid and issued and issued.issued_at:
            age_s = max((sheet.window.moment(laid[0]) - issued.issued_at).total_seconds(), 0.0)
            why = f"{reason} Its forecast of {as_time(issued.issued_at)} stands in."
            self._note(sheet, zone, Step.FORECAST, why, age_s, laid)

    def _lay(self, sheet: _Sheet, series: LiveSeries, *, dry: bool = False) -> list[int]:
        """Put a series' values where the sheet has none; which steps they were."""
        if series.trace.step_s != sheet.window.step_s:
            return []
        laid = []
        for step in sheet.missing:
            value = series.at(sheet.window.moment(step), self.now())
            if value is not None:
                laid.append(step)
                if not dry:
                    sheet.put(step, value.g_per_kwh, value.quality, value.fetched_at)
        return laid

    def _finished(
        self, sheet: _Sheet, zone: str, reason: str, known: LiveSeries | None, notes: Iterable[str]
    ) -> Supply:
        """Fill what is missing from the last good data and from the typical day, or stop."""
        if sheet.missing and self.worst is not Step.FRESH:
            self._lay_extension(sheet, zone, reason, known)
        if sheet.missing and self.worst is Step.TYPICAL:
            self._lay_typical(sheet, zone, reason)
        if sheet.missing:
            raise self._refusal(sheet, zone, reason)
        return Supply(self._series(sheet, zone, notes), tuple(sheet.degradations))

    def _lay_extension(self, sheet: _Sheet, zone: str, reason: str, known: LiveSeries | None) -> None:
        """Our own forecast for each gap, from the good data before it."""
        good = self._good(sheet, zone, known)
        for gap in _runs(sheet.missing):
            before, last = _before(good, sheet.window, gap[0])
            reach = int(self._limits.extend_s // sheet.window.step_s)
            inside = [step for step in gap if step - last <= reach] if len(before) else []
            if not inside:
                continue
            end = sheet.window.moment(last + 1)
            values = self._extend(before, sheet.window.step_s, end, zone, inside[-1] - last)
            for step in inside:
                sheet.put(step, max(float(values[step - last - 1]), 0.0), Quality.EXTENDED, self.now())
            age_s = (sheet.window.moment(inside[0]) - end).total_seconds()
            why = f"{reason} It is forecast from the good data up to {as_time(end)}."
            self._note(sheet, zone, Step.FORECAST, why, age_s, inside)

    def _good(self, sheet: _Sheet, zone: str, known: LiveSeries | None) -> dict[int, float]:
        """The source's own values around the window, by their place in it."""
        lookback = timedelta(seconds=self._limits.lookback_s)
        start, end = sheet.window.start - lookback, sheet.window.end
        kept = self._cache.series(self._shelf(zone), start, end) if self._cache else None
        good: dict[int, float] = {}
        for series in (kept, known):
            if series is not None and series.trace.step_s == sheet.window.step_s:
                shift = round(sheet.window.place(series.trace.start))
                good |= {
                    step + shift: float(value)
                    for step, value in enumerate(series.trace.g_per_kwh)
                    if not np.isnan(value)
                }
        return good

    def _lay_typical(self, sheet: _Sheet, zone: str, reason: str) -> None:
        since = self.now() - timedelta(seconds=self._limits.typical_s)
        kept = self._cache.series(self._shelf(zone), since, self.now()) if self._cache else None
        profile = own_profile(kept) or self._like
        if profile is None:
            return
        missing = sheet.missing
        for step in missing:
            sheet.put(step, profile.at(sheet.window.moment(step)), Quality.TYPICAL, self.now())
        last = kept.latest(self.now()) if kept else None
        age_s = (sheet.window.moment(missing[0]) - last.end).total_seconds() if last else None
        self._note(sheet, zone, Step.TYPICAL, f"{reason} It is {profile.name}.", age_s, missing)

    def _refusal(self, sheet: _Sheet, zone: str, reason: str) -> SourceError:
        missing = sheet.missing
        first = as_time(sheet.window.moment(missing[0]))
        limit = f"not beyond {self.worst!s} values, as was asked" if self.worst is not Step.TYPICAL else "nothing left"
        way_out = (
            f"Wait for the source, allow a further step, name a built-in zone that is like {zone!r}, or use a file."
        )
        detail = f"{len(missing)} step(s) of zone {zone!r} from {first} on are missing ({limit}). {reason} {way_out}"
        return SourceError(self.source.name, Fault.STALE, detail)

    def _note(  # noqa: PLR0913 - a record has that many parts
        self, sheet: _Sheet, zone: str, step: Step, reason: str, age_s: float | None, steps: list[int]
    ) -> None:
        start, end = sheet.window.moment(steps[0]), sheet.window.moment(steps[-1] + 1)
        record = Degradation(self.source.name, zone, step, reason, age_s, start, end, len(steps))
        sheet.degradations.append(record)

    def _sheet(self, window: Window, known: LiveSeries | None) -> _Sheet:
        now = self.now()
        sheet = _Sheet(
            window, np.full(window.steps, np.nan), [Quality.MISSING] * window.steps, [now] * window.steps
        )
        if known is not None:
            self._lay(sheet, known)
        return sheet

    def _series(self, sheet: _Sheet, zone: str, notes: Iterable[str]) -> LiveSeries:
        series = Series(
            sheet.window.start, sheet.window.step_s, sheet.values, f"the live carbon intensity of zone {zone!r}"
        )
        shelf = self._shelf(zone)
        trace = GridTrace(zone, series, shelf.factors, shelf.signal, f"live, {self.source.name}")
        return LiveSeries(self.source.name, trace, tuple(sheet.qualities), tuple(sheet.fetched), tuple(notes))

    def _shelf(self, zone: str) -> Shelf:
        return Shelf(self.source.name, zone, self.source.factors, self.source.signal)
