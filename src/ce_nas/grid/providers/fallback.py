"""A provider with a value for every step, or an error: missing values are filled by stated fallback levels.

Levels
    1. *fresh*: a value of the provider, from now or from the cache.
    2. *forecast*: the provider's last forecast, else ours from the last observed data, each up to an age.
    3. *typical*: the mean day of the zone's own past, else of a built-in reference zone.
    4. an error, at the first level that is not allowed.

Every fallback is recorded with its reason and the age of its data. A zone that a provider does not have is an error at
once: no other zone is ever used, and no unknown value is ever zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.core.formatting import format_time
from ce_nas.core.http import Fault
from ce_nas.core.units import DAY_S
from ce_nas.grid.providers.base import DataQuality, IntensitySeries
from ce_nas.grid.providers.caching import CachingProvider
from ce_nas.grid.providers.climatology import build_reference_profile, compute_zone_profile
from ce_nas.grid.providers.fallback_levels import FallbackEvent, FallbackLevel, FilledSeries, FreshnessLimits
from ce_nas.grid.providers.normalize import AlignedWindow
from ce_nas.grid.providers.provider_errors import ProviderError
from ce_nas.grid.trace import GridTrace, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ce_nas.grid.providers.base import CarbonIntensityProvider
    from ce_nas.grid.providers.caching import ProviderResponse
    from ce_nas.grid.providers.response_cache import IntensityCache

__all__ = ["Extrapolator", "FallbackProvider", "repeat_last_day"]


class Extrapolator(Protocol):
    """A forecast from observed data alone: any forecaster, adapted."""

    def __call__(self, known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
        """Return the ``steps`` values after ``end``, where the known ones end; g CO2eq/kWh, shape ``(steps,)``."""


def repeat_last_day(known_g_per_kwh: np.ndarray, step_s: float, end: datetime, zone: str, steps: int) -> np.ndarray:
    """Repeat the last day; with less than a day known, the last value."""
    del end, zone
    day = max(round(DAY_S / step_s), 1)
    season = known_g_per_kwh[-day:] if len(known_g_per_kwh) >= day else known_g_per_kwh[-1:]
    return np.resize(season, steps)


@dataclass(slots=True)
class _SeriesBuilder:
    """A series with missing values that is being filled."""

    zone: str
    window: AlignedWindow
    #: why the provider has no value, in a sentence
    reason: str
    values: np.ndarray
    qualities: list[DataQuality]
    fetch_times: list[datetime]
    fallbacks: list[FallbackEvent] = field(default_factory=list)

    @property
    def missing_steps(self) -> list[int]:
        """Indices of the steps without a value."""
        return [int(step) for step in np.flatnonzero(np.isnan(self.values))]

    def set_value(self, step: int, g_per_kwh: float, quality: DataQuality, fetched_at: datetime) -> None:
        """Set the value of a step."""
        self.values[step], self.qualities[step], self.fetch_times[step] = g_per_kwh, quality, fetched_at

    def fill_from(self, series: IntensitySeries | None, now: datetime) -> list[int]:
        """Fill missing values from a series of the same step length, and return the filled steps."""
        filled: list[int] = []
        for step in self.missing_steps if series and series.trace.step_s == self.window.step_s else []:
            value = series.value_at(self.window.step_start(step), now) if series else None
            if value is not None:
                self.set_value(step, value.g_per_kwh, value.quality, value.fetched_at)
                filled.append(step)
        return filled


class FallbackProvider:
    """A provider with its cache and fallback levels.

    Example:
        >>> import os
        >>> from datetime import datetime
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from ce_nas.grid.providers.file import FileProvider
        >>> now = datetime(2024, 5, 15, 12, tzinfo=UTC)
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "de.csv"
        ...     _ = path.write_text(os.linesep.join(["time,intensity", "2024-05-15T08:00,300", "2024-05-15T09:00,310"]))
        ...     provider = FallbackProvider(FileProvider(path, now=lambda: now), now=lambda: now)
        ...     filled = provider.fetch("DE", now - timedelta(hours=3), now)
        >>> filled.series.trace.g_per_kwh.tolist(), str(filled.fallbacks[0].level)
        ([310.0, 310.0, 310.0], 'forecast')


    :param now: the calendar time, UTC.
    :param cache: the cache of responses; None for none.
    :param extrapolate: forecasts from observed data.
    :param reference_zone: the built-in zone whose typical day is used for a zone without a cached past.
    :param max_fallback: the last level that is allowed; ``FallbackLevel.FRESH`` is the strictest.
    :raises SettingsError: if the reference zone counts other emissions than the provider.
    :raises TraceError: if there is no such built-in zone.
    """

    def __init__(  # noqa: PLR0913 - the provider and what its fallbacks are based on
        self,
        provider: CarbonIntensityProvider,
        *,
        now: Callable[[], datetime],
        cache: IntensityCache | None = None,
        extrapolate: Extrapolator = repeat_last_day,
        reference_zone: str | None = None,
        limits: FreshnessLimits | None = None,
        max_fallback: FallbackLevel = FallbackLevel.TYPICAL,
    ) -> None:
        self.provider = provider
        self.max_fallback = max_fallback
        self._clock = now
        self._extrapolate = extrapolate
        self._reference_profile = build_reference_profile(reference_zone, provider) if reference_zone else None
        self._limits = limits or FreshnessLimits()
        self._caching_provider = CachingProvider(provider, cache, self.now, self._limits)

    def now(self) -> datetime:
        """Return the calendar time, UTC."""
        return self._clock().astimezone(UTC)

    def fetch(self, zone: str, start: datetime, end: datetime, *, context_s: float = 0.0) -> FilledSeries:
        """Return a value for every step from ``start`` to ``end``, which may be in the current step.

        :param context_s: time before ``start`` that is also requested, as a basis of forecasts; it may have gaps.
        :raises ZoneError: if the provider does not have the zone.
        :raises ProviderError: if a value is missing at the last level that is allowed.
        """
        self.provider.check_zone(zone)
        response = self._caching_provider.fetch(zone, start - timedelta(seconds=context_s), end)
        step_s = response.series.trace.step_s if response.series else self.provider.step_s
        reason = str(response.error or f"Provider {self.provider.name!r} has no value (yet).")
        builder = self._new_builder(zone, AlignedWindow.covering(start, end, step_s), reason)
        builder.fill_from(response.series, self.now())
        if builder.missing_steps and self.max_fallback is not FallbackLevel.FRESH and self.provider.has_forecasts:
            self._fill_from_forecast(builder, allow_request=response.error is None)
        return self._finish(builder, response.series, response.notes)

    def fetch_forecast(self, zone: str, horizon_s: float) -> FilledSeries:
        """Return a value for every step from the current one to the horizon.

        :raises ZoneError: if the provider does not have the zone.
        :raises ProviderError: if a value is missing at the last level that is allowed.
        """
        self.provider.check_zone(zone)
        now = self.now()
        forecast = self._caching_provider.fetch_forecast(zone, horizon_s)
        reason = str(forecast.error or f"Provider {self.provider.name!r} has no forecast that reaches so far.")
        step_s = forecast.series.trace.step_s if forecast.series else self.provider.step_s
        builder = self._new_builder(
            zone, AlignedWindow.covering(now, now + timedelta(seconds=horizon_s), step_s), reason
        )
        if self.max_fallback is not FallbackLevel.FRESH or not forecast.error:
            self._fill_from_response(builder, forecast)
        if not builder.missing_steps or self.max_fallback is FallbackLevel.FRESH:
            return self._finish(builder, None, forecast.notes)
        known = self._caching_provider.fetch(zone, now - timedelta(seconds=DAY_S), now)
        return self._finish(builder, known.series, (*forecast.notes, *known.notes))

    def fetch_published_forecast(
        self, zone: str, horizon_s: float, on_fallback: Callable[[FallbackEvent], None] | None = None
    ) -> IntensitySeries | None:
        """Return the provider's own forecast from the current step on, NaN where it has none; nothing is filled.

        If the request fails, it is the last one, as far as the levels and the limits of age allow; None without any.

        :param on_fallback: called if the last one is used.
        :raises ZoneError: if the provider does not have the zone.
        """
        self.provider.check_zone(zone)
        response = self._caching_provider.fetch_forecast(zone, horizon_s)
        if response.error and self.max_fallback is FallbackLevel.FRESH:
            return None
        if response.error and response.series and on_fallback:
            now = self.now()
            window = AlignedWindow.covering(now, now + timedelta(seconds=horizon_s), response.series.trace.step_s)
            builder = self._new_builder(zone, window, str(response.error))
            self._fill_from_response(builder, response)
            for event in builder.fallbacks:
                on_fallback(event)
        return response.series

    def _fill_from_response(self, builder: _SeriesBuilder, forecast: ProviderResponse) -> None:
        """Fill missing values with the provider's forecast; a cached one is recorded if the request failed."""
        filled = builder.fill_from(forecast.series, self.now())
        if forecast.error and filled and forecast.series:
            self._record_fallback(
                builder, FallbackLevel.FORECAST, filled, forecast.series.issued_at, "Its last forecast is used."
            )

    def _fill_from_forecast(self, builder: _SeriesBuilder, *, allow_request: bool) -> None:
        """Fill missing values with the provider's forecast: the last cached one, then a new one if allowed."""
        for load in (
            self._caching_provider.load_cached_forecast,
            self._fetch_new_forecast if allow_request else lambda _: None,
        ):
            forecast = load(builder.zone) if builder.missing_steps else None
            filled = builder.fill_from(forecast, self.now())
            if forecast and filled:
                self._record_fallback(
                    builder, FallbackLevel.FORECAST, filled, forecast.issued_at, "Its own forecast is used."
                )

    def _fetch_new_forecast(self, zone: str) -> IntensitySeries | None:
        response = self._caching_provider.fetch_forecast(zone, DAY_S)
        return None if response.error else response.series

    def _finish(
        self, builder: _SeriesBuilder, provider_series: IntensitySeries | None, notes: Sequence[str]
    ) -> FilledSeries:
        """Fill missing values by extrapolation and from the typical day, as far as allowed.

        :raises ProviderError: if values are still missing.
        """
        if builder.missing_steps and self.max_fallback is not FallbackLevel.FRESH:
            self._fill_by_extrapolation(builder, provider_series)
        if builder.missing_steps and self.max_fallback is FallbackLevel.TYPICAL:
            self._fill_from_profile(builder)
        if builder.missing_steps:
            raise self._missing_values_error(builder)
        series = Series(
            builder.window.start,
            builder.window.step_s,
            builder.values,
            f"the live carbon intensity of zone {builder.zone!r}",
        )
        trace = GridTrace(
            builder.zone, series, self.provider.factors, self.provider.signal, f"live, {self.provider.name}"
        )
        filled = IntensitySeries(
            self.provider.name, trace, tuple(builder.qualities), tuple(builder.fetch_times), tuple(notes)
        )
        return FilledSeries(filled, tuple(builder.fallbacks), provider_series)

    def _fill_by_extrapolation(self, builder: _SeriesBuilder, provider_series: IntensitySeries | None) -> None:
        """Fill each gap with a forecast from the observed data before it, if these are recent enough."""
        known = self._known_values(builder, provider_series)
        for gap in _consecutive_runs(builder.missing_steps):
            last = max((step for step in known if step < gap[0]), default=None)
            if last is None:
                continue
            end = builder.window.step_start(last + 1)
            filled = [
                step for step in gap if self._data_age_s(builder, step, end) <= self._limits.max_extrapolation_age_s
            ]
            if filled:
                steps = filled[-1] - last
                values = self._extrapolate(_values_up_to(known, last), builder.window.step_s, end, builder.zone, steps)
                for step in filled:
                    builder.set_value(
                        step, max(float(values[step - last - 1]), 0.0), DataQuality.EXTRAPOLATED, self.now()
                    )
                detail = f"It is forecast from the observed data up to {format_time(end)}."
                self._record_fallback(builder, FallbackLevel.FORECAST, filled, end, detail)

    def _data_age_s(self, builder: _SeriesBuilder, step: int, end: datetime) -> float:
        """Return the age of data that end at ``end`` at a step; for a later step, their age now."""
        return (min(builder.window.step_start(step), self.now()) - end).total_seconds()

    def _known_values(self, builder: _SeriesBuilder, provider_series: IntensitySeries | None) -> Mapping[int, float]:
        """Return the provider's own values before the end of the window, by step; negative before the window."""
        since = builder.window.start - timedelta(seconds=self._limits.extrapolation_lookback_s)
        known: dict[int, float] = {}
        for series in (self._caching_provider.load_cached(builder.zone, since, builder.window.end), provider_series):
            if series is not None and series.trace.step_s == builder.window.step_s:
                shift = round(builder.window.step_position(series.trace.start))
                values = enumerate(series.trace.g_per_kwh.tolist())
                known |= {step + shift: value for step, value in values if not np.isnan(value)}
        return known

    def _fill_from_profile(self, builder: _SeriesBuilder) -> None:
        cached = self._caching_provider.load_cached(
            builder.zone, self.now() - timedelta(seconds=self._limits.profile_lookback_s), self.now()
        )
        profile = compute_zone_profile(cached) or self._reference_profile
        if profile is None:
            return
        missing = builder.missing_steps
        for step in missing:
            builder.set_value(step, profile.value_at(builder.window.step_start(step)), DataQuality.TYPICAL, self.now())
        last = cached.latest_observed(self.now()) if cached else None
        self._record_fallback(
            builder, FallbackLevel.TYPICAL, missing, last.end if last else None, f"It is {profile.description}."
        )

    def _record_fallback(
        self, builder: _SeriesBuilder, level: FallbackLevel, filled: list[int], data_until: datetime | None, detail: str
    ) -> None:
        """Record that the steps ``filled`` are based on ``level``."""
        start, end = builder.window.step_start(filled[0]), builder.window.step_start(filled[-1] + 1)
        age_s = max((start - data_until).total_seconds(), 0.0) if data_until else None
        event = FallbackEvent(
            self.provider.name, builder.zone, level, f"{builder.reason} {detail}", age_s, start, end, len(filled)
        )
        builder.fallbacks.append(event)

    def _new_builder(self, zone: str, window: AlignedWindow, reason: str) -> _SeriesBuilder:
        steps = window.steps
        return _SeriesBuilder(
            zone, window, reason, np.full(steps, np.nan), [DataQuality.MISSING] * steps, [self.now()] * steps
        )

    def _missing_values_error(self, builder: _SeriesBuilder) -> ProviderError:
        missing = builder.missing_steps
        allowed = (
            "and no fallback is left"
            if self.max_fallback is FallbackLevel.TYPICAL
            else f"and {self.max_fallback} is the last level allowed"
        )
        detail = (
            f"{len(missing)} step(s) of zone {builder.zone!r} from "
            f"{format_time(builder.window.step_start(missing[0]))} on are missing, {allowed}. {builder.reason} "
            f"Try again later, allow a further level, or use another provider."
        )
        return ProviderError(self.provider.name, Fault.STALE, detail)


def _consecutive_runs(steps: Sequence[int]) -> Iterator[list[int]]:
    """Split ascending steps into runs without a gap."""
    run: list[int] = []
    for step in steps:
        if run and step != run[-1] + 1:
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def _values_up_to(known: Mapping[int, float], last: int) -> np.ndarray:
    """Return the values up to ``last``, back to the first gap, oldest first."""
    first = last
    while first - 1 in known:
        first -= 1
    return np.array([known[step] for step in range(first, last + 1)])
