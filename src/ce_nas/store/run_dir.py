"""The directory of one run: its lock, its journal and the files derived from it."""

from __future__ import annotations

import fcntl
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from ce_nas.core.errors import StoreError
from ce_nas.store.journal import SqliteJournal, has_ended
from ce_nas.store.resumption import describe_resumption
from ce_nas.store.tail import read_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.store.journal import JournalEntry

__all__ = ["JOURNAL_FILENAME", "RunDirectory", "is_locked", "next_run_path", "read_run_entries", "write_atomic"]

JOURNAL_FILENAME = "journal.sqlite"
LOCK_FILENAME = "lock"


class RunDirectory:
    """The directory of a run, locked by one process at a time."""

    def __init__(self, path: Path, lock: TextIO) -> None:
        self.path = path
        self._lock = lock
        self._journals: list[SqliteJournal] = []

    @classmethod
    def create(cls, path: Path) -> Self:
        """Create the directory of a new run.

        :raises StoreError: if ``path`` exists and is not empty, or cannot be created.
        """
        try:
            is_taken = path.exists() and not (path.is_dir() and not any(path.iterdir()))
        except OSError as error:
            message = f"Expected a directory at {str(path)[:200]!r}, but {error.strerror}; choose another --out."
            raise StoreError(message) from error
        if is_taken:
            message = (
                f"Expected a new or empty directory for the run, but {str(path)!r} is not empty; {_way_out(path)}."
            )
            raise StoreError(message)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"Expected to create a directory at {str(path)!r}, but {error.strerror}; choose another --out."
            raise StoreError(message) from error
        return cls._acquire(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the directory of an existing run.

        :raises StoreError: if it has no journal, or is locked by another process.
        """
        read_entries(path / JOURNAL_FILENAME)
        return cls._acquire(path)

    @classmethod
    def _acquire(cls, path: Path) -> Self:
        try:
            lock = (path / LOCK_FILENAME).open("a")
        except OSError as error:
            message = (
                f"Expected a writable directory at {str(path)!r}, but {error.strerror}; change its permissions or "
                "choose another directory."
            )
            raise StoreError(message) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            message = f"The run in {str(path)!r} is locked by another process; wait for it, or end that process."
            raise StoreError(message) from error
        return cls(path, lock)

    def open_journal(self, *, durable: bool = False) -> SqliteJournal:
        """Open the journal of the run for replay and appending; ``durable`` as in :class:`SqliteJournal`."""
        journal = SqliteJournal(self.path / JOURNAL_FILENAME, durable=durable)
        self._journals.append(journal)
        return journal

    def close(self) -> None:
        """Close the journals and release the lock."""
        for journal in self._journals:
            journal.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _way_out(path: Path) -> str:
    """What to do where a new run's directory is not empty."""
    other, folder = "choose another --out", shlex.quote(str(path))
    if not (path / JOURNAL_FILENAME).is_file():
        return other
    try:
        entries = read_run_entries(path)
    except StoreError:  # the journal is damaged
        return other
    if has_ended(entries):
        return f"{other}, or read the run, which has ended, with: ce-nas report {folder}"
    if not entries:  # nothing was recorded that could be resumed
        return other
    return f"{other}, or resume the run {describe_resumption(path, entries[0].content)}"


def is_locked(path: Path, locks_path: Path = Path("/proc/locks")) -> bool | None:
    """Tell whether a process of this machine holds the lock of the run in ``path``; None if that is unknown.

    :param locks_path: the kernel's table of locks; trying to acquire the lock could fail a process that starts at the
        same time.
    """
    try:
        locks, lock = locks_path.read_text(), (path / LOCK_FILENAME).stat()
    except OSError:
        return None
    inode = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    return any("FLOCK" in line and inode in line.split() for line in locks.splitlines())


def read_run_entries(path: Path) -> Sequence[JournalEntry]:
    """Read the journal entries of the run in ``path``; safe during the run.

    :raises StoreError: if there is no run.
    """
    return read_entries(path / JOURNAL_FILENAME)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file atomically.

    :raises StoreError: if it cannot be written; an existing file is kept.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)  # of an interrupted run, or a link to somewhere else
        with draft.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = f"Expected to write {str(path)!r}, but {error.strerror}; the journal is safe: make room and resume."
        raise StoreError(message) from error


def next_run_path(parent: Path) -> Path:
    """Return the first of ``parent/0001``, ``parent/0002``, ... that does not exist."""
    existing = {path.name for path in parent.iterdir()} if parent.is_dir() else set()
    number = 1
    while f"{number:04d}" in existing:
        number += 1
    return parent / f"{number:04d}"
