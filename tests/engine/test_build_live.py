import collections
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from ce_nas.api import Study, resume
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.store.run_dir import read_run

OWN = """
import json

SPACE = {"width": [1, 2, 3, 4], "depth": [1, 2, 3, 4], "kind": ["a", "b", "c"]}
OBJECTIVES = ["quality:max:0", "size:min:20"]


def evaluate(architecture, fidelity, checkpoint):
    import threading
    done = checkpoint.folder / "done.json"
    steps = json.loads(done.read_text()) if done.exists() else 0
    while steps < 4:
        if checkpoint.leave():
            return None
        threading.Event().wait(0.01)
        steps += 1
        done.write_text(json.dumps(steps))
        with (checkpoint.folder / "log").open("a") as log:
            log.write("step\\n")
    size = architecture["width"] * architecture["depth"]
    return {"quality": 10 * size ** 0.5 - "abc".index(architecture["kind"]), "size": size}
"""


@pytest.fixture
def own(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    return file


def flags(own, **stated):
    """A search that ends when all 48 architectures are trained; the time is there for processes that start slowly."""
    defaults = {"live": True, "evaluate": own, "gpus": 2, "hours": 60, "time_scale": 2000.0, "seed": 0}
    return {**defaults, "searcher": "uniform", "policy": "vanilla", **stated}


@pytest.fixture(autouse=True)
def without_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def once_each(result, folder):
    """Every training told of once, and every step of it taken once."""
    evaluated = [entry.content["task"] for entry in result.entries if entry.kind == "evaluated"]
    assert max(collections.Counter(evaluated).values()) == 1
    steps = {task: len((folder / "work" / f"task-{task}" / "log").read_text().splitlines()) for task in evaluated}
    assert set(steps.values()) == {4}
    return evaluated


def test_a_function_of_ones_own_is_searched_on_real_processes(own, tmp_path):
    result = Study.of(**flags(own)).run(tmp_path / "run")
    assert len(once_each(result, tmp_path / "run")) == result.summary.evaluations > 5
    assert result.summary.stop == "exhausted"
    assert set(result.summary.energy_j_by_source) == {"modelled"}
    assert result.summary.energy_j > 0
    best = result.summary.front[0]
    assert best.objectives["size"] <= 16
    assert "own.py" in result.summary.benchmark["origin"]


def test_a_live_run_needs_a_folder(own):
    with pytest.raises(SettingsError, match="folder"):
        Study.of(**flags(own)).run()


SCRIPT = """
from pathlib import Path
from ce_nas.api import Study
if __name__ == "__main__":
    Study.of(live=True, evaluate=Path({own!r}), gpus=2, hours=60, time_scale=2000.0, searcher="uniform", seed=0,
             policy="vanilla").run(Path({run!r}), durable=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_and_nothing_is_lost_or_counted_twice(own, tmp_path, how):
    run = tmp_path / "run"
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(own=str(own), run=str(run))))
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    recording = run / "recording.jsonl"
    for _ in range(1200):
        if recording.exists() and recording.read_text().count('"finished"') >= 3:
            break
        time.sleep(0.05)
    process.send_signal(how)
    process.wait()
    before = read_run(run)
    result = resume(run)
    assert result.entries[: len(before)] == before
    once_each(result, run)
    assert result.summary.evaluations > 3
    booked_s = sum(result.summary.device_hours_by_activity.values()) * 3600
    assert booked_s == pytest.approx(2 * result.summary.simulated_hours * 3600 / 2000.0)
    assert not _alive(process.pid)


def _alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_without_gpus_the_devices_are_processes_on_the_cpu(own):
    settings = Study.of(**flags(own, gpus=1)).settings
    assert settings.live.devices == ("cpu",)
    assert settings.cluster.gpus == 1


def test_the_demonstration_takes_four_minutes_and_is_only_the_default():
    assert settings_from_flags(live=True).budget.time == 4 * 3600
    assert settings_from_flags(live=True).live.time_scale == 60
    assert settings_from_flags(live=True, hours=2, time_scale=1).budget.time == 2 * 3600
    assert settings_from_flags(live=True, data="elsewhere").budget.time == 80 * 3600
    assert settings_from_flags().live.time_scale == 1


def test_of_other_machines_as_many_devices_as_are_asked_for(own):
    assert Study.of(**flags(own, crew="ray")).settings.live.devices == ("cuda", "cuda")


def test_paths_that_a_space_cannot_have_are_refused_before_anything_is_written(tmp_path):
    settings = settings_from_flags({"live": {"paths": "fair"}}, live=True, space="darts")
    with pytest.raises(SettingsError, match=r"live\.paths 'uniform' for darts"):
        Study(settings).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
