"""``ce-nas bench``: every experiment as a command."""

import json

import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.errors import SettingsError

TINY = ("--hours", "2", "--gpus", "1", "--seeds", "1", "--processes", "1", "--zone", "gas", "--searcher", "random")


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


@pytest.mark.long
def test_equal_quality_writes_ratios_and_reuses_finished_runs(tmp_path):
    target = tmp_path / "figures.json"
    result = invoke("equal-quality", *TINY, "--out", tmp_path / "out", "--json", target)
    assert result.exit_code == 0, result.output
    assert "carbon ratio" in result.output
    content = json.loads(target.read_text())
    for name in ("ratio_vs_vanilla_lamoo_full", "ratio_vs_vanilla_lamoo_paper", "ratio_vs_vanilla_random_full"):
        assert set(content[name]) >= {"median", "low", "high"}
    assert {"energy_ratio", "intensity_ratio"} <= set(content)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "trials.jsonl",
        "equal-quality.jsonl",
        "equal-quality.json",
        "equal-quality.md",
        "equal-quality.png",
    }
    before = (tmp_path / "out/trials.jsonl").read_bytes()
    again = invoke("equal-quality", *TINY, "--out", tmp_path / "out", "--json", target, "--quiet")
    assert again.exit_code == 0
    assert again.output == ""
    assert (tmp_path / "out/trials.jsonl").read_bytes() == before
    assert json.loads(target.read_text()) == content


def test_unknown_half_of_the_suite_writes_nothing(tmp_path):
    result = invoke("suite", "--half", "both", "--out", tmp_path / "out")
    assert isinstance(result.exception, SettingsError)
    assert "tuning" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_invalid_settings_write_nothing(tmp_path):
    result = invoke("equal-quality", "--hours", "soon", "--out", tmp_path / "out")
    assert isinstance(result.exception, SettingsError)
    assert not (tmp_path / "out").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("hypervolume-over-time",), "Final results"),
        (("caps", "--caps", "300g"), "Up to 0.3 kg CO2eq"),
        (("ablations",), "without forecast"),
    ],
)
def test_every_experiment_runs_as_a_command(tmp_path, arguments, text):
    name, *options = arguments
    tiny = [option for option in TINY if name != "zones" or option not in {"--zone", "gas"}]
    result = invoke(name, *options, *tiny, "--out", tmp_path / "out", "--json", tmp_path / "result.json")
    assert result.exit_code == 0, result.output
    assert text in " ".join(result.output.split())
    assert json.loads((tmp_path / "result.json").read_text())["experiment"] == name
    assert (tmp_path / "out" / f"{name}.svg").exists()


def test_noise_names_the_missing_metric(tmp_path):
    result = invoke("noise", *TINY, "--out", tmp_path / "out")
    assert isinstance(result.exception, SettingsError)
    assert "accuracy_s0" in str(result.exception)
