"""A live source that always has a value, or says why not: what is missing is made up in stated steps.

The steps
    1. *fresh*: what the source says, now or, for hours that have passed, when it was asked before.
    2. *forecast*: the source's last forecast, else our own from the last good data, each up to an age.
    3. *typical*: the mean day of the zone's own past, else of a built-in zone that was named as its like.
    4. *stop*: an error. A strict feed stops before the first step that it does not allow.

Every step down is recorded, with its reason and the age of what it rests on. A zone that a source does not have is
an error at once: no other zone is ever taken, and nothing is ever zero because it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.core.units import DAY_S, as_time
from ce_nas.grid.providers.base import LiveSeries, Quality
from ce_nas.grid.providers.caching import Library
from ce_nas.grid.providers.climatology import likeness, own_profile
from ce_nas.grid.providers.errors import Fault, SourceError
from ce_nas.grid.providers.fallback_levels import Degradation, Limits, Step, Supply
from ce_nas.grid.providers.normalize import Window
from ce_nas.grid.trace import GridTrace, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSource
    from ce_nas.grid.providers.cache import Cache

__all__ = ["Extend", "Feed", "repeat_days"]


class Extend(Protocol):
    """Our own forecast, from good data alone: any forecaster, adapted."""

    def __call__(self, known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
        """The ``steps`` values after ``end``, where the known ones end; g CO2eq/kWh, shape ``(steps,)``."""


def repeat_days(known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
    """Each hour is as it was a day before; with less than a day known, the last value stays."""
    del end, zone
    day = max(round(DAY_S / step_s), 1)
    season = known_g_per_kwh[-day:] if len(known_g_per_kwh) >= day else known_g_per_kwh[-1:]
    return np.resize(season, steps)


@dataclass(slots=True)
class _Sheet:
    """A supply in the making."""

    zone: str
    window: Window
    #: why the source itself has no value, in a sentence
    reason: str
    values: np.ndarray
    qualities: list[Quality]
    fetched: list[datetime]
    degradations: list[Degradation] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """The steps without a value."""
        return [int(step) for step in np.flatnonzero(np.isnan(self.values))]

    def put(self, step: int, g_per_kwh: float, quality: Quality, fetched_at: datetime) -> None:
        """Fill a step."""
        self.values[step], self.qualities[step], self.fetched[step] = g_per_kwh, quality, fetched_at

    def lay(self, series: LiveSeries | None, now: datetime) -> list[int]:
        """Fill what is missing from a series of the same step; which steps that were."""
        laid: list[int] = []
        for step in self.missing if series and series.trace.step_s == self.window.step_s else []:
            value = series.at(self.window.moment(step), now) if series else None
            if value is not None:
                self.put(step, value.g_per_kwh, value.quality, value.fetched_at)
                laid.append(step)
        return laid


class Feed:
    """One source with its cache and its steps of degradation.

    :param now: the moment by the calendar, UTC.
    :param cache: where answers are kept; without it, nothing outlasts a call.
    :param extend: our own forecast.
    :param like: name of the built-in zone whose typical day may stand in for a zone without a past of its own.
    :param worst: the last step that is allowed; ``Step.FRESH`` is the strictest.
    :raises SettingsError: if the built-in zone counts something else than the source.
    :raises TraceError: if there is no such built-in zone.
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
        self._extend = extend
        self._like = likeness(like, source) if like else None
        self._limits = limits or Limits()
        self._library = Library(source, cache, self.now, self._limits)

    def now(self) -> datetime:
        """The moment by the calendar, UTC."""
        return self._clock().astimezone(UTC)

    def past(self, zone: str, start: datetime, end: datetime, *, context_s: float = 0.0) -> Supply:
        """Every step from ``start`` to ``end``, which may lie in the step that is not over yet.

        :param context_s: how much before ``start`` is asked for as well, for a forecast to rest on; it may have gaps.
        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if a value is missing on the worst step that is allowed.
        """
        self.source.check(zone)
        answer = self._library.past(zone, start - timedelta(seconds=context_s), end)
        step_s = answer.series.trace.step_s if answer.series else self.source.step_s
        reason = str(answer.error or f"Live source {self.source.name!r} has no value there (yet).")
        sheet = self._sheet(zone, Window.around(start, end, step_s), reason)
        sheet.lay(answer.series, self.now())
        if sheet.missing and self.worst is not Step.FRESH and self.source.forecasts:
            self._lay_forecast(sheet, ask=answer.error is None)
        return self._finished(sheet, answer.series, answer.notes)

    def ahead(self, zone: str, horizon_s: float) -> Supply:
        """Every step from the present one to the horizon.

        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if a value is missing on the worst step that is allowed.
        """
        self.source.check(zone)
        now = self.now()
        issued = self._library.forecast(zone, horizon_s)
        reason = str(issued.error or f"Live source {self.source.name!r} has no forecast that reaches there.")
        step_s = issued.series.trace.step_s if issued.series else self.source.step_s
        sheet = self._sheet(zone, Window.around(now, now + timedelta(seconds=horizon_s), step_s), reason)
        if self.worst is not Step.FRESH or not issued.error:
            laid = sheet.lay(issued.series, now)
            if issued.error and laid and issued.series:
                self._note(sheet, Step.FORECAST, laid, issued.series.issued_at, "Its last forecast stands in.")
        if not sheet.missing or self.worst is Step.FRESH:
            return self._finished(sheet, None, issued.notes)
        known = self._library.past(zone, now - timedelta(seconds=DAY_S), now)
        return self._finished(sheet, known.series, (*issued.notes, *known.notes))

    def _lay_forecast(self, sheet: _Sheet, *, ask: bool) -> None:
        """Fill what is missing with the source's forecast: the last one kept, and a new one if it may be asked."""
        for get in (self._library.kept_forecast, self._new_forecast if ask else lambda _: None):
            issued = get(sheet.zone) if sheet.missing else None
            laid = sheet.lay(issued, self.now())
            if issued and laid:
                self._note(sheet, Step.FORECAST, laid, issued.issued_at, "Its own forecast stands in.")

    def _new_forecast(self, zone: str) -> LiveSeries | None:
        answer = self._library.forecast(zone, DAY_S)
        return None if answer.error else answer.series

    def _finished(self, sheet: _Sheet, known: LiveSeries | None, notes: Sequence[str]) -> Supply:
        """Fill what is missing from the last good data and from the typical day, as far as allowed, or stop."""
        if sheet.missing and self.worst is not Step.FRESH:
            self._lay_extension(sheet, known)
        if sheet.missing and self.worst is Step.TYPICAL:
            self._lay_typical(sheet)
        if sheet.missing:
            raise self._refusal(sheet)
        series = Series(
            sheet.window.start, sheet.window.step_s, sheet.values, f"the live carbon intensity of zone {sheet.zone!r}"
        )
        trace = GridTrace(sheet.zone, series, self.source.factors, self.source.signal, f"live, {self.source.name}")
        live = LiveSeries(self.source.name, trace, tuple(sheet.qualities), tuple(sheet.fetched), tuple(notes))
        return Supply(live, tuple(sheet.degradations), known)

    def _lay_extension(self, sheet: _Sheet, known: LiveSeries | None) -> None:
        """Our own forecast for each gap, from the good data before it, if that is not too old."""
        good = self._good(sheet, known)
        for gap in _runs(sheet.missing):
            last = max((step for step in good if step < gap[0]), default=None)
            if last is None:
                continue
            end = sheet.window.moment(last + 1)
            inside = [step for step in gap if self._age_s(sheet, step, end) <= self._limits.extend_s]
            if inside:
                steps = inside[-1] - last
                values = self._extend(_run_up_to(good, last), sheet.window.step_s, end, sheet.zone, steps)
                for step in inside:
                    sheet.put(step, max(float(values[step - last - 1]), 0.0), Quality.EXTENDED, self.now())
                what = f"It is forecast from the good data up to {as_time(end)}."
                self._note(sheet, Step.FORECAST, inside, end, what)

    def _age_s(self, sheet: _Sheet, step: int, end: datetime) -> float:
        """How old data that end at ``end`` are for a step: for one that lies ahead, how old they are now."""
        return (min(sheet.window.moment(step), self.now()) - end).total_seconds()

    def _good(self, sheet: _Sheet, known: LiveSeries | None) -> Mapping[int, float]:
        """What the source itself said before the end of the window: step of the window (or before it) to value."""
        since = sheet.window.start - timedelta(seconds=self._limits.lookback_s)
        good: dict[int, float] = {}
        for series in (self._library.kept(sheet.zone, since, sheet.window.end), known):
            if series is not None and series.trace.step_s == sheet.window.step_s:
                shift = round(sheet.window.place(series.trace.start))
                values = enumerate(series.trace.g_per_kwh.tolist())
                good |= {step + shift: value for step, value in values if not np.isnan(value)}
        return good

    def _lay_typical(self, sheet: _Sheet) -> None:
        kept = self._library.kept(sheet.zone, self.now() - timedelta(seconds=self._limits.typical_s), self.now())
        profile = own_profile(kept) or self._like
        if profile is None:
            return
        missing = sheet.missing
        for step in missing:
            sheet.put(step, profile.at(sheet.window.moment(step)), Quality.TYPICAL, self.now())
        last = kept.latest(self.now()) if kept else None
        self._note(sheet, Step.TYPICAL, missing, last.end if last else None, f"It is {profile.name}.")

    def _note(self, sheet: _Sheet, step: Step, laid: list[int], good_until: datetime | None, what: str) -> None:
        """Record that ``laid`` rest on ``step``."""
        start, end = sheet.window.moment(laid[0]), sheet.window.moment(laid[-1] + 1)
        age_s = max((start - good_until).total_seconds(), 0.0) if good_until else None
        record = Degradation(self.source.name, sheet.zone, step, f"{sheet.reason} {what}", age_s, start, end, len(laid))
        sheet.degradations.append(record)

    def _sheet(self, zone: str, window: Window, reason: str) -> _Sheet:
        steps = window.steps
        return _Sheet(zone, window, reason, np.full(steps, np.nan), [Quality.MISSING] * steps, [self.now()] * steps)

    def _refusal(self, sheet: _Sheet) -> SourceError:
        missing = sheet.missing
        allowed = (
            "and there is nothing left to stand in"
            if self.worst is Step.TYPICAL
            else f"{self.worst} is the worst allowed"
        )
        detail = (
            f"{len(missing)} step(s) of zone {sheet.zone!r} from {as_time(sheet.window.moment(missing[0]))} on are "
            f"missing, {allowed}. {sheet.reason} Wait for the source, allow a further step, or use another source."
        )
        return SourceError(self.source.name, Fault.STALE, detail)


def _runs(steps: Sequence[int]) -> Iterator[list[int]]:
    """The steps in runs that follow each other without a break."""
    run: list[int] = []
    for step in steps:
        if run and step != run[-1] + 1:
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def _run_up_to(good: Mapping[int, float], last: int) -> np.ndarray:
    """The values up to ``last`` without a break, oldest first."""
    first = last
    while first - 1 in good:
        first -= 1
    return np.array([good[step] for step in range(first, last + 1)])
