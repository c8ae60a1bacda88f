"""What the settings name is what the engine is made of."""

from datetime import timedelta

import numpy as np
import pytest

from ce_nas.config.registry import INNER_SEARCHERS, POLICIES, SEARCHERS
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.engine.build import build
from ce_nas.engine.inputs import Materials
from ce_nas.forecast.backtest import Issues
from ce_nas.forecast.baselines import SeasonalNaive
from ce_nas.forecast.conformal import calibrate
from ce_nas.forecast.registry import save
from ce_nas.store.journal import NullJournal


def engine(base=None, /, **flags):
    return build(Materials(settings_from_flags(base, **flags)), NullJournal())


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_can_be_built(name):
    assert engine(policy=name).parts.allocator.name == name


@pytest.mark.parametrize("name", SEARCHERS)
def test_every_searcher_can_be_built(name):
    assert engine(searcher=name).parts.searcher.name == name


@pytest.mark.parametrize("settings", [{"name": "qlognehvi"}, {"name": "lamoo", "inner": "qlognehvi"}])
def test_what_a_searcher_is_built_on_is_asked_for_before_anything_is_written(settings, monkeypatch):
    Materials(settings_from_flags({"searcher": settings})).check()
    monkeypatch.setattr("ce_nas.config.registry.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"qlognehvi needs the package 'botorch'.*ce-nas\[bo\]"):
        Materials(settings_from_flags({"searcher": settings})).check()
    Materials(settings_from_flags({"searcher": {"name": "uniform", "inner": "qlognehvi"}})).check()


@pytest.mark.parametrize("name", ["adaptive", "damped-profile", "persistence", "seasonal-naive"])
def test_every_forecaster_can_be_built(name):
    parts = engine(forecaster=name).parts
    assert (parts.forecaster.name, parts.forecaster_reason) == (name, "chosen by name")


def test_without_a_fitted_model_the_forecaster_needs_no_training():
    parts = engine().parts
    assert parts.forecaster.name == "damped-profile"
    assert parts.forecaster_reason.startswith("no model fitted for zone 'solar' is in the user's data folder")
    assert parts.forecaster_sha256 is None


def test_the_model_that_was_fitted_for_the_zone_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    history = Materials(settings_from_flags()).history
    start = history.intensity.start
    table = calibrate(SeasonalNaive(), history, Issues(start + timedelta(days=8), start + timedelta(days=40)))
    save(tmp_path / "forecasters/solar", SeasonalNaive(), table)
    parts = engine().parts
    assert parts.forecaster.name == "seasonal-naive, calibrated"
    assert parts.forecaster_reason == "a model fitted for zone 'solar' is in the user's data folder"
    assert len(parts.forecaster_sha256) == 64
    assert engine(zone="gas").parts.forecaster.name == "damped-profile"
    named = engine(zone="gas", forecaster=str(tmp_path / "forecasters/solar.json")).parts
    assert (named.forecaster.name, named.forecaster_reason) == (parts.forecaster.name, "the model's file was named")


def test_budgets_reach_the_plan():
    limits = engine(hours=5, carbon_budget="2kg", energy_budget="3kWh", cost_budget="4", evaluations=6).plan.limits
    assert (limits.time_s, limits.carbon_g, limits.energy_j, limits.cost, limits.evaluations) == (
        18_000.0, 2000.0, 3 * 3.6e6, 4.0, 6,
    )  # fmt: skip


def test_wattages_of_ones_own_are_named_as_such():
    assert "EC-NAS" in engine().parts.cluster.power_origin
    own = engine({"cluster": {"training_w": 400.0}}).parts.cluster
    assert "stated in the settings" in own.power_origin
    assert own.peak_w == 8 * 400.0


def test_the_surrogate_knows_the_costs_that_need_no_training():
    searcher = engine(searcher="surrogate", objectives="accuracy,params:max").parts.searcher
    params = Materials(settings_from_flags()).table.metric("params").values
    known = searcher._knowledge.costs_of(list(searcher._space.index))
    assert np.isnan(known[:, 0]).all()
    assert known[:, 1] == pytest.approx(-params)


@pytest.mark.parametrize("inner", INNER_SEARCHERS)
def test_lamoo_searches_its_regions_with_any_of_them(inner):
    searcher = engine({"searcher": {"inner": inner}}, searcher="lamoo").parts.searcher
    assert (searcher.name, searcher.foresees) == ("lamoo", inner == "surrogate")


def test_wrappers_keep_the_name_of_what_they_wrap():
    assert engine(searcher="nsga2", constraints="latency<=0.02").parts.searcher.name == "nsga2"


def test_one_a_function_needs_a_space_that_tells(tmp_path):
    table = tmp_path / "plain.csv"
    table.write_text("op,accuracy,latency,train_s\na,1,2,3\nb,2,1,3\n")
    with pytest.raises(SettingsError, match=r"Expected cells of NAS-Bench-201 for searcher\.distinct, since of plain"):
        engine({"searcher": {"distinct": True}}, table=table)
