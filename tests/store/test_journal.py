"""The journal: append-only, checked on replay, readable while it is written."""

import sqlite3

import pytest

from ce_nas.core.errors import ReplayError, StoreError
from ce_nas.store.journal import Entry, MemoryJournal, NullJournal, SqliteJournal, read_entries

ENTRIES = [("begun", 0.0, {"seed": 1}), ("decided", 0.0, {"why": "é"}), ("period", 3600.0, {"x": [1.5, None]})]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def write(path, entries, **options):
    journal = SqliteJournal(path, **options)
    for entry in entries:
        journal.append(*entry)
    journal.close()


def test_what_goes_in_comes_out(path):
    write(path, ENTRIES)
    memory = MemoryJournal()
    for entry in ENTRIES:
        memory.append(*entry)
    assert read_entries(path) == memory.entries
    assert [entry.content for entry in memory.entries] == [content for _, _, content in ENTRIES]


def test_replaying_checks_and_then_goes_on(path):
    write(path, ENTRIES[:2])
    write(path, ENTRIES)
    write(path, ENTRIES)
    assert len(read_entries(path)) == 3


@pytest.mark.parametrize(
    "other", [("begun", 0.0, {"seed": 2}), ("begin", 0.0, {"seed": 1}), ("begun", 1.0, {"seed": 1})]
)
def test_a_replay_that_differs_is_stopped_and_nothing_is_lost(path, other):
    write(path, ENTRIES)
    with pytest.raises(ReplayError, match="entry 0"):
        write(path, [other])
    assert len(read_entries(path)) == 3


@pytest.mark.parametrize("statement", ["UPDATE entries SET body = '{}'", "DELETE FROM entries"])
def test_nobody_rewrites_history(path, statement):
    write(path, ENTRIES)
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_a_durable_journal_can_be_read_entry_by_entry_while_it_is_written(path):
    journal = SqliteJournal(path, durable=True)
    for count, entry in enumerate(ENTRIES, start=1):
        journal.append(*entry)
        assert len(read_entries(path)) == count
    journal.close()


def test_without_a_commit_nothing_is_seen_and_with_it_all(path):
    journal = SqliteJournal(path)
    journal.append(*ENTRIES[0])
    assert read_entries(path) == []
    journal.commit()
    assert len(read_entries(path)) == 1
    journal.close()


def test_what_is_no_number_never_gets_in(path):
    journal = SqliteJournal(path)
    with pytest.raises(ValueError, match="JSON"):
        journal.append("period", 0.0, {"x": float("nan")})
    journal.close()


def test_other_files_are_refused(path, tmp_path):
    with pytest.raises(StoreError, match="found none"):
        read_entries(path)
    path.write_bytes(b"not a database, but long enough to be taken for one at first sight" * 20)
    with pytest.raises(StoreError, match=r"damaged|not a database"):
        read_entries(path)
    with pytest.raises(StoreError):
        SqliteJournal(path)


def test_another_format_is_refused(path):
    write(path, ENTRIES)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="format 1, got format 99"):
        read_entries(path)


def test_a_null_journal_takes_everything_and_keeps_nothing():
    journal = NullJournal()
    journal.append("begun", 0.0, {})
    journal.commit()


def test_an_entry_is_parsed_when_asked():
    assert Entry("x", 0.0, '{"a":[1,2]}').content == {"a": [1, 2]}


def test_only_a_journal_that_nobody_will_read_keeps_nothing():
    assert not NullJournal().keeps
    assert MemoryJournal().keeps
