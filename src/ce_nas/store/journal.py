"""What happened, in order: the one thing a run keeps, and all that is needed to continue it.

A run is a function of its settings. Resuming means running it again from the beginning against its journal: every
entry made again must equal the one on record, to the letter, and once the record is exhausted new entries are added.
"""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import ReplayError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "FORMAT",
    "Entry",
    "Journal",
    "MemoryJournal",
    "NullJournal",
    "SqliteJournal",
    "entries_from",
    "read_entries",
]

#: version of the journal's layout
FORMAT = 1

_SCHEMA = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at_s REAL NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    kind: str
    #: when it happened, seconds since the run began
    at_s: float
    #: its content as JSON text, keys sorted
    body: str

    @property
    def content(self) -> Any:  # noqa: ANN401 - whatever the kind of entry holds
        """The content, parsed."""
        return json.loads(self.body)


class Journal(ABC):
    """Takes entries in; never changes or forgets one."""

    #: whether anything is kept: if not, what is dear to write down need not be made
    keeps: bool = True

    @abstractmethod
    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """Add an entry."""

    def commit(self) -> None:  # noqa: B027 - a journal in memory has nothing to do here
        """Make everything appended so far durable."""


class NullJournal(Journal):
    """Keeps nothing: for training a policy, where nobody will ask."""

    keeps = False

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """See :meth:`Journal.append`."""


class MemoryJournal(Journal):
    """Keeps its entries in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """See :meth:`Journal.append`."""
        self.entries.append(Entry(kind, at_s, _text(content)))


class SqliteJournal(Journal):
    """Keeps its entries in an SQLite file; appends to one that exists only what it does not hold yet.

    :param path: the file; it is made if it is not there.
    :param durable: make every single entry durable at once, instead of at each :meth:`commit`.
    :raises StoreError: if the file is no journal, or of another format.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._durable = durable
        self._connection = _connect(path)
        self._recorded = entries_from(self._connection, 0)
        self._at = 0

    @property
    def recorded(self) -> Sequence[Entry]:
        """The entries that the file held when it was opened."""
        return tuple(self._recorded)

    def append(self, kind: str, at_s: float, content: Mapping[str, object]) -> None:
        """Add an entry, or check it against the one on record.

        :raises ReplayError: if the record says otherwise.
        """
        entry = Entry(kind, at_s, _text(content))
        if self._at < len(self._recorded):
            self._check(entry, self._recorded[self._at])
        else:
            row = (self._at, entry.kind, entry.at_s, entry.body)
            self._connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", row)
        self._at += 1
        if self._durable:
            self.commit()

    def commit(self) -> None:
        """See :meth:`Journal.commit`."""
        self._connection.commit()

    def close(self) -> None:
        """Make everything durable and let go of the file."""
        self._connection.commit()
        self._connection.close()

    def _check(self, entry: Entry, recorded: Entry) -> None:
        if entry != recorded:
            message = (
                f"The resumed run differs from its journal at entry {self._at}: the record says "
                f"{_short(recorded)}, the run now does {_short(entry)}. Resume with the version of ce-nas and the "
                "files that the run was begun with, or begin a new run."
            )
            raise ReplayError(message)


def read_entries(path: Path) -> list[Entry]:
    """The entries of a journal, read without writing or locking; safe while the run goes on.

    :raises StoreError: if there is no journal.
    """
    if not path.is_file():
        message = f"Expected a run's journal at {str(path)!r}, found none; give the folder of a run."
        raise StoreError(message)
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return entries_from(connection, 0)
    finally:
        connection.close()


def entries_from(connection: sqlite3.Connection, first: int) -> list[Entry]:
    """The entries of an open journal from number ``first`` on.

    :raises StoreError: if it is no journal, damaged, or of another format.
    """
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        rows = connection.execute(
            "SELECT kind, at_s, body FROM entries WHERE seq >= ? ORDER BY seq", (first,)
        ).fetchall()
    except sqlite3.Error as error:
        message = f"Expected a run's journal, but {error}; the file is damaged or is something else."
        raise StoreError(message) from error
    if found != FORMAT:
        message = f"Expected a journal of format {FORMAT}, got format {found}; read it with the ce-nas that wrote it."
        raise StoreError(message)
    return [Entry(*row) for row in rows]


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={FORMAT}; COMMIT;")
    except sqlite3.Error as error:
        message = (
            f"Expected a journal that can be written at {str(path)!r}, but {error}; check the disk and the folder."
        )
        raise StoreError(message) from error
    return connection


def _text(content: Mapping[str, object]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _short(entry: Entry) -> str:
    body = entry.body if len(entry.body) <= 120 else f"{entry.body[:120]}..."
    return f"{entry.kind} at {entry.at_s:g} s {body}"
