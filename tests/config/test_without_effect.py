import pytest

from ce_nas.components.registry import SEARCHERS
from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.search.random import RandomSearcher

#: objectives whose latency is measured, and measurements without a supernet
ALONE, SAMPLED = "accuracy,latency", {"enabled": True, "supernet": False, "latency_samples": 8}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"evaluate": "nofile.py"}, r"--evaluate \(live.evaluate\) has no effect without .*: add --live, or leave it"),
        ({"data": "photos"}, "--data .*add --live"),
        ({"space": "darts"}, "--space .*add --live"),
        ({"time_scale": 60}, "--time-scale .*add --live"),
        ({"live": {"supernet": False}}, "The setting live.supernet has no effect without .*add --live"),
        ({"live": {"enabled": True, "latency_samples": 8}}, "live.latency_samples .*without the objective latency"),
        ({"objectives": ALONE, "live": {"enabled": True, "latency_samples": 8}}, "latency_samples .*supernet = false"),
        ({"objectives": ALONE, "live": SAMPLED, "policy": "vanilla"}, "latency_samples .*another than vanilla"),
        ({"objectives": ALONE, "live": SAMPLED, "evaluate": "own.py"}, "latency_samples .*remove --evaluate"),
        ({"policy": {"name": "look-ahead", "plan_for_searcher": False}, "searcher": "random"}, "--searcher surrogate"),
        ({"cost_budget": 5}, "--cost-budget .*add --electricity-price or --gpu-hour-price"),
        ({"budget": {"accounting": "paper"}}, "budget.accounting .*add --carbon-budget"),
        ({"price_unit": "EUR/MWh"}, "--price-unit .*add --electricity-price FILE"),
        ({"unit": "g/kWh"}, "--unit .*add --trace FILE"),
        ({"weather_zone": "north"}, "--weather-zone .*add --weather FILE"),
        ({"grid": {"max_fallback": "fresh"}}, "grid.max_fallback .*add --provider"),
        ({"site": {"move_time": "20min"}}, r"site.move_time .*add --sites, or \[\[site.others\]\]"),
    ],
)
def test_option_without_effect_is_refused_with_the_way_out(flags, message):
    with pytest.raises(SettingsError, match=message):
        settings_from_flags(**flags)


@pytest.mark.parametrize(
    "flags",
    [
        {"live": True, "data": "photos", "time_scale": 2},
        {"cost_budget": 5, "gpu_hour_price": 2.0},
        {"cost_budget": 5, "site": {"others": [{"name": "north", "zone": "hydro", "electricity_price": 0.1}]}},
        {"carbon_budget": "5kg", "budget": {"accounting": "paper"}},
        {"price_unit": "EUR/MWh", "electricity_price": "prices.csv"},
        {"data": "digits"},  # the default
        {"policy": {"name": "look-ahead", "plan_for_searcher": False}},
        {"objectives": ALONE, "live": SAMPLED},
        {"objectives": ALONE, "live": {"enabled": True, "latency_samples": 8}, "proxy_scores": "none"},
        {"objectives": ALONE, "live": SAMPLED | {"latency_samples": 0}, "policy": "vanilla"},
    ],
)
def test_option_with_an_effect_is_accepted(flags):
    settings = settings_from_flags(**flags)
    written = settings.model_dump(mode="json")
    assert Settings.model_validate(written).model_dump(mode="json") == written


@pytest.mark.parametrize(
    ("attributes", "is_refused"),
    [({}, True), ({"parallel_loss": 0.0}, True), ({"parallel_loss": 0.1}, False), ({"usual_trainings": 40}, False)],
)
def test_a_plan_for_the_searcher_has_an_effect_where_its_class_says_what_is_known(monkeypatch, attributes, is_refused):
    monkeypatch.setattr(SEARCHERS, "_components", dict(SEARCHERS._components))
    SEARCHERS.register("own", summary="Own.")(type("Own", (RandomSearcher,), {"name": "own", **attributes}))
    flags = {"policy": {"name": "look-ahead", "plan_for_searcher": False}, "searcher": "own"}
    if is_refused:
        with pytest.raises(SettingsError, match=r"plan_for_searcher has no effect without .*usual_trainings"):
            settings_from_flags(**flags)
    else:
        assert settings_from_flags(**flags).searcher.name == "own"


def test_of_a_function_that_builds_a_searcher_nothing_is_said(monkeypatch):
    monkeypatch.setattr(SEARCHERS, "_components", dict(SEARCHERS._components))
    SEARCHERS.register("built", summary="Built.")(lambda *_: None)
    assert settings_from_flags(policy={"name": "look-ahead", "plan_for_searcher": False}, searcher="built")
