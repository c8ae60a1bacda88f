"""The steps of degradation, over a source that does as it is told."""

import itertools
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.grid.providers.base import LiveSource, Quality
from ce_nas.grid.providers.cache import Cache
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.fallback import Feed, repeat_days
from ce_nas.grid.providers.fallback_levels import Limits, Step
from ce_nas.grid.providers.normalize import Kind, Reading, Window, regular
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.grid.trace import Factors, Signal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2024, 5, 15, 12, 20, tzinfo=UTC)
TWELVE = NOON.replace(minute=0)


def truth(moment):
    return 100.0 + 10 * moment.hour + moment.toordinal() % 5


@dataclass
class Told(LiveSource):
    """An hourly source that knows the truth up to a moment, and a forecast up to another."""

    now: datetime = NOON
    known_until: datetime = TWELVE
    forecast_until: datetime = NOON + 3 * DAY
    absent: set = field(default_factory=set)
    error: SourceError | None = None
    asked: list = field(default_factory=list)

    name = "told"
    step_s = 3600.0
    forecasts = True
    factors: Factors = Factors.LIFECYCLE
    signal: Signal = Signal.AVERAGE

    def check(self, zone):
        if zone != "DE":
            message = f"no zone {zone!r}"
            raise ZoneError(message)

    def _regular(self, window, until, quality, issued_at=None):
        if self.error:
            raise self.error
        kind = Kind(self.name, "DE", self.factors, self.signal, self.step_s)
        moments = [m for m in map(window.moment, range(window.steps)) if m < until and m not in self.absent]
        off = 5 if issued_at else 0
        readings = [Reading(moment, truth(moment) + off, quality) for moment in moments]
        return regular(kind, window, readings, self.now, issued_at=issued_at)

    def fetch(self, zone, start, end):
        self.check(zone)
        self.asked.append((start, end))
        return self._regular(Window.around(start, end, self.step_s), self.known_until, Quality.MEASURED)

    def forecast(self, zone, horizon_s):
        self.check(zone)
        self.asked.append(horizon_s)
        window = Window.around(self.now, self.now + timedelta(seconds=horizon_s), self.step_s)
        return self._regular(window, self.forecast_until, Quality.FORECAST, self.now)


@pytest.fixture
def source():
    return Told()


@pytest.fixture
def feed(source, tmp_path):
    def make(**changes):
        return Feed(source, now=lambda: source.now, **{"cache": Cache(tmp_path)} | changes)

    return make


def broken():
    return SourceError("told", Fault.BROKEN, "status 500")


def values(supply):
    return supply.series.trace.g_per_kwh.tolist()


def moments(supply):
    return [supply.series.start_of(step) for step in range(len(supply.series))]


def kinds(supply):
    return [(kind, len(list(run))) for kind, run in itertools.groupby(supply.series.qualities)]


def test_fresh_data_are_passed_on_as_they_are(feed):
    supply = feed().past("DE", NOON - DAY, TWELVE)
    assert values(supply) == list(map(truth, moments(supply)))
    assert supply.degradations == ()
    assert kinds(supply) == [(Quality.MEASURED, 24)]


def test_the_present_step_comes_from_the_sources_own_forecast(feed):
    supply = feed().past("DE", NOON - DAY, NOON)
    assert kinds(supply) == [(Quality.MEASURED, 24), (Quality.FORECAST, 1)]
    assert values(supply)[-1] == truth(NOON) + 5
    (record,) = supply.degradations
    assert (record.step, record.values, record.zone, record.source) == (Step.FORECAST, 1, "DE", "told")
    assert (record.start, record.end) == (TWELVE, TWELVE + HOUR)
    json.dumps(record.content(), allow_nan=False)


def test_context_may_have_gaps_and_is_rested_on(source, feed):
    source.forecasts, source.absent = False, {TWELVE - DAY, TWELVE - 20 * HOUR}
    supply = feed(cache=None).past("DE", NOON, NOON, context_s=86400)
    assert (kinds(supply), values(supply)) == ([(Quality.EXTENDED, 1)], [truth(NOON - HOUR)])
    assert supply.known.latest(NOON).end == TWELVE
    assert np.isnan(supply.known.trace.g_per_kwh).sum() == 3


