"""Fallback levels, over a provider that the test controls."""

import itertools
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.http import Fault
from ce_nas.grid.providers.base import CarbonIntensityProvider, DataQuality
from ce_nas.grid.providers.fallback import FallbackProvider, repeat_last_day
from ce_nas.grid.providers.fallback_levels import FallbackLevel, FreshnessLimits
from ce_nas.grid.providers.normalize import AlignedWindow, IntensityReading, SeriesMetadata, normalize_readings
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.providers.response_cache import IntensityCache
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2024, 5, 15, 12, 20, tzinfo=UTC)
TWELVE = NOON.replace(minute=0)


def truth(moment):
    return 100.0 + 10 * moment.hour + moment.toordinal() % 5


@dataclass
class FakeProvider(CarbonIntensityProvider):
    """An hourly provider with the truth up to a moment, and a forecast up to another."""

    now: datetime = NOON
    known_until: datetime = TWELVE
    forecast_until: datetime = NOON + 3 * DAY
    missing: set = field(default_factory=set)
    error: ProviderError | None = None
    requests: list = field(default_factory=list)

    name = "fake"
    step_s = 3600.0
    has_forecasts = True
    factors: EmissionFactorType = EmissionFactorType.LIFECYCLE
    signal: Signal = Signal.AVERAGE

    def check_zone(self, zone):
        if zone != "DE":
            message = f"no zone {zone!r}"
            raise ZoneError(message)

    def _regular(self, window, until, quality, issued_at=None):
        if self.error:
            raise self.error
        kind = SeriesMetadata(self.name, "DE", self.factors, self.signal, self.step_s)
        moments = [m for m in map(window.step_start, range(window.steps)) if m < until and m not in self.missing]
        off = 5 if issued_at else 0
        readings = [IntensityReading(moment, truth(moment) + off, quality) for moment in moments]
        return normalize_readings(kind, window, readings, self.now, issued_at=issued_at)

    def fetch(self, zone, start, end):
        self.check_zone(zone)
        self.requests.append((start, end))
        return self._regular(AlignedWindow.covering(start, end, self.step_s), self.known_until, DataQuality.MEASURED)

    def fetch_forecast(self, zone, horizon_s):
        self.check_zone(zone)
        self.requests.append(horizon_s)
        window = AlignedWindow.covering(self.now, self.now + timedelta(seconds=horizon_s), self.step_s)
        return self._regular(window, self.forecast_until, DataQuality.FORECAST, self.now)


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
def build(provider, tmp_path):
    def build(**changes):
        return FallbackProvider(provider, now=lambda: provider.now, **{"cache": IntensityCache(tmp_path)} | changes)

    return build


def server_error():
    return ProviderError("fake", Fault.SERVER_ERROR, "status 500")


def values(filled):
    return filled.series.trace.g_per_kwh.tolist()


def moments(filled):
    return [filled.series.step_start(step) for step in range(len(filled.series))]


def qualities(filled):
    return [(quality, len(list(run))) for quality, run in itertools.groupby(filled.series.qualities)]


def test_fresh_values_are_unchanged(build):
    filled = build().fetch("DE", NOON - DAY, TWELVE)
    assert values(filled) == list(map(truth, moments(filled)))
    assert filled.fallbacks == ()
    assert qualities(filled) == [(DataQuality.MEASURED, 24)]


def test_current_step_is_filled_by_provider_forecast(build):
    filled = build().fetch("DE", NOON - DAY, NOON)
    assert qualities(filled) == [(DataQuality.MEASURED, 24), (DataQuality.FORECAST, 1)]
    assert values(filled)[-1] == truth(NOON) + 5
    (event,) = filled.fallbacks
    assert (event.level, event.n_values, event.zone, event.provider) == (FallbackLevel.FORECAST, 1, "DE", "fake")
    assert (event.start, event.end) == (TWELVE, TWELVE + HOUR)
    json.dumps(event.to_dict(), allow_nan=False)


def test_context_may_have_gaps(provider, build):
    provider.has_forecasts, provider.missing = False, {TWELVE - DAY, TWELVE - 20 * HOUR}
    filled = build(cache=None).fetch("DE", NOON, NOON, context_s=86400)
    assert (qualities(filled), values(filled)) == ([(DataQuality.EXTRAPOLATED, 1)], [truth(NOON - HOUR)])
    assert filled.provider_series.latest_observed(NOON).end == TWELVE
    assert np.isnan(filled.provider_series.trace.g_per_kwh).sum() == 3


