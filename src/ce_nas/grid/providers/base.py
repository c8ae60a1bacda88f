"""The interface of carbon-intensity providers, and the series they return: every value with its provenance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.formatting import format_time

if TYPE_CHECKING:
    from ce_nas.grid.trace import EmissionFactorType, GridTrace, Signal

__all__ = ["CarbonIntensityProvider", "DataQuality", "IntensitySeries", "IntensityValue"]


class DataQuality(StrEnum):
    """Where a value comes from."""

    MEASURED = "measured"  #: from metered generation, by the provider or by stated emission factors
    ESTIMATED = "estimated"  #: by a model of the provider
    FORECAST = "forecast"  #: the provider's forecast
    UNSTATED = "unstated"  #: the provider does not say
    EXTRAPOLATED = "extrapolated"  #: our forecast from the last observed data
    TYPICAL = "typical"  #: the typical profile
    MISSING = "missing"  #: there is no value


@dataclass(frozen=True, slots=True)
class IntensityValue:
    """One value with its provenance."""

    #: intensity, g CO2eq/kWh
    g_per_kwh: float
    #: the step for which it holds
    start: datetime
    end: datetime
    zone: str
    provider: str
    signal: Signal
    factors: EmissionFactorType
    quality: DataQuality
    #: when it was fetched, or computed
    fetched_at: datetime
    #: seconds from the end of its step to the time of the request; 0 for the current step and for later ones
    age_s: float

    def to_dict(self) -> dict[str, object]:
        """Return the value as plain JSON."""
        return {
            "g_per_kwh": self.g_per_kwh,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "zone": self.zone,
            "provider": self.provider,
            "signal": str(self.signal),
            "factors": str(self.factors),
            "quality": str(self.quality),
            "fetched_at": self.fetched_at.isoformat(),
            "age_s": self.age_s,
        }


@dataclass(frozen=True, slots=True, eq=False)
class IntensitySeries:
    """A trace of one zone, with the quality and the fetch time of every step."""

    provider: str
    #: intensity by step, NaN where it is missing, with its zone, factors and signal
    trace: GridTrace
    #: by step
    qualities: tuple[DataQuality, ...]
    #: when each step was fetched, or found missing, UTC
    fetch_times: tuple[datetime, ...]
    #: what was dropped or corrected, a sentence each
    notes: tuple[str, ...] = ()
    #: when a forecast was issued, UTC; None for observed values
    issued_at: datetime | None = None

    def __len__(self) -> int:
        return len(self.qualities)

    def step_start(self, step: int) -> datetime:
        """Return the start of a step."""
        return self.trace.start + timedelta(seconds=step * self.trace.step_s)

    def value_of_step(self, step: int, now: datetime) -> IntensityValue | None:
        """Return the value of a step, with its age at ``now``; None if it is missing."""
        g_per_kwh = float(self.trace.g_per_kwh[step])
        if np.isnan(g_per_kwh):
            return None
        start, end = self.step_start(step), self.step_start(step + 1)
        return IntensityValue(
            g_per_kwh=g_per_kwh,
            start=start,
            end=end,
            zone=self.trace.zone,
            provider=self.provider,
            signal=self.trace.signal,
            factors=self.trace.factors,
            quality=self.qualities[step],
            fetched_at=self.fetch_times[step],
            age_s=max((now - end).total_seconds(), 0.0),
        )

    def value_at(self, moment: datetime, now: datetime) -> IntensityValue | None:
        """Return the value of the step that contains ``moment``; None if it is missing or outside."""
        step = int((moment - self.trace.start).total_seconds() // self.trace.step_s)
        return self.value_of_step(step, now) if 0 <= step < len(self) else None

    def latest_observed(self, now: datetime) -> IntensityValue | None:
        """Return the last observed value, not a forecast, whose step started by ``now``; None if there is none."""
        observed = (DataQuality.MEASURED, DataQuality.ESTIMATED, DataQuality.UNSTATED)
        steps = [
            step for step, quality in enumerate(self.qualities) if quality in observed and self.step_start(step) <= now
        ]
        return self.value_of_step(steps[-1], now) if steps else None

    def describe(self) -> str:
        """Return a few lines for people: the zone, the qualities, and what was dropped or corrected."""
        counts = ", ".join(
            f"{self.qualities.count(quality)} {quality}" for quality in DataQuality if quality in self.qualities
        )
        issued = f", issued {format_time(self.issued_at)}" if self.issued_at else ""
        lines = [f"{self.trace.describe()}, from {self.provider}{issued}: {counts}", *self.notes]
        return "\n".join(lines)


class CarbonIntensityProvider(ABC):
    """A provider of carbon intensities by zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.grid.providers import normalize as n
        >>> from ce_nas.grid.trace import EmissionFactorType, Signal
        >>> class Constant(CarbonIntensityProvider):
        ...     name, step_s = "constant", 3600.0
        ...     factors, signal = EmissionFactorType.LIFECYCLE, Signal.AVERAGE
        ...
        ...     def check_zone(self, zone):
        ...         pass
        ...
        ...     def fetch(self, zone, start, end):
        ...         window = n.AlignedWindow.covering(start, end, self.step_s)
        ...         steps = map(window.step_start, range(window.steps))
        ...         readings = [n.IntensityReading(step, 300.0, DataQuality.MEASURED) for step in steps]
        ...         metadata = n.SeriesMetadata(self.name, zone, self.factors, self.signal, self.step_s)
        ...         return n.normalize_readings(metadata, window, readings, fetched_at=end)
        >>> start = datetime(2024, 5, 15, tzinfo=UTC)
        >>> Constant().fetch("DE", start, start + timedelta(hours=3)).trace.g_per_kwh.tolist()
        [300.0, 300.0, 300.0]
    """

    #: the name by which it is chosen
    name: str
    #: the emissions that its values count
    factors: EmissionFactorType
    #: whether its values are average or marginal
    signal: Signal
    #: length of a step, as far as it is known before a response
    step_s: float
    #: whether it publishes forecasts
    has_forecasts: bool = False
    #: the environment variables that hold its keys
    key_variables: tuple[str, ...] = ()

    @abstractmethod
    def check_zone(self, zone: str) -> None:
        """Check the name of a zone before any request, as far as possible.

        :raises ZoneError: if there is no such zone; it is never replaced by another one.
        """

    @abstractmethod
    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """Return the intensity from ``start`` to ``end``, extended to whole steps; NaN where it is missing.

        :raises ZoneError: if the provider does not have the zone.
        :raises ProviderError: if the request fails.
        """

    def fetch_forecast(self, zone: str, horizon_s: float) -> IntensitySeries | None:
        """Return the provider's forecast from the current step on, NaN beyond its end; None if it has no forecasts.

        :raises ZoneError: if the provider does not have the zone.
        :raises ProviderError: if the request fails.
        """
        self.check_zone(zone)
        del horizon_s
        return None
