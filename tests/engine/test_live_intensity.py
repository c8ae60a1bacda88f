"""A run on a live grid: what was read and what stood in is told, and the books end as if the truth had been known."""

import functools
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ce_nas.analysis.live_grid import is_provisional
from ce_nas.api import Search
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError
from ce_nas.core.http import Fault
from ce_nas.core.records import Activity, EnergyReading, ReadingSource
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.energy.live_ledger import LiveLedger
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.live_intensity import LiveIntensity, ProviderForecaster
from ce_nas.forecast.simple_forecasters import Persistence
from ce_nas.grid.providers.base import CarbonIntensityProvider, DataQuality
from ce_nas.grid.providers.fallback import FallbackProvider
from ce_nas.grid.providers.fallback_levels import FallbackLevel, FreshnessLimits
from ce_nas.grid.providers.normalize import AlignedWindow, SeriesMetadata, normalize_readings
from ce_nas.grid.providers.normalize import IntensityReading as Read
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.providers.response_cache import IntensityCache
from ce_nas.grid.trace import EmissionFactorType, Series, Signal
from ce_nas.store.event_log import EventLog
from ce_nas.store.journal import MemoryJournal
from ce_nas.store.run_dir import RunDirectory
from ce_nas.testing.fault_server import ApiFault, FaultServer, is_affected

