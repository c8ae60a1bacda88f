"""The steps that a value goes down, and the record of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.units import DAY_S, HOUR_S

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries

__all__ = ["Degradation", "Limits", "Step", "Supply"]


class Step(StrEnum):
    """What a value rests on, best first."""

    FRESH = "fresh"  #: what the source says of it
    FORECAST = "forecast"  #: a forecast from the last good data, the source's or our own
    TYPICAL = "typical"  #: the zone's typical profile


@dataclass(frozen=True, slots=True)
class Degradation:
    """One step down, for the journal."""

    source: str
    zone: str
    #: what the values rest on instead
    step: Step
    #: why, and what stands in, in a sentence or two
    reason: str
    #: seconds from the end of the last good data (or the making of the forecast) to the first of these values; None
    #: if there is no good data at all
    age_s: float | None
    #: from the first of these values to the end of the last
    start: datetime
    end: datetime
    #: how many they are
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


@dataclass(frozen=True, slots=True)
class Limits:
    """Ages."""

    #: how old the last good data may be for our own forecast to rest on it
    extend_s: float = DAY_S
    #: how old a forecast of the source may be
    forecast_s: float = DAY_S
    #: a value fetched this long after its step began is final; a younger one may be revised, and is fetched again
    settled_s: float = 6 * HOUR_S
    #: the same for a value that was missing
    missing_s: float = 3 * DAY_S
    #: the shortest time between two requests for the same step
    refresh_s: float = 300.0
    #: how much of the past our own forecast is shown, as far as it is kept
    lookback_s: float = 7 * DAY_S
    #: how much of the kept past makes a typical day
    typical_s: float = 28 * DAY_S


@dataclass(frozen=True, slots=True)
class Supply:
    """A value for every step, and how those that the source does not have came to be."""

    series: LiveSeries
    degradations: tuple[Degradation, ...] = ()
    #: what the source itself has said, with the context that was asked for; None if nothing
    known: LiveSeries | None = None
