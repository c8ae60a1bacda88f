"""A provider with a cache: only values that are missing or may still be revised are requested."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.provider_errors import ProviderError
from ce_nas.grid.providers.response_cache import CacheKey
from ce_nas.grid.trace import GridTrace, Series

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.grid.providers.base import CarbonIntensityProvider, IntensitySeries
    from ce_nas.grid.providers.fallback_levels import FreshnessLimits
    from ce_nas.grid.providers.response_cache import IntensityCache

__all__ = ["CachingProvider", "ProviderResponse"]


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A series from the cache and the provider, and why it may be incomplete."""

    #: None if nothing is known
    series: IntensitySeries | None
    #: why the request failed; None if it succeeded, or was not needed
    error: ProviderError | None = None
    notes: tuple[str, ...] = ()


class CachingProvider:
    """A provider and the cache of its values."""

    def __init__(
        self,
        provider: CarbonIntensityProvider,
        cache: IntensityCache | None,
        now: Callable[[], datetime],
        limits: FreshnessLimits,
    ) -> None:
        self._provider = provider
        self._cache = cache
        self._now = now
        self._limits = limits

    def fetch(self, zone: str, start: datetime, end: datetime) -> ProviderResponse:
        """Return the values from ``start`` to ``end``."""
        cached = self.load_cached(zone, start, end)
        first = self._first_revisable(cached, end) if cached else start
        if first is None:
            return ProviderResponse(cached)
        try:
            fresh = self._provider.fetch(zone, max(first, start), end)
        except ProviderError as error:
            return ProviderResponse(cached, error)
        return ProviderResponse(_merge_series(cached, fresh), None, (*fresh.notes, *self._store(fresh)))

    def fetch_forecast(self, zone: str, horizon_s: float) -> ProviderResponse:
        """Return the provider's forecast: a new one, else the last cached one if it is recent enough."""
        if not self._provider.has_forecasts:
            return ProviderResponse(None)
        try:
            fresh = self._provider.fetch_forecast(zone, horizon_s)
        except ProviderError as error:
            return ProviderResponse(self.load_cached_forecast(zone), error)
        return ProviderResponse(fresh, None, (*fresh.notes, *self._store(fresh)) if fresh else ())

    def load_cached(self, zone: str, start: datetime, end: datetime) -> IntensitySeries | None:
        """Return the cached values; None if there are none."""
        return self._cache.load_series(self._cache_key(zone), start, end) if self._cache else None

    def load_cached_forecast(self, zone: str) -> IntensitySeries | None:
        """Return the last cached forecast, if it is recent enough."""
        cached = self._cache.load_forecast(self._cache_key(zone)) if self._cache else None
        if cached is None or cached.issued_at is None:
            return None
        return cached if (self._now() - cached.issued_at).total_seconds() <= self._limits.max_forecast_age_s else None

    def _first_revisable(self, cached: IntensitySeries, end: datetime) -> datetime | None:
        """Return from when on values must be requested; None if all that exist are cached and final."""
        now, limits = self._now(), self._limits
        for step, quality in enumerate(cached.qualities):
            step_start, fetched_at = cached.step_start(step), cached.fetch_times[step]
            if step_start >= min(end, now):
                return None
            final_s = limits.missing_final_after_s if quality is DataQuality.MISSING else limits.final_after_s
            is_final = (fetched_at - step_start).total_seconds() >= final_s
            if not is_final and (now - fetched_at).total_seconds() >= limits.min_refresh_interval_s:
                return step_start
        return None

    def _store(self, series: IntensitySeries) -> tuple[str, ...]:
        """Store a response; a full disk gives a note, not an error."""
        if self._cache is None:
            return ()
        try:
            self._cache.store(series)
        except OSError as error:
            return (f"The response could not be cached ({error.strerror}); it will be requested again.",)
        return ()

    def _cache_key(self, zone: str) -> CacheKey:
        return CacheKey(self._provider.name, zone, self._provider.factors, self._provider.signal)


def _merge_series(cached: IntensitySeries | None, fresh: IntensitySeries) -> IntensitySeries:
    """Return the cached values, overwritten by the fresh ones; the fresh ones alone if the steps differ."""
    step_s = fresh.trace.step_s
    if cached is None or cached.trace.step_s != step_s:
        return fresh
    values, qualities, fetch_times = cached.trace.g_per_kwh.copy(), list(cached.qualities), list(cached.fetch_times)
    shift = round((fresh.trace.start - cached.trace.start).total_seconds() / step_s)
    for step, value in enumerate(fresh.trace.g_per_kwh.tolist(), shift):
        if 0 <= step < len(values) and (np.isnan(values[step]) or not np.isnan(value)):
            values[step] = value
            qualities[step], fetch_times[step] = fresh.qualities[step - shift], fresh.fetch_times[step - shift]
    series = Series(cached.trace.start, step_s, values, fresh.trace.series.name)
    trace = GridTrace(fresh.trace.zone, series, fresh.trace.factors, fresh.trace.signal, fresh.trace.origin)
    return replace(fresh, trace=trace, qualities=tuple(qualities), fetch_times=tuple(fetch_times))