START = datetime(2024, 5, 15, 0, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def truth(moment):
    return 100.0 + 10 * moment.hour + moment.toordinal() % 5


@dataclass
class Told(CarbonIntensityProvider):
    """An hourly source that publishes so many hours late, has a forecast if so wished, or is out."""

    late_h: int = 0
    out: bool = False
    foretells: bool = False
    foretelling_fails: bool = False
    now: datetime = START

    name = "told"
    step_s = HOUR_S
    factors: EmissionFactorType = EmissionFactorType.LIFECYCLE
    signal: Signal = Signal.AVERAGE
    asked: list = field(default_factory=list)

    @property
    def has_forecasts(self):
        return self.foretells

    def check_zone(self, zone):
        if zone != "DE":
            message = f"no zone {zone!r}"
            raise ZoneError(message)

    def fetch(self, zone, start, end):
        published = self.now - self.late_h * HOUR
        return self._series(zone, start, end, lambda moment: moment + HOUR <= published, DataQuality.MEASURED)

    def fetch_forecast(self, zone, horizon_s):
        if self.foretelling_fails:
            raise ProviderError(self.name, Fault.SERVER_ERROR, "status 500 for a forecast.")
        end = self.now + timedelta(seconds=horizon_s)
        return self._series(zone, self.now, end, lambda _: True, DataQuality.FORECAST, 7.0, self.now)

    def _series(self, zone, start, end, there, quality, more=0.0, issued_at=None):  # noqa: PLR0913, PLR0917 - played
        self.asked.append(self.now)
        if self.out:
            raise ProviderError(self.name, Fault.UNREACHABLE, "it does not answer.")
        window = AlignedWindow.covering(start, end, self.step_s)
        moments = filter(there, map(window.step_start, range(window.steps)))
        readings = [Read(moment, truth(moment) + more, quality) for moment in moments]
        return normalize_readings(
            SeriesMetadata(self.name, zone, self.factors, self.signal, self.step_s),
            window,
            readings,
            self.now,
            issued_at=issued_at,
        )


class Clock:
    """A run's clock, as far as a live grid looks at it."""

    live_since = None


class World:
    """A source, the grid of a run over it, and its books."""

    def __init__(self, path=None, *, worst=FallbackLevel.TYPICAL, stop_when_lost=False, cache=None, **source):
        self.source, self.clock, self.journal = Told(**source), Clock(), MemoryJournal()
        feed = FallbackProvider(
            self.source,
            now=lambda: self.source.now,
            cache=cache,
            max_fallback=worst,
            limits=FreshnessLimits(max_extrapolation_age_s=4 * HOUR_S),
        )
        self.grid = LiveIntensity(
            feed, "DE", self.clock, EventLog(path), self.journal, fail_when_unavailable=stop_when_lost
        )
        self.books = LiveLedger(self.grid, 1.5, Prices())
        self.grid.attach_ledger(self.books)

    def at(self, hours):
        """A decision so many hours into the run."""
        self.source.now = START + hours * HOUR
        return self.grid.inputs_at(hours * HOUR_S, 2 * DAY_S, DAY_S)

    def draws(self, start_h, end_h, energy_j=3.6e6, activity=Activity.TRAINING):
        self.books.record(
            [EnergyReading(0, activity, start_h * HOUR_S, end_h * HOUR_S, energy_j, ReadingSource.COUNTER)]
        )

    def told(self, kind):
        return [entry.content for entry in self.journal.entries if entry.kind == kind]


def test_what_is_read_is_told_once_and_handed_to_decisions():
    world = World()
    past = world.at(0)
    assert past.intensity_g_per_kwh[-1] == truth(START - HOUR)
    assert (past.end, past.end_s) == (START.replace(minute=0), -1200.0)
    (first,) = world.told("intensity_read")
    assert len(first["values"]) == len(past.intensity_g_per_kwh) == 72
    world.at(1)
    assert world.told("intensity_read")[1]["values"] == [["2024-05-15T00:00:00+00:00", truth(START), "measured"]]
    world.at(1)
    assert len(world.told("intensity_read")) == 2  # one look a moment


def test_books_are_revised_once_the_source_has_said_and_every_revision_is_told():
    world = World(late_h=1)
    world.at(0)
    world.draws(0, 0.5)
    foreseen_g = world.books.totals.total_carbon_g
    assert world.books.provisional_carbon_g == pytest.approx(foreseen_g)
    world.at(3)
    assert world.books.totals.total_carbon_g == pytest.approx(1.5 * truth(START))
    (revision,) = world.told("carbon_revised")
    assert sum(revision["carbon_g"].values()) == pytest.approx(1.5 * truth(START) - foreseen_g)
    assert [step for step, _, _ in revision["steps"]] == ["2024-05-15T00:00:00+00:00"]
    assert world.books.provisional_carbon_g == revision["provisional_g"] == 0.0


readings = st.tuples(st.floats(0, 9.5), st.floats(0.01, 3.0), st.floats(0, 1e7), st.sampled_from(list(Activity)))


@settings(max_examples=15, deadline=None)
@example([(6.0, 3.0, 0.0, Activity.TRAINING)], 3, 1)  # nothing metered, and paper accounting still counts it
@given(st.lists(readings, max_size=6), st.integers(0, 3), st.integers(1, 3))
def test_in_the_end_the_books_are_those_of_one_who_knew_the_truth(drawn, late_h, every_h):
    world = World(late_h=late_h)
    knowing = Ledger(true_series(), 1.5, Prices())
    for hours in range(0, 13, every_h):
        world.at(hours)
        for start_h, long_h, energy_j, activity in drawn:
            if hours <= start_h < hours + every_h:
                world.draws(start_h, start_h + long_h, energy_j, activity)
                stretch = (start_h * HOUR_S, (start_h + long_h) * HOUR_S)
                knowing.record([EnergyReading(0, activity, *stretch, energy_j, ReadingSource.COUNTER)])
    world.source.now = START + 40 * HOUR
    world.grid.settle(13 * HOUR_S, reread=False)
    assert world.books.provisional_carbon_g == 0.0
    for name in ("carbon_g", "energy_j", "device_s"):
        assert getattr(world.books.totals, name) == pytest.approx(getattr(knowing.totals, name), abs=1e-6)
    assert world.books.totals.paper_carbon_g == pytest.approx(knowing.totals.paper_carbon_g)
    told = [*world.told("carbon_revised"), *world.told("carbon_settled")]
    assert all(set(revision["carbon_g"]) <= set(map(str, Activity)) for revision in told)


def true_series():
    start = START.replace(minute=0) - 48 * HOUR
    return Series(start, HOUR_S, np.array([truth(start + step * HOUR) for step in range(96)])).relative_to(START)


def test_a_run_that_is_lived_through_again_reads_what_it_read(tmp_path):
    first = World(tmp_path / "recording", late_h=2)
    pasts = [first.at(hours) for hours in (0, 1, 2)]
    first.draws(0, 1)
    second = World(tmp_path / "recording", out=True)
    again = [second.at(hours) for hours in (0, 1, 2)]
    second.draws(0, 1)
    assert second.source.asked == []
    for one, other in zip(pasts, again, strict=True):
        np.testing.assert_array_equal(one.intensity_g_per_kwh, other.intensity_g_per_kwh)
        assert (one.end, one.end_s) == (other.end, other.end_s)
    assert [(entry.kind, entry.body) for entry in first.journal.entries] == [
        (entry.kind, entry.body) for entry in second.journal.entries
    ]
    assert second.books.totals.total_carbon_g == first.books.totals.total_carbon_g


def test_a_feed_that_is_lost_is_gone_on_without_by_what_was_known_last_and_that_is_told():
    world = World()
    world.at(0)
    world.source.out = True
    past = world.at(8)
    assert "does not answer" in world.told("intensity_read")[-1]["error"]
    assert past.end == (START + 8 * HOUR).replace(minute=0)
    assert past.intensity_g_per_kwh[-1] == truth(START + 7 * HOUR - 24 * HOUR)  # as a day before
    world.draws(7, 7.5)
    assert world.books.provisional_carbon_g > 0
    world.source.out = False
    world.at(9)
    assert world.told("intensity_read")[-1]["error"] is None
    assert world.books.provisional_carbon_g == 0


def test_a_feed_that_is_lost_stops_the_run_if_so_wished_or_if_nothing_is_known():
    for world in (World(stop_when_lost=True), World(out=True)):
        if not world.source.out:
            world.at(0)
            world.source.out = True
        with pytest.raises(ProviderError, match="does not answer"):
            world.at(8)


def test_what_stood_in_is_told_once():
    world = World(late_h=3)
    world.at(0)
    assert [told["level"] for told in world.told("fallback_used")] == ["forecast"]
    world.at(0.5)
    assert len(world.told("fallback_used")) == 1


def test_time_between_two_lives_of_a_run_is_not_its_own():
    world = World()
    world.at(0)
    world.clock.live_since = (2 * HOUR_S, START + 10 * HOUR)  # killed after two hours, and resumed eight hours later
    world.source.now = START + 10.5 * HOUR
    past = world.grid.inputs_at(2.5 * HOUR_S, 2 * DAY_S)
    assert past.end == (START + 10 * HOUR).replace(minute=0)
    assert past.end_s == 2.5 * HOUR_S - 50 * 60
    world.draws(2.0, 2.5, 3.6e6)
    assert [part.step_start.hour for part in world.grid.split_by_step(2 * HOUR_S, 2.5 * HOUR_S)] == [10]


def test_the_sources_own_forecast_is_a_member_as_far_as_it_reaches():
    world = World(foretells=True)
    past = world.at(0)
    forecast = ProviderForecaster(world.grid, Persistence()).predict(past, 2 * DAY_S)
    assert forecast.start_s == past.end_s
    last = past.intensity_g_per_kwh[-1]
    both = [np.sqrt(last * (truth(START + step * HOUR) + 7)) for step in range(3)]
    np.testing.assert_allclose(forecast.mean_g_per_kwh[:3], both)
    np.testing.assert_array_equal(forecast.mean_g_per_kwh[25:], last)  # a day was requested
    share = forecast.members["published by told"]
    assert share == pytest.approx(0.5 * 25 / 48, abs=1e-3)
    assert forecast.members["persistence"] == pytest.approx(1 - share)
    assert forecast.forecaster == "persistence with the provider's forecast"
    world.draws(0, 0.5)
    assert world.books.totals.total_carbon_g == pytest.approx(1.5 * (truth(START) + 7))
    silent = World()
    past = silent.at(0)
    assert ProviderForecaster(silent.grid, Persistence()).predict(past, DAY_S).forecaster == Persistence().name
    assert ProviderForecaster(silent.grid, Persistence()).name == Persistence().name


def live_through(world, hours):
    """The forecasts of a run's decisions, one in two hours."""
    forecaster = ProviderForecaster(world.grid, Persistence())
    return [forecaster.predict(world.at(hour), DAY_S) for hour in range(0, hours, 2)]


def test_the_sources_own_forecast_is_judged_by_its_errors_and_a_replay_repeats_it(tmp_path):
    first = World(tmp_path / "recording", foretells=True, late_h=2)
    forecasts = live_through(first, 96)
    assert forecasts[0].members["published by told"] == 0.5
    assert forecasts[-1].members["published by told"] > 0.8  # it is 7 g off; the last value says nothing about a day
    assert 2.0 < forecasts[-1].rolling_error_pct < 25.0
    again = World(tmp_path / "recording", out=True, foretells=True)
    for one, other in zip(forecasts, live_through(again, 96), strict=True):
        np.testing.assert_array_equal(one.mean_g_per_kwh, other.mean_g_per_kwh)
        assert one.members == other.members
    assert again.source.asked == []
    start, values, issued = first.told("intensity_read")[0]["ahead"]
    assert (start, issued) == ("2024-05-15T00:00:00+00:00", START.isoformat())
    assert len(values) == 25


def test_no_later_value_reaches_the_weights_of_the_sources_forecast():
    world = World(foretells=True)
    forecaster, past = ProviderForecaster(world.grid, Persistence()), None
    for hours in range(0, 72, 6):
        past = world.at(hours)
        forecast = forecaster.predict(past, DAY_S)
    known = dict(world.grid._known.values)
    other_future = World(foretells=True)
    again = ProviderForecaster(other_future.grid, Persistence())
    for hours in range(0, 72, 6):
        past = other_future.at(hours)
        for step in range(1, 48):  # what the grid will be, were it known
            other_future.grid._known.values[past.end + step * HOUR] = (1.0, "measured")
        repeated = again.predict(past, DAY_S)
        other_future.grid._known.values = {step: known[step] for step in known if step < past.end}
    np.testing.assert_array_equal(repeated.mean_g_per_kwh, forecast.mean_g_per_kwh)


def uk_api(server, path, query, headers):
    """Half hours as the API of Great Britain publishes them: the current one has no actual value yet."""
    del query, headers
    _, _, first, last = path.split("/")
    start = datetime.fromisoformat(first)
    end = start + 48 * HOUR if last == "fw48h" else datetime.fromisoformat(last)
    moments = [start + step * HOUR / 2 for step in range(int((end - start) / HOUR * 2))]
    rows = [
        {
            "from": f"{moment:%Y-%m-%dT%H:%MZ}",
            "intensity": {
                "forecast": value and value + 3,
                "actual": value if moment + HOUR / 2 <= server.now else None,
            },
        }
        for moment, value in server.rows(moments)
    ]
    return 200, json.dumps({"data": rows})


@pytest.mark.parametrize("fault", [ApiFault.NONE, ApiFault.NULLS, ApiFault.ENDS_AT_MIDNIGHT])
def test_a_published_forecast_with_faults_is_a_member_where_it_has_values(fault):
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    pytest.importorskip("tenacity", reason="needs the extra 'live'")
    from ce_nas.grid.providers.network_provider import ProviderContext
    from ce_nas.grid.providers.uk import UkCarbonIntensity

    with FaultServer({"uk": uk_api}) as server:
        server.now = START
        context = ProviderContext(now=lambda: server.now, environ={}, base_url=f"{server.url}/uk")
        feed = FallbackProvider(UkCarbonIntensity(context), now=lambda: server.now)
        grid = LiveIntensity(feed, "GB", Clock(), EventLog(), MemoryJournal())
        forecaster = ProviderForecaster(grid, Persistence())
        server.fault = fault
        past = grid.inputs_at(0.0, 2 * DAY_S, 4 * DAY_S)
        forecast = forecaster.predict(past, 4 * DAY_S)
    alone = forecast.mean_g_per_kwh == past.intensity_g_per_kwh[-1]
    reach = {ApiFault.ENDS_AT_MIDNIGHT: 48}.get(fault, 96)  # half hours
    assert alone[reach:].all()
    gaps = [step for step in range(reach) if fault is ApiFault.NULLS and is_affected(past.end + step * HOUR / 2)]
    assert alone[gaps].all()
    assert not np.delete(alone[:reach], gaps).all()
    assert 0.0 < forecast.members["published by uk"] <= 0.25
    assert grid.provider_forecast.issued_at == START


def test_a_provider_whose_forecast_fails_leaves_the_other_forecaster_alone():
    world = World(foretells=True, foretelling_fails=True)
    forecast = ProviderForecaster(world.grid, Persistence()).predict(world.at(0), DAY_S)
    assert forecast.forecaster == Persistence().name
    assert world.told("intensity_read")[0]["error"] is None


def test_an_earlier_forecast_is_no_member_once_requests_for_one_fail():
    world = World(foretells=True)
    forecaster = ProviderForecaster(world.grid, Persistence())
    assert "published by told" in forecaster.predict(world.at(0), 2 * DAY_S).members
    world.source.foretelling_fails = True
    for hours in (2, 6, 12, 20):
        past = world.at(hours)
        forecast = forecaster.predict(past, 2 * DAY_S)
        assert world.grid.provider_forecast is None
        assert (forecast.forecaster, forecast.members) == (Persistence().name, {})
        np.testing.assert_array_equal(forecast.mean_g_per_kwh, past.intensity_g_per_kwh[-1])
    world.draws(20, 20.5)
    assert world.books.totals.total_carbon_g == pytest.approx(1.5 * truth(START + 20 * HOUR - 24 * HOUR))
    world.source.foretelling_fails = False
    assert "published by told" in forecaster.predict(world.at(22), 2 * DAY_S).members


def test_a_failed_request_leaves_the_cached_forecast_up_to_its_level_and_age_and_that_is_told(tmp_path):
    world = World(foretells=True, cache=IntensityCache(tmp_path / "cache"))
    forecaster = ProviderForecaster(world.grid, Persistence())
    forecaster.predict(world.at(0), DAY_S)
    assert world.told("fallback_used") == []
    world.source.foretelling_fails = True
    assert "published by told" in forecaster.predict(world.at(20), DAY_S).members
    (told,) = world.told("fallback_used")
    assert (told["level"], told["n_values"]) == ("forecast", 5)  # a day was requested
    assert told["reason"].endswith("status 500 for a forecast. Its last forecast is used.")
    assert forecaster.predict(world.at(25), DAY_S).forecaster == Persistence().name  # more than a day old
    strict = World(foretells=True, cache=IntensityCache(tmp_path / "strict"), worst=FallbackLevel.FRESH)
    strict.at(0)
    strict.source.foretelling_fails = True
    strict.at(2)
    assert strict.grid.provider_forecast is None
    assert strict.told("fallback_used") == []


def test_the_forecast_outlasts_a_settlement_which_requests_none():
    world = World(foretells=True, late_h=1)
    world.at(0)
    world.draws(0, 0.5)
    forecast = world.grid.provider_forecast
    world.grid.settle(0.5 * HOUR_S, reread=True)
    assert len(world.told("intensity_read")) == 2
    assert world.grid.provider_forecast is forecast
    assert world.books.totals.total_carbon_g == pytest.approx(1.5 * (truth(START) + 7))


def predict_through_failures(world):
    """The forecasts of a run's decisions, one in six hours, of which every third gets none from the provider."""
    forecaster, forecasts = ProviderForecaster(world.grid, Persistence()), []
    for hours in range(0, 96, 6):
        world.source.foretelling_fails = hours % 18 == 12
        forecasts.append(forecaster.predict(world.at(hours), DAY_S))
    return forecasts


def test_a_replay_repeats_where_the_provider_had_no_forecast(tmp_path):
    forecasts = predict_through_failures(World(tmp_path / "recording", foretells=True))
    assert ["published by told" in forecast.members for forecast in forecasts[:4]] == [True, True, False, True]
    assert forecasts[-1].members["published by told"] != 0.5
    again = World(tmp_path / "recording", out=True, foretells=True)
    for one, other in zip(forecasts, predict_through_failures(again), strict=True):
        np.testing.assert_array_equal(one.mean_g_per_kwh, other.mean_g_per_kwh)
        assert (one.members, one.forecaster) == (other.members, other.forecaster)
    assert again.source.asked == []


def test_a_log_that_does_not_say_whether_a_forecast_was_requested_keeps_the_earlier_one(tmp_path):
    world = World(tmp_path / "recording", foretells=True)
    world.at(0)
    world.source.foretelling_fails = True
    world.at(2)
    events = [json.loads(line) for line in (tmp_path / "recording").read_text().splitlines()]
    for _, _, content in events:
        del content["wants_forecast"]
    (tmp_path / "recording").write_text("".join(json.dumps(event) + "\n" for event in events))
    again = World(tmp_path / "recording", foretells=True)
    again.at(0)
    again.at(2)
    assert again.source.asked == []
    assert again.grid.provider_forecast.issued_at == START


class Sunny(Persistence):
    """A mean of so much, and a wide interval above it."""

    def __init__(self, mean):
        self.mean = mean

    def predict(self, inputs, horizon_s):
        forecast = super().predict(inputs, horizon_s)
        mean = np.full_like(forecast.mean_g_per_kwh, self.mean)
        return replace(forecast, mean_g_per_kwh=mean, quantiles_g_per_kwh={0.1: 0.5 * mean, 0.9: 2 * mean + 20.0})


@pytest.mark.parametrize("mean", [0.0, 0.004, 0.5, 50.0])
def test_intervals_move_with_the_mean_and_stay_where_the_provider_has_no_value(mean):
    world = World(foretells=True)
    past = world.at(0)
    forecast = ProviderForecaster(world.grid, Sunny(mean)).predict(past, 2 * DAY_S)
    low, high = forecast.quantiles_g_per_kwh[0.1], forecast.quantiles_g_per_kwh[0.9]
    np.testing.assert_array_equal(forecast.mean_g_per_kwh[25:], mean)  # a day was requested
    np.testing.assert_array_equal(low[25:], 0.5 * mean)
    np.testing.assert_array_equal(high[25:], 2 * mean + 20)
    moved = forecast.mean_g_per_kwh[:25]
    assert (moved > mean).all()
    expected = (2 * mean + 20) * moved / mean if mean >= 1 else mean + 20 + moved
    np.testing.assert_allclose(high[:25], expected)
    assert ((low[:25] >= 0) & (low[:25] <= moved) & (moved <= high[:25])).all()


def test_an_interval_near_zero_is_never_below_it():
    world = World(foretells=True)
    past = world.at(0)
    ahead = world.grid.provider_forecast
    world.grid._known.forecast = replace(ahead, g_per_kwh=np.zeros_like(ahead.g_per_kwh))
    forecast = ProviderForecaster(world.grid, Sunny(0.5)).predict(past, DAY_S)
    assert (forecast.mean_g_per_kwh < 0.1).all()
    np.testing.assert_array_equal(forecast.quantiles_g_per_kwh[0.1], 0.0)
    np.testing.assert_allclose(forecast.quantiles_g_per_kwh[0.9], 20.5 + forecast.mean_g_per_kwh)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"provider": "uk", "zone": "GB"}, "add --live"),
        ({"provider": "uk", "live": True}, "add --zone"),
        ({"provider": "uk", "zone": "GB", "live": True, "time_scale": 60.0}, "time_scale 60"),
        ({"provider": "uk", "zone": "GB", "live": True, "trace": "known.csv"}, "remove one"),
    ],
)
def test_what_does_not_go_with_a_live_grid_is_said(flags, said):
    with pytest.raises(SettingsError, match=said):
        _ = RunInputs(settings_from_flags(**flags)).provider


