"""Reads a journal that another process is writing, and leaves no trace in its folder.

SQLite readers of a journal in use share a file with its writer, take locks in it, and may leave it behind. Here the
journal is copied instead, and SQLite sees the copy alone: the writer cannot notice, let alone wait.

The copy is consistent without a lock. A write-ahead log holds every page that changed since it was begun; the file
beside it changes by these pages only. So the file as it stood after the log was begun, under the same log as it stood
at any later moment, is the journal at that moment; a log that was begun anew shows by its header. The end of the log
that was being written then has wrong checksums, and SQLite leaves it out.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from ce_nas.core.errors import StoreError
from ce_nas.store.journal import Entry, entries_from

__all__ = ["Follower", "Stamp", "stamps"]

#: bytes of the header of a write-ahead log: it holds a number that is new with every log
_HEADER = 32
#: how often a copy is tried during which the log was begun anew
_TRIES = 5

#: what a file was when it was looked at: size and time of the last change, ns; None if it is not there
Stamp = tuple[int, int] | None


class Follower:
    """The entries of a journal, and those that come.

    :param path: the journal's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = _log_of(path)
        self._folder = TemporaryDirectory(prefix="ce-nas-")
        self._copy = Path(self._folder.name) / "journal"
        self._seen: tuple[Stamp, Stamp] | None = None
        #: the header of the log that the copy belongs under; None: there is no copy
        self._header: bytes | None = None
        self._entries: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """The entries that were read so far; a list of its own each time that there were new ones."""
        return self._entries

    def look(self) -> bool:
        """Read what was added since the last look; whether there was anything.

        :raises StoreError: if there is no journal, or it is damaged.
        """
        seen = stamps(self._path)
        if seen[0] is None:
            message = f"Expected a run's journal at {str(self._path)!r}, found none; give the folder of a run."
            raise StoreError(message)
        if seen == self._seen or not self._copied():
            return False
        found = self._read()
        self._seen = seen
        if not seen[1]:  # nobody is writing: the copy has done its work
            self._forget()
        grown = found != self._entries
        if grown:
            self._entries = found
        return grown

    def close(self) -> None:
        """Remove the copies."""
        self._folder.cleanup()

    def _copied(self) -> bool:
        """Copy the journal as it stands at one moment; False if it changes too fast for that."""
        try:
            return any(self._copied_at_once() for _ in range(_TRIES))
        except OSError as error:
            message = f"Expected a journal that can be read at {str(self._path)!r}, but {error.strerror}."
            raise StoreError(message) from error

    def _copied_at_once(self) -> bool:
        header, stamp = _header(self._log), _stamp(self._path)
        if not header or header != self._header:
            self._forget()
            shutil.copyfile(self._path, self._copy)
            self._header = header
        for part in ("-shm", "-wal"):
            self._copy.with_name(f"journal{part}").unlink(missing_ok=True)
        if header:
            shutil.copyfile(self._log, self._copy.with_name("journal-wal"))
            return header == _header(self._log)
        return not _header(self._log) and stamp == _stamp(self._path)

    def _read(self) -> list[Entry]:
        """The entries known, and those after them; all of them anew where the journal is another one now."""
        known = self._entries
        connection = sqlite3.connect(self._copy)
        try:
            if _is_empty(connection):  # it was made this very moment
                return []
            new = entries_from(connection, max(len(known) - 1, 0))
            if known and new[:1] != known[-1:]:
                return entries_from(connection, 0)
        finally:
            connection.close()
        return [*known[:-1], *new]

    def _forget(self) -> None:
        self._header = None
        self._copy.unlink(missing_ok=True)


def _is_empty(connection: sqlite3.Connection) -> bool:
    try:
        return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    except sqlite3.Error:
        return False  # what is wrong is said by who reads it


def stamps(journal: Path) -> tuple[Stamp, Stamp]:
    """What a journal and the log beside it are at this moment: where nothing changed, there is nothing to read."""
    return _stamp(journal), _stamp(_log_of(journal))


def _log_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}-wal")


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _header(log: Path) -> bytes:
    """The first bytes of a log; none where there is no log, or nothing in it."""
    try:
        with log.open("rb") as file:
            return file.read(_HEADER)
    except FileNotFoundError:
        return b""
