"""A state holds the past and a forecast, both of a fixed length, and the progress of the run."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation, Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.state_builder import MAX_JOURNALED_PERIODS, forecast_record
from ce_nas.forecast.simple_forecasters import Persistence, SeasonalNaive
from ce_nas.policies.base import Decision, Policy
from ce_nas.search.random import RandomSearcher
from ce_nas.store.journal import NullJournal
from ce_nas.testing import make_state, replace_state


@pytest.fixture
def state():
    """A state at the third hour, ten hours before the end, with a forecast that grows by 10 an hour from 100 on."""
    mean = 100.0 + 10.0 * np.arange(48)
    forecast = Forecast("test", 10800.0, 10800.0, 3600.0, mean, {0.9: mean + 20.0, 0.1: mean - 20.0})
    return make_state(now_s=10800.0, time_left_s=36000.0, forecast=forecast)


def test_forecast_record_has_the_coming_period_and_later_ones(state):
    record = forecast_record(state)
    assert record["forecast_g_per_kwh"] == pytest.approx(100.0)
    assert record["quantiles_g_per_kwh"] == {"0.1": 80.0, "0.9": 120.0}
    assert record["ahead_g_per_kwh"] == [100.0 + 10.0 * hour for hour in range(10)]
    long_run = replace_state(state, time_left_s=1e6)
    assert len(forecast_record(long_run)["ahead_g_per_kwh"]) == MAX_JOURNALED_PERIODS


def test_forecast_record_without_a_forecast(state):
    assert forecast_record(replace_state(state, forecast=None)) == {
        "forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": [],
    }  # fmt: skip


def test_forecast_record_names_what_acted_and_what_stood_in(state):
    assert "forecaster" not in forecast_record(state)
    forecast = replace(state.grid.forecast, members={"adaptive": 0.9, "naive": 0.1}, rolling_error_pct=8.123)
    acting = forecast_record(replace_state(state, forecast=forecast))["forecaster"]
    assert acting == {"weights": {"adaptive": 0.9, "naive": 0.1}, "error_pct": 8.12}
    forecast = replace(state.grid.forecast, fallback="damped-profile: too little is known")
    assert forecast_record(replace_state(state, forecast=forecast))["forecaster"] == {
        "fallback": "damped-profile: too little is known"
    }


def test_journal_holds_the_forecast_record(small_search):
    entries = small_search(forecaster="persistence").run().entries
    decided = [entry.content for entry in entries if entry.kind == "decided"]
    assert decided
    assert all(content["ahead_g_per_kwh"][0] == round(content["forecast_g_per_kwh"], 1) for content in decided)


class StateLogging(Policy):
    """Trains on every device, and keeps the states."""

    name = "state-logging"

    def __init__(self):
        self.states = []

    def decide(self, state):
        self.states.append(state)
        return Decision(Allocation(0, state.cluster.devices, 0), "Every device evaluates.")


class LongLookback(SeasonalNaive):
    """Looks back for months, and keeps its inputs."""

    lookback_s = 100 * DAY_S

    def predict(self, inputs, horizon_s):
        self.inputs = inputs
        return super().predict(inputs, horizon_s)


@pytest.mark.parametrize("forecaster", [Persistence(), LongLookback()])
def test_state_has_two_weeks_and_a_forecaster_its_lookback(forecaster):
    policy = StateLogging()
    inputs = RunInputs(settings_from_flags(hours=2, gpus=1, searcher="random"))
    build_engine(inputs, NullJournal(), policy=policy, forecaster=forecaster).run()
    assert [len(state.grid.past_g_per_kwh) for state in policy.states] == [14 * 24] * len(policy.states)
    last = policy.states[-1]
    assert last.grid.past_g_per_kwh[-1] == inputs.intensity.at(last.now_s - 1.0)
    if isinstance(forecaster, LongLookback):
        assert len(forecaster.inputs.intensity_g_per_kwh) == 100 * 24


def states_of_a_small_search(time_scale=1.0):
    policy, settings = StateLogging(), settings_from_flags(hours=6, gpus=1, searcher="random")
    live = settings.live.model_copy(update={"time_scale": time_scale})  # of simulated devices: no flag allows it
    build_engine(RunInputs(settings.model_copy(update={"live": live})), NullJournal(), policy=policy).run()
    return policy.states


def test_trained_time_is_in_seconds_of_the_run():
    """The ledger counts real seconds; a policy plans in those of the run, whatever the time scale."""
    plain, fast = states_of_a_small_search(), states_of_a_small_search(time_scale=60.0)
    assert plain[-1].search.trained_s > 3 * HOUR_S
    assert [state.search.trained_s for state in fast] == pytest.approx([state.search.trained_s for state in plain])
    assert fast[-1].budget.energy_spent_j == pytest.approx(plain[-1].budget.energy_spent_j)


@pytest.mark.parametrize(("searcher", "known"), [("surrogate", (0.06, 70.0)), ("random", (0.0, None))])
def test_state_has_what_is_known_of_the_searcher(searcher, known):
    policy = StateLogging()
    build_engine(RunInputs(settings_from_flags(hours=1, gpus=1, searcher=searcher)), NullJournal(), policy=policy).run()
    assert {(state.search.parallel_loss, state.search.usual_trainings) for state in policy.states} == {known}


def test_a_loss_by_which_more_at_a_time_do_less_is_refused():
    class Impossible(RandomSearcher):
        parallel_loss = 1.5

    inputs = RunInputs(settings_from_flags(hours=1, gpus=2))
    searcher = Impossible(inputs.benchmark.space, np.random.default_rng(0))
    with pytest.raises(SettingsError, match=r"parallel_loss of searcher random from 0 .* got 1\.5; correct"):
        build_engine(inputs, NullJournal(), searcher=searcher)
