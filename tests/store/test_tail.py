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
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.tail import JournalTail, _read_wal_header, read_entries


@pytest.fixture
def path(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "journal.sqlite"


@pytest.fixture
def tail(path):
    tail = JournalTail(path)
    yield tail
    tail.close()


def contents(folder):
    """SHA-256 and modification time of each file."""
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in folder.iterdir()
    }


def write(journal, first, count, size=10):
    for number in range(first, first + count):
        journal.append("period", float(number), {"number": number, "padding": "x" * size})
    journal.commit()


def test_tail_reads_committed_entries_only(path, tail):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    assert tail.poll()
    assert [entry.at_s for entry in tail.entries] == [0.0, 1.0, 2.0]
    journal.append("period", 3.0, {"number": 3})
    assert not tail.poll()
    journal.commit()
    before = tail.entries
    assert tail.poll()
    assert len(before) == 3
    assert len(tail.entries) == 4
    assert not tail.poll()
    journal.close()
    assert not tail.poll()
    assert tail.entries == read_entries(path)


def test_tail_leaves_folder_unchanged_after_kill(path, tail):
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
    completed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert completed.returncode == -signal.SIGKILL
    (path.parent / "journal.sqlite-shm").unlink()  # a restart of the machine removes it, too
    before = contents(path.parent)
    assert "journal.sqlite-wal" in before
    assert tail.poll()
    assert len(tail.entries) == 5
    assert contents(path.parent) == before


def test_tail_does_not_block_writer_or_log_restart(path, tail):
    journal = SqliteJournal(path)
    logs = set()
    for batch in range(40):
        write(journal, batch * 50, 50, size=4000)
        logs.add(path.with_name("journal.sqlite-wal").read_bytes()[:32])
        assert tail.poll()
        assert len(tail.entries) == (batch + 1) * 50
    assert len(logs) > 1  # the log was restarted during the test
    journal.close()
    assert not path.with_name("journal.sqlite-wal").exists()  # an SQLite reader of the journal would keep it
    tail.poll()
    assert tail.entries == read_entries(path)