def test_without_one_it_is_forecast_from_the_last_good_data(source, feed):
    source.forecasts, source.known_until = False, TWELVE - 2 * HOUR
    supply = feed().past("DE", NOON - 2 * DAY, NOON)
    assert kinds(supply) == [(Quality.MEASURED, 46), (Quality.EXTENDED, 3)]
    assert values(supply)[-3:] == [truth(m - DAY) for m in moments(supply)[-3:]]
    (record,) = supply.degradations
    assert (record.step, record.age_s, record.values) == (Step.FORECAST, 0, 3)
    assert "2024-05-15 10:00 UTC" in record.reason


def test_a_broken_source_is_bridged_from_the_cache_and_the_reason_recorded(source, feed):
    feed().past("DE", NOON - 2 * DAY, NOON)
    source.forecasts, source.error = False, broken()
    source.now = NOON + 5 * HOUR
    supply = feed().past("DE", source.now - DAY, source.now)
    assert kinds(supply) == [(Quality.MEASURED, 19), (Quality.EXTENDED, 6)]
    assert values(supply)[:19] == [truth(m) for m in moments(supply)[:19]]
    (record,) = supply.degradations
    assert "status 500" in record.reason


def test_a_broken_source_that_had_made_a_forecast_is_bridged_by_that(source, feed):
    feed().ahead("DE", 86400)
    feed().past("DE", NOON - DAY, NOON)
    source.error, source.now = broken(), NOON + 5 * HOUR
    source.asked.clear()
    supply = feed().past("DE", source.now - DAY, source.now)
    assert kinds(supply) == [(Quality.MEASURED, 19), (Quality.FORECAST, 6)]
    assert values(supply)[-1] == truth(source.now) + 5
    assert len(source.asked) == 1  # what is broken is not asked for a forecast as well


def test_a_source_that_could_not_be_asked_is_not_asked_for_a_forecast_in_the_same_breath(source, feed):
    feed().past("DE", NOON - 2 * DAY, TWELVE)
    source.error, source.now = broken(), NOON + HOUR
    source.asked.clear()
    feed().past("DE", source.now - DAY, source.now)
    assert len(source.asked) == 1


def test_a_gap_in_the_midst_is_filled_from_before_it(source, feed):
    hole = TWELVE - 5 * HOUR
    source.forecasts, source.absent = False, {hole, hole + HOUR}
    supply = feed().past("DE", NOON - 2 * DAY, TWELVE)
    step = moments(supply).index(hole)
    assert supply.series.qualities[step - 1 : step + 3] == (
        Quality.MEASURED,
        Quality.EXTENDED,
        Quality.EXTENDED,
        Quality.MEASURED,
    )
    assert values(supply)[step] == truth(hole - DAY)


def fill(source, feed, days):
    feed().past("DE", NOON - days * DAY, TWELVE)
    source.error, source.forecasts = broken(), False


def test_data_that_are_too_old_give_way_to_the_zones_own_typical_day(source, feed):
    fill(source, feed, 14)
    source.now = NOON + 2 * DAY
    supply = feed().past("DE", source.now - HOUR, source.now)
    assert kinds(supply) == [(Quality.TYPICAL, 2)]
    past = [TWELVE - hours * HOUR for hours in range(1, 14 * 24 + 2)]
    wanted = [np.mean([truth(m) for m in past if m.hour == moment.hour]) for moment in moments(supply)]
    assert values(supply) == pytest.approx(wanted)
    (record,) = supply.degradations
    assert record.step is Step.TYPICAL
    assert record.age_s == 2 * 86400 - 3600
    assert "own past" in record.reason
    assert "status 500" in record.reason


def test_up_to_the_age_limit_they_do_not(source, feed):
    fill(source, feed, 14)
    source.now = NOON + DAY
    supply = feed().past("DE", source.now, source.now + HOUR / 60)
    assert kinds(supply) == [(Quality.EXTENDED, 1)]
    shorter = feed(limits=Limits(extend_s=86399)).past("DE", source.now, source.now + HOUR / 60)
    assert kinds(shorter) == [(Quality.TYPICAL, 1)]


