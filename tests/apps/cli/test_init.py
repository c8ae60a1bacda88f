"""``ce-nas init``: each configuration runs as it is written."""

import json
import tomllib

import numpy as np
import pytest

CASES = ["simulated", "own", "cifar10", "cluster"]


@pytest.mark.parametrize("case", CASES)
def test_a_configuration_is_valid_and_says_how_to_run_it(ce_nas, tmp_path, case):
    from ce_nas.config.schema import read_settings_file, settings_from_flags

    result = ce_nas("init", case, "--out", "new/my.toml")
    assert result.status == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "  ce-nas search new/my.toml"
    text = (tmp_path / "new/my.toml").read_text()
    assert "ce-nas search new/my.toml" in text
    assert settings_from_flags(read_settings_file(tmp_path / "new/my.toml")).live.enabled == (case != "simulated")
    settings = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    assert sum("#" in line for line in settings) > len(settings) / 2


def test_the_next_command_quotes_the_file(ce_nas):
    result = ce_nas("init", "simulated", "--out", "a folder/my.toml")
    assert result.stdout.splitlines()[-1] == "  ce-nas search 'a folder/my.toml'"


def test_no_file_is_overwritten(ce_nas, tmp_path):
    (tmp_path / "training.py").write_text("mine")
    result = ce_nas("init", "own")
    assert result.status == 2
    assert "training.py exists" in result.stderr
    assert not (tmp_path / "ce-nas.toml").exists()
    assert (tmp_path / "training.py").read_text() == "mine"


def test_the_simulated_search_runs(ce_nas, tmp_path):
    assert ce_nas("init").status == 0
    result = ce_nas("search", "ce-nas.toml", "--evaluations", 2, "--out", "run", "-q")
    assert result.status == 0, result.stderr
    assert json.loads((tmp_path / "run/summary.json").read_text())["evaluations"] == 2


@pytest.mark.long
@pytest.mark.parametrize("case", ["own", "cluster"])
def test_a_search_of_the_own_training_runs(ce_nas, tmp_path, case):
    assert ce_nas("init", case).status == 0
    result = ce_nas("search", "ce-nas.toml", "--evaluations", 2, "--out", "run", "-q")
    assert result.status == 0, result.stderr
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["evaluations"] >= 2
    assert [one["name"] for one in summary["objectives"]] == ["accuracy", "parameters"]


@pytest.mark.long
def test_the_search_on_images_runs_on_a_small_copy_of_their_layout(ce_nas, tmp_path):
    pytest.importorskip("torch")
    assert ce_nas("init", "cifar10").status == 0
    missing = ce_nas("search", "ce-nas.toml", "--out", "run", "-q")
    assert missing.status == 2
    assert "cifar-10-python.tar.gz" in missing.stderr
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        labels = np.arange(20, dtype=np.uint8)[:, None] % 10
        np.hstack([labels, rng.integers(0, 256, (20, 3072), dtype=np.uint8)]).tofile(folder / f"{name}.bin")
    live = tomllib.loads((tmp_path / "ce-nas.toml").read_text())["live"]
    text = (tmp_path / "ce-nas.toml").read_text()
    for old, new in ((live["data"], folder.name), ("cells = 5", "cells = 1"), ("epochs = 12", "epochs = 1"),
                     ("supernet = true", "supernet = false"), ("gpus = 8", "gpus = 1")):  # fmt: skip
        text = text.replace(old, new)
    (tmp_path / "ce-nas.toml").write_text(text)
    result = ce_nas("search", "ce-nas.toml", "--evaluations", 1, "--policy", "vanilla", "--out", "run", "-q")
    assert result.status == 0, result.stderr
    assert json.loads((tmp_path / "run/summary.json").read_text())["evaluations"] == 1