def test_extrapolation_without_provider_forecast(provider, build):
    provider.has_forecasts, provider.known_until = False, TWELVE - 2 * HOUR
    filled = build().fetch("DE", NOON - 2 * DAY, NOON)
    assert qualities(filled) == [(DataQuality.MEASURED, 46), (DataQuality.EXTRAPOLATED, 3)]
    assert values(filled)[-3:] == [truth(m - DAY) for m in moments(filled)[-3:]]
    (event,) = filled.fallbacks
    assert (event.level, event.age_s, event.n_values) == (FallbackLevel.FORECAST, 0, 3)
    assert "2024-05-15 10:00 UTC" in event.reason


def test_outage_is_bridged_by_extrapolation_from_the_cache(provider, build):
    build().fetch("DE", NOON - 2 * DAY, NOON)
    provider.has_forecasts, provider.error = False, server_error()
    provider.now = NOON + 5 * HOUR
    filled = build().fetch("DE", provider.now - DAY, provider.now)
    assert qualities(filled) == [(DataQuality.MEASURED, 19), (DataQuality.EXTRAPOLATED, 6)]
    assert values(filled)[:19] == [truth(m) for m in moments(filled)[:19]]
    (event,) = filled.fallbacks
    assert "status 500" in event.reason


def test_outage_is_bridged_by_the_cached_forecast(provider, build):
    build().fetch_forecast("DE", 86400)
    build().fetch("DE", NOON - DAY, NOON)
    provider.error, provider.now = server_error(), NOON + 5 * HOUR
    provider.requests.clear()
    filled = build().fetch("DE", provider.now - DAY, provider.now)
    assert qualities(filled) == [(DataQuality.MEASURED, 19), (DataQuality.FORECAST, 6)]
    assert values(filled)[-1] == truth(provider.now) + 5
    assert len(provider.requests) == 1  # what is broken is not requests for a forecast as well


def test_failed_provider_is_not_asked_for_a_forecast(provider, build):
    build().fetch("DE", NOON - 2 * DAY, TWELVE)
    provider.error, provider.now = server_error(), NOON + HOUR
    provider.requests.clear()
    build().fetch("DE", provider.now - DAY, provider.now)
    assert len(provider.requests) == 1


def test_gap_is_filled_from_the_data_before(provider, build):
    gap = TWELVE - 5 * HOUR
    provider.has_forecasts, provider.missing = False, {gap, gap + HOUR}
    filled = build().fetch("DE", NOON - 2 * DAY, TWELVE)
    step = moments(filled).index(gap)
    assert filled.series.qualities[step - 1 : step + 3] == (
        DataQuality.MEASURED,
        DataQuality.EXTRAPOLATED,
        DataQuality.EXTRAPOLATED,
        DataQuality.MEASURED,
    )
    assert values(filled)[step] == truth(gap - DAY)


def fill_cache(provider, build, days):
    build().fetch("DE", NOON - days * DAY, TWELVE)
    provider.error, provider.has_forecasts = server_error(), False


def test_old_data_fall_back_to_the_typical_day(provider, build):
    fill_cache(provider, build, 14)
    provider.now = NOON + 2 * DAY
    filled = build().fetch("DE", provider.now - HOUR, provider.now)
    assert qualities(filled) == [(DataQuality.TYPICAL, 2)]
    past = [TWELVE - hours * HOUR for hours in range(1, 14 * 24 + 2)]
    expected = [np.mean([truth(m) for m in past if m.hour == moment.hour]) for moment in moments(filled)]
    assert values(filled) == pytest.approx(expected)
    (event,) = filled.fallbacks
    assert event.level is FallbackLevel.TYPICAL
    assert event.age_s == 2 * 86400 - 3600
    assert "own past" in event.reason
    assert "status 500" in event.reason


def test_age_limit_of_extrapolation(provider, build):
    fill_cache(provider, build, 14)
    provider.now = NOON + DAY
    filled = build().fetch("DE", provider.now, provider.now + HOUR / 60)
    assert qualities(filled) == [(DataQuality.EXTRAPOLATED, 1)]
    shorter = build(limits=FreshnessLimits(max_extrapolation_age_s=86399)).fetch(
        "DE", provider.now, provider.now + HOUR / 60
    )
    assert qualities(shorter) == [(DataQuality.TYPICAL, 1)]


def test_zone_without_past_has_no_typical_day(provider, build):
    fill_cache(provider, build, 3)
    provider.now = NOON + 2 * DAY
    with pytest.raises(ProviderError, match="no fallback is left") as caught:
        build().fetch("DE", provider.now - HOUR, provider.now)
    assert caught.value.fault is Fault.STALE
    assert "status 500" in str(caught.value)


