"""One schema for file, flags and API, and what it says of a slip."""

import json

import pytest

from ce_nas.config.schema import Settings, load_settings, settings_from_flags
from ce_nas.core.errors import SettingsError


def test_settings_survive_their_journal():
    settings = settings_from_flags(
        {"searcher": {"period": "30min"}}, hours=80, carbon_budget="5kg", energy_budget="3 kWh", cost_budget="12.5",
        objectives="accuracy,latency:min:0.05", start="2021-07-02T06:00", electricity_price="0.31",
    )  # fmt: skip
    assert settings.budget.time == 288_000.0
    assert settings.budget.carbon == 5000.0
    assert settings.searcher.period == 1800.0
    assert settings.prices.electricity_per_kwh == 0.31
    assert Settings.model_validate(json.loads(json.dumps(settings.model_dump(mode="json")))) == settings


def test_flags_go_over_the_file(tmp_path):
    file = tmp_path / "search.toml"
    file.write_text('seed = 4\n[budget]\ntime = "3d"\ncarbon = "11lb"\n[grid]\ntrace = "ci.csv"\n')
    settings = settings_from_flags(load_settings(file), hours="90min")
    assert (settings.seed, settings.budget.time) == (4, 5400.0)
    assert settings.budget.carbon == pytest.approx(11 * 453.59237)
    assert settings.grid.trace == tmp_path / "ci.csv"  # beside the file, wherever the command was called


def test_a_table_alone_means_a_benchmark_of_ones_own(tmp_path):
    assert settings_from_flags(table=tmp_path / "own.csv").benchmark.name == "table"


@pytest.mark.parametrize(
    ("base", "flags", "said"),
    [
        ({"sed": 1}, {}, "Unknown setting 'sed'.*Did you mean 'seed'"),
        ({"grid": {"zon": "x"}}, {}, r"Unknown setting in \[grid\] 'zon'.*Did you mean 'zone'"),
        ({}, {"carbn_budget": "5kg"}, "Did you mean 'carbon_budget'"),
        ({}, {"carbon_budget": "5"}, "'budget.carbon'.*5kg.*'5'"),
        ({}, {"carbon_budget": "5kWh"}, "'budget.carbon'.*mass of carbon.*'5kWh'"),
        ({}, {"energy_budget": "5kg"}, "'budget.energy'.*an energy.*'5kg'"),
        ({}, {"hours": "-3"}, "'budget.time'.*'-3 h'"),
        ({}, {"hours": "nan"}, "'budget.time'"),
        ({}, {"cost_budget": "5EUR"}, "'budget.cost'.*plain number.*'5EUR'"),
        ({}, {"gpus": 0}, "'cluster.gpus'.*got 0"),
        ({}, {"start": "July"}, "'grid.start'.*2021-07-02T06:00.*'July'"),
        ({"budget": 3}, {}, "'budget'"),
    ],
)
def test_a_slip_is_named_with_its_place_what_was_expected_and_what_was_found(base, flags, said):
    with pytest.raises(SettingsError, match=said) as caught:
        settings_from_flags(base, **flags)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_toml(tmp_path):
    (tmp_path / "bad.toml").write_text("seed = = 4")
    with pytest.raises(SettingsError, match="Expected TOML"):
        load_settings(tmp_path / "bad.toml")
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "none.toml")
