"""The regret of benchmarks/forecast_regret.py: none for a perfect forecast, priced by the truth."""

import importlib.util
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.simple_forecasters import Persistence, SeasonalNaive
from ce_nas.grid.trace import Series

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "forecast_regret.py"
spec = importlib.util.spec_from_file_location("forecast_regret", SCRIPT)
benchmark = sys.modules["forecast_regret"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)
DeferrableJob, compute_regret, window_starts = (
    benchmark.DeferrableJob,
    benchmark.compute_regret,
    benchmark.window_starts,
)

START = datetime(2021, 1, 1, tzinfo=UTC)
SMALL = DeferrableJob(power_w=1000.0, duration_s=4 * HOUR_S, window_s=10 * HOUR_S)


class Scaled(Forecaster):
    """Predicts the truth times a factor."""

    name = "scaled"
    lookback_s = HOUR_S

    def __init__(self, values, factor=1.0):
        self.values, self.factor, self.n_calls = np.asarray(values), factor, 0

    def predict(self, inputs, horizon_s):
        self.n_calls += 1
        first = round((inputs.end - START).total_seconds() / inputs.step_s)
        values = self.factor * self.values[first : first + round(horizon_s / inputs.step_s)]
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, values)


def history(values):
    return RecordedHistory("X", Series(START, HOUR_S, np.asarray(values, dtype=float)))


def at(hour):
    return START + timedelta(hours=hour)


def test_emissions_of_the_chosen_hours():
    values = [100, 500, 500, 200, 500, 100, 300, 500, 500, 50, 500, 500]
    regret = compute_regret(Scaled(values), history(values), SMALL, iter([at(1)]))
    # From hour 1 on the cleanest four are 200, 100, 300 and 50 g/kWh, an hour of 1 kW each.
    assert regret.scheduled_g.tolist() == regret.optimal_g.tolist() == [650.0]
    assert regret.immediate_g.tolist() == [500 + 500 + 200 + 500]
    assert regret.regret_g.tolist() == [0.0]
    assert regret.saved_share == 1.0


@given(st.lists(st.floats(1, 900), min_size=31, max_size=31), st.integers(1, 10))
@settings(max_examples=50)
def test_perfect_forecast_has_no_regret_and_is_optimal(values, hours):
    job = DeferrableJob(power_w=1000.0, duration_s=hours * HOUR_S, window_s=10 * HOUR_S)
    starts = list(window_starts(at(1), at(31), job.window_s))
    perfect = compute_regret(Scaled(values), history(values), job, iter(starts))
    assert perfect.regret_g == pytest.approx(0.0, abs=1e-6)
    for other in (Scaled(values, -1.0), Persistence(), SeasonalNaive()):
        regret = compute_regret(other, history(values), job, iter(starts))
        assert (regret.regret_g >= -1e-6).all()
        assert regret.optimal_g == pytest.approx(perfect.optimal_g)


def test_flat_forecast_runs_immediately():
    values = np.linspace(900, 100, 40)
    regret = compute_regret(Persistence(), history(values), SMALL, window_starts(at(1), at(40), SMALL.window_s))
    assert len(regret.starts) == 3
    assert regret.scheduled_g == pytest.approx(regret.immediate_g)
    assert regret.saved_share == 0.0


def test_replan_interval_limits_the_forecasts():
    values = np.random.default_rng(0).uniform(100, 500, 60)
    often, seldom = Scaled(values), Scaled(values)
    for forecaster, replan_s in ((often, HOUR_S), (seldom, 5 * HOUR_S)):
        job = DeferrableJob(1000.0, 4 * HOUR_S, 10 * HOUR_S, replan_s)
        regret = compute_regret(forecaster, history(values), job, iter([at(1)]))
        assert regret.regret_g.tolist() == [0.0]
    assert seldom.n_calls <= 2 < often.n_calls


def test_windows_with_a_gap_are_skipped():
    values = np.full(60, 100.0)
    values[15] = np.nan
    regret = compute_regret(SeasonalNaive(), history(values), SMALL, window_starts(at(1), at(60), SMALL.window_s))
    assert regret.starts == (at(1), at(21), at(31), at(41))
    assert np.isnan(regret.saved_share)


@pytest.mark.parametrize("duration_s", [0.0, 11 * HOUR_S])
def test_job_longer_than_its_window_is_rejected(duration_s):
    with pytest.raises(SettingsError, match=r"fits into its window of 10\.0 h"):
        compute_regret(Persistence(), history([1.0] * 30), DeferrableJob(1.0, duration_s, 10 * HOUR_S), iter([at(1)]))


