"""Typical days by month: of a zone's own past, or of a built-in reference zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.grid.providers.base import CarbonIntensityProvider, IntensitySeries

__all__ = ["ClimatologyProfile", "build_reference_profile", "compute_zone_profile"]

#: the fewest days of a typical day
MIN_DAYS = 7
#: any year: the typical months of a built-in zone are the same in each
PROFILE_YEAR = 2023

_HOURS_PER_DAY = 24
_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True, eq=False)
class ClimatologyProfile:
    """The mean day of each month."""

    #: as the end of a sentence
    description: str
    #: g CO2eq/kWh, in UTC, shape (months, hours)
    g_per_kwh: np.ndarray

    def value_at(self, moment: datetime) -> float:
        """Return the typical intensity at a moment in UTC, g CO2eq/kWh."""
        return float(self.g_per_kwh[moment.month - 1, moment.hour])


def compute_zone_profile(cached: IntensitySeries | None) -> ClimatologyProfile | None:
    """Return the mean day of the cached values of a zone; None if they are too few, or lack an hour of the day."""
    if cached is None:
        return None
    steps = np.flatnonzero(~np.isnan(cached.trace.g_per_kwh)).tolist()
    moments = [cached.step_start(step) for step in steps]
    days = len({moment.date() for moment in moments})
    hours = np.array([moment.hour for moment in moments], dtype=np.int64)
    if days < MIN_DAYS or len(set(hours.tolist())) < _HOURS_PER_DAY:
        return None
    mean = np.bincount(hours, cached.trace.g_per_kwh[steps], _HOURS_PER_DAY) / np.bincount(
        hours, minlength=_HOURS_PER_DAY
    )
    return ClimatologyProfile(
        f"the mean day of {days} days of the zone's own past", np.tile(mean, (_MONTHS_PER_YEAR, 1))
    )


def build_reference_profile(zone: str, provider: CarbonIntensityProvider) -> ClimatologyProfile:
    """Return the typical days of a built-in zone, as a substitute for a zone of ``provider``.

    :raises SettingsError: if the provider counts other emissions: average and marginal, life-cycle and direct are
        never mixed.
    :raises TraceError: if there is no such built-in zone.
    """
    trace = synthetic_trace(zone, year=PROFILE_YEAR)
    if (provider.factors, provider.signal) != (EmissionFactorType.LIFECYCLE, Signal.AVERAGE):
        message = (
            f"The built-in zone {zone!r} counts average life-cycle emissions, but provider {provider.name!r} has "
            f"{provider.signal} {provider.factors} ones; leave reference_zone out, or ask for life-cycle factors."
        )
        raise SettingsError(message)
    moments = np.datetime64(trace.start.replace(tzinfo=None), "h") + np.arange(len(trace.g_per_kwh))
    indices = (
        moments.astype("datetime64[M]").astype(np.int64) % _MONTHS_PER_YEAR * _HOURS_PER_DAY
        + moments.astype(np.int64) % _HOURS_PER_DAY
    )
    size = _MONTHS_PER_YEAR * _HOURS_PER_DAY
    mean = np.bincount(indices, trace.g_per_kwh, size) / np.bincount(indices, minlength=size)
    description = f"the typical day of the built-in zone {zone!r}, its reference zone"
    return ClimatologyProfile(description, mean.reshape(_MONTHS_PER_YEAR, _HOURS_PER_DAY))
