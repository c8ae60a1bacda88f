"""A read-only tail of a journal that another process is writing; changes nothing in its directory.

SQLite readers of an open journal share a file with its writer, take locks in it, and may leave it behind. Here the
journal is copied, and SQLite opens the copy alone: the writer is never blocked.

The copy is consistent without a lock. A write-ahead log has every page changed since its start, and the database file
changes by these pages only. So the database file of any time after the start of the log, with the same log at a later
time, is the journal at that later time; a restarted log has another header. An incomplete end of the log has wrong
checksums, and SQLite ignores it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from ce_nas.core.errors import StoreError
from ce_nas.store.journal import SQLITE_ERRORS, JournalEntry, fetch_entries

__all__ = ["FileStamp", "JournalTail", "journal_stamps", "read_entries"]

#: size of the header of a write-ahead log; its salt differs for every log
_WAL_HEADER_BYTES = 32
#: attempts to copy while the log is restarted
_MAX_COPY_ATTEMPTS = 5

#: begin of the names of the temporary folders; the id of the process follows
_COPY_PREFIX = "ce-nas-journal-"

#: size in bytes and modification time in ns of a file; None if it does not exist
FileStamp = tuple[int, int] | None


class JournalTail:
    """The entries of a journal, updated by :meth:`poll`.

    :param path: the file of the journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal_path = _wal_path_of(path)
        _remove_stale_copies()
        self._temp_dir = TemporaryDirectory(prefix=f"{_COPY_PREFIX}{os.getpid()}-")
        self._copy_path = Path(self._temp_dir.name) / "journal"
        self._last_stamps: tuple[FileStamp, FileStamp] | None = None
        #: header of the log at the time of the copy; None: there is no copy
        self._copied_wal_header: bytes | None = None
        self._entries: list[JournalEntry] = []

    @property
    def entries(self) -> list[JournalEntry]:
        """The entries read so far; a new list after each poll with new entries."""
        return self._entries

    @property
    def is_current(self) -> bool:
        """Whether a consistent copy was read."""
        return self._last_stamps is not None

    def poll(self) -> bool:
        """Read new entries; returns whether there are any.

        :raises StoreError: if there is no journal, or it is damaged.
        """
        stamps = journal_stamps(self._path)
        if stamps[0] is None:
            message = f"Expected a run's journal at {str(self._path)!r}, found none; give the directory of a run."
            raise StoreError(message)
        if stamps == self._last_stamps or not self._copy_snapshot():
            return False
        entries = self._read_copy()
        self._last_stamps = stamps
        if not stamps[1]:  # without a log the journal is closed: the copy is complete
            self._discard_copy()
        changed = entries != self._entries
        if changed:
            self._entries = entries
        return changed

    def close(self) -> None:
        """Delete the copies."""
        self._temp_dir.cleanup()

    def _copy_snapshot(self) -> bool:
        """Copy a consistent state of the journal; False if its log is restarted in every attempt."""
        try:
            return any(self._try_copy() for _ in range(_MAX_COPY_ATTEMPTS))
        except OSError as error:
            message = f"Expected a readable journal at {str(self._path)!r}, but {error.strerror}."
            raise StoreError(message) from error

    def _try_copy(self) -> bool:
        header, stamp = _read_wal_header(self._wal_path), _file_stamp(self._path)
        if not header or header != self._copied_wal_header:
            shutil.copyfile(self._path, self._copy_path)
            self._copied_wal_header = header
        for part in ("-shm", "-wal"):
            self._copy_path.with_name(f"journal{part}").unlink(missing_ok=True)
        if header:
            try:
                shutil.copyfile(self._wal_path, self._copy_path.with_name("journal-wal"))
            except FileNotFoundError:  # the search has just closed its journal
                return False
            return header == _read_wal_header(self._wal_path)
        return not _read_wal_header(self._wal_path) and stamp == _file_stamp(self._path)

    def _read_copy(self) -> list[JournalEntry]:
        """Return the known entries and the new ones; all are read again if the journal was replaced."""
        known = self._entries
        connection = sqlite3.connect(self._copy_path)
        try:
            if _has_no_tables(connection):  # created, but not set up yet
                return []
            new = fetch_entries(connection, max(len(known) - 1, 0))
            if known and new[:1] != known[-1:]:
                return fetch_entries(connection, 0)
        finally:
            connection.close()
        return [*known[:-1], *new]

    def _discard_copy(self) -> None:
        self._copied_wal_header = None
        self._copy_path.unlink()


def read_entries(path: Path) -> list[JournalEntry]:
    """Read the entries of a journal; safe during the run, and in a directory that cannot be written.

    :raises StoreError: if there is no journal, or it is damaged.
    """
    tail = JournalTail(path)
    try:
        for _ in range(_MAX_COPY_ATTEMPTS):
            tail.poll()
            if tail.is_current:
                return tail.entries
    finally:
        tail.close()
    message = f"Expected a consistent copy of the journal {str(path)!r}, but it changes all the time; try again."
    raise StoreError(message)


def _remove_stale_copies() -> None:
    """Remove the copies of processes that were killed before they could."""
    for folder in Path(gettempdir()).glob(f"{_COPY_PREFIX}*-*"):
        number = folder.name.removeprefix(_COPY_PREFIX).partition("-")[0]
        with suppress(OSError, ValueError):
            is_own = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
            if is_own and not Path(f"/proc/{int(number)}").exists() and Path("/proc/self").exists():
                shutil.rmtree(folder)


def _has_no_tables(connection: sqlite3.Connection) -> bool:
    try:
        return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    except SQLITE_ERRORS:
        return False  # reported by the read that follows


def journal_stamps(journal: Path) -> tuple[FileStamp, FileStamp]:
    """Return the stamps of a journal and of its log; if they are unchanged, there are no new entries."""
    return _file_stamp(journal), _file_stamp(_wal_path_of(journal))


def _wal_path_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}-wal")


def _file_stamp(path: Path) -> FileStamp:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def _read_wal_header(wal_path: Path) -> bytes:
    """Read the header of a log; empty if there is no log, or it is empty."""
    try:
        with wal_path.open("rb") as file:
            return file.read(_WAL_HEADER_BYTES)
    except FileNotFoundError:
        return b""