def test_windows_outside_the_record_are_rejected():
    with pytest.raises(SettingsError, match="choose other dates"):
        compute_regret(Persistence(), history([1.0] * 30), SMALL, iter([at(0), at(1000)]))


def test_year_has_109_windows_of_80_hours():
    starts = list(window_starts(START, START + timedelta(days=365), 80 * HOUR_S))
    assert len(starts) == 109
    assert (starts[1] - starts[0]).total_seconds() == 80 * HOUR_S
    assert list(window_starts(START, START + timedelta(hours=79), 80 * HOUR_S)) == []
    assert DeferrableJob().window_s > DAY_S


def test_forecasts_are_issued_once_and_continued_by_their_mean_day():
    values = np.tile(np.arange(100.0, 124.0), 20)
    inner = Scaled(values)
    issued, record = benchmark.IssuedForecasts(inner), history(values)
    for horizon_h in (24, 120):
        inputs = record.inputs_at(48 * HOUR_S, HOUR_S, horizon_h * HOUR_S)
        assert issued.predict(inputs, horizon_h * HOUR_S).mean_g_per_kwh == pytest.approx(values[:horizon_h])
    assert inner.n_calls == 1


def test_flat_forecasts_keep_their_ties():
    issued = benchmark.IssuedForecasts(Persistence())
    inputs = history([100.3] * 30).inputs_at(20 * HOUR_S, HOUR_S)
    assert len(set(issued.predict(inputs, 96 * HOUR_S).mean_g_per_kwh.tolist())) == 1


def test_a_forecaster_is_judged_by_grams_and_errors():
    values = 300 + 100 * np.sin(2 * np.pi * np.arange(24 * 40) / 24) + np.random.default_rng(0).normal(0, 5, 24 * 40)
    figures = benchmark.judge(SeasonalNaive(), history(values), (at(24 * 15), at(24 * 30)), 24.0, seed=0)
    assert list(figures["jobs"]) == [
        "3 h in 24 h", "12 h in 24 h", "3 h in 80 h", "12 h in 80 h", "40 h in 80 h", "3 h in 168 h", "12 h in 168 h",
        "40 h in 168 h",
    ]  # fmt: skip
    assert figures["jobs"]["12 h in 24 h"]["kept_share"][0] > 0.9
    low, high = figures["jobs"]["12 h in 24 h"]["kept_share"][1:]
    assert low <= figures["jobs"]["12 h in 24 h"]["kept_share"][0] <= high
    assert figures["mape_pct"] < 5
    assert 50 < figures["in_80_pct"] < 100


def test_the_best_combination_in_hindsight_is_found_from_the_best_member():
    def kept(weights):
        return 0.8 - abs(weights[1] - 0.6) - abs(weights[2] - 0.4)

    weights, share, best = benchmark.best_combination(kept, 3)
    assert best == 1
    assert weights.sum() == pytest.approx(1.0)
    assert share == kept(weights) > kept(np.eye(3)[1])


def test_a_fixed_combination_is_the_mean_of_issued_forecasts_in_logarithms():
    members = [benchmark.IssuedForecasts(member) for member in (Persistence(), SeasonalNaive())]
    past = history(np.repeat([100.0, 400.0], 24)).inputs_at(48 * HOUR_S, DAY_S)
    varied = replace(past, intensity_g_per_kwh=np.append(np.full(23, 400.0), 100.0))
    for member in members:
        member.predict(varied, 4 * DAY_S)
    mixed = benchmark.FixedCombination(members, np.array([0.5, 0.5])).predict(varied, DAY_S).mean_g_per_kwh
    np.testing.assert_allclose(mixed, np.append(np.full(23, 200.0), 100.0))


def test_hindsight_names_the_best_member_and_is_no_worse_than_it():
    hours = np.arange(40 * 24)
    record = history(300 + 100 * np.sin(2 * np.pi * hours / 24) + 20 * np.sin(hours / 5.0))
    span = (at(20 * 24), at(34 * 24))
    found = benchmark.judge_hindsight([Persistence(), SeasonalNaive()], record, span, 24.0)
    assert found["best_member"] == "seasonal-naive"
    assert found["best_combination_kept"] >= found["members"]["seasonal-naive"] > found["members"]["persistence"]


def test_known_generation_is_the_true_one_and_absent_where_there_is_none():
    trace = SimpleNamespace(
        series=Series(START, HOUR_S, np.full(3, 300.0)),
        mix_mw={"wind": np.array([1000.0, np.nan, 3000.0]), "solar": np.zeros(3), "coal": np.ones(3)},
    )
    known = benchmark.known_generation(trace)
    assert list(known) == ["wind_generation"]
    assert known["wind_generation"].values.tolist() == [1.0, 0.0, 3.0]
