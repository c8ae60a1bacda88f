"""The journal of a run: its entries in order, and all that is needed to resume it.

A run is a function of its settings. To resume is to run it again from the start against its journal: each entry must
equal the recorded one exactly; after the last recorded entry new ones are appended.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import ReplayError, StoreError
from ce_nas.core.units import HOUR_S
from ce_nas.store.resumption import describe_resumption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "FORMAT_VERSION",
    "INPUT_CHANGED",
    "SQLITE_ERRORS",
    "Journal",
    "JournalEntry",
    "MemoryJournal",
    "NullJournal",
    "SqliteJournal",
    "fetch_entries",
    "has_ended",
]

#: version of the journal format
FORMAT_VERSION = 3
#: what reading or writing a damaged file can raise; SQLite's own message may not be text
SQLITE_ERRORS = (sqlite3.Error, UnicodeError, OverflowError)
#: kind of an entry that a resumption adds and a replay does not repeat: inputs whose change was accepted
INPUT_CHANGED = "input_changed"

_SCHEMA = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at_s REAL NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry of the journal."""

    kind: str
    #: time of the entry, seconds since the start of the run
    at_s: float
    #: content as JSON text, keys sorted
    body: str

    @property
    def content(self) -> Any:  # noqa: ANN401 - any JSON value
        """The parsed content."""
        return json.loads(self.body)


class Journal(ABC):
    """An append-only sequence of entries."""

    #: whether entries are kept; if not, expensive entries need not be built
    records_entries: bool = True

    @abstractmethod
    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """Append an entry.

        :param at_s: seconds since the start of the run.
        :param content: JSON values.
        """

    def commit(self) -> None:  # noqa: B027 - does nothing in memory
        """Make all appended entries durable."""


class NullJournal(Journal):
    """Keeps no entries, for training a policy."""

    records_entries = False

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """See :meth:`Journal.append`."""


class MemoryJournal(Journal):
    """Keeps its entries in memory.

    Example:
        >>> journal = MemoryJournal()
        >>> journal.append("task_started", 3600.0, {"task": 0, "device": 1})
        >>> journal.entries[0].content
        {'device': 1, 'task': 0}
    """

    def __init__(self) -> None:
        self.entries: list[JournalEntry] = []

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """See :meth:`Journal.append`."""
        self.entries.append(JournalEntry(kind, at_s, _to_json(content)))


