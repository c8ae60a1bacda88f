import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.store.journal import SqliteJournal, read_entries
from ce_nas.store.tail import Follower


@pytest.fixture
def path(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "journal.sqlite"


@pytest.fixture
def follower(path):
    one = Follower(path)
    yield one
    one.close()


def contents(folder):
    """Every file with its bytes, and when it was last changed."""
    return {
        item.name: (hashlib.sha256(item.read_bytes()).hexdigest(), item.stat().st_mtime_ns) for item in folder.iterdir()
    }


def write(journal, first, count, size=10):
    for number in range(first, first + count):
        journal.append("period", float(number), {"number": number, "filling": "x" * size})
    journal.commit()


def test_what_is_committed_is_seen_and_nothing_else(path, follower):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    assert follower.look()
    assert [entry.at_s for entry in follower.entries] == [0.0, 1.0, 2.0]
    journal.append("period", 3.0, {"number": 3})
    assert not follower.look()
    journal.commit()
    before = follower.entries
    assert follower.look()
    assert len(before) == 3
    assert len(follower.entries) == 4
    assert not follower.look()
    journal.close()
    assert not follower.look()
    assert follower.entries == read_entries(path)


def test_looking_leaves_the_folder_as_it_is_also_after_a_kill(path, follower):
    code = f"""
    import os, signal
    from pathlib import Path
    from ce_nas.store.journal import SqliteJournal
    journal = SqliteJournal(Path({str(path)!r}))
    for number in range(5):
        journal.append("period", float(number), {{"number": number}})
    journal.commit()
    os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (path.parent / "journal.sqlite-shm").unlink()  # after a restart of the machine it would be gone, too
    before = contents(path.parent)
    assert "journal.sqlite-wal" in before
    assert follower.look()
    assert len(follower.entries) == 5
    assert contents(path.parent) == before


def test_a_writer_is_not_held_up_and_its_log_is_not_kept_from_being_begun_anew(path, follower):
    journal = SqliteJournal(path)
    logs = set()
    for turn in range(40):
        write(journal, turn * 50, 50, size=4000)
        logs.add(path.with_name("journal.sqlite-wal").read_bytes()[:32])
        assert follower.look()
        assert len(follower.entries) == (turn + 1) * 50
    assert len(logs) > 1  # else the test has not seen what it is for
    journal.close()
    assert not path.with_name("journal.sqlite-wal").exists()  # which a reader of the file itself could prevent
    follower.look()
    assert follower.entries == read_entries(path)


def test_every_look_during_a_run_finds_a_beginning_of_its_journal(path, follower):
    code = f"""
    from pathlib import Path
    from ce_nas.store.journal import SqliteJournal
    journal = SqliteJournal(Path({str(path)!r}))
    for number in range(6000):
        journal.append("period", float(number), {{"number": number, "filling": "x" * 3000}})
        if number % 7 == 6:
            journal.commit()
    journal.close()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as writer:
        lengths = []
        while writer.poll() is None:
            if path.exists() and follower.look():
                assert [entry.at_s for entry in follower.entries] == list(range(len(follower.entries)))
                lengths.append(len(follower.entries))
    assert writer.returncode == 0
    follower.look()
    assert len(follower.entries) == 6000
    assert lengths == sorted(lengths)
    assert lengths


def test_a_log_that_is_begun_anew_while_it_is_copied_is_copied_again(path, follower, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    copied = shutil.copyfile

    def slowly(source, target):
        copied(source, target)
        if source == path and journal.recorded == () and not slowly.done:
            slowly.done = True
            write(journal, 3, 400, size=4000)  # longer than a log gets before it is taken into the file
            write(journal, 403, 700, size=4000)

    slowly.done = False
    monkeypatch.setattr(shutil, "copyfile", slowly)
    assert follower.look()
    assert slowly.done
    assert [entry.at_s for entry in follower.entries] == list(range(1103))
    journal.close()


def test_another_run_in_the_same_place_is_read_from_its_beginning(path, follower):
    journal = SqliteJournal(path)
    write(journal, 0, 5)
    journal.close()
    follower.look()
    path.unlink()
    journal = SqliteJournal(path)
    write(journal, 100, 2)
    journal.close()
    assert follower.look()
    assert [entry.at_s for entry in follower.entries] == [100.0, 101.0]


def test_what_is_no_journal_is_said(path, follower):
    with pytest.raises(StoreError, match="found none"):
        follower.look()
    path.write_bytes(os.urandom(5000))
    with pytest.raises(StoreError, match="damaged or is something else"):
        follower.look()


def test_a_journal_that_was_made_this_very_moment_holds_nothing(path, follower):
    path.touch()
    assert not follower.look()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    assert not follower.look()
    connection.close()
    assert follower.entries == []


def test_a_copy_is_kept_only_as_long_as_somebody_writes(path, follower):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    follower.look()
    assert follower._copy.exists()
    journal.close()
    follower.look()
    assert list(follower._copy.parent.iterdir()) == []


def test_an_open_read_of_the_file_itself_would_be_noticed(path):
    """Why there is a follower at all: SQLite's own reader keeps the log from being removed at the writer's end."""
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    journal.close()
    assert path.with_name("journal.sqlite-wal").exists()
    reader.close()
