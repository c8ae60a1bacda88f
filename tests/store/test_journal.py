"""The journal is append-only, compared on replay, and readable while it is written."""

import multiprocessing
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest

from ce_nas.core.errors import ReplayError, StoreError
from ce_nas.store.journal import INPUT_CHANGED, JournalEntry, MemoryJournal, NullJournal, SqliteJournal, has_ended
from ce_nas.store.tail import read_entries

ENTRIES = [("run_started", 0.0, {"seed": 1}), ("decided", 0.0, {"why": "é"}), ("period", 3600.0, {"x": [1.5, None]})]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def write(path, entries, **options):
    journal = SqliteJournal(path, **options)
    for entry in entries:
        journal.append(*entry)
    journal.close()


def test_journal_round_trip(path):
    write(path, ENTRIES)
    memory = MemoryJournal()
    for entry in ENTRIES:
        memory.append(*entry)
    assert read_entries(path) == memory.entries
    assert [entry.content for entry in memory.entries] == [content for _, _, content in ENTRIES]


def test_journal_replay_then_append(path):
    write(path, ENTRIES[:2])
    write(path, ENTRIES)
    write(path, ENTRIES)
    assert len(read_entries(path)) == 3


@pytest.mark.parametrize(
    "other", [("run_started", 0.0, {"seed": 2}), ("begin", 0.0, {"seed": 1}), ("run_started", 1.0, {"seed": 1})]
)
def test_journal_refuses_different_replay(path, other):
    write(path, ENTRIES)
    with pytest.raises(ReplayError, match="entry 0"):
        write(path, [other])
    assert len(read_entries(path)) == 3


@pytest.mark.parametrize("statement", ["UPDATE entries SET body = '{}'", "DELETE FROM entries"])
def test_journal_is_append_only(path, statement):
    write(path, ENTRIES)
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_durable_journal_is_readable_after_each_entry(path):
    journal = SqliteJournal(path, durable=True)
    for count, entry in enumerate(ENTRIES, start=1):
        journal.append(*entry)
        assert len(read_entries(path)) == count
    journal.close()


def test_journal_entries_are_visible_after_commit(path):
    journal = SqliteJournal(path)
    journal.append(*ENTRIES[0])
    assert read_entries(path) == []
    journal.commit()
    assert len(read_entries(path)) == 1
    journal.close()


def test_journal_refuses_nan(path):
    journal = SqliteJournal(path)
    with pytest.raises(ValueError, match="JSON"):
        journal.append("period", 0.0, {"x": float("nan")})
    journal.close()


def test_journal_refuses_other_files(path, tmp_path):
    with pytest.raises(StoreError, match="found none"):
        read_entries(path)
    path.write_bytes(b"not a database, but as long as one" * 20)
    with pytest.raises(StoreError, match=r"damaged|not a database"):
        read_entries(path)
    with pytest.raises(StoreError):
        SqliteJournal(path)


def test_journal_refuses_other_format(path):
    write(path, ENTRIES)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match="format 3, got 99"):
        read_entries(path)


def test_null_journal_keeps_nothing():
    journal = NullJournal()
    journal.append("run_started", 0.0, {})
    journal.commit()


def test_journal_entry_content_is_parsed():
    assert JournalEntry("x", 0.0, '{"a":[1,2]}').content == {"a": [1, 2]}


def test_records_entries_by_journal_class():
    assert not NullJournal().records_entries
    assert MemoryJournal().records_entries


def test_an_accepted_change_follows_what_was_recorded_and_is_not_repeated(path):
    write(path, ENTRIES[:2])
    journal = SqliteJournal(path)
    journal.accept_change({"changes": []}, "the trace")
    for entry in ENTRIES:
        journal.append(*entry)
    journal.close()
    kinds = [entry.kind for entry in read_entries(path)]
    assert kinds == ["run_started", "decided", INPUT_CHANGED, "period"]
    assert INPUT_CHANGED == "input_changed"  # as in the journals of earlier runs
    write(path, ENTRIES)
    assert [entry.kind for entry in read_entries(path)] == kinds


def test_a_change_of_what_has_happened_is_not_recorded(path):
    write(path, ENTRIES)
    journal = SqliteJournal(path)
    journal.accept_change({"changes": []}, "the trace t.csv")
    with pytest.raises(ReplayError, match=r"new content of the trace t.csv what happened at 0 h \(run_started\)"):
        journal.append("run_started", 0.0, {"seed": 2})
    journal.close()
    assert len(read_entries(path)) == 3


