"""The folder of one run: its journal, and what was written from it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from ce_nas.core.errors import StoreError
from ce_nas.store.journal import SqliteJournal, read_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.store.journal import Entry

__all__ = ["JOURNAL", "RunFolder", "is_held", "next_folder", "read_run", "write_whole"]

JOURNAL = "journal.sqlite"
LOCK = "lock"


class RunFolder:
    """The folder of a run, held by one process at a time."""

    def __init__(self, path: Path, lock: TextIO) -> None:
        self.path = path
        self._lock = lock
        self._journals: list[SqliteJournal] = []

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new run's folder.

        :raises StoreError: if there is something at ``path`` already, or it cannot be made.
        """
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            way_out = f"continue it with: ce-nas resume {path}" if (path / JOURNAL).exists() else "choose another --out"
            message = f"Expected a new or empty folder for the run, but {str(path)!r} holds something; {way_out}."
            raise StoreError(message)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = (
                f"Expected a folder that can be made at {str(path)!r}, but {error.strerror}; choose another --out."
            )
            raise StoreError(message) from error
        return cls._locked(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The folder of a run that was begun.

        :raises StoreError: if it is none, or another process holds it.
        """
        read_entries(path / JOURNAL)
        return cls._locked(path)

    @classmethod
    def _locked(cls, path: Path) -> Self:
        try:
            lock = (path / LOCK).open("a")
        except OSError as error:
            message = f"Expected a folder that can be written at {str(path)!r}, but {error.strerror}."
            raise StoreError(message) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            message = f"The run in {str(path)!r} is going on in another process; wait for it, or end that process."
            raise StoreError(message) from error
        return cls(path, lock)

    def journal(self, *, durable: bool = False) -> SqliteJournal:
        """The run's journal, ready to be continued; ``durable`` as in :class:`SqliteJournal`."""
        journal = SqliteJournal(self.path / JOURNAL, durable=durable)
        self._journals.append(journal)
        return journal

    def close(self) -> None:
        """Let go of the folder."""
        for journal in self._journals:
            journal.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_held(path: Path, table: Path = Path("/proc/locks")) -> bool | None:
    """Whether a process of this machine is at the run in ``path``; None where that cannot be known without a lock.

    :param table: the system's table of the locks that are held; asking for the lock itself could turn a process away
        that begins at this very moment.
    """
    try:
        held, lock = table.read_text(), (path / LOCK).stat()
    except OSError:
        return None
    place = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    return any("FLOCK" in line and place in line.split() for line in held.splitlines())


def read_run(path: Path) -> Sequence[Entry]:
    """What a run's journal holds so far; safe while the run goes on.

    :raises StoreError: if there is no run at ``path``.
    """
    return read_entries(path / JOURNAL)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all.

    :raises StoreError: if it cannot be written; what stood there before still stands.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = f"Expected to write {str(path)!r}, but {error.strerror}; the journal is safe: make room and resume."
        raise StoreError(message) from error


def next_folder(parent: Path) -> Path:
    """The first of ``parent/0001``, ``parent/0002``, ... that is not there."""
    taken = {path.name for path in parent.iterdir()} if parent.is_dir() else set()
    number = 1
    while f"{number:04d}" in taken:
        number += 1
    return parent / f"{number:04d}"
