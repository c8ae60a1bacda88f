"""Typical days: of a zone's own past, or of a built-in zone that was named as its like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries, LiveSource

__all__ = ["Profile", "likeness", "own_profile"]

#: fewer days than this make no typical one
LEAST_DAYS = 7
#: any year: the built-in zones have the same typical months in each
YEAR = 2023

_HOURS = 24
_MONTHS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A mean day, by month."""

    #: what it is, as the end of a sentence
    name: str
    #: g CO2eq/kWh, in UTC, shape (months, hours)
    g_per_kwh: np.ndarray

    def at(self, moment: datetime) -> float:
        """What is typical at a moment in UTC, g CO2eq/kWh."""
        return float(self.g_per_kwh[moment.month - 1, moment.hour])


def own_profile(kept: LiveSeries | None) -> Profile | None:
    """The mean day of what was kept of a zone; None if that is less than a week, or lacks an hour of the day."""
    if kept is None:
        return None
    known = np.flatnonzero(~np.isnan(kept.trace.g_per_kwh)).tolist()
    moments = [kept.start_of(step) for step in known]
    days = len({moment.date() for moment in moments})
    hours = np.array([moment.hour for moment in moments], dtype=np.int64)
    if days < LEAST_DAYS or len(set(hours.tolist())) < _HOURS:
        return None
    mean = np.bincount(hours, kept.trace.g_per_kwh[known], _HOURS) / np.bincount(hours, minlength=_HOURS)
    return Profile(f"the mean day of {days} days of the zone's own past", np.tile(mean, (_MONTHS, 1)))


def likeness(name: str, source: LiveSource) -> Profile:
    """The typical days of a built-in zone, to stand in for one of ``source``.

    :raises SettingsError: if the source counts something else: average and marginal, life-cycle and direct are never
        mixed.
    :raises TraceError: if there is no such built-in zone.
    """
    trace = synthetic_trace(name, year=YEAR)
    if (source.factors, source.signal) != (Factors.LIFECYCLE, Signal.AVERAGE):
        message = (
            f"The built-in zone {name!r} counts average life-cycle emissions, but live source {source.name!r} has "
            f"{source.signal} {source.factors} ones; leave the like out, or ask for life-cycle factors."
        )
        raise SettingsError(message)
    moments = np.datetime64(trace.start.replace(tzinfo=None), "h") + np.arange(len(trace.g_per_kwh))
    slots = moments.astype("datetime64[M]").astype(np.int64) % _MONTHS * _HOURS + moments.astype(np.int64) % _HOURS
    size = _MONTHS * _HOURS
    mean = np.bincount(slots, trace.g_per_kwh, size) / np.bincount(slots, minlength=size)
    name_in_full = f"the typical day of the built-in zone {name!r}, which was named as its like"
    return Profile(name_in_full, mean.reshape(_MONTHS, _HOURS))
