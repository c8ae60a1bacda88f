"""Live history: complete for a day, measured before, and every fallback reported once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.http import Fault
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.live_history import LiveHistory, build_extrapolator
from ce_nas.forecast.simple_forecasters import DampedProfile, Persistence
from ce_nas.grid.providers.base import CarbonIntensityProvider, DataQuality
from ce_nas.grid.providers.fallback import FallbackProvider
from ce_nas.grid.providers.fallback_levels import FallbackLevel
from ce_nas.grid.providers.normalize import AlignedWindow, IntensityReading, SeriesMetadata, normalize_readings
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

START = datetime(2024, 5, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def truth(moment):
    return 100.0 + 10 * moment.hour + moment.toordinal() % 5


@dataclass
class FakeProvider(CarbonIntensityProvider):
    """An hourly provider that publishes some hours late, lacks some hours, or is down."""

    late_h: int = 0
    missing: set = field(default_factory=set)
    down: bool = False
    now: datetime = START

    name = "fake"
    step_s = HOUR_S
    factors: EmissionFactorType = EmissionFactorType.LIFECYCLE
    signal: Signal = Signal.AVERAGE

    def check_zone(self, zone):
        if zone != "DE":
            message = f"no zone {zone!r}"
            raise ZoneError(message)

    def fetch(self, zone, start, end):
        if self.down:
            raise ProviderError(self.name, Fault.UNREACHABLE, "no response.")
        window = AlignedWindow.covering(start, end, self.step_s)
        published = self.now - self.late_h * HOUR
        moments = [moment for moment in map(window.step_start, range(window.steps)) if moment + HOUR <= published]
        readings = [
            IntensityReading(moment, truth(moment), DataQuality.MEASURED)
            for moment in moments
            if moment not in self.missing
        ]
        return normalize_readings(
            SeriesMetadata(self.name, zone, self.factors, self.signal, self.step_s), window, readings, self.now
        )


class World:
    """A provider, a live history over it, and the fallbacks that it reported."""

    def __init__(self, max_fallback=FallbackLevel.TYPICAL, reference_zone=None, **options):
        self.provider = FakeProvider(**options)
        fallback = FallbackProvider(
            self.provider,
            now=lambda: self.provider.now,
            extrapolate=build_extrapolator(Persistence()),
            max_fallback=max_fallback,
            reference_zone=reference_zone,
        )
        self.events = []
        self.history = LiveHistory(fallback, "DE", START, self.events.append)

    def past(self, hours, lookback_s=3 * DAY_S):
        self.provider.now = START + hours * HOUR
        return self.history.inputs_at(hours * HOUR_S, lookback_s)


def expected(end, steps):
    return [truth(end - (steps - step) * HOUR) for step in range(steps)]


def test_measured_values_are_unchanged():
    world = World()
    past = world.past(5.5)
    end = START + 5 * HOUR
    assert past.intensity_g_per_kwh.tolist() == expected(end, 72)
    assert (past.end, past.end_s, past.step_s, past.zone) == (end, 5 * HOUR_S, HOUR_S, "DE")
    assert (past.mix_mw, past.future_covariates, world.events) == ({}, {}, [])


def test_unpublished_hours_are_forecast_and_reported_once():
    world = World(late_h=2)
    past = world.past(6)
    last = truth(START + 3 * HOUR)
    assert past.intensity_g_per_kwh[-3:].tolist() == [last, last, last]
    assert past.intensity_g_per_kwh[:-2].tolist() == expected(START + 4 * HOUR, 70)
    (event,) = world.events
    assert (event.level, event.n_values, event.start, event.end) == (
        FallbackLevel.FORECAST,
        2,
        START + 4 * HOUR,
        START + 6 * HOUR,
    )
    world.past(6.5)
    assert len(world.events) == 1
    world.past(7)
    assert len(world.events) == 2


def test_old_gap_shortens_the_past():
    world = World(missing={START - 30 * HOUR})
    assert world.past(0).intensity_g_per_kwh.tolist() == expected(START, 29)
    assert world.events == []


def test_outage_falls_back_to_typical_day_then_stops():
    for options in ({"down": True}, {"late_h": 60}):
        world = World(reference_zone="solar", **options)
        past = world.past(3, DAY_S)
        assert len(past.intensity_g_per_kwh) == 24
        assert np.isfinite(past.intensity_g_per_kwh).all()
        assert [event.level for event in world.events] == [FallbackLevel.TYPICAL]
        with pytest.raises(ProviderError, match="missing"):
            World(max_fallback=FallbackLevel.FORECAST, reference_zone="solar", **options).past(3, DAY_S)


def test_strict_provider_stops_at_the_first_missing_hour():
    assert len(World(max_fallback=FallbackLevel.FRESH).past(3).intensity_g_per_kwh) == 72
    with pytest.raises(ProviderError, match="fresh is the last level allowed"):
        World(max_fallback=FallbackLevel.FRESH, late_h=1).past(3)


def test_no_other_zone_is_used():
    world = World()
    history = LiveHistory(world.history._provider, "FR", START, world.events.append)
    with pytest.raises(ZoneError):
        history.inputs_at(0.0, DAY_S)


def test_extrapolator_wraps_any_forecaster():
    known = np.tile(np.arange(24.0), 8)
    assert build_extrapolator(DampedProfile())(known, HOUR_S, START, "DE", 30) == pytest.approx(
        np.resize(np.arange(24.0), 30)
    )
