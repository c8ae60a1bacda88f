"""One schema for files, flags and keywords, and its messages."""

import json

import pytest

from ce_nas.config.schema import Settings, read_settings_file, setting_flags, settings_from_flags
from ce_nas.core.errors import SettingsError


def test_settings_survive_their_journal():
    settings = settings_from_flags(
        {"schedule": {"period": "30min"}}, hours=80, carbon_budget="5kg", energy_budget="3 kWh", cost_budget="12.5",
        objectives="accuracy,latency:min:0.05", start="2021-07-02T06:00", electricity_price="0.31",
        policy={"name": "threshold", "clean_quantile": 0.25},
        live={"enabled": True, "workers": {"name": "ray", "cpus": 2}},
    )  # fmt: skip
    assert settings.budget.time_s == 288_000.0
    assert settings.budget.carbon == 5000.0
    assert settings.schedule.period == 1800.0
    assert settings.prices.electricity_price == 0.31
    assert Settings.model_validate(json.loads(json.dumps(settings.model_dump(mode="json")))) == settings


def test_flags_override_the_file(tmp_path):
    file = tmp_path / "search.toml"
    file.write_text('seed = 4\npolicy = "vanilla"\n[budget]\nhours = "3d"\ncarbon = "11lb"\n[grid]\ntrace = "ci.csv"\n')
    settings = settings_from_flags(read_settings_file(file), hours="90min")
    assert (settings.seed, settings.budget.time_s, settings.policy.name) == (4, 5400.0, "vanilla")
    assert settings.budget.carbon == pytest.approx(11 * 453.59237)
    assert settings.grid.trace == tmp_path / "ci.csv"  # in the file's folder, wherever the command is called


@pytest.mark.parametrize(("stated", "seconds"), [(2, 7200.0), (0.5, 1800.0), ("2", 7200.0), ("3d", 259_200.0)])
def test_hours_are_a_number_or_a_duration(stated, seconds):
    assert settings_from_flags(hours=stated).budget.time_s == seconds
    assert settings_from_flags({"budget": {"hours": stated}}).budget.time_s == seconds


@pytest.mark.parametrize(
    ("base", "flags"),
    [
        ({"grid": "solar"}, {}),
        ({"grid": {"zone": "solar"}}, {}),
        ({}, {"grid": "solar"}),
        ({}, {"grid": {"zone": "solar"}}),
        ({}, {"zone": "solar"}),
        ({"grid": "coal"}, {"zone": "solar"}),
    ],
)
def test_a_grid_is_a_name_or_a_table(base, flags):
    settings = settings_from_flags(base, **flags)
    assert settings.grid.zone == "solar"
    assert settings_from_flags({"grid": "solar"}, start="2023-07-03").grid.start.day == 3


def test_a_section_keyword_adds_to_the_file():
    settings = settings_from_flags({"budget": {"hours": 3}}, budget={"carbon": "5kg"}, policy="vanilla")
    assert (settings.budget.time_s, settings.budget.carbon) == (3 * 3600.0, 5000.0)


def test_a_table_alone_is_the_users_problem(tmp_path):
    assert settings_from_flags(table=tmp_path / "own.csv").problem.name == "table"


def test_a_live_search_has_its_own_defaults():
    assert settings_from_flags(live=True).policy.name == "hotcarbon"
    assert settings_from_flags({"live": True}, time_scale=2).live.time_scale == 2
    assert settings_from_flags(live=True, policy={"cost_weight": 0.5}).policy.name == "look-ahead"