def test_reference_zone_replaces_a_missing_past(provider, build):
    provider.error, provider.has_forecasts = server_error(), False
    filled = build(reference_zone="solar").fetch("DE", NOON - HOUR, NOON)
    trace = synthetic_trace("solar", year=2023)
    may = [
        trace.g_per_kwh[step]
        for step in range(len(trace.g_per_kwh))
        if (trace.start + step * HOUR).month == 5 and (trace.start + step * HOUR).hour == 12
    ]
    assert values(filled)[-1] == pytest.approx(np.mean(may))
    (event,) = filled.fallbacks
    assert (event.level, event.age_s) == (FallbackLevel.TYPICAL, None)
    assert "'solar'" in event.reason


def test_own_past_precedes_the_reference_zone(provider, build):
    fill_cache(provider, build, 14)
    provider.now = NOON + 3 * DAY
    (event,) = build(reference_zone="solar").fetch("DE", provider.now - HOUR, provider.now).fallbacks
    assert "own past" in event.reason


def test_reference_zone_of_other_emissions_is_rejected(provider, build):
    provider.signal = Signal.MARGINAL
    with pytest.raises(SettingsError, match="average life-cycle"):
        build(reference_zone="solar")
    with pytest.raises(TraceError, match="built-in zone"):
        build(reference_zone="atlantis")


@pytest.mark.parametrize(
    ("max_fallback", "age", "stops"),
    [
        (FallbackLevel.FRESH, 0 * HOUR, False),
        (FallbackLevel.FRESH, 2 * HOUR, True),
        (FallbackLevel.FORECAST, 2 * HOUR, False),
        (FallbackLevel.FORECAST, 2 * DAY, True),
        (FallbackLevel.TYPICAL, 2 * DAY, False),
    ],
)
def test_max_fallback_stops_before_a_lower_level(provider, build, max_fallback, age, stops):
    build().fetch("DE", NOON - 14 * DAY, TWELVE)
    provider.now, provider.error = NOON + age, server_error() if age else None
    end = provider.now.replace(minute=0)
    if stops:
        with pytest.raises(ProviderError, match=f"{max_fallback} is the last level allowed") as caught:
            build(max_fallback=max_fallback).fetch("DE", end - HOUR, end)
        assert caught.value.fault is Fault.STALE
    else:
        assert len(values(build(max_fallback=max_fallback).fetch("DE", end - HOUR, end))) == 1


@pytest.mark.parametrize("method", ["fetch", "fetch_forecast"])
@pytest.mark.parametrize("zone", ["SE", "de", ""])
def test_unknown_zone_has_no_fallback(provider, build, method, zone):
    requests = (zone, NOON - DAY, NOON) if method == "fetch" else (zone, 3600.0)
    with pytest.raises(ZoneError):
        getattr(build(reference_zone="solar"), method)(*requests)


def test_final_values_are_not_fetched_again(provider, build):
    build().fetch("DE", NOON - 2 * DAY, TWELVE)
    provider.now += HOUR
    provider.known_until += HOUR
    build().fetch("DE", NOON - 2 * DAY, provider.now.replace(minute=0))
    (_, first), (again, _) = provider.requests
    assert again == TWELVE - 5 * HOUR  # six hours old when it was fetched
    assert first < provider.now


def test_refresh_interval_limits_requests(provider, build):
    for minutes in (0, 1, 3):
        provider.now = NOON + timedelta(minutes=minutes)
        build(max_fallback=FallbackLevel.FRESH).fetch("DE", NOON - DAY, TWELVE)
    assert len(provider.requests) == 1
    provider.now = NOON + timedelta(minutes=6)
    build(max_fallback=FallbackLevel.FRESH).fetch("DE", NOON - DAY, TWELVE)
    assert len(provider.requests) == 2


def test_withdrawn_value_is_kept(provider, build):
    build().fetch("DE", NOON - DAY, TWELVE)
    provider.now, provider.missing = NOON + HOUR, {TWELVE - HOUR}
    filled = build().fetch("DE", NOON - DAY, TWELVE)
    assert qualities(filled) == [(DataQuality.MEASURED, 24)]


def test_full_disk_gives_a_note(provider, build, tmp_path):
    (tmp_path / "fake").write_text("in the way")
    filled = build().fetch("DE", NOON - DAY, TWELVE)
    assert any("could not be cached" in note for note in filled.series.notes)


def test_provider_without_cache(provider, build):
    filled = build(cache=None).fetch("DE", NOON - DAY, NOON)
    assert qualities(filled) == [(DataQuality.MEASURED, 24), (DataQuality.FORECAST, 1)]


def test_provider_forecast_is_unchanged(build):
    filled = build().fetch_forecast("DE", 48 * 3600)
    assert filled.fallbacks == ()
    assert values(filled) == [truth(moment) + 5 for moment in moments(filled)]
    assert moments(filled)[0] <= NOON < moments(filled)[1]


