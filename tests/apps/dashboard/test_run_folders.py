import hashlib
import os
import shutil
import time
from contextlib import closing

import pytest

from ce_nas.api import Search
from ce_nas.apps.dashboard import run_folders as module
from ce_nas.apps.dashboard.run_folders import RunIndex
from ce_nas.config.schema import Settings
from ce_nas.core.errors import StoreError
from ce_nas.store.run_dir import read_run_entries


@pytest.fixture
def runs(run_root):
    with closing(RunIndex([run_root])) as index:
        yield index


def contents(run_root):
    return {
        path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(run_root.rglob("*"))
        if path.is_file()
    }


def test_scan_finds_runs_and_ignores_links(runs):
    assert runs.scan() == ["runs~deep~solar", "runs~killed", "runs~wind"]


def test_equal_folder_names_get_numbers_and_a_run_can_be_a_root(run_root, tmp_path):
    shutil.copytree(run_root, tmp_path / "runs", symlinks=True)
    names = RunIndex([run_root, tmp_path / "runs", run_root]).scan()
    assert {name.partition("~")[0] for name in names} == {"runs", "runs-2"}
    assert RunIndex([run_root / "wind"]).scan() == ["wind"]


def test_status_follows_from_the_journal(runs, run_root):
    status = runs.get("runs~wind").status()
    assert status.has_ended
    assert not status.is_running
    assert status.summary.evaluations > 0
    assert runs.get("runs~wind").entries() == read_run_entries(run_root / "wind")


def test_a_run_is_running_if_locked_or_recently_changed(runs, locked_run, monkeypatch):
    run = runs.get("runs~killed")
    assert run.status().is_running
    monkeypatch.setattr(module, "is_locked", lambda _: False)
    for file in locked_run.iterdir():
        os.utime(file)
    assert run.status().is_running  # recently written
    long_ago = time.time() - 3600
    for file in locked_run.iterdir():
        os.utime(file, (long_ago, long_ago))
    assert not run.status().is_running
    assert not run.status().has_ended
    monkeypatch.undo()
    assert run.status().is_running


def test_reading_changes_no_file(runs, run_root, locked_run):
    before = contents(run_root)
    runs.list_runs(60.0)
    for name in runs.scan():
        runs.get(name).entries()
    assert contents(run_root) == before


def test_a_search_is_the_same_while_it_is_observed(run_root, tmp_path):
    """The same search as that of the fixture, observed after every period."""
    settings = read_run_entries(run_root / "deep/solar")[0].content["settings"]
    (tmp_path / "runs").mkdir()
    with closing(RunIndex([tmp_path / "runs"])) as runs:
        observed = []

        def observe(_):
            (status,) = runs.list_runs(60.0).statuses
            observed.append((len(runs.get("runs~one").entries()), status.is_running))

        Search.from_settings(Settings.model_validate(settings)).run(tmp_path / "runs/one", observe)
    assert read_run_entries(tmp_path / "runs/one") == read_run_entries(run_root / "deep/solar")
    names = [{path.name for path in run.iterdir()} for run in (tmp_path / "runs/one", run_root / "deep/solar")]
    assert names[0] == names[1]
    counts = [count for count, _ in observed]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert all(is_running for _, is_running in observed)


def test_listing_stops_at_its_time_limit_and_continues(runs):
    first = runs.list_runs(-1.0)
    assert (len(first.statuses), first.pending_count) == (0, 3)
    second = runs.list_runs(60.0)
    assert (len(second.statuses), second.pending_count) == (3, 0)
    assert second.version == runs.list_runs(60.0).version != first.version


def test_unreadable_runs_are_listed_with_their_error(tmp_path, run_root):
    shutil.copytree(run_root / "wind", tmp_path / "runs/good")
    (tmp_path / "runs/bad").mkdir()
    (tmp_path / "runs/bad/journal.sqlite").write_bytes(b"no journal" * 1000)
    with closing(RunIndex([tmp_path / "runs"])) as runs:
        listing = runs.list_runs(60.0)
    assert [status.name for status in listing.statuses] == ["runs~good"]
    ((name, reason),) = listing.unreadable
    assert name == "runs~bad"
    assert "the file is damaged or is not a journal" in reason


def test_a_removed_run_is_dropped(tmp_path, run_root):
    shutil.copytree(run_root / "wind", tmp_path / "runs/one")
    with closing(RunIndex([tmp_path / "runs"])) as runs:
        runs.get("runs~one").entries()
        shutil.rmtree(tmp_path / "runs/one")
        with pytest.raises(StoreError, match="found none"):
            runs.get("runs~one").status()
        assert runs.list_runs(1.0).statuses == []
        with pytest.raises(StoreError, match="may have been moved"):
            runs.get("runs~one")


@pytest.mark.parametrize("name", ["..", "../runs/wind", "/etc", "runs/wind", "", "runs~..~wind"])
def test_a_name_is_never_a_path(runs, name):
    with pytest.raises(StoreError, match="one of the runs listed"):
        runs.get(name)


def test_only_recently_used_runs_are_in_memory(runs, monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN_RUNS", 1)
    first = runs.get("runs~wind")
    entries = first.entries()
    runs.get("runs~deep~solar").entries()
    assert first._tail is None
    assert runs.get("runs~wind").entries() == entries
