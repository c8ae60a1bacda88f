"""The history of a zone from a live provider, for a run on the real grid.

The last day has a value for every step, or the run stops: what the provider has not published (yet) is filled by its
forecast, our forecast from the last observed data, or the zone's typical day, as far as the fallback levels allow.
Before that day, values are as measured, back to the first gap. Every fallback is reported once, for the journal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S
from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.history import ZoneHistory
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.normalize import AlignedWindow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.forecast.base import Forecaster
    from ce_nas.grid.providers.base import IntensitySeries
    from ce_nas.grid.providers.fallback import Extrapolator, FallbackProvider
    from ce_nas.grid.providers.fallback_levels import FallbackEvent, FilledSeries

__all__ = ["LiveHistory", "build_extrapolator"]

#: the part of the past in which every step has a value
GAP_FREE_S = DAY_S


class LiveHistory(ZoneHistory):
    """What a provider knows of a zone, up to the provider's current time.

    :param start: the calendar time from which seconds are counted, UTC.
    :param on_fallback: called once for every fallback.
    """

    def __init__(
        self, provider: FallbackProvider, zone: str, start: datetime, on_fallback: Callable[[FallbackEvent], None]
    ) -> None:
        self.step_s = provider.provider.step_s
        self._provider = provider
        self._zone = zone
        self._start = start
        self._on_fallback = on_fallback
        self._reported: set[tuple[str, datetime, datetime]] = set()
        self._latest: FilledSeries | None = None

    def inputs_at(self, now_s: float, lookback_s: float, horizon_s: float = 0.0) -> ForecastInput | None:
        """See :meth:`ZoneHistory.inputs_at`; no covariates are known.

        :raises ZoneError: if the provider does not have the zone.
        :raises ProviderError: if a value of the last day is missing at the last fallback level that is allowed.
        """
        del horizon_s
        now = self._start + timedelta(seconds=now_s)
        complete_s = min(max(lookback_s, self.step_s), GAP_FREE_S)
        end = AlignedWindow.covering(now, now + timedelta(microseconds=1), self.step_s).start
        filled = self._provider.fetch(
            self._zone, end - timedelta(seconds=complete_s), end, context_s=max(lookback_s - complete_s, 0.0)
        )
        self._latest = filled
        for event in filled.fallbacks:
            self._report_once(event)
        series = filled.series
        self.step_s = series.trace.step_s
        ended = sum(series.step_start(step + 1) <= now for step in range(len(series)))
        if not ended:
            return None
        values = np.concatenate([_measured_before(series, filled.provider_series), series.trace.g_per_kwh[:ended]])
        end = series.step_start(ended)
        steps = max(round(lookback_s / self.step_s), 1)
        return ForecastInput(values[-steps:], self.step_s, (end - self._start).total_seconds(), end, self._zone)

    def quality(self, step_start: datetime) -> DataQuality:
        """Return the quality of the value of a step, as of the last call of :meth:`inputs_at`."""
        for series in (self._latest.series, self._latest.provider_series) if self._latest else ():
            if series is not None:
                step = round((step_start - series.trace.start).total_seconds() / series.trace.step_s)
                if 0 <= step < len(series):
                    return series.qualities[step]
        return DataQuality.MISSING

    def _report_once(self, event: FallbackEvent) -> None:
        key = (str(event.level), event.start, event.end)
        if key not in self._reported:
            self._reported.add(key)
            self._on_fallback(event)


def build_extrapolator(forecaster: Forecaster) -> Extrapolator:
    """Adapt a forecaster to the extrapolation of a :class:`FallbackProvider`."""

    def extrapolate(known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
        inputs = ForecastInput(known_g_per_kwh, step_s, 0.0, end, zone)
        return forecaster.predict(inputs, steps * step_s).mean_g_per_kwh[:steps]

    return extrapolate


def _measured_before(series: IntensitySeries, measured: IntensitySeries | None) -> np.ndarray:
    """Return the provider's own values right before ``series``, back to the first gap."""
    if measured is None or measured.trace.step_s != series.trace.step_s:
        return np.empty(0)
    steps = round((series.trace.start - measured.trace.start).total_seconds() / series.trace.step_s)
    values = measured.trace.g_per_kwh[: max(steps, 0)]
    if len(values) < steps:
        return np.empty(0)
    missing = np.flatnonzero(np.isnan(values))
    return values[missing[-1] + 1 :] if len(missing) else values