def test_a_zone_without_a_past_has_no_typical_day(source, feed):
    fill(source, feed, 3)
    source.now = NOON + 2 * DAY
    with pytest.raises(SourceError, match="nothing left to stand in") as caught:
        feed().past("DE", source.now - HOUR, source.now)
    assert caught.value.fault is Fault.STALE
    assert "status 500" in str(caught.value)


def test_unless_a_built_in_zone_was_named_as_its_like(source, feed):
    source.error, source.forecasts = broken(), False
    supply = feed(like="solar").past("DE", NOON - HOUR, NOON)
    trace = synthetic_trace("solar", year=2023)
    may = [
        trace.g_per_kwh[step]
        for step in range(len(trace.g_per_kwh))
        if (trace.start + step * HOUR).month == 5 and (trace.start + step * HOUR).hour == 12
    ]
    assert values(supply)[-1] == pytest.approx(np.mean(may))
    (record,) = supply.degradations
    assert (record.step, record.age_s) == (Step.TYPICAL, None)
    assert "'solar'" in record.reason


def test_the_zones_own_past_goes_before_its_like(source, feed):
    fill(source, feed, 14)
    source.now = NOON + 3 * DAY
    (record,) = feed(like="solar").past("DE", source.now - HOUR, source.now).degradations
    assert "own past" in record.reason


def test_a_like_that_counts_something_else_is_refused(source, feed):
    source.signal = Signal.MARGINAL
    with pytest.raises(SettingsError, match="average life-cycle"):
        feed(like="solar")
    with pytest.raises(TraceError, match="built-in zone"):
        feed(like="atlantis")


@pytest.mark.parametrize(
    ("worst", "old", "stops"),
    [
        (Step.FRESH, 0 * HOUR, False),
        (Step.FRESH, 2 * HOUR, True),
        (Step.FORECAST, 2 * HOUR, False),
        (Step.FORECAST, 2 * DAY, True),
        (Step.TYPICAL, 2 * DAY, False),
    ],
)
def test_a_strict_feed_stops_before_the_step_it_does_not_allow(source, feed, worst, old, stops):
    feed().past("DE", NOON - 14 * DAY, TWELVE)
    source.now, source.error = NOON + old, broken() if old else None
    end = source.now.replace(minute=0)
    if stops:
        with pytest.raises(SourceError, match=f"{worst} is the worst allowed") as caught:
            feed(worst=worst).past("DE", end - HOUR, end)
        assert caught.value.fault is Fault.STALE
    else:
        assert len(values(feed(worst=worst).past("DE", end - HOUR, end))) == 1


@pytest.mark.parametrize("ask", ["past", "ahead"])
@pytest.mark.parametrize("zone", ["SE", "de", ""])
def test_an_unknown_zone_is_never_degraded(source, feed, ask, zone):
    asked = (zone, NOON - DAY, NOON) if ask == "past" else (zone, 3600.0)
    with pytest.raises(ZoneError):
        getattr(feed(like="solar"), ask)(*asked)


def test_settled_hours_are_not_asked_for_again(source, feed):
    feed().past("DE", NOON - 2 * DAY, TWELVE)
    source.now += HOUR
    source.known_until += HOUR
    feed().past("DE", NOON - 2 * DAY, source.now.replace(minute=0))
    (_, first), (again, _) = source.asked
    assert again == TWELVE - 5 * HOUR  # it was younger than six hours when it was fetched
    assert first < source.now


def test_within_five_minutes_nothing_is_asked_twice(source, feed):
    for minutes in (0, 1, 3):
        source.now = NOON + timedelta(minutes=minutes)
        feed(worst=Step.FRESH).past("DE", NOON - DAY, TWELVE)
    assert len(source.asked) == 1
    source.now = NOON + timedelta(minutes=6)
    feed(worst=Step.FRESH).past("DE", NOON - DAY, TWELVE)
    assert len(source.asked) == 2