class SqliteJournal(Journal):
    """Keeps its entries in an SQLite file; entries that the file has already are compared instead of appended.

    Several threads may use it, one at a time.

    :param path: the file; created if it does not exist.
    :param durable: make each entry durable at once, instead of at each :meth:`commit`.
    :raises StoreError: if the file is not a journal, or of another format.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._path = path
        self._durable = durable
        self._connection = _connect(path)
        self._recorded = fetch_entries(self._connection, 0)
        #: the content of the first entry; empty before there is one
        self._header: Mapping[str, object] = self._recorded[0].content if self._recorded else {}
        self._position = 0
        self._change: tuple[Mapping[str, object], str] | None = None

    @property
    def recorded(self) -> Sequence[JournalEntry]:
        """The entries of the file when it was opened."""
        return tuple(self._recorded)

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """Append an entry, or compare it with the recorded one.

        :raises ReplayError: if it differs from the recorded one.
        """
        entry = JournalEntry(kind, at_s, _to_json(content))
        self._header = self._header or content
        while self._position < len(self._recorded) and self._recorded[self._position].kind == INPUT_CHANGED:
            self._position += 1
        if self._position < len(self._recorded):
            self._check_replay(entry, self._recorded[self._position])
            self._position += 1
        else:
            if self._change:
                self._insert(JournalEntry(INPUT_CHANGED, self._recorded[-1].at_s, _to_json(self._change[0])))
                self._change = None
            self._insert(entry)
        if self._durable:
            self.commit()

    def accept_change(self, content: Mapping[str, object], names: str) -> None:
        """Append an entry of kind :data:`INPUT_CHANGED` as soon as all recorded entries have been repeated.

        :param names: the changed inputs in words, for the error if they alter what is recorded.
        """
        self._change = (content, names)

    def _insert(self, entry: JournalEntry) -> None:
        row = (self._position, entry.kind, entry.at_s, entry.body, _digest(self._position, entry))
        with self._report_failure():
            self._connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", row)
        self._position += 1

    def commit(self) -> None:
        """See :meth:`Journal.commit`.

        :raises StoreError: if the disk is full or fails; the entries committed before are kept.
        """
        with self._report_failure():
            self._connection.commit()

    def close(self) -> None:
        """Make all entries durable and close the file; without readers, it has no write-ahead log then."""
        try:
            self.commit()
            with suppress(sqlite3.OperationalError):  # a reader has it open, or the disk is full: the log stays
                self._connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            self._connection.close()

    @contextmanager
    def _report_failure(self) -> Iterator[None]:
        try:
            yield
        except SQLITE_ERRORS as error:
            message = (
                f"Expected to write the journal {str(self._path)!r}, but {error}; what it holds is safe: make room, "
                f"then continue {describe_resumption(self._path.parent, self._header)}"
            )
            raise StoreError(message) from error

    def _check_replay(self, entry: JournalEntry, recorded: JournalEntry) -> None:
        if entry != recorded and self._change:
            message = (
                f"Expected a change that matters for the rest of the run alone, but with the new content of "
                f"{self._change[1]} what happened at {recorded.at_s / HOUR_S:.4g} h ({recorded.kind}) would have been "
                "different: restore the old content, or start a new run."
            )
            raise ReplayError(message)
        if entry != recorded:
            message = (
                f"The resumed run differs from its journal at entry {self._position}: expected "
                f"{_abbreviate(recorded)}, got {_abbreviate(entry)}. Resume with the version of ce-nas and the files "
                "that the run was started with, or start a new run."
            )
            raise ReplayError(message)


def has_ended(entries: Sequence[JournalEntry]) -> bool:
    """Return whether the run has ended; entries that settle its books may follow the end."""
    return any(entry.kind == "run_ended" for entry in reversed(entries))


def fetch_entries(connection: sqlite3.Connection, first: int) -> list[JournalEntry]:
    """Read the entries of an open journal from number ``first`` on.

    :raises StoreError: if it is not a journal, damaged, or of another format.
    """
    rows: list[tuple[Any, ...]] = []
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == FORMAT_VERSION:
            rows = connection.execute(
                "SELECT kind, at_s, body, seq, digest FROM entries WHERE seq >= ? ORDER BY seq", (first,)
            ).fetchall()
    except SQLITE_ERRORS as error:
        message = f"Expected a run's journal, but {error}; the file is damaged or is not a journal."
        raise StoreError(message) from error
    if version != FORMAT_VERSION:
        message = (
            f"Expected a journal of format {FORMAT_VERSION}, got {version}; read it with the version of ce-nas that "
            "wrote it."
        )
        raise StoreError(message)
    return [_checked_entry(first + number, *row) for number, row in enumerate(rows)]


def _checked_entry(number: int, kind: Any, at_s: Any, body: Any, seq: Any, digest: Any) -> JournalEntry:  # noqa: ANN401, PLR0913, PLR0917 - any content of the file
    entry = JournalEntry(kind, at_s, body)
    if seq != number or digest != _digest(number, entry):
        message = (
            f"Expected entry {number} of a run's journal as it was written, got another content: the file is damaged; "
            "restore a copy of it, or start a new run."
        )
        raise StoreError(message)
    return entry


def _digest(number: int, entry: JournalEntry) -> str:
    """The checksum of an entry and its number."""
    text = f"{number} {entry.at_s!r} {entry.kind} {entry.body}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={FORMAT_VERSION}; COMMIT;")
    except SQLITE_ERRORS as error:
        message = (
            f"Expected a journal that can be written at {str(path)!r}, but {error}; check the disk and the directory."
        )
        raise StoreError(message) from error
    return connection


def _to_json(content: Mapping[str, object]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _abbreviate(entry: JournalEntry) -> str:
    body = entry.body if len(entry.body) <= 120 else f"{entry.body[:120]}..."
    return f"{entry.kind} at {entry.at_s:g} s {body}"
