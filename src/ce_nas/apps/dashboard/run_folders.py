"""The runs below given folders, with their entries so far; read-only, without locks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.summary import summarise
from ce_nas.core.clock import monotonic_s, utc_now
from ce_nas.core.errors import CeNasError, StoreError
from ce_nas.store.run_dir import JOURNAL_FILENAME, is_locked
from ce_nas.store.tail import JournalTail, journal_stamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.store.journal import JournalEntry
    from ce_nas.store.tail import FileStamp

__all__ = ["FollowedRun", "RunIndex", "RunListing", "RunStatus"]

#: folder depth of the search for runs, and largest number of listed runs
MAX_DEPTH, MAX_LISTED_RUNS = 3, 2000
#: runs whose entries are kept in memory
MAX_OPEN_RUNS = 12
#: a run whose journal changed within this time counts as running, even if its folder is not locked
ACTIVE_JOURNAL_AGE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, eq=False)
class RunStatus:
    """The state of a run."""

    #: the name on the pages: the folders of its path, joined by ``~``
    name: str
    path: Path
    summary: RunSummary
    #: the settings' section of the budgets
    budget: dict[str, Any]
    #: last change of the journal, UTC
    modified_at: datetime
    #: whether a process seems to be running it
    is_running: bool

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended."""
        return self.summary.stop != "unfinished"


@dataclass(frozen=True, slots=True)
class RunListing:
    """All runs at one moment."""

    statuses: Sequence[RunStatus]
    #: names of unreadable runs, each with the error's message
    unreadable: Sequence[tuple[str, str]]
    #: runs that have not been read yet
    pending_count: int

    @property
    def version(self) -> tuple[object, ...]:
        """Equal as long as no run is added, removed or changed."""
        return (
            *((status.name, status.modified_at, status.is_running) for status in self.statuses),
            *self.unreadable,
            self.pending_count,
        )


class FollowedRun:
    """One run's folder, re-read when its journal changes."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self._journal_stamps: tuple[FileStamp, FileStamp] | None = None
        self._tail: JournalTail | None = None
        self._status: RunStatus | None = None

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.path / JOURNAL_FILENAME

    @property
    def was_read(self) -> bool:
        """Whether the run was read before."""
        return self._status is not None

    def entries(self) -> Sequence[JournalEntry]:
        """The entries of the journal so far.

        :raises StoreError: if the journal was removed, or is damaged.
        """
        if self._tail is None:
            self._tail = JournalTail(self.journal_path)
        self._tail.poll()
        return self._tail.entries

    def status(self) -> RunStatus:
        """The state of the run.

        :raises StoreError: if the journal was removed, is damaged, or has no entry yet.
        """
        stamps = journal_stamps(self.journal_path)
        if stamps[0] is None:
            self._status = None
        if self._status is None or stamps != self._journal_stamps:
            self._status, self._journal_stamps = self._read_status(stamps), stamps
        elif self._status.is_running != self._is_running(self._status.summary.stop, self._status.modified_at):
            self._status = replace(self._status, is_running=not self._status.is_running)
        return self._status

    def release(self) -> None:
        """Release the entries; they are read again when needed."""
        if self._tail:
            self._tail.close()
        self._tail = None

    def _read_status(self, journal_stamps: tuple[FileStamp, FileStamp]) -> RunStatus:
        entries = self.entries()
        summary = summarise(entries)
        modified_at = datetime.fromtimestamp(max(stamp[1] for stamp in journal_stamps if stamp) / 1e9, UTC)
        is_running = self._is_running(summary.stop, modified_at)
        budget = entries[0].content["settings"]["budget"]
        return RunStatus(self.name, self.path, summary, budget, modified_at, is_running)

    def _is_running(self, stop: str, modified_at: datetime) -> bool:
        return stop == "unfinished" and bool(is_locked(self.path) or utc_now() - modified_at < ACTIVE_JOURNAL_AGE)


class RunIndex:
    """The runs below given folders.

    :param roots: run folders, or folders that contain them.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = _name_roots(roots)
        self._runs: dict[str, FollowedRun] = {}
        #: runs with entries in memory, least recently used first
        self._open_runs: OrderedDict[str, FollowedRun] = OrderedDict()

    def scan(self) -> list[str]:
        """Find new and removed runs; return the names of all runs."""
        paths = dict(pair for name, root in self._roots for pair in _find_runs(name, root))
        names = sorted(paths)[:MAX_LISTED_RUNS]
        for removed in self._runs.keys() - set(names):
            self._runs.pop(removed).release()
            self._open_runs.pop(removed, None)
        for name in names:
            self._runs.setdefault(name, FollowedRun(name, paths[name]))
        return names

    def get(self, name: str) -> FollowedRun:
        """Look up a run; the name is never used as a path.

        :raises StoreError: if there is no run of that name.
        """
        if name not in self._runs:
            self.scan()
        if name not in self._runs:
            message = f"Expected one of the runs listed, got {name!r}; it may have been moved or removed."
            raise StoreError(message)
        self._keep_open(self._runs[name])
        return self._runs[name]

    def list_runs(self, time_limit_s: float) -> RunListing:
        """List the states of all runs.

        :param time_limit_s: time after which no further run is read for the first time.
        """
        deadline_s, pending_count = monotonic_s() + time_limit_s, 0
        statuses: list[RunStatus] = []
        unreadable: list[tuple[str, str]] = []
        for name in self.scan():
            run = self._runs[name]
            if not run.was_read and monotonic_s() > deadline_s:
                pending_count += 1
                continue
            try:
                statuses.append(run.status())
            except CeNasError as error:
                unreadable.append((name, str(error)))
            self._keep_open(run)
        return RunListing(statuses, unreadable, pending_count)

    def close(self) -> None:
        """Release all entries."""
        for run in self._open_runs.values():
            run.release()

    def _keep_open(self, run: FollowedRun) -> None:
        self._open_runs[run.name] = run
        self._open_runs.move_to_end(run.name)
        while len(self._open_runs) > MAX_OPEN_RUNS:
            self._open_runs.popitem(last=False)[1].release()


def _name_roots(roots: Sequence[Path]) -> list[tuple[str, Path]]:
    """Give each folder a unique name: its last part, with a number if that is taken."""
    named: dict[str, Path] = {}
    for root in dict.fromkeys(path.resolve() for path in roots):
        name, number = root.name or "runs", 1
        while (unique := name if number == 1 else f"{name}-{number}") in named:
            number += 1
        named[unique] = root
    return list(named.items())


def _find_runs(name: str, folder: Path, depth: int = MAX_DEPTH) -> Iterator[tuple[str, Path]]:
    """The runs in a folder and below it, by name; symbolic links are not followed."""
    try:
        if (folder / JOURNAL_FILENAME).is_file():
            yield name, folder
        elif depth and folder.is_dir():
            for child in sorted(folder.iterdir()):
                if child.is_dir() and not child.is_symlink():
                    yield from _find_runs(f"{name}~{child.name}", child, depth - 1)
    except OSError:
        return  # a folder without read permission is skipped
