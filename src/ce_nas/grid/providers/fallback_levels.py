"""The fallback levels of missing values, the record of each fallback, and the limits of age."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.units import DAY_S, HOUR_S

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.grid.providers.base import IntensitySeries

__all__ = ["FallbackEvent", "FallbackLevel", "FilledSeries", "FreshnessLimits"]


class FallbackLevel(StrEnum):
    """What a value is based on, best first."""

    FRESH = "fresh"  #: a value of the provider
    FORECAST = "forecast"  #: a forecast from the last observed data, the provider's or ours
    TYPICAL = "typical"  #: the zone's typical profile


@dataclass(frozen=True, slots=True)
class FallbackEvent:
    """One use of a fallback, for the journal."""

    provider: str
    zone: str
    #: what the values are based on instead
    level: FallbackLevel
    #: why, and what is used instead, in a sentence or two
    reason: str
    #: seconds from the end of the last observed data, or the issue of the forecast, to the first of these values; None
    #: without any observed data
    age_s: float | None
    #: start of the first of these values, and end of the last
    start: datetime
    end: datetime
    #: how many values
    n_values: int

    def to_dict(self) -> dict[str, object]:
        """Return the event as plain JSON."""
        return {
            "provider": self.provider,
            "zone": self.zone,
            "level": str(self.level),
            "reason": self.reason,
            "age_s": self.age_s,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "n_values": self.n_values,
        }


@dataclass(frozen=True, slots=True)
class FreshnessLimits:
    """Limits of the age of data."""

    #: age of the last observed data for a forecast of ours
    max_extrapolation_age_s: float = DAY_S
    #: age of a forecast of the provider
    max_forecast_age_s: float = DAY_S
    #: age of a step at which its fetched value is final; before that it may be revised, and is fetched again
    final_after_s: float = 6 * HOUR_S
    #: the same for a missing value
    missing_final_after_s: float = 3 * DAY_S
    #: shortest time between two requests of the same step
    min_refresh_interval_s: float = 300.0
    #: length of the cached past for a forecast of ours
    extrapolation_lookback_s: float = 7 * DAY_S
    #: length of the cached past for a typical day
    profile_lookback_s: float = 28 * DAY_S


@dataclass(frozen=True, slots=True)
class FilledSeries:
    """A value for every step, and the fallbacks that were used."""

    series: IntensitySeries
    fallbacks: tuple[FallbackEvent, ...] = ()
    #: values of the provider itself, with the requested context; None if there are none
    provider_series: IntensitySeries | None = None
