import os
from pathlib import Path

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.store.run_dir import RunDirectory, is_locked, next_run_path, read_run_entries, write_atomic


def test_next_run_path_is_first_free_number(tmp_path):
    assert next_run_path(tmp_path / "runs") == tmp_path / "runs/0001"
    (tmp_path / "runs/0001").mkdir(parents=True)
    (tmp_path / "runs/0003").mkdir()
    assert next_run_path(tmp_path / "runs") == tmp_path / "runs/0002"


def test_create_run_directory_in_empty_folder(tmp_path):
    (tmp_path / "run").mkdir()
    RunDirectory.create(tmp_path / "run").close()


def test_create_run_directory_refuses_existing_file(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StoreError, match="another --out"):
        RunDirectory.create(tmp_path / "run")
    with pytest.raises(StoreError, match="create a directory"):
        RunDirectory.create(tmp_path / "run" / "deeper")


def test_run_directory_is_locked_by_one_process(tmp_path):
    with RunDirectory.create(tmp_path / "run") as folder:
        folder.open_journal().commit()
        with pytest.raises(StoreError, match="another process"):
            RunDirectory.open(tmp_path / "run")
    RunDirectory.open(tmp_path / "run").close()
    assert read_run_entries(tmp_path / "run") == []


@pytest.mark.skipif(not Path("/proc/locks").is_file(), reason="no table of locks on this system")
def test_is_locked_does_not_acquire_lock(tmp_path):
    with RunDirectory.create(tmp_path / "run"):
        assert is_locked(tmp_path / "run")
    assert is_locked(tmp_path / "run") is False
    assert is_locked(tmp_path / "run", tmp_path / "no-table") is None
    assert is_locked(tmp_path / "other") is None


def test_write_atomic_keeps_file_on_error(tmp_path, monkeypatch):
    target = tmp_path / "summary.json"
    write_atomic(target, "first")

    def raise_no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_no_space)
    with pytest.raises(StoreError, match=r"No space left.*journal is safe"):
        write_atomic(target, "second")
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_create_run_directory_refuses_read_only_folder(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")  # root may write anywhere

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match=r"writable directory.*Permission denied; change its permissions"):
        RunDirectory.create(tmp_path / "run")


def test_a_link_in_the_place_of_a_draft_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("kept")
    (tmp_path / ".summary.json.draft").symlink_to(tmp_path / "victim")
    write_atomic(tmp_path / "summary.json", "new")
    assert (tmp_path / "victim").read_text() == "kept"
    assert (tmp_path / "summary.json").read_text() == "new"
    assert not (tmp_path / "summary.json").is_symlink()


def test_a_name_that_is_too_long_is_refused_in_words(tmp_path):
    with pytest.raises(StoreError, match="File name too long; choose another"):
        RunDirectory.create(tmp_path / ("x" * 300))


def test_a_file_reaches_the_disk_before_it_replaces_another(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda _: synced.append((tmp_path / ".a.draft").read_text()))
    write_atomic(tmp_path / "a", "new")
    assert synced == ["new"]


def test_a_directory_without_a_journal_is_not_opened(tmp_path):
    with pytest.raises(StoreError, match="found none; give the directory of a run"):
        RunDirectory.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_resumed_and_another_folder_is_not(tmp_path):
    with RunDirectory.create(tmp_path / "run") as folder:
        journal = folder.open_journal()
        with pytest.raises(StoreError, match=r"not empty; choose another --out\.$"):  # nothing to resume yet
            RunDirectory.create(tmp_path / "run")
        journal.append("run_started", 0.0, {})
    with pytest.raises(StoreError, match=r"not empty; choose another --out, or resume .*: ce-nas resume"):
        RunDirectory.create(tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").touch()
    with pytest.raises(StoreError, match="not empty; choose another --out"):
        RunDirectory.create(tmp_path / "other")


@pytest.mark.parametrize(
    ("kinds", "command"),
    [
        (["run_started"], "resume the run with: ce-nas resume '{}'."),
        (["run_started", "run_ended"], "ended, with: ce-nas report '{}'."),
        (["run_started", "run_ended", "carbon_settled"], "ended, with: ce-nas report '{}'."),
    ],
)
def test_a_command_for_a_run_quotes_its_folder(tmp_path, kinds, command):
    path = tmp_path / "ünï run"
    with RunDirectory.create(path) as folder:
        journal = folder.open_journal()
        for kind in kinds:
            journal.append(kind, 0.0, {})
        journal.commit()
    with pytest.raises(StoreError) as caught:
        RunDirectory.create(path)
    assert str(caught.value).endswith(command.format(path))


def test_a_run_of_a_program_names_the_program(tmp_path):
    with RunDirectory.create(tmp_path / "run") as folder:
        header = {"settings": {"live": {"devices": ["caller"]}}}
        folder.open_journal().append("run_started", 0.0, header)
    with pytest.raises(StoreError, match=r"or resume the run by running its Python program again with out='.*/run'\.$"):
        RunDirectory.create(tmp_path / "run")


def test_a_closed_directory_has_closed_journals_and_no_lock(tmp_path):
    folder = RunDirectory.create(tmp_path / "run")
    journal = folder.open_journal(durable=True)
    journal.append("begun", 0.0, {})
    assert len(read_run_entries(tmp_path / "run")) == 1  # durable at once
    folder.close()
    assert not (tmp_path / "run" / "journal.sqlite-wal").exists()
    RunDirectory.open(tmp_path / "run").close()


def test_the_files_of_a_run_keep_their_names(tmp_path):
    with RunDirectory.create(tmp_path / "run") as folder:
        folder.open_journal().commit()
        assert {"journal.sqlite", "lock"} <= {file.name for file in folder.path.iterdir()}
    write_atomic(tmp_path / "a", "é")
    write_atomic(tmp_path / "b", b"\x00")
    assert (tmp_path / "a").read_text() == "é"
    assert (tmp_path / "b").read_bytes() == b"\x00"


def test_a_directory_is_created_with_those_above_it(tmp_path):
    with RunDirectory.create(tmp_path / "a" / "b") as folder:
        assert folder.path == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b" / "lock").is_file()


def test_entries_are_durable_at_once_only_on_request(tmp_path):
    with RunDirectory.create(tmp_path / "run") as folder:
        journal = folder.open_journal()
        journal.append("begun", 0.0, {})
        assert read_run_entries(tmp_path / "run") == []
        journal.commit()
        assert len(read_run_entries(tmp_path / "run")) == 1


def test_the_lock_of_a_run_is_found_in_the_table_of_locks_by_its_file(tmp_path):
    (tmp_path / "lock").touch()
    status = (tmp_path / "lock").stat()
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    table = tmp_path / "locks"
    other = f"1: FLOCK  ADVISORY  WRITE 1 {device}:{status.st_ino + 1} 0 EOF\n"
    posix = f"2: POSIX  ADVISORY  WRITE 2 {device}:{status.st_ino} 0 EOF\n"
    own = f"3: FLOCK  ADVISORY  WRITE 3 {device}:{status.st_ino} 0 EOF\n"
    for lines, expected in ((other + own + posix, True), (other + posix, False), (own, True), ("", False)):
        table.write_text(lines)
        assert is_locked(tmp_path, table) is expected


def test_a_file_in_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"Expected to write .*, but No such file or directory; the journal is safe"):
        write_atomic(tmp_path / "missing" / "a", "new")
