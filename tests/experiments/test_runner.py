import json

import pandas as pd
import pytest

from ce_nas.core.errors import SettingsError, StoreError
from ce_nas.experiments import runner as module
from ce_nas.experiments.base import Experiment, ExperimentReport
from ce_nas.experiments.results_store import RESULTS_FILE
from ce_nas.experiments.runner import run_experiment
from ce_nas.experiments.strategies import get_strategy
from ce_nas.experiments.trials import build_trial
from ce_nas.report.page import ReportTable

FLAGS = {"hours": 1, "gpus": 1, "zone": "gas"}


class Small(Experiment):
    """Two short runs, or more."""

    name = "small"

    def __init__(self, seeds=2, **flags):
        self.seeds = seeds
        self.flags = {**FLAGS, **flags}

    def trials(self):
        return [build_trial(get_strategy("vanilla-random"), self.flags, seed) for seed in range(self.seeds)]

    def build_report(self, results, translate):
        finals = [result.trajectory.final_hypervolume for result in results]
        rows = [(str(final),) for final in finals]
        return ExperimentReport(
            "Small",
            {"finals": finals},
            [ReportTable("Finals", ("hypervolume",), rows)],
            {},
            ["A note."],
        )


@pytest.fixture
def counted(monkeypatch):
    """The trials that were actually run."""
    ran = []

    def run(trial):
        ran.append(trial)
        return run_trial(trial)

    run_trial = module.run_trial
    monkeypatch.setattr(module, "run_trial", run)
    return ran


def test_interrupted_experiment_resumes(tmp_path, counted):
    def kill(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(Small(), tmp_path, on_progress=kill)
    stored = (tmp_path / RESULTS_FILE).read_bytes()
    assert len(stored.splitlines()) == 2  # the header and one trial
    seen = []
    report = run_experiment(Small(), tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert (tmp_path / RESULTS_FILE).read_bytes().startswith(stored)
    assert [one.labels["seed"] for one in counted] == [0, 1]
    uninterrupted = run_experiment(Small(), tmp_path / "at-once")
    assert uninterrupted.content == report.content
    for name in ("small.json", "small.md"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "at-once" / name).read_bytes()


def test_additional_seeds_reuse_finished_trials(tmp_path, counted):
    run_experiment(Small(1), tmp_path)
    report = run_experiment(Small(2), tmp_path)
    assert [one.labels["seed"] for one in counted] == [0, 1]
    assert len(report.content["finals"]) == 2


def test_experiments_in_one_folder_share_trials(tmp_path, counted):
    class Other(Small):
        name = "other"

    run_experiment(Small(2), tmp_path)
    run_experiment(Other(3), tmp_path)
    assert [one.labels["seed"] for one in counted] == [0, 1, 2]
    assert (tmp_path / "small.json").exists()
    assert (tmp_path / "other.json").exists()


def test_files_contain_the_results(tmp_path):
    report = run_experiment(Small(), tmp_path)
    assert json.loads((tmp_path / "small.json").read_text()) == report.content
    assert "A note." in (tmp_path / "small.md").read_text()
    rows = pd.DataFrame(map(json.loads, (tmp_path / "small.jsonl").read_text().splitlines()))
    assert rows["hypervolume"].tolist() == report.content["finals"]
    assert rows["seed"].tolist() == [0, 1]
    assert list(rows["trajectory_carbon_g"][0]) == sorted(rows["trajectory_carbon_g"][0])


def test_invalid_setting_is_refused_before_writing(tmp_path):
    with pytest.raises(SettingsError, match="searcher"):
        run_experiment(Wrong(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_changed_input_file_is_refused(tmp_path):
    trace = tmp_path / "trace.csv"
    lines = [f"2022-01-{day:02d}T{hour:02d}:00,{200 + hour}\n" for day in (1, 2) for hour in range(24)]
    trace.write_text("time,intensity\n" + "".join(lines))
    run_experiment(Small(1, zone=None, trace=trace), tmp_path / "out")
    trace.write_text("time,intensity\n" + "".join(lines[:-1]))
    with pytest.raises(StoreError, match="choose another --out"):
        run_experiment(Small(1, zone=None, trace=trace), tmp_path / "out")


class Wrong(Small):
    """A run with an unknown searcher."""

    def trials(self):
        from ce_nas.experiments.strategies import CE_NAS

        return [build_trial(CE_NAS, {**FLAGS, "searcher": "lamo"}, 0)]