def test_closed_journal_is_one_file(path):
    write(path, ENTRIES)
    read_entries(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_full_disk_is_one_sentence_and_keeps_what_was_written(path):
    journal = SqliteJournal(path)
    journal.append(*ENTRIES[0])
    journal.commit()
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="full; what it holds is safe"):
        journal.append("period", 0.0, {"text": "x" * 40_000})
    journal.close()
    assert [entry.content for entry in read_entries(path)] == [ENTRIES[0][2]]


def test_journal_in_read_only_directory_is_read():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "closed", ENTRIES)
        journal = SqliteJournal(folder / "open")
        journal.append(*ENTRIES[0])
        journal.commit()
        folder.chmod(0o555)
        process = multiprocessing.get_context("fork").Process(
            target=_read_as_another_user, args=(folder / "closed", folder / "open")
        )
        process.start()
        process.join()
        folder.chmod(0o755)
        journal.close()
    assert process.exitcode == 0


def _read_as_another_user(*journals):
    """Read as somebody who may not write, which root always may."""
    if os.getuid() == 0:
        os.setuid(65534)
    sys.exit([len(read_entries(journal)) for journal in journals] != [3, 1])


def test_a_commit_reaches_the_disk(path):
    journal = SqliteJournal(path)
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_a_body_is_json_with_sorted_keys_and_no_blanks(path):
    memory = MemoryJournal()
    memory.append("x", 0.0, {"b": [1, 2], "a": {"d": 1, "c": "é"}})
    assert memory.entries[0].body == '{"a":{"c":"\\u00e9","d":1},"b":[1,2]}'
    with pytest.raises(ValueError, match="JSON"):
        memory.append("x", 0.0, {"a": float("inf")})


def test_a_change_is_recorded_at_the_time_of_the_last_entry(path):
    write(path, [("run_started", 0.0, {}), ("period", 3600.0, {})])
    journal = SqliteJournal(path)
    assert [entry.kind for entry in journal.recorded] == ["run_started", "period"]
    journal.accept_change({"changes": [1]}, "the trace")
    for entry in (("run_started", 0.0, {}), ("period", 3600.0, {}), ("period", 7200.0, {})):
        journal.append(*entry)
    journal.close()
    assert [(entry.kind, entry.at_s) for entry in read_entries(path)][2:] == [
        (INPUT_CHANGED, 3600.0),
        ("period", 7200.0),
    ]


def test_a_long_entry_is_abbreviated_in_an_error(path):
    write(path, [("period", 3600.0, {"text": "x" * 5000})])
    with pytest.raises(ReplayError, match=r"at entry 0: expected period at 3600 s \{.*\.\.\., got period") as caught:
        write(path, [("period", 3600.0, {"text": "y"})])
    assert len(str(caught.value)) < 500


def test_a_journal_that_cannot_be_created_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"can be written at .*; check the disk and the directory"):
        SqliteJournal(tmp_path / "missing" / "journal.sqlite")


@pytest.mark.parametrize(("letters", "is_whole"), [(112, True), (113, False)])
def test_an_entry_of_up_to_120_letters_is_shown_whole(path, letters, is_whole):
    write(path, [("period", 0.0, {"x": "y" * letters})])
    body = f'{{"x":"{"y" * letters}"}}'
    assert (len(body) <= 120) is is_whole
    with pytest.raises(ReplayError) as caught:
        write(path, [("period", 0.0, {})])
    assert (f"period at 0 s {body}, got" in str(caught.value)) is is_whole


def test_a_closed_journal_needs_no_log_and_takes_no_entry(path):
    journal = SqliteJournal(path)
    journal.append(*ENTRIES[0])
    journal.close()
    with pytest.raises(StoreError, match="closed"):
        journal.append(*ENTRIES[1])
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_run_has_ended_though_entries_follow_its_end():
    journal = MemoryJournal()
    assert not has_ended(journal.entries)
    for kind, ended in (("run_started", False), ("period", False), ("run_ended", True), ("carbon_settled", True)):
        journal.append(kind, 0.0, {})
        assert has_ended(journal.entries) == ended