def test_published_forecast_is_the_providers_alone_and_nothing_fills_it(provider, build):
    provider.forecast_until = NOON + 12 * HOUR
    forecast = build().fetch_published_forecast("DE", 48 * 3600)
    assert np.isnan(forecast.trace.g_per_kwh).sum() == 36
    assert forecast.issued_at == NOON
    provider.error, provider.now = server_error(), NOON + 3 * HOUR
    assert build().fetch_published_forecast("DE", 48 * 3600).issued_at == NOON
    assert build(max_fallback=FallbackLevel.FRESH).fetch_published_forecast("DE", 48 * 3600) is None
    provider.now = NOON + 2 * DAY
    assert build().fetch_published_forecast("DE", 48 * 3600) is None
    provider.has_forecasts = False
    assert build().fetch_published_forecast("DE", 48 * 3600) is None


def test_last_published_forecast_after_a_failed_request_is_recorded(provider, build):
    events = []
    build().fetch_published_forecast("DE", 12 * 3600, events.append)
    assert events == []
    provider.error, provider.now = server_error(), NOON + 3 * HOUR
    build(max_fallback=FallbackLevel.FRESH).fetch_published_forecast("DE", 12 * 3600, events.append)
    assert events == []
    build().fetch_published_forecast("DE", 24 * 3600, events.append)
    (event,) = events
    assert (event.level, event.start, event.end) == (FallbackLevel.FORECAST, TWELVE + 3 * HOUR, TWELVE + 13 * HOUR)
    assert (event.n_values, event.age_s) == (10, 3 * 3600 - 20 * 60)
    assert event.reason.endswith("Its last forecast is used.")
    assert "status 500" in event.reason
    provider.now = NOON + 20 * HOUR  # after its end
    build().fetch_published_forecast("DE", 24 * 3600, events.append)
    assert len(events) == 1


def test_short_forecast_is_extrapolated_and_recorded(provider, build):
    provider.forecast_until = NOON.replace(hour=0, minute=0) + DAY
    filled = build().fetch_forecast("DE", 48 * 3600)
    assert qualities(filled) == [(DataQuality.FORECAST, 12), (DataQuality.EXTRAPOLATED, 37)]
    (event,) = filled.fallbacks
    assert (event.level, event.start) == (FallbackLevel.FORECAST, provider.forecast_until)
    assert event.age_s == 12 * 3600
    after = [moment for moment in moments(filled) if moment >= provider.forecast_until]
    last_day = TWELVE - DAY
    expected = [truth(last_day + (moment - last_day) % DAY) for moment in after]
    assert values(filled)[12:] == expected


def test_failed_forecast_is_replaced_by_the_cached_one(provider, build):
    build().fetch_forecast("DE", 48 * 3600)
    provider.error, provider.now = server_error(), NOON + 3 * HOUR
    filled = build().fetch_forecast("DE", 24 * 3600)
    assert qualities(filled) == [(DataQuality.FORECAST, 25)]
    (event,) = filled.fallbacks
    assert event.level is FallbackLevel.FORECAST
    assert event.age_s == 3 * 3600 - 20 * 60  # from its issue to the current step
    with pytest.raises(ProviderError, match="last level allowed"):
        build(max_fallback=FallbackLevel.FRESH).fetch_forecast("DE", 24 * 3600)


def test_old_forecast_is_not_used(provider, build):
    build().fetch_forecast("DE", 72 * 3600)
    provider.error, provider.now = server_error(), NOON + 25 * HOUR
    with pytest.raises(ProviderError, match="no fallback is left"):
        build().fetch_forecast("DE", 24 * 3600)


def test_extrapolation_can_be_any_forecast(provider, build):
    provider.has_forecasts = False
    calls = []

    def extend(known, step_s, end, zone, steps):
        calls.append((len(known), step_s, end, zone))
        return np.arange(steps) - 1.0

    filled = build(extrapolate=extend).fetch_forecast("DE", 5 * 3600)
    assert calls == [(24, 3600, TWELVE, "DE")]
    assert values(filled) == [0, 0, 1, 2, 3, 4]  # extrapolated values are not negative


def test_repeat_last_day():
    day = np.arange(24.0)
    assert repeat_last_day(np.r_[day + 100, day], 3600, NOON, "DE", 30).tolist() == [*day, *day[:6]]
    assert repeat_last_day(np.array([7.0, 8.0]), 3600, NOON, "DE", 3).tolist() == [8, 8, 8]


def test_unknown_value_is_never_zero(provider, build):
    provider.error = server_error()
    with pytest.raises(ProviderError):
        build().fetch("DE", NOON - DAY, NOON)
    with pytest.raises(ProviderError):
        build().fetch_forecast("DE", 3600)
    assert not math.isnan(truth(NOON))
