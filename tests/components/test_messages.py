"""What is wrong with a setting is said in the package's own words, whatever the setting and the value."""

import math
import re

import pytest
from pydantic import BaseModel

from ce_nas.components.registry import FORECASTERS, METERS, POLICIES, PROBLEMS, PROVIDERS, SEARCHERS, WORKERS
from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.core.errors import SettingsError

PYDANTIC = re.compile(
    r"Input should|unable to parse|valid (integer|number|string|boolean|dict|tuple|list|path)|validation error|"
    r"Field required|Extra inputs|finite number|pydantic|Value error|Assertion",
    re.IGNORECASE,
)
VALUES = ["x", "", -1, 0.5, math.inf, math.nan, [], {"a": 1}, [1, 2], True, "1 kg"]


def list_paths(model, path=()):
    for name, field in model.model_fields.items():
        yield (*path, name)
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from list_paths(kind, (*path, name))


def find_fault(tree):
    """What is wrong with the message for a tree of settings; None if it is fine or the settings are valid."""
    try:
        settings_from_flags(tree)
    except SettingsError as error:
        text = str(error)
        return text if PYDANTIC.search(text) or "\n" in text or not text.rstrip().endswith((".", "?", "'")) else None
    return None


def test_every_setting_explains_a_value_of_another_type():
    faults = []
    for *sections, key in list_paths(Settings):
        for value in VALUES:
            tree = {"live": {"enabled": True}} if sections[:1] == ["live"] else {}
            node = tree
            for section in sections:
                node = node.setdefault(section, {})
            node[key] = value
            if fault := find_fault(tree):
                faults.append((".".join([*sections, key]), value, fault))
    assert faults == []


@pytest.mark.parametrize(
    ("section", "registry"),
    [
        (("problem",), PROBLEMS), (("policy",), POLICIES), (("searcher",), SEARCHERS), (("forecaster",), FORECASTERS),
        (("grid", "provider"), PROVIDERS), (("live", "workers"), WORKERS), (("live", "meter"), METERS),
    ],
)  # fmt: skip
def test_every_option_of_a_component_explains_a_value_of_another_type(section, registry):
    faults = []
    for name in registry.names():
        if "." in name:
            continue
        for option in registry.get(name).settings.model_fields:
            for value in VALUES:
                tree = {"live": {"enabled": True}} if section[0] in {"live", "grid"} else {}
                node = tree
                for part in section[:-1]:
                    node = node.setdefault(part, {})
                node[section[-1]] = {"name": name, option: value}
                if fault := find_fault(tree):
                    faults.append((name, option, value, fault))
    assert faults == []


def test_an_item_of_a_list_is_named():
    with pytest.raises(
        SettingsError, match=r"Expected a whole number of at least 1 for site\.others\.0\.gpus, got 'x'"
    ):
        settings_from_flags({"site": {"others": [{"name": "north", "gpus": "x"}]}})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"cluster": {"gpus": True}}, "Expected a whole number from 1 to 4096 for cluster.gpus, got true."),
        (
            {"cluster": {"gpus": "3"}},
            "Expected a whole number from 1 to 4096 for cluster.gpus, got '3'; write it without quotes.",
        ),
        ({"live": {"enabled": "yes"}}, "Expected true or false for live.enabled, got 'yes'."),
        ({"power": {"lever": "true"}}, "Expected true or false for power.lever, got 'true'; write it without quotes."),
        ({"power": {"lever": 1}}, "Expected true or false for power.lever, got 1."),
        ({"budget": {"carbon": True}}, "Expected a mass of CO2eq such as 5kg for budget.carbon, got true."),
        ({"policy": {"scores_first": 1}}, "Expected true or false for policy.scores_first, got 1."),
        (
            {"searcher": {"name": "lamoo", "inner": {"name": "nsga2", "population": True}}},
            "Expected a whole number of at least 2 for searcher.inner.population, got true.",
        ),
        (
            {"live": {"enabled": True, "recipe": {"milestones": [0.5, True]}}},
            "Expected a number for live.recipe.milestones.1, got true.",
        ),
        ({"final": {"recipe": {"keep_last": 1}}}, "Expected true or false for final.recipe.keep_last, got 1."),
        ({"site": {"closed": [5]}}, "Expected a text for site.closed.0, got 5."),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_named_with_its_place(tree, message):
    with pytest.raises(SettingsError) as caught:
        settings_from_flags(tree)
    assert str(caught.value) == message


def test_an_option_of_a_recipe_is_named():
    for recipe, message in (
        ({"epoch": 3}, r"^Unknown setting in \[live\.recipe\] 'epoch'.*Did you mean 'epochs'\?$"),
        ({"epochs": "x"}, r"^Expected a whole number for live\.recipe\.epochs, got 'x'\.$"),
        ({"optimiser": "sdg"}, r"^Unknown live\.recipe\.optimiser 'sdg'.*Did you mean 'sgd'\?$"),
    ):
        with pytest.raises(SettingsError, match=message):
            settings_from_flags({"live": {"enabled": True, "recipe": recipe}})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"zone": "DE"}, "Unknown setting 'zone'; write it under [grid] or under [[site.others]]."),
        ({"grid": {"gpus": 2}}, "Unknown setting in [grid] 'gpus'; write it under [cluster] or under [[site.others]]."),
        (
            {"cluster": {"seed": 2}},
            "Unknown setting in [cluster] 'seed'; write it at the top, above the first section or under [grid].",
        ),
        ({"carbon_budget": "5kg"}, "Unknown setting 'carbon_budget'; write it as carbon under [budget]."),
        ({"objectives": "accuracy"}, "Unknown setting 'objectives'; write it under [problem]."),
        ({"clean_quantile": 0.2}, "Unknown setting 'clean_quantile'; write it under [policy]."),
        ({"cpus": 2}, "Unknown setting 'cpus'; write it under [live.workers]."),
        (
            {"live": {"epochs": 3}},
            "Unknown setting in [live] 'epochs'; write it under [live.recipe] or under [final.recipe].",
        ),
        (
            {"policy": {"hours": 3}},
            "Unknown setting of the policy look-ahead 'hours'; write it under [budget].",
        ),
        (
            {"searcher": {"name": "lamoo", "inner": {"name": "random", "hours": 3}}},
            "Unknown setting of the searcher random 'hours'; write it under [budget].",
        ),
        (
            {"site": {"others": [{"name": "a", "move_time": "3 s"}]}},
            "Unknown setting in [site.others.0] 'move_time'; write it under [site].",
        ),
    ],
)
def test_a_key_of_another_section_is_named_with_its_section(tree, message):
    with pytest.raises(SettingsError) as caught:
        settings_from_flags(tree)
    assert str(caught.value) == message


def test_every_key_at_the_top_is_sent_to_a_section_that_has_it():
    for *sections, key in list_paths(Settings):
        if not sections or key == "name" or key in Settings.model_fields:
            continue
        with pytest.raises(SettingsError, match=rf"^Unknown setting '{key}'; write it .*under \[") as caught:
            Settings.model_validate({key: 1})
        assert re.search(rf"under \[+{re.escape('.'.join(sections))}\]", str(caught.value)), (sections, key)
