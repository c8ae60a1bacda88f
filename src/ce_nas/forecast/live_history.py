"""What a live feed says of the past: the memory of a run whose grid is the real one, as it is now.

The last day has a value for every step or the feed stops: what the source has not published (yet) is its forecast, our
own from the last good data, or the zone's typical day, as far as the feed allows. What lies before that day is taken
as it was measured, back to the first gap. Every step down is handed on once, for the journal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S
from ce_nas.forecast.base import Past
from ce_nas.forecast.history import Memory
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.normalize import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.forecast.base import Forecaster
    from ce_nas.grid.providers.base import LiveSeries
    from ce_nas.grid.providers.fallback import Extend, Feed
    from ce_nas.grid.providers.fallback_levels import Degradation, Supply

__all__ = ["LiveMemory", "extending"]

#: how much of the past has a value for every step
COMPLETE_S = DAY_S


class LiveMemory(Memory):
    """What a feed knows of a zone.

    Nothing later than the moment asked for is used, and nothing later than the feed's own clock exists.

    :param start: the moment by the calendar from which seconds are counted, UTC.
    :param note: told of every step down, once.
    """

    def __init__(self, feed: Feed, zone: str, start: datetime, note: Callable[[Degradation], None]) -> None:
        self.step_s = feed.source.step_s
        self._feed = feed
        self._zone = zone
        self._start = start
        self._note = note
        self._noted: set[tuple[str, datetime, datetime]] = set()
        self._supply: Supply | None = None

    def past(self, now_s: float, lookback_s: float, ahead_s: float = 0.0) -> Past | None:
        """See :meth:`Memory.past`; nothing is known ahead.

        :raises ZoneError: if the source does not have the zone.
        :raises SourceError: if a value of the last day is missing on the worst step that the feed allows.
        """
        del ahead_s
        now = self._start + timedelta(seconds=now_s)
        complete_s = min(max(lookback_s, self.step_s), COMPLETE_S)
        over = Window.around(now, now + timedelta(microseconds=1), self.step_s).start
        supply = self._feed.past(
            self._zone, over - timedelta(seconds=complete_s), over, context_s=max(lookback_s - complete_s, 0.0)
        )
        self._supply = supply
        for degradation in supply.degradations:
            self._tell(degradation)
        series = supply.series
        self.step_s = series.trace.step_s
        ended = sum(series.start_of(step + 1) <= now for step in range(len(series)))
        if not ended:
            return None
        values = np.concatenate([_before(series, supply.known), series.trace.g_per_kwh[:ended]])
        end = series.start_of(ended)
        steps = max(round(lookback_s / self.step_s), 1)
        return Past(values[-steps:], self.step_s, (end - self._start).total_seconds(), end, self._zone)

    def quality(self, step: datetime) -> Quality:
        """How the value of the step that begins then came to be, as of the last look."""
        for series in (self._supply.series, self._supply.known) if self._supply else ():
            if series is not None:
                place = round((step - series.trace.start).total_seconds() / series.trace.step_s)
                if 0 <= place < len(series):
                    return series.qualities[place]
        return Quality.MISSING

    def _tell(self, degradation: Degradation) -> None:
        what = (str(degradation.step), degradation.start, degradation.end)
        if what not in self._noted:
            self._noted.add(what)
            self._note(degradation)


def extending(forecaster: Forecaster) -> Extend:
    """A forecaster as a feed's own forecast from the last good data."""

    def extend(known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
        past = Past(known_g_per_kwh, step_s, 0.0, end, zone)
        return forecaster.predict(past, steps * step_s).mean_g_per_kwh[:steps]

    return extend


def _before(series: LiveSeries, known: LiveSeries | None) -> np.ndarray:
    """What the source itself said of the steps right before ``series``, back to the first gap."""
    if known is None or known.trace.step_s != series.trace.step_s:
        return np.empty(0)
    steps = round((series.trace.start - known.trace.start).total_seconds() / series.trace.step_s)
    values = known.trace.g_per_kwh[: max(steps, 0)]
    if len(values) < steps:
        return np.empty(0)
    missing = np.flatnonzero(np.isnan(values))
    return values[missing[-1] + 1 :] if len(missing) else values
