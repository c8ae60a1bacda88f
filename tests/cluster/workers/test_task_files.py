"""The files of tasks: what travels, what is kept, and where an attempt works that follows a lost one."""

import os
import time
from pathlib import Path

import pytest

from ce_nas.cluster.workers.task_files import TaskFiles, TaskFolders, WorkingCopy, newest_task_folder
from ce_nas.core.errors import StoreError


@pytest.fixture
def folders(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    return TaskFolders(work)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    place = tmp_path / "node"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    copy = WorkingCopy(1000, "raise the limit.")
    yield copy
    copy.close()
    assert not list(place.iterdir())


def write(path, content, age_s=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age_s,) * 2)


def settle():
    time.sleep(0.06)


def test_a_checkpoint_travels_both_ways_and_ends_as_it_was(folders, copy):
    write(folders.work / "task-7" / "inner" / "state", b"half")
    write(folders.work / "task-7.pt", b"weights")
    write(folders.work / "task-70.pt", b"another task's")
    write(folders.work / "supernet.pt", b"shared")
    known = {}
    log = copy.folder / "log"
    copy.receive(TaskFiles(7, folders.read(7), folders.read_common(known)), log)
    assert folders.read_common(known) == {}  # it has them
    assert (copy.folder / "task-7" / "inner" / "state").read_bytes() == b"half"
    assert (copy.folder / "supernet.pt").read_bytes() == b"shared"
    assert copy.collect(7, log, 0) is None
    write(copy.folder / "task-7" / "inner" / "state", b"more")
    write(copy.folder / "task-7.part", b"unfinished")
    (copy.folder / "task-7.pt").unlink()
    write(copy.folder / "supernet-3.pt", b"of a region")
    settle()
    files = copy.collect(7, log, 0)
    assert files.own == {"task-7/inner/state": b"more"}
    assert copy.collect(7, log, 0) is None
    folders.write(files, known)
    folders.write(copy.collect(7, log, 0, is_over=True), known)
    assert folders.read(7) == {"task-7/inner/state": b"more"}
    assert (folders.work / "supernet-3.pt").read_bytes() == b"of a region"
    assert (folders.work / "task-70.pt").exists()
    assert folders.read_common(known) == {}
    assert not (copy.folder / "task-7").exists()
    assert copy.collect(7, log, 0) is None  # asked too late: an empty checkpoint would replace the last one


def test_a_file_that_is_being_written_is_taken_later(copy):
    log = copy.folder / "log"
    write(copy.folder / "task-1.pt", b"a", age_s=0.0)
    (copy.folder / "task-1.pt").write_bytes(b"b")
    assert copy.collect(1, log, 0) is None
    settle()
    assert copy.collect(1, log, 0).own == {"task-1.pt": b"b"}


def test_a_checkpoint_above_the_limit_names_the_way_out(copy):
    write(copy.folder / "task-1.pt", b"x" * 1001)
    settle()
    files = copy.collect(1, copy.folder / "log", 0)
    assert files.own is None
    assert files.error == (
        "Expected at most 1e-06 GB without a shared folder, got 1e-06 GB for the checkpoint of task 1; raise the limit."
    )
    assert files.error_after(is_finished=False) == files.error
    assert not files.error_after(is_finished=True)
    write(copy.folder / "supernet.pt", b"x" * 1001)
    files = copy.collect(1, copy.folder / "log", 0, is_over=True)
    assert "for supernet.pt" in files.error_after(is_finished=True)  # others need it


def test_a_log_arrives_once(copy):
    log = copy.folder / "logs" / "task-1.log"
    write(log, b"one\n")
    assert copy.collect(1, log, 0).log == b"one\n"
    write(log, b"one\ntwo\n")
    files = copy.collect(1, log, 4, is_over=True)
    assert (files.log, files.log_start) == (b"two\n", 4)
    assert not log.exists()


def test_a_kill_while_a_checkpoint_is_kept_leaves_the_old_or_the_new_one_whole(folders, monkeypatch):
    write(folders.work / "task-2" / "state", b"old")
    write(folders.work / "task-2" / "other", b"old")
    part, renames, rename = folders.work / "task-2.part", [], Path.rename

    def killed(path, target):
        renames.append(target.name)
        if len(renames) == kill_at:
            raise KeyboardInterrupt
        return rename(path, target)

    for kill_at, left in ((1, b"old"), (2, b"new")):
        renames.clear()
        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.rename", killed)
            with pytest.raises(KeyboardInterrupt):
                folders.write(TaskFiles(2, {"task-2/state": b"new", "task-2/other": b"new"}), {})
        assert part.exists() == (kill_at == 1)
        assert folders.read(2) == {"task-2/state": left, "task-2/other": left}
    assert renames == ["task-2.new", "task-2"]


def test_a_lost_attempt_writes_where_nobody_reads(folders):
    write(folders.work / "task-4" / "state", b"3 steps")
    write(folders.work / "supernet.pt", b"shared")
    assert folders.folder(4) == folders.work
    second = folders.start_next_attempt(4)
    write(folders.work / "task-4" / "state", b"of the lost one")
    assert folders.read(4) == {"task-4/state": b"3 steps"}
    assert (second / "supernet.pt").read_bytes() == b"shared"
    write(second / "task-4" / "state", b"5 steps")
    third = folders.start_next_attempt(4)
    write(second / "task-4" / "state", b"of the lost one")
    assert third == folders.folder(4) == newest_task_folder(folders.work, 4) != second
    assert folders.read(4) == {"task-4/state": b"5 steps"}
    write(third / "supernet-4.pt", b"trained")
    folders.publish(4)
    assert (folders.work / "supernet-4.pt").read_bytes() == b"trained"
    assert not (folders.work / "supernet.pt").is_symlink()


def test_an_attempt_that_was_lost_before_its_first_checkpoint_is_left_alone_too(folders):
    folders.start_next_attempt(5)
    write(folders.work / "task-5" / "state", b"of the lost one")
    assert folders.read(5) == {}


def test_what_a_killed_search_has_begun_may_still_be_at_work(folders):
    assert folders.unended() == set()
    for number in (1, 2, 12):
        folders.note(number, has_ended=False)
    folders.note(2, has_ended=True)
    assert TaskFolders(folders.work).unended() == {1, 12}


def test_folders_that_killed_workers_left_behind_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = tmp_path / "ce-nas-work-gone"
    write(gone / ".held", b"", age_s=100.0)
    write(gone / "task-1.pt", b"weights")
    first = WorkingCopy(1000, "")
    os.utime(first.folder / ".held", (0, 0))
    second = WorkingCopy(1000, "")
    assert not gone.exists()
    assert first.folder.exists()
    first.close()
    second.close()


def test_a_full_disk_is_one_sentence(folders, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"checkpoints in the run folder, but No space left on device; free disk"):
        folders.write(TaskFiles(1, {"task-1.pt": b"x"}), {})
