import os
import stat
from pathlib import Path

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.store.run_dir import RunFolder, is_held, next_folder, read_run, write_whole


def test_folders_are_numbered_on(tmp_path):
    assert next_folder(tmp_path / "runs") == tmp_path / "runs/0001"
    (tmp_path / "runs/0001").mkdir(parents=True)
    (tmp_path / "runs/0003").mkdir()
    assert next_folder(tmp_path / "runs") == tmp_path / "runs/0002"


def test_an_empty_folder_is_as_good_as_a_new_one(tmp_path):
    (tmp_path / "run").mkdir()
    RunFolder.create(tmp_path / "run").close()


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StoreError, match="another --out"):
        RunFolder.create(tmp_path / "run")
    with pytest.raises(StoreError, match="can be made"):
        RunFolder.create(tmp_path / "run" / "deeper")


def test_a_folder_is_held_by_one(tmp_path):
    with RunFolder.create(tmp_path / "run") as folder:
        folder.journal().commit()
        with pytest.raises(StoreError, match="another process"):
            RunFolder.open(tmp_path / "run")
    RunFolder.open(tmp_path / "run").close()
    assert read_run(tmp_path / "run") == []


@pytest.mark.skipif(not Path("/proc/locks").is_file(), reason="no table of locks on this system")
def test_whether_a_folder_is_held_is_told_without_a_lock(tmp_path):
    with RunFolder.create(tmp_path / "run"):
        assert is_held(tmp_path / "run")
    assert is_held(tmp_path / "run") is False
    assert is_held(tmp_path / "run", tmp_path / "no-table") is None
    assert is_held(tmp_path / "other") is None


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "summary.json"
    write_whole(target, "first")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*journal is safe"):
        write_whole(target, "second")
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "run").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreError, match="can be written"):
        RunFolder.create(tmp_path / "run")