@pytest.mark.parametrize(
    ("base", "flags", "message"),
    [
        ({"sed": 1}, {}, "Unknown setting 'sed'.*Did you mean 'seed'"),
        ({"grid": {"zon": "x"}}, {}, r"Unknown setting in \[grid\] 'zon'.*Did you mean 'zone'"),
        ({"site": {"others": [{"name": "n", "zon": "x"}]}}, {}, r"\[site.others.0\] 'zon'.*Did you mean 'zone'"),
        ({}, {"carbn_budget": "5kg"}, "Did you mean 'carbon_budget'"),
        ({}, {"carbon_budget": "5"}, "Setting budget.carbon: expected.*5kg.*'5'"),
        ({}, {"carbon_budget": "5kWh"}, "budget.carbon.*mass of carbon.*'5kWh'"),
        ({}, {"energy_budget": "5kg"}, "budget.energy.*an energy.*'5kg'"),
        ({}, {"hours": "-3"}, "budget.hours.*'-3 h'"),
        ({}, {"hours": "nan"}, "budget.hours"),
        ({}, {"cost_budget": "5EUR"}, "budget.cost.*plain number.*'5EUR'"),
        ({}, {"gpus": 0}, "Expected a whole number from 1 to 4096 for cluster.gpus, got 0"),
        ({}, {"evaluations": "x"}, "Expected a whole number of at least 1 for budget.evaluations, got 'x'"),
        ({}, {"start": "July"}, "grid.start.*2021-07-02T06:00.*'July'"),
        ({"budget": 3}, {}, "Expected a table for budget, got 3"),
        ({"site": {"others": [{}]}}, {}, "Expected site.others.0.name, but it is missing"),
        ({"live": {"space": "drats"}}, {}, "Unknown live.space 'drats'.*Did you mean 'darts'"),
        ({"grid": {"factors": "dircet"}}, {}, "Unknown grid.factors 'dircet'.*Did you mean 'direct'"),
        ({"live": {"supernet": "perhaps"}}, {}, "Expected true or false for live.supernet, got 'perhaps'"),
        (
            {"prices": {"electricity_price": []}},
            {},
            r"Expected a number, or a file of prices for prices.electricity_price",
        ),
        ({"problem": {"name": "nasbench301", "dataset": "cifar100"}}, {}, "Unknown problem.dataset 'cifar100'"),
        ({"policy": {"name": "threshold", "confidence": 0.5}}, {}, "policy threshold has no setting confidence"),
        ({"policy": {"cost_weight": 0.5}}, {"policy": "threshold"}, "Remove policy.cost_weight, or change policy.name"),
        ({"live": {"workers": {"name": "slurm", "cpus": 2}}}, {}, "no setting cpus; ray has it"),
        ({"live": {"recipe": {"epochs": "x"}}}, {}, "live.recipe"),
    ],
)
def test_an_invalid_setting_is_named_with_what_is_expected(base, flags, message):
    with pytest.raises(SettingsError, match=message) as caught:
        settings_from_flags(base, **flags)
    assert "\n" not in str(caught.value)
    assert not any(word in str(caught.value) for word in ("Input should", "validation error", "pydantic"))


def test_every_way_to_settings_raises_the_packages_error():
    for build in (lambda: Settings(seed="x"), lambda: Settings.model_validate({"seed": "x"})):
        with pytest.raises(SettingsError, match="Expected a whole number of at least 0 for seed, got 'x'"):
            build()


def test_a_file_that_is_no_toml(tmp_path):
    (tmp_path / "bad.toml").write_text("seed = = 4")
    with pytest.raises(SettingsError, match="Expected TOML"):
        read_settings_file(tmp_path / "bad.toml")
    with pytest.raises(SettingsError, match="no such file"):
        read_settings_file(tmp_path / "none.toml")


def test_every_flag_is_described_and_leads_to_its_setting():
    flags = setting_flags()
    assert len(flags) > 30
    for name, flag in flags.items():
        assert flag.description, name
        assert name.isidentifier(), name
        same_word = {name, name.removeprefix("price_"), name.removeprefix("power_"), "name", "enabled"}
        same_word |= {"others"} if name == "sites" else set()
        assert flag.path[-1] in same_word or name.endswith("_budget"), name


def test_every_setting_is_described():
    def check(model, path):
        for name, field in model.model_fields.items():
            if hasattr(field.annotation, "model_fields") and not field.description:
                check(field.annotation, f"{path}{name}.")
            else:
                assert field.description, f"{path}{name}"
                assert field.description.endswith((".", "...")), f"{path}{name}"

    check(Settings, "")


def test_the_json_schema_has_the_options_of_every_component():
    schema = json.dumps(Settings.model_json_schema())
    for option in ("cost_weight", "final_trainings", "exploration_share", "population", "decay_time", "gpu_share"):
        assert f'"{option}"' in schema
