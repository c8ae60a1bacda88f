import hashlib
import os
import shutil
import time
from contextlib import closing

import pytest

from ce_nas.api import Study
from ce_nas.apps.dashboard import run_folders as room
from ce_nas.apps.dashboard.run_folders import Runs
from ce_nas.config.schema import Settings
from ce_nas.core.errors import StoreError
from ce_nas.store.run_dir import read_run


@pytest.fixture
def runs(folder):
    with closing(Runs([folder])) as found:
        yield found


def contents(folder):
    return {
        path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_runs_are_found_below_a_folder_and_links_are_not_followed(runs):
    assert runs.find() == ["runs~deep~solar", "runs~killed", "runs~wind"]


def test_two_folders_of_one_name_are_told_apart_and_a_run_may_be_named_itself(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "runs", symlinks=True)
    names = Runs([folder, tmp_path / "runs", folder]).find()
    assert {name.partition("~")[0] for name in names} == {"runs", "runs-2"}
    assert Runs([folder / "wind"]).find() == ["wind"]


def test_a_run_stands_where_its_journal_says(runs, folder):
    standing = runs.run("runs~wind").standing()
    assert standing.ended
    assert not standing.running
    assert standing.summary.evaluations > 0
    assert runs.run("runs~wind").entries() == read_run(folder / "wind")


def test_a_killed_run_goes_on_only_while_it_is_held_or_was_just_written_to(runs, held, monkeypatch):
    run = runs.run("runs~killed")
    assert run.standing().running
    monkeypatch.setattr(room, "is_held", lambda _: False)
    assert run.standing().running  # it was written to a moment ago
    long_ago = time.time() - 3600
    for file in held.iterdir():
        os.utime(file, (long_ago, long_ago))
    assert not run.standing().running
    assert not run.standing().ended
    monkeypatch.undo()
    assert run.standing().running


def test_looking_changes_nothing_in_the_folders(runs, folder, held):
    before = contents(folder)
    runs.listing(60.0)
    for name in runs.find():
        runs.run(name).entries()
    assert contents(folder) == before


def test_a_search_that_is_looked_at_all_the_time_does_what_it_would_have_done(folder, tmp_path):
    """The same search as that of the fixture, looked at after every period of it."""
    begun = read_run(folder / "deep/solar")[0].content["settings"]
    (tmp_path / "runs").mkdir()
    with closing(Runs([tmp_path / "runs"])) as runs:
        seen = []

        def look(_):
            (standing,) = runs.listing(60.0).standings
            seen.append((len(runs.run("runs~one").entries()), standing.running))

        Study(Settings.model_validate(begun)).run(tmp_path / "runs/one", look)
    assert read_run(tmp_path / "runs/one") == read_run(folder / "deep/solar")
    names = [{path.name for path in place.iterdir()} for place in (tmp_path / "runs/one", folder / "deep/solar")]
    assert names[0] == names[1]
    counts = [count for count, _ in seen]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert all(running for _, running in seen)


def test_reading_stops_when_its_time_is_up_and_goes_on_the_next_time(runs):
    first = runs.listing(-1.0)
    assert (len(first.standings), first.left) == (0, 3)
    whole = runs.listing(60.0)
    assert (len(whole.standings), whole.left) == (3, 0)
    assert whole.mark == runs.listing(60.0).mark != first.mark


def test_what_cannot_be_read_is_listed_with_its_reason_and_spoils_nothing(tmp_path, folder):
    shutil.copytree(folder / "wind", tmp_path / "runs/good")
    (tmp_path / "runs/bad").mkdir()
    (tmp_path / "runs/bad/journal.sqlite").write_bytes(b"no journal" * 1000)
    with closing(Runs([tmp_path / "runs"])) as runs:
        found = runs.listing(60.0)
    assert [one.name for one in found.standings] == ["runs~good"]
    ((name, reason),) = found.unread
    assert name == "runs~bad"
    assert "damaged or is something else" in reason


def test_a_run_that_was_removed_is_gone(tmp_path, folder):
    shutil.copytree(folder / "wind", tmp_path / "runs/one")
    with closing(Runs([tmp_path / "runs"])) as runs:
        runs.run("runs~one").entries()
        shutil.rmtree(tmp_path / "runs/one")
        with pytest.raises(StoreError, match="found none"):
            runs.run("runs~one").standing()
        assert runs.listing(1.0).standings == []
        with pytest.raises(StoreError, match="may have been moved"):
            runs.run("runs~one")


@pytest.mark.parametrize("name", ["..", "../runs/wind", "/etc", "runs/wind", "", "runs~..~wind"])
def test_a_name_is_looked_up_and_never_becomes_a_path(runs, name):
    with pytest.raises(StoreError, match="one of the runs listed"):
        runs.run(name)


def test_only_the_runs_asked_for_last_are_kept_in_memory(runs, monkeypatch):
    monkeypatch.setattr(room, "KEPT", 1)
    first = runs.run("runs~wind")
    entries = first.entries()
    runs.run("runs~deep~solar").entries()
    assert first._follower is None
    assert runs.run("runs~wind").entries() == entries
