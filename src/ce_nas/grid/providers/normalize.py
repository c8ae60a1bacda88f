"""From the readings of an answer to a regular series: nothing invented, nothing hidden.

Repeated readings are dropped; readings that contradict each other leave the step missing. An intensity that no grid
has (below zero, above 2,500 g/kWh, or below 4 g/kWh with life-cycle factors, where a fuel was left out) is missing,
with a note; where half of an answer is like that, its unit is not the documented one and it is refused. A zero that
can be true is kept, and noted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.units import as_duration, as_time
from ce_nas.grid.providers.base import LiveSeries, Quality
from ce_nas.grid.providers.errors import Fault, SourceError
from ce_nas.grid.trace import Factors, GridTrace, Series, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Kind", "Reading", "Window", "moment_of", "number_of", "regular"]

#: above the dirtiest plants there are (brown coal and oil shale stay below 1,500)
HIGHEST_G_PER_KWH = 2500.0
#: below the cleanest plants' life cycle (nuclear, hydro: 5 and more)
LOWEST_LIFECYCLE_G_PER_KWH = 4.0
#: an answer that stays below this throughout was written in kg
LOWEST_MAXIMUM_G_PER_KWH = 1.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the readings of an answer are."""

    source: str
    zone: str
    factors: Factors
    signal: Signal
    step_s: float
    #: whether the answer itself says its unit
    unit_stated: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of an answer."""

    #: when its step begins, UTC
    start: datetime
    #: NaN where the answer holds no number
    g_per_kwh: float
    quality: Quality


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of whole steps."""

    start: datetime
    step_s: float
    steps: int

    @classmethod
    def around(cls, start: datetime, end: datetime, step_s: float) -> Window:
        """The whole steps that ``start`` to ``end`` touches, counted from midnight UTC; one at least."""
        first = math.floor((start - _EPOCH).total_seconds() / step_s)
        after = math.ceil((end - _EPOCH).total_seconds() / step_s)
        return cls(_EPOCH + timedelta(seconds=first * step_s), step_s, max(after - first, 1))

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return self.moment(self.steps)

    def moment(self, step: int) -> datetime:
        """When a step begins."""
        return self.start + timedelta(seconds=step * self.step_s)

    def place(self, moment: datetime) -> float:
        """Which step begins at ``moment``; not a whole number if none does."""
        return (moment - self.start).total_seconds() / self.step_s


def regular(  # noqa: PLR0913 - an answer has that many parts
    kind: Kind,
    window: Window,
    readings: Iterable[Reading],
    fetched_at: datetime,
    *,
    notes: Sequence[str] = (),
    issued_at: datetime | None = None,
) -> LiveSeries:
    """The readings that lie in the window, a step each.

    :raises SourceError: if one begins between two steps, or half of them cannot be intensities in g/kWh.
    """
    found, remarks = _placed(kind, window, readings)
    values = np.array([found[step].g_per_kwh if step in found else np.nan for step in range(window.steps)])
    remarks += _weeded(kind, values)
    qualities = tuple(
        Quality.MISSING if math.isnan(value) else found[step].quality for step, value in enumerate(values)
    )
    name = f"the live carbon intensity of zone {kind.zone!r}"
    trace = GridTrace(
        kind.zone, Series(window.start, window.step_s, values, name), kind.factors, kind.signal, f"live, {kind.source}"
    )
    return LiveSeries(
        kind.source, trace, qualities, (fetched_at,) * window.steps, (*notes, *remarks), issued_at=issued_at
    )


def moment_of(kind: Kind, text: Any) -> datetime:  # noqa: ANN401 - whatever an answer holds
    """A moment with a zone, from ISO 8601.

    :raises SourceError: if it is none; a time without a zone could be anybody's.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SourceError(kind.source, Fault.MALFORMED, f"expected a time with its zone, got {text!r}.")
    return moment.astimezone(UTC)


def number_of(kind: Kind, value: Any) -> float:  # noqa: ANN401
    """A number, also one written as text; NaN for null and for an empty text.

    :raises SourceError: if it is something else.
    """
    if value is None or value == "":
        return math.nan
    try:
        number = math.inf if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.inf
    if math.isinf(number):
        raise SourceError(kind.source, Fault.MALFORMED, f"expected a number or null, got {value!r}.")
    return number


def _placed(kind: Kind, window: Window, readings: Iterable[Reading]) -> tuple[dict[int, Reading], list[str]]:
    found: dict[int, Reading] = {}
    repeated = 0
    contradicted: set[int] = set()
    for reading in readings:
        place = window.place(reading.start)
        if place != round(place):
            detail = f"expected steps of {as_duration(window.step_s)}, got one that begins {reading.start.isoformat()}."
            raise SourceError(kind.source, Fault.MALFORMED, detail)
        step = round(place)
        before = found.get(step)
        if not 0 <= step < window.steps or (before and math.isnan(reading.g_per_kwh)):
            continue
        if before and not math.isnan(before.g_per_kwh):
            repeated += 1
            if before.g_per_kwh != reading.g_per_kwh:
                contradicted.add(step)
        found[step] = reading
    for step in contradicted:
        found[step] = Reading(window.moment(step), math.nan, Quality.MISSING)
    return found, _said(window, repeated - len(contradicted), sorted(contradicted))


def _said(window: Window, repeated: int, contradicted: list[int]) -> list[str]:
    remarks = [f"{repeated} repeated reading(s) were dropped."] if repeated else []
    if contradicted:
        first = as_time(window.moment(contradicted[0]))
        remarks.append(f"{len(contradicted)} step(s) with contradicting readings are missing, the first at {first}.")
    return remarks


def _weeded(kind: Kind, values: np.ndarray) -> list[str]:
    """Make what cannot be an intensity missing, in place, and say so."""
    given = ~np.isnan(values)
    lowest = LOWEST_LIFECYCLE_G_PER_KWH if kind.factors is Factors.LIFECYCLE else 0.0
    impossible = given & ~((values >= lowest) & (values <= HIGHEST_G_PER_KWH))
    in_kg = not kind.unit_stated and given.any() and 0.0 < values[given].max() < LOWEST_MAXIMUM_G_PER_KWH
    if given.any() and (in_kg or 2 * impossible.sum() >= given.sum()):
        detail = f"its values run from {values[given].min():g} to {values[given].max():g}; no grid's do in g CO2eq/kWh."
        raise SourceError(kind.source, Fault.UNITS, detail)
    remarks = []
    if impossible.any():
        shown = ", ".join(f"{value:g}" for value in values[impossible][:3])
        remarks.append(f"{impossible.sum()} value(s) that no grid has (such as {shown} g/kWh) are missing.")
    values[impossible] = np.nan
    zeros = int((values == 0.0).sum())
    return [*remarks, f"{zeros} value(s) of 0 g/kWh are kept as the source gave them."] if zeros else remarks
