import json

import pandas as pd
import pytest

from ce_nas.core.errors import SettingsError, StoreError
from ce_nas.experiments import runner as module
from ce_nas.experiments.base import Experiment, Report, Table
from ce_nas.experiments.results_store import FILE
from ce_nas.experiments.runner import bench
from ce_nas.experiments.strategies import strategy
from ce_nas.experiments.trials import cell

FLAGS = {"hours": 1, "gpus": 1, "zone": "gas"}


class Small(Experiment):
    """Two short runs, or more."""

    name = "small"

    def __init__(self, seeds=2, **flags):
        self.seeds = seeds
        self.flags = {**FLAGS, **flags}

    def cells(self):
        return [cell(strategy("vanilla-random"), self.flags, seed) for seed in range(self.seeds)]

    def report(self, findings, words):
        finals = [one.track.final for one in findings]
        rows = [(str(final),) for final in finals]
        return Report(
            "Small", {"finals": finals}, [Table("Finals", ("hypervolume",), rows)], {}, ["As small as can be."]
        )


@pytest.fixture
def counted(monkeypatch):
    """The cells that were really run."""
    ran = []

    def run(one):
        ran.append(one)
        return run_cell(one)

    run_cell = module.run_cell
    monkeypatch.setattr(module, "run_cell", run)
    return ran


def test_a_bench_that_was_killed_goes_on_where_it_was(tmp_path, counted):
    def kill(done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(Small(), tmp_path, observe=kill)
    begun = (tmp_path / FILE).read_bytes()
    assert len(begun.splitlines()) == 2  # the head, and one cell
    seen = []
    report = bench(Small(), tmp_path, observe=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert (tmp_path / FILE).read_bytes().startswith(begun)
    assert [one.labels["seed"] for one in counted] == [0, 1]
    alone = bench(Small(), tmp_path / "at-once")
    assert alone.content == report.content
    for name in ("small.json", "small.md"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "at-once" / name).read_bytes()


def test_more_seeds_run_no_seed_again(tmp_path, counted):
    bench(Small(1), tmp_path)
    report = bench(Small(2), tmp_path)
    assert [one.labels["seed"] for one in counted] == [0, 1]
    assert len(report.content["finals"]) == 2


def test_experiments_on_the_same_files_share_their_runs(tmp_path, counted):
    class Other(Small):
        name = "other"

    bench(Small(2), tmp_path)
    bench(Other(3), tmp_path)
    assert [one.labels["seed"] for one in counted] == [0, 1, 2]
    assert (tmp_path / "small.json").exists()
    assert (tmp_path / "other.json").exists()


def test_its_files_hold_what_it_found(tmp_path):
    report = bench(Small(), tmp_path)
    assert json.loads((tmp_path / "small.json").read_text()) == report.content
    assert "As small as can be." in (tmp_path / "small.md").read_text()
    rows = pd.read_parquet(tmp_path / "small.parquet")
    assert rows["hypervolume"].tolist() == report.content["finals"]
    assert rows["seed"].tolist() == [0, 1]
    assert list(rows["course_carbon_g"][0]) == sorted(rows["course_carbon_g"][0])


def test_a_slip_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match="searcher"):
        bench(Wrong(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_is_of_its_files(tmp_path):
    trace = tmp_path / "trace.csv"
    lines = [f"2022-01-{day:02d}T{hour:02d}:00,{200 + hour}\n" for day in (1, 2) for hour in range(24)]
    trace.write_text("time,intensity\n" + "".join(lines))
    bench(Small(1, zone=None, trace=trace), tmp_path / "out")
    trace.write_text("time,intensity\n" + "".join(lines[:-1]))
    with pytest.raises(StoreError, match="choose another --out"):
        bench(Small(1, zone=None, trace=trace), tmp_path / "out")


class Wrong(Small):
    """A run that names a searcher that there is not."""

    def cells(self):
        from ce_nas.experiments.strategies import CE_NAS

        return [cell(CE_NAS, {**FLAGS, "searcher": "lamo"}, 0)]
