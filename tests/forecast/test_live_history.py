"""The past from a live feed: complete for a day, honest before, and every step down told once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.baselines import DampedProfile, Persistence
from ce_nas.forecast.live_history import LiveMemory, extending
from ce_nas.grid.providers.base import LiveSource, Quality
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.fallback import Feed
from ce_nas.grid.providers.fallback_levels import Step
from ce_nas.grid.providers.normalize import Kind, Reading, Window, regular
from ce_nas.grid.trace import Factors, Signal

START = datetime(2024, 5, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def truth(moment):
    return 100.0 + 10 * moment.hour + moment.toordinal() % 5


@dataclass
class Source(LiveSource):
    """An hourly source that publishes so many hours late, lacks some hours, or is out."""

    late_h: int = 0
    absent: set = field(default_factory=set)
    out: bool = False
    now: datetime = START

    name = "told"
    step_s = HOUR_S
    factors: Factors = Factors.LIFECYCLE
    signal: Signal = Signal.AVERAGE

    def check(self, zone):
        if zone != "DE":
            message = f"no zone {zone!r}"
            raise ZoneError(message)

    def fetch(self, zone, start, end):
        if self.out:
            raise SourceError(self.name, Fault.UNREACHABLE, "it does not answer.")
        window = Window.around(start, end, self.step_s)
        published = self.now - self.late_h * HOUR
        moments = [moment for moment in map(window.moment, range(window.steps)) if moment + HOUR <= published]
        readings = [Reading(moment, truth(moment), Quality.MEASURED) for moment in moments if moment not in self.absent]
        return regular(Kind(self.name, zone, self.factors, self.signal, self.step_s), window, readings, self.now)


class World:
    """A source, a feed over it, and what was told of it."""

    def __init__(self, worst=Step.TYPICAL, like=None, **source):
        self.source = Source(**source)
        feed = Feed(self.source, now=lambda: self.source.now, extend=extending(Persistence()), worst=worst, like=like)
        self.told = []
        self.memory = LiveMemory(feed, "DE", START, self.told.append)

    def past(self, hours, lookback_s=3 * DAY_S):
        self.source.now = START + hours * HOUR
        return self.memory.past(hours * HOUR_S, lookback_s)


def expected(end, steps):
    return [truth(end - (steps - step) * HOUR) for step in range(steps)]


def test_what_was_measured_is_handed_out_as_it_is():
    world = World()
    past = world.past(5.5)
    end = START + 5 * HOUR
    assert past.intensity_g_per_kwh.tolist() == expected(end, 72)
    assert (past.end, past.end_s, past.step_s, past.zone) == (end, 5 * HOUR_S, HOUR_S, "DE")
    assert (past.mix_mw, past.known, world.told) == ({}, {}, [])


def test_hours_that_are_not_published_yet_are_forecast_and_told_once():
    world = World(late_h=2)
    past = world.past(6)
    last = truth(START + 3 * HOUR)
    assert past.intensity_g_per_kwh[-3:].tolist() == [last, last, last]
    assert past.intensity_g_per_kwh[:-2].tolist() == expected(START + 4 * HOUR, 70)
    (told,) = world.told
    assert (told.step, told.values, told.start, told.end) == (Step.FORECAST, 2, START + 4 * HOUR, START + 6 * HOUR)
    world.past(6.5)
    assert len(world.told) == 1
    world.past(7)
    assert len(world.told) == 2


def test_an_old_gap_shortens_the_past_and_is_not_filled():
    world = World(absent={START - 30 * HOUR})
    assert world.past(0).intensity_g_per_kwh.tolist() == expected(START, 29)
    assert world.told == []


def test_an_outage_goes_down_to_the_typical_day_and_then_stops():
    for source in ({"out": True}, {"late_h": 60}):
        world = World(like="solar", **source)
        past = world.past(3, DAY_S)
        assert len(past.intensity_g_per_kwh) == 24
        assert np.isfinite(past.intensity_g_per_kwh).all()
        assert [told.step for told in world.told] == [Step.TYPICAL]
        with pytest.raises(SourceError, match="missing"):
            World(worst=Step.FORECAST, like="solar", **source).past(3, DAY_S)


def test_a_strict_feed_stops_at_the_first_hour_that_is_missing():
    assert len(World(worst=Step.FRESH).past(3).intensity_g_per_kwh) == 72
    with pytest.raises(SourceError, match="fresh is the worst allowed"):
        World(worst=Step.FRESH, late_h=1).past(3)


def test_no_other_zone_is_ever_taken():
    world = World()
    memory = LiveMemory(world.memory._feed, "FR", START, world.told.append)
    with pytest.raises(ZoneError):
        memory.past(0.0, DAY_S)


def test_any_forecaster_goes_on_from_the_last_good_data():
    known = np.tile(np.arange(24.0), 8)
    assert extending(DampedProfile())(known, HOUR_S, START, "DE", 30) == pytest.approx(np.resize(np.arange(24.0), 30))
