"""Registries: built-in components, those of other packages, and what is refused."""

import subprocess
import sys
import textwrap

import pytest
from pydantic import BaseModel

from ce_nas.components.base import ComponentSettings
from ce_nas.components.registry import FORECASTERS, POLICIES, PROVIDERS, REGISTRIES, SEARCHERS, WORKERS
from ce_nas.core.errors import MissingExtraError, SettingsError

EVERY = [(registry, name) for registry in REGISTRIES for name in registry._builtin]


@pytest.mark.parametrize(("registry", "name"), EVERY, ids=lambda value: getattr(value, "kind", value))
def test_every_builtin_component_registers_itself(registry, name):
    component = registry.get(name)
    assert component.name == name
    assert issubclass(component.settings, registry.base)
    assert component.summary
    assert all(field.description for key, field in component.settings.model_fields.items() if key != "name")


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_names_start_with_the_default(registry):
    assert set(registry._builtin) <= set(registry.names())
    assert not registry.default or registry.names()[0] == registry.default


def test_a_component_is_chosen_by_name_or_table():
    assert POLICIES.validate("threshold") == POLICIES.validate({"name": "threshold"})
    settings = POLICIES.validate({"name": "threshold", "clean_quantile": 0.25})
    assert settings.options() == {"safe": False, "clean_quantile": 0.25}
    assert POLICIES.build(settings).name == "threshold"
    assert POLICIES.validate({"cost_weight": 0.5}).name == "look-ahead"


@pytest.mark.parametrize(
    ("registry", "value", "message"),
    [
        (POLICIES, "vanila", "Unknown policy 'vanila'.*Did you mean 'vanilla'"),
        (
            POLICIES,
            {"name": "threshold", "cost_weight": 0.5},
            "policy threshold has no setting cost_weight; look-ahead has it",
        ),
        (POLICIES, {"cost_wight": 0.5}, "setting of the policy look-ahead 'cost_wight'.*Did you mean 'cost_weight'"),
        (POLICIES, {"cost_weight": "x"}, "Expected a number from 0 to 1 for policy.cost_weight, got 'x'"),
        (POLICIES, 3, "Expected a policy's name, or a table of its name and options, for policy, got 3"),
        (POLICIES, {"name": 3}, "Expected a policy's name"),
        (SEARCHERS, "lamo", "Did you mean 'lamoo'"),
        (SEARCHERS, {"name": "nsga2", "inner": "random"}, "searcher nsga2 has no setting inner; lamoo has it"),
        (SEARCHERS, {"name": "lamoo", "inner": "lamoo"}, "Unknown inner searcher 'lamoo'"),
        (SEARCHERS, {"name": "lamoo", "inner": {"name": "nsga2", "deduplicate": True}}, r"deduplicate in \[searcher\]"),
        (FORECASTERS, "oracle", "Unknown forecaster 'oracle'.*FILE.json"),
        (PROVIDERS, "file", "Expected provider.file, but it is missing"),
        (WORKERS, {"name": "local", "cpus": 2}, "worker pool local has no setting cpus; ray has it"),
    ],
)
def test_invalid_components_are_refused(registry, value, message):
    with pytest.raises(SettingsError, match=message):
        registry.validate(value)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr("ce_nas.components.registry.find_spec", lambda _: None)
    SEARCHERS.require_extra("random")
    with pytest.raises(MissingExtraError, match=r"searcher qlognehvi needs the package 'botorch'.*ce-nas\[bo\]"):
        SEARCHERS.require_extra("qlognehvi")


def test_a_fitted_model_is_chosen_by_its_file(tmp_path):
    settings = FORECASTERS.validate("model.json")
    assert settings.name == "model.json"
    assert settings.model_dump(mode="json")["name"].startswith("/")


def test_inner_searchers_take_their_own_options():
    settings = SEARCHERS.validate({"name": "lamoo", "inner": {"name": "nsga2", "population": 20}})
    assert settings.inner.population == 20
    assert SEARCHERS.validate(settings.model_dump(mode="json")) == settings
    assert SEARCHERS.validate("lamoo").model_dump(mode="json")["inner"] == "random"


def test_settings_models_refuse_unknown_keys():
    for registry in REGISTRIES:
        for component in registry.components():
            assert issubclass(component.settings, ComponentSettings | BaseModel)
            assert component.settings.model_config["extra"] == "forbid"


PLUGIN = """
from pydantic import Field
from ce_nas import Allocation, Decision, Policy
from ce_nas.components.base import ComponentSettings
from ce_nas.components.registry import POLICIES


class HalfSettings(ComponentSettings):
    share: float = Field(0.5, ge=0, le=1, description="Share of the GPUs that train.")


@POLICIES.register("half", HalfSettings)
class Half(Policy):
    "Trains on a share of the GPUs."
    name = "half"

    def __init__(self, share):
        self.share = share

    def decide(self, state):
        count = round(self.share * state.cluster.devices)
        return Decision(Allocation(0, count, released=state.cluster.devices - count), "A share.")


class Plain(Policy):
    "Trains on every GPU."
    name = "plain"

    def decide(self, state):
        return Decision(Allocation(0, state.cluster.devices), "All.")
"""
SCRIPT = """
import ce_nas
from ce_nas.components.registry import POLICIES
assert {"half", "plain"} <= set(POLICIES.names())
result = ce_nas.run(policy={"name": "half", "share": 0.25}, searcher="random", gpus=4, hours=2)
assert result.summary.policy == "half"
assert result.entries[0].content["settings"]["policy"] == {"name": "half", "share": 0.25}
assert ce_nas.run(policy="plain", searcher="random", gpus=4, hours=2).summary.policy == "plain"
try:
    ce_nas.Search(policy={"name": "half", "shar": 0.25})
except ce_nas.CeNasError as error:
    assert "Did you mean 'share'" in str(error), error
else:
    raise AssertionError
"""


@pytest.mark.long
def test_another_package_adds_a_policy_by_entry_point(tmp_path):
    (tmp_path / "half_policy.py").write_text(textwrap.dedent(PLUGIN))
    metadata = tmp_path / "half_policy-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: half-policy\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[ce_nas.policies]\nhalf = half_policy:Half\nplain = half_policy:Plain\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{SCRIPT}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_import_and_settings_stay_light():
    code = (
        "import sys, ce_nas; assert not {'numpy', 'pydantic', 'typer'} & set(sys.modules), 'import ce_nas'\n"
        "import ce_nas.config.schema\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules), 'schema'"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
