"""The seam of the live sources: what is asked, and what comes back with every value stamped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import as_time

if TYPE_CHECKING:
    from ce_nas.grid.trace import Factors, GridTrace, Signal

__all__ = ["LiveSeries", "LiveSource", "Quality", "Value"]


class Quality(StrEnum):
    """How a value came to be."""

    MEASURED = "measured"  #: from metered generation, by its source or by stated emission factors
    ESTIMATED = "estimated"  #: by a model of its source
    FORECAST = "forecast"  #: the source's own forecast
    UNSTATED = "unstated"  #: the source does not say
    EXTENDED = "extended"  #: our forecast from the last good data
    TYPICAL = "typical"  #: the typical profile
    MISSING = "missing"  #: there is no value


@dataclass(frozen=True, slots=True)
class Value:
    """One value with all that must be known to use it."""

    #: intensity, g CO2eq/kWh
    g_per_kwh: float
    #: the step it holds for
    start: datetime
    end: datetime
    zone: str
    source: str
    signal: Signal
    factors: Factors
    quality: Quality
    #: when it was fetched, or made up
    fetched_at: datetime
    #: seconds from the end of its step to the moment of asking; 0 while the step lasts or lies ahead
    age_s: float

    def content(self) -> dict[str, object]:
        """The value as plain JSON, for a journal or a script."""
        return {
            "g_per_kwh": self.g_per_kwh,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "zone": self.zone,
            "source": self.source,
            "signal": str(self.signal),
            "factors": str(self.factors),
            "quality": str(self.quality),
            "fetched_at": self.fetched_at.isoformat(),
            "age_s": self.age_s,
        }


@dataclass(frozen=True, slots=True, eq=False)
class LiveSeries:
    """A trace of one zone, with the quality and the time of fetching of every step."""

    source: str
    #: intensity a step, NaN where it is missing, with its zone, factors and signal
    trace: GridTrace
    #: a step each
    qualities: tuple[Quality, ...]
    #: when each step was fetched (or found missing), UTC
    fetched: tuple[datetime, ...]
    #: what was left out or mended, a sentence each
    notes: tuple[str, ...] = ()
    #: when a forecast was made, UTC; None for what is no forecast
    issued_at: datetime | None = None

    def __len__(self) -> int:
        return len(self.qualities)

    def start_of(self, step: int) -> datetime:
        """When a step begins."""
        return self.trace.start + timedelta(seconds=step * self.trace.step_s)

    def value(self, step: int, now: datetime) -> Value | None:
        """The value of a step, its age as of ``now``; None if it is missing."""
        g_per_kwh = float(self.trace.g_per_kwh[step])
        if np.isnan(g_per_kwh):
            return None
        start, end = self.start_of(step), self.start_of(step + 1)
        return Value(
            g_per_kwh=g_per_kwh,
            start=start,
            end=end,
            zone=self.trace.zone,
            source=self.source,
            signal=self.trace.signal,
            factors=self.trace.factors,
            quality=self.qualities[step],
            fetched_at=self.fetched[step],
            age_s=max((now - end).total_seconds(), 0.0),
        )

    def at(self, moment: datetime, now: datetime) -> Value | None:
        """The value of the step that ``moment`` lies in; None if it is missing or outside."""
        step = int((moment - self.trace.start).total_seconds() // self.trace.step_s)
        return self.value(step, now) if 0 <= step < len(self) else None

    def latest(self, now: datetime) -> Value | None:
        """The last value of the source itself, and no forecast, that has begun by ``now``; None if there is none."""
        own = (Quality.MEASURED, Quality.ESTIMATED, Quality.UNSTATED)
        begun = [step for step, kind in enumerate(self.qualities) if kind in own and self.start_of(step) <= now]
        return self.value(begun[-1], now) if begun else None

    def describe(self) -> str:
        """A few lines for people: what it is, of which quality, and what was mended."""
        kinds = ", ".join(f"{self.qualities.count(kind)} {kind}" for kind in Quality if kind in self.qualities)
        issued = f", issued {as_time(self.issued_at)}" if self.issued_at else ""
        lines = [f"{self.trace.describe()}, from {self.source}{issued}: {kinds}", *self.notes]
        return "\n".join(lines)


class LiveSource(ABC):
    """One provider of carbon intensities, over one transport, under one clock."""

    #: the name it is chosen by
    name: str
    #: which emissions its values count
    factors: Factors
    #: what its values answer
    signal: Signal
    #: the length of a step, as far as it is known before an answer
    step_s: float
    #: whether it publishes forecasts
    forecasts: bool = False

    @abstractmethod
    def check(self, zone: str) -> None:
        """Say before any request that there is no such zone, as far as that can be known.

        :raises ZoneError: if there is none; no other zone is ever taken instead.
        """

    @abstractmethod
    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """What the source holds from ``start`` to ``end``, widened to whole steps; what it lacks is NaN.

        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if it is of no use right now.
        """

    def forecast(self, zone: str, horizon_s: float) -> LiveSeries | None:
        """The source's forecast from the present step on; NaN where it does not reach; None if it makes none.

        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if it is of no use right now.
        """
        self.check(zone)
        del horizon_s
        return None
