"""The experiments as a user meets them."""

import json

import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.errors import SettingsError

TINY = ("--hours", "2", "--gpus", "1", "--seeds", "1", "--processes", "1", "--zone", "gas", "--searcher", "uniform")


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def test_equal_quality_writes_the_ratios_with_their_split_and_is_not_run_twice(tmp_path):
    target = tmp_path / "figures.json"
    found = invoke("equal-quality", *TINY, "--out", tmp_path / "out", "--json", target)
    assert found.exit_code == 0, found.output
    assert "times less CO2eq" in found.output
    content = json.loads(target.read_text())
    for name in ("ratio_vs_vanilla_lamoo_full", "ratio_vs_vanilla_lamoo_paper", "ratio_vs_vanilla_random_full"):
        assert set(content[name]) >= {"median", "low", "high"}
    assert {"fewer_trainings", "better_hours"} <= set(content)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "cells.jsonl",
        "equal-quality.parquet",
        "equal-quality.json",
        "equal-quality.md",
        "equal-quality.png",
    }
    before = (tmp_path / "out/cells.jsonl").read_bytes()
    again = invoke("equal-quality", *TINY, "--out", tmp_path / "out", "--json", target, "--quiet")
    assert again.exit_code == 0
    assert again.output == ""
    assert (tmp_path / "out/cells.jsonl").read_bytes() == before
    assert json.loads(target.read_text()) == content


def test_a_slip_leaves_nothing_behind(tmp_path):
    found = invoke("equal-quality", "--hours", "soon", "--out", tmp_path / "out")
    assert isinstance(found.exception, SettingsError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("hypervolume-over-time",), "At the end"),
        (("caps", "--caps", "300g"), "Up to 0.3 kg CO2eq"),
        (("devices", "--datasets", "cifar10"), "cifar10, latency"),
        (("zones", "--zones", "gas,wind", "--starts", "2023-02-01"), "Over all zones"),
        (("ablations",), "without forecast"),
    ],
)
def test_the_other_experiments_run_from_a_command_each(tmp_path, arguments, shown):
    name, *options = arguments
    tiny = [one for one in TINY if name != "zones" or one not in {"--zone", "gas"}]
    found = invoke(name, *options, *tiny, "--out", tmp_path / "out", "--json", tmp_path / "found.json")
    assert found.exit_code == 0, found.output
    assert shown in " ".join(found.output.split())
    assert json.loads((tmp_path / "found.json").read_text())["experiment"] == name
    assert (tmp_path / "out" / f"{name}.svg").exists()


def test_noise_says_what_it_needs(tmp_path):
    found = invoke("noise", *TINY, "--out", tmp_path / "out")
    assert isinstance(found.exception, SettingsError)
    assert "accuracy_s0" in str(found.exception)