def test_a_journal_that_is_closed_while_it_is_copied_is_copied_again(path, tail, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    copyfile = shutil.copyfile

    def close_before_the_log_is_copied(source, target):
        if source.name.endswith("-wal"):
            journal.close()
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", close_before_the_log_is_copied)
    assert tail.poll()
    assert not path.with_name("journal.sqlite-wal").exists()
    assert len(tail.entries) == 3
    assert tail.entries == read_entries(path)


def test_tail_polls_prefix_of_journal_during_run(path, tail):
    code = f"""
    from pathlib import Path
    from ce_nas.store.journal import SqliteJournal
    journal = SqliteJournal(Path({str(path)!r}))
    for number in range(6000):
        journal.append("period", float(number), {{"number": number, "padding": "x" * 3000}})
        if number % 7 == 6:
            journal.commit()
    journal.close()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as writer:
        lengths = []
        while writer.poll() is None:
            if path.exists() and tail.poll():
                assert [entry.at_s for entry in tail.entries] == list(range(len(tail.entries)))
                lengths.append(len(tail.entries))
    assert writer.returncode == 0
    tail.poll()
    assert len(tail.entries) == 6000
    assert lengths == sorted(lengths)
    assert lengths


def test_tail_copies_again_after_log_restart(path, tail, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    copyfile = shutil.copyfile

    def slow_copyfile(source, target):
        copyfile(source, target)
        if source == path and journal.recorded == () and not slow_copyfile.done:
            slow_copyfile.done = True
            write(journal, 3, 400, size=4000)  # longer than a log grows before it is checkpointed
            write(journal, 403, 700, size=4000)

    slow_copyfile.done = False
    monkeypatch.setattr(shutil, "copyfile", slow_copyfile)
    assert tail.poll()
    assert slow_copyfile.done
    assert [entry.at_s for entry in tail.entries] == list(range(1103))
    journal.close()


def test_tail_reads_replaced_journal_from_start(path, tail):
    journal = SqliteJournal(path)
    write(journal, 0, 5)
    journal.close()
    tail.poll()
    path.unlink()
    journal = SqliteJournal(path)
    write(journal, 100, 2)
    journal.close()
    assert tail.poll()
    assert [entry.at_s for entry in tail.entries] == [100.0, 101.0]


def test_tail_refuses_other_files(path, tail):
    with pytest.raises(StoreError, match="found none"):
        tail.poll()
    path.write_bytes(os.urandom(5000))
    with pytest.raises(StoreError, match="damaged or is not a journal"):
        tail.poll()


def test_tail_of_new_journal_is_empty(path, tail):
    path.touch()
    assert not tail.poll()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    assert not tail.poll()
    connection.close()
    assert tail.entries == []


def test_tail_discards_copy_of_closed_journal(path, tail):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    tail.poll()
    assert tail._copy_path.exists()
    journal.close()
    tail.poll()
    assert list(tail._copy_path.parent.iterdir()) == []


def test_sqlite_reader_would_keep_log(path):
    """The reason for JournalTail: an SQLite reader keeps the log from being removed when the writer closes."""
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    journal.close()
    assert path.with_name("journal.sqlite-wal").exists()
    reader.close()


def test_copies_of_a_killed_reader_are_removed_by_the_next(path, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale, other = tmp_path / f"ce-nas-journal-{dead.pid}-abc", tmp_path / "ce-nas-journal-x-abc"
    own = tmp_path / f"ce-nas-journal-{os.getpid()}-abc"
    for folder in (stale, other, own):
        folder.mkdir()
    JournalTail(path).close()
    assert not stale.exists()
    assert other.exists()
    assert own.exists()
    assert len(list(tmp_path.glob("ce-nas-journal-*"))) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = replace(body, 'x', 'y')",
        "UPDATE entries SET at_s = at_s + 1",
        "UPDATE entries SET kind = 'evaluated'",
        "UPDATE entries SET seq = seq + 10",
        "DELETE FROM entries WHERE seq = 1",
    ],
)
def test_a_changed_entry_is_damage(path, tail, statement):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    journal.close()
    connection = sqlite3.connect(path)
    connection.executescript(f"DROP TRIGGER entries_no_update; DROP TRIGGER entries_no_delete; {statement};")
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        tail.poll()
    with pytest.raises(StoreError, match="damaged"):
        SqliteJournal(path)


def test_a_copy_is_used_only_if_the_log_was_not_restarted_meanwhile(path, tail, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    headers = iter([b"a" * 32, b"b" * 32])
    monkeypatch.setattr("ce_nas.store.tail._read_wal_header", lambda _: next(headers))
    assert tail._try_copy() is False
    monkeypatch.undo()
    assert tail._try_copy()
    journal.close()


def test_damage_within_the_schema_is_refused_in_words(path, tail):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    journal.close()
    content = path.read_bytes()
    at = content.index(b"CREATE TRIGGER")
    path.write_bytes(content[:at] + b"\x80" + content[at + 1 :])  # SQLite's message repeats what is no text
    with pytest.raises(StoreError, match="damaged"):
        tail.poll()
    with pytest.raises(StoreError):
        SqliteJournal(path)


def test_an_unreadable_journal_is_one_sentence(path, tail, monkeypatch):
    write(SqliteJournal(path), 0, 1)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(StoreError, match=r"Expected a readable journal at .*, but Permission denied"):
        tail.poll()
    assert not tail.is_current


def test_a_journal_that_changes_all_the_time_is_given_up(path, tail, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    number = iter(range(10**6))
    monkeypatch.setattr("ce_nas.store.tail._read_wal_header", lambda _: b"%032d" % next(number))
    assert not tail.poll()
    assert (tail.entries, tail.is_current) == ([], False)
    with pytest.raises(StoreError, match="changes all the time; try again"):
        read_entries(path)
    monkeypatch.undo()
    assert tail.poll()
    assert tail.is_current
    journal.close()


def test_a_copy_of_a_closed_journal_is_used_only_if_it_did_not_change_meanwhile(path, tail, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    journal.close()
    stamps = iter([(1, 1), (1, 2)])
    monkeypatch.setattr("ce_nas.store.tail._file_stamp", lambda _: next(stamps))
    assert tail._try_copy() is False
    monkeypatch.undo()
    headers = iter([b"", b"a" * 32])
    monkeypatch.setattr("ce_nas.store.tail._read_wal_header", lambda _: next(headers))
    assert tail._try_copy() is False  # a writer opened it
    monkeypatch.undo()
    assert tail._try_copy()


def test_a_link_in_the_place_of_a_stale_copy_is_not_followed(path, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").touch()
    link = tmp_path / f"ce-nas-journal-{dead.pid}-abc"
    link.symlink_to(tmp_path / "victim")
    JournalTail(path).close()
    assert link.is_symlink()
    assert (tmp_path / "victim" / "file").exists()


def test_a_stale_copy_of_another_user_is_left_alone(path, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = tmp_path / f"ce-nas-journal-{dead.pid}-abc"
    stale.mkdir()
    with monkeypatch.context() as as_another_user:
        as_another_user.setattr("os.getuid", lambda: stale.stat().st_uid + 1)
        JournalTail(path).close()
    assert stale.exists()
    JournalTail(path).close()
    assert not stale.exists()


def test_only_new_entries_are_read_again(path, tail, monkeypatch):
    from ce_nas.store import tail as module

    firsts, fetch_entries = [], module.fetch_entries

    def fetch(connection, first):
        firsts.append(first)
        return fetch_entries(connection, first)

    monkeypatch.setattr(module, "fetch_entries", fetch)
    journal = SqliteJournal(path)
    for first, count in ((0, 3), (3, 2), (5, 1)):
        write(journal, first, count)
        assert tail.poll()
    journal.close()
    assert firsts == [0, 2, 4]  # with the last known one, to see whether the journal was replaced
    assert len(tail.entries) == 6


def test_nothing_is_copied_while_nothing_changes(path, tail, monkeypatch):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    assert tail.poll()
    copied, copyfile = [], shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", lambda *files: copied.append(files[0].name) or copyfile(*files))
    assert tail.poll() is False
    assert copied == []
    write(journal, 3, 1)
    assert tail.poll()
    assert copied == ["journal.sqlite-wal"]  # the database file is copied once for each log
    journal.close()


def test_a_closed_tail_leaves_nothing(path, tmp_path, monkeypatch):
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    tail = JournalTail(path)
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    tail.poll()
    assert [folder.name.partition("-")[0] for folder in (tmp_path / "copies").iterdir()] == ["ce"]
    tail.close()
    assert read_entries(path) == tail.entries
    assert list((tmp_path / "copies").iterdir()) == []
    journal.close()


def test_what_an_interrupted_reading_left_is_not_read(path, tail):
    journal = SqliteJournal(path)
    write(journal, 0, 3)
    journal.close()
    for name in ("journal-wal", "journal-shm"):
        tail._copy_path.with_name(name).write_bytes(b"of another log")
    assert tail._try_copy()
    assert [file.name for file in tail._copy_path.parent.iterdir()] == ["journal"]


def test_a_log_that_grows_is_the_same_log(path, tail):
    """The header of SQLite's logs has 32 bytes; what follows are pages."""
    path.touch()
    log = path.with_name("journal.sqlite-wal")
    assert _read_wal_header(log) == b""
    log.write_bytes(b"h" * 32)
    assert tail._try_copy()
    copied = tail._copied_wal_header
    log.write_bytes(b"h" * 32 + b"page")
    assert tail._try_copy()
    assert tail._copied_wal_header == copied == b"h" * 32