@pytest.mark.long
def test_a_live_search_on_a_live_grid_reads_revises_and_settles(tmp_path):
    """An hour of the grid takes two seconds, as the source's clock does."""
    pytest.importorskip("torch", reason="a live search looks for GPUs by torch")
    from ce_nas.cluster.workers.local import LocalWorkerPool
    from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

    scale, began_s, source = 1800.0, monotonic_s(), Told(late_h=2, foretells=True)

    def now():
        source.now = START + timedelta(seconds=scale * (monotonic_s() - began_s))
        return source.now

    base = {
        "live": {"devices": ["cpu"], "initial_duration": "10min"},
        "grid": {"zone": "DE", "start": START.isoformat()},
    }
    stated = settings_from_flags(base, live=True, hours=8, searcher="random", policy="vanilla", time_scale=scale)
    own = UserSpace.parse({f"choice{at}": list(range(8)) for at in range(3)}, ["a:min:10", "b:min:10"], "SPACE")
    materials = RunInputs(
        stated, UserBenchmark(own, "rehearsal", "steps that only wait"), FallbackProvider(source, now=now)
    )
    make = functools.partial(FakeExecutor, FakeWorkload(steps=4, step_s=0.15))
    run = tmp_path / "run"
    study = Search.from_settings(stated, workers=LocalWorkerPool(make, ["cpu"], run / "work"), inputs=materials)
    result = study.run(run)
    told = result.summary.live_grid
    assert told.n_reads >= 8
    assert told.n_revised_steps > 0
    assert told.provisional_g > 0
    assert result.summary.grid["origin"] == "live, told"
    assert (run / "report.html").read_text().count("Live grid: the provider") == 1
    assert is_provisional(result.entries)
    began_s -= 30.0  # hours later
    again = Search.from_settings(stated, workers=LocalWorkerPool(make, ["cpu"], run / "work"), inputs=materials)
    with RunDirectory.open(run) as folder:
        settled = again.resume(folder)
    assert settled.entries[: len(result.entries)] == result.entries
    assert settled.summary.live_grid.provisional_g == 0
    assert not is_provisional(settled.entries)
    kwh = settled.summary.energy_j / 3.6e6
    assert 100 * kwh < settled.summary.carbon_g["full"] < 350 * kwh
