"""The engine that the settings describe."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.components.registry import FORECASTERS, POLICIES, SEARCHERS
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import MissingExtraError, ModelError, SettingsError
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.forecast.backtest import IssueTimes
from ce_nas.forecast.conformal import calibrate_quantiles
from ce_nas.forecast.forecaster_selection import save_forecaster
from ce_nas.forecast.simple_forecasters import SeasonalNaive
from ce_nas.store.journal import NullJournal


def engine(base=None, /, **flags):
    return build_engine(RunInputs(settings_from_flags(base, **flags)), NullJournal())


@pytest.mark.long
@pytest.mark.parametrize("name", POLICIES.names())
def test_every_policy_can_be_built(name):
    assert engine(policy=name).components.policy.name == name


@pytest.mark.parametrize("name", SEARCHERS.names())
def test_every_searcher_can_be_built(name):
    assert engine(searcher=name).components.searcher.name == name


@pytest.mark.parametrize("settings", [{"name": "qlognehvi"}, {"name": "lamoo", "inner": "qlognehvi"}])
def test_a_searchers_extra_is_checked_before_the_run(settings, monkeypatch):
    RunInputs(settings_from_flags({"searcher": settings})).validate()
    monkeypatch.setattr("ce_nas.components.registry.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"qlognehvi needs the package 'botorch'.*ce-nas\[bo\]"):
        RunInputs(settings_from_flags({"searcher": settings})).validate()
    RunInputs(settings_from_flags({"searcher": {"name": "lamoo", "inner": "nsga2"}})).validate()


@pytest.mark.parametrize("name", [component.name for component in FORECASTERS.components() if not component.extra])
def test_every_forecaster_can_be_built(name):
    components = engine(forecaster=name).components
    assert (components.forecaster.name, components.forecaster_reason) == (name, "chosen by name")


def test_the_default_forecaster_needs_no_training():
    components = engine().components
    assert components.forecaster.name == "online-ensemble"
    assert components.forecaster_reason == "the default: its members are weighed by their latest errors"
    assert components.forecaster_sha256 is None


def test_the_model_fitted_for_the_zone_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    history = RunInputs(settings_from_flags()).history
    start = history.intensity.start
    table = calibrate_quantiles(
        SeasonalNaive(), history, IssueTimes(start + timedelta(days=8), start + timedelta(days=40))
    )
    save_forecaster(tmp_path / "forecasters/solar", SeasonalNaive(), table)
    components = engine().components
    assert components.forecaster.name == "online-ensemble"
    assert components.forecaster_reason.endswith("with the model fitted for zone 'solar'")
    assert len(components.forecaster_sha256) == 64
    assert engine(zone="gas").components.forecaster_sha256 is None
    named = engine(zone="gas", forecaster=str(tmp_path / "forecasters/solar.json")).components
    assert (named.forecaster.name, named.forecaster_reason) == (
        "seasonal-naive, calibrated",
        "the model's file was named",
    )


def test_a_model_that_has_seen_the_run_is_refused_or_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    history = RunInputs(settings_from_flags()).history
    start = history.intensity.start
    table = calibrate_quantiles(
        SeasonalNaive(), history, IssueTimes(start + timedelta(days=8), start + timedelta(days=40))
    )
    seen = {"zone": "solar", "until": "2023-09-01T00:00:00Z"}
    path = save_forecaster(tmp_path / "forecasters/solar", SeasonalNaive(), table, seen)
    left_out = engine().components
    assert left_out.forecaster_sha256 is None
    assert "is left out: it has seen data until 2023-09-01" in left_out.forecaster_reason
    with pytest.raises(ModelError, match=r"has seen zone 'solar' until 2023-09-01.*--until"):
        engine(forecaster=str(path))
    assert engine(start="2023-10-01").components.forecaster_sha256 is not None
    assert engine(zone="gas", forecaster=str(path)).components.forecaster_sha256 is not None


@pytest.mark.parametrize(("forecaster", "days"), [("adaptive", 14), ("auto", 14), ("damped-profile", 7)])
def test_the_default_start_leaves_the_forecaster_its_history(forecaster, days, tmp_path):
    table = tmp_path / "trace.csv"
    begin = datetime(2021, 7, 1, tzinfo=UTC)
    hours = [begin + timedelta(hours=hour) for hour in range(24 * 20)]
    table.write_text("time,carbon_intensity\n" + "".join(f"{at:%Y-%m-%d %H:%M},{300 + at.hour}\n" for at in hours))
    inputs = RunInputs(settings_from_flags(forecaster=forecaster, trace=str(table), hours=80, unit="g/kWh"))
    assert (inputs.start - begin).days == days
    too_long = RunInputs(settings_from_flags(forecaster=forecaster, trace=str(table), hours=24 * 13, unit="g/kWh"))
    assert (too_long.start - begin).days == 7


def test_budgets_reach_the_run_config():
    budgets = engine(
        hours=5, carbon_budget="2kg", energy_budget="3kWh", cost_budget="4", gpu_hour_price=1.0, evaluations=6
    ).config.budgets
    assert (budgets.time_s, budgets.carbon_g, budgets.energy_j, budgets.cost, budgets.evaluations) == (
        18_000.0, 2000.0, 3 * 3.6e6, 4.0, 6,
    )  # fmt: skip


def test_stated_wattages_are_named_in_the_power_origin():
    assert "EC-NAS" in engine().components.cluster.power_origin
    own = engine({"cluster": {"training_w": 400.0}}).components.cluster
    assert "stated in the settings" in own.power_origin
    assert own.peak_w == 8 * 400.0


def test_the_surrogate_knows_training_free_costs():
    searcher = engine(searcher="surrogate", objectives="accuracy,params:max").components.searcher
    params = RunInputs(settings_from_flags()).table.metric("params").values
    known = searcher._dataset.known_values(list(searcher._space.index))
    assert np.isnan(known[:, 0]).all()
    assert known[:, 1] == pytest.approx(-params)


@pytest.mark.parametrize("inner", [name for name in SEARCHERS.names() if name != "lamoo"])
def test_lamoo_takes_every_inner_searcher(inner):
    searcher = engine({"searcher": {"inner": inner}}, searcher="lamoo").components.searcher
    assert (searcher.name, searcher.uses_proxy_scores) == ("lamoo", inner == "surrogate")


def test_wrapped_searchers_keep_their_name():
    assert engine(searcher="nsga2", constraints="latency<=0.02").components.searcher.name == "nsga2"


def test_deduplication_needs_nas_bench_201(tmp_path):
    table = tmp_path / "plain.csv"
    table.write_text("op,accuracy,latency,train_s\na,1,2,3\nb,2,1,3\n")
    with pytest.raises(SettingsError, match=r"Expected cells of NAS-Bench-201 for searcher\.deduplicate"):
        engine({"searcher": {"deduplicate": True}}, table=table)
