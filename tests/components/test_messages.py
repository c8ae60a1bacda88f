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