def test_a_value_that_the_source_takes_back_stays(source, feed):
    feed().past("DE", NOON - DAY, TWELVE)
    source.now, source.absent = NOON + HOUR, {TWELVE - HOUR}
    supply = feed().past("DE", NOON - DAY, TWELVE)
    assert kinds(supply) == [(Quality.MEASURED, 24)]


def test_a_full_disk_is_said_and_stops_nothing(source, feed, tmp_path):
    (tmp_path / "told").write_text("in the way")
    supply = feed().past("DE", NOON - DAY, TWELVE)
    assert any("could not be kept" in note for note in supply.series.notes)


def test_it_works_without_a_cache(source, feed):
    supply = feed(cache=None).past("DE", NOON - DAY, NOON)
    assert kinds(supply) == [(Quality.MEASURED, 24), (Quality.FORECAST, 1)]


def test_the_sources_forecast_is_passed_on(feed):
    supply = feed().ahead("DE", 48 * 3600)
    assert supply.degradations == ()
    assert values(supply) == [truth(moment) + 5 for moment in moments(supply)]
    assert moments(supply)[0] <= NOON < moments(supply)[1]


def test_a_horizon_cut_at_midnight_is_continued_from_the_last_good_data_and_recorded(source, feed):
    source.forecast_until = NOON.replace(hour=0, minute=0) + DAY
    supply = feed().ahead("DE", 48 * 3600)
    assert kinds(supply) == [(Quality.FORECAST, 12), (Quality.EXTENDED, 37)]
    (record,) = supply.degradations
    assert (record.step, record.start) == (Step.FORECAST, source.forecast_until)
    assert record.age_s == 12 * 3600
    after = [moment for moment in moments(supply) if moment >= source.forecast_until]
    last_day = TWELVE - DAY
    wanted = [truth(last_day + (moment - last_day) % DAY) for moment in after]
    assert values(supply)[12:] == wanted


def test_a_forecast_that_cannot_be_had_gives_way_to_the_last_one(source, feed):
    feed().ahead("DE", 48 * 3600)
    source.error, source.now = broken(), NOON + 3 * HOUR
    supply = feed().ahead("DE", 24 * 3600)
    assert kinds(supply) == [(Quality.FORECAST, 25)]
    (record,) = supply.degradations
    assert record.step is Step.FORECAST
    assert record.age_s == 3 * 3600 - 20 * 60  # from its making to the step that lasts
    with pytest.raises(SourceError, match="worst allowed"):
        feed(worst=Step.FRESH).ahead("DE", 24 * 3600)


def test_a_forecast_that_is_too_old_is_not_used(source, feed):
    feed().ahead("DE", 72 * 3600)
    source.error, source.now = broken(), NOON + 25 * HOUR
    with pytest.raises(SourceError, match="nothing left"):
        feed().ahead("DE", 24 * 3600)


def test_our_own_forecast_can_be_any(source, feed):
    source.forecasts = False
    shown = []

    def extend(known, step_s, end, zone, steps):
        shown.append((len(known), step_s, end, zone))
        return np.arange(steps) - 1.0

    supply = feed(extend=extend).ahead("DE", 5 * 3600)
    assert shown == [(24, 3600, TWELVE, "DE")]
    assert values(supply) == [0, 0, 1, 2, 3, 4]  # what a forecaster says is never below zero


def test_repeating_days():
    day = np.arange(24.0)
    assert repeat_days(np.r_[day + 100, day], 3600, NOON, "DE", 30).tolist() == [*day, *day[:6]]
    assert repeat_days(np.array([7.0, 8.0]), 3600, NOON, "DE", 3).tolist() == [8, 8, 8]


def test_nothing_is_ever_zero_because_it_is_unknown(source, feed):
    source.error = broken()
    with pytest.raises(SourceError):
        feed().past("DE", NOON - DAY, NOON)
    with pytest.raises(SourceError):
        feed().ahead("DE", 3600)
    assert not math.isnan(truth(NOON))
