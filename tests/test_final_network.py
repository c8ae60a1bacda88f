"""From a search to a trained network: stages, card, and kills at random moments."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

torch = pytest.importorskip("torch")

from ce_nas.api import Result, resume  # noqa: E402
from ce_nas.config.recipe_files import read_recipe_file  # noqa: E402
from ce_nas.config.schema import settings_from_flags  # noqa: E402

#: as recipe digits, smaller: three trainings of an epoch, a final one of 120
SMALL = {
    "evaluations": 3,
    "live": {"recipe": {"epochs": 1, "batch": 256, "shift": 1, "flip": False}, "channels": 2},
    "final": {"recipe": {"epochs": 120, "batch": 128, "shift": 1, "flip": False}, "formats": ["python"]},
}
CODE = """
import sys
from ce_nas.api import Search, resume
from ce_nas.config.recipe_files import read_recipe_file
from ce_nas.config.schema import settings_from_flags
from pathlib import Path
import torch
import ce_nas.training.final_training as final
torch.set_num_threads(1)
final.CHECKPOINT_INTERVAL_S = final.RECORD_INTERVAL_S = 0.1
path = Path(sys.argv[1])
if (path / "journal.sqlite").exists():
    resume(path)
else:
    base = dict(read_recipe_file("digits"))
    for section, values in {small!r}.items():
        if isinstance(values, dict):
            base[section] = base[section] | values
    Search.from_settings(settings_from_flags(base, evaluations={small!r}["evaluations"])).run(path)
""".replace("{small!r}", repr(SMALL))


def start(path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with path.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", CODE, str(path)], env=environment, stdout=log, stderr=log, start_new_session=True
        )


def finish(path):
    assert start(path).wait(400) == 0, path.with_suffix(".log").read_text()


def weights(path):
    return torch.load(path / "network/network.pt", weights_only=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "whole"
    finish(path)
    return path


@pytest.mark.long
def test_the_run_ends_with_a_tested_network_and_the_grams_of_each_stage(whole):
    card = Result.read(whole).network
    assert card.architecture in {member.architecture for member in Result.read(whole).front}
    assert 0 < card.test_accuracy_pct <= 100
    assert card.test_images == 359
    assert card.carbon_g["final"] > 0
    assert card.carbon_g["training"] > 0
    assert card.carbon_g["sampling"] == card.carbon_g["supernet"] == 0.0
    assert card.latency_ms > 0
    assert card.files == ["network.py", "network.pt"]
    text = (whole / "network/card.md").read_text()
    for part in (card.architecture, f"{card.parameters:,}", "looked at once", "final training and test", "seed 0"):
        assert part in text


@pytest.mark.long
def test_a_finished_run_is_not_tested_again(whole):
    before = (whole / "network/card.json").read_text()
    assert resume(whole).network == Result.read(whole).network
    assert (whole / "network/card.json").read_text() == before


@pytest.mark.slow
def test_kills_at_random_moments_end_in_the_same_network_bit_for_bit(whole, tmp_path):
    """Two kills in the search, three in the final training, each some random time after the work went on."""
    rng, path, kills = random.Random(0), tmp_path / "killed", 0
    for wanted in ("events.jsonl", "events.jsonl", *["network/readings.json"] * 3):
        marker = path / wanted
        before = marker.stat().st_mtime_ns if marker.exists() else None
        process = start(path)
        while process.poll() is None and (not marker.exists() or marker.stat().st_mtime_ns == before):
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.4))
        kills += process.poll() is None
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.3)  # workers notice that their parent is gone
    assert kills >= 3
    finish(path)
    first, second = weights(whole), weights(path)
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    cards = [json.loads((each / "network/card.json").read_text()) for each in (whole, path)]
    for name in ("architecture", "test_accuracy_pct", "parameters", "macs"):
        assert cards[0][name] == cards[1][name]


def test_the_digits_recipe_runs_on_one_device_without_time_in_its_decisions():
    settings = settings_from_flags(read_recipe_file("digits"))
    assert settings.live.devices == ("cpu",)
    assert settings.policy.name == "vanilla"
    assert settings.budget.stop == "never"
