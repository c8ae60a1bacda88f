"""The runs below some folders, each with its entries as far as it has come; nothing here writes, or takes a lock."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.summary import summarise
from ce_nas.core.clock import monotonic_s, utc_now
from ce_nas.core.errors import CeNasError, StoreError
from ce_nas.store.run_dir import JOURNAL, is_held
from ce_nas.store.tail import Follower, stamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ce_nas.analysis.summary import Summary
    from ce_nas.store.journal import Entry
    from ce_nas.store.tail import Stamp

__all__ = ["Listing", "Run", "Runs", "Standing"]

#: how deep below a folder runs are looked for, and how many are listed at most
DEPTH, MOST = 3, 2000
#: how many runs' entries are kept in memory
KEPT = 12
#: a run whose journal changed so lately goes on, whoever holds its folder
FRESH = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How far a run has come."""

    #: its name on the pages
    name: str
    path: Path
    summary: Summary
    #: limits of its budgets, by their names in the settings; and which book the carbon budget is in
    budget: dict[str, Any]
    #: when the journal was last changed, UTC
    changed: datetime
    #: whether a process is at it, as far as can be told
    running: bool

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.summary.stop != "unfinished"


@dataclass(frozen=True, slots=True)
class Listing:
    """All runs at a moment."""

    standings: Sequence[Standing]
    #: names of those that cannot be read, and why
    unread: Sequence[tuple[str, str]]
    #: how many were not come to yet
    left: int

    @property
    def mark(self) -> tuple[object, ...]:
        """The same as long as nothing was added or changed."""
        return (*((one.name, one.changed, one.running) for one in self.standings), *self.unread, self.left)


class Run:
    """One run's folder, followed."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self._stamps: tuple[Stamp, Stamp] | None = None
        self._follower: Follower | None = None
        self._standing: Standing | None = None

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.path / JOURNAL

    @property
    def known(self) -> bool:
        """Whether it was read before."""
        return self._standing is not None

    def entries(self) -> Sequence[Entry]:
        """All that its journal holds by now.

        :raises StoreError: if it is there no more, or damaged.
        """
        if self._follower is None:
            self._follower = Follower(self.journal)
        self._follower.look()
        return self._follower.entries

    def standing(self) -> Standing:
        """How far it has come.

        :raises StoreError: if its journal is there no more, or damaged, or does not hold its beginning yet.
        """
        found = stamps(self.journal)
        if found[0] is None:
            self._standing = None
        if self._standing is None or found != self._stamps:
            self._standing, self._stamps = self._read(found), found
        elif self._standing.running != self._goes_on(self._standing.summary.stop, self._standing.changed):
            self._standing = replace(self._standing, running=not self._standing.running)
        return self._standing

    def forget(self) -> None:
        """Let go of the entries; they are read again when somebody asks."""
        if self._follower:
            self._follower.close()
        self._follower = None

    def _read(self, found: tuple[Stamp, Stamp]) -> Standing:
        entries = self.entries()
        summary = summarise(entries)
        changed = datetime.fromtimestamp(max(stamp[1] for stamp in found if stamp) / 1e9, UTC)
        running = self._goes_on(summary.stop, changed)
        return Standing(self.name, self.path, summary, entries[0].content["settings"]["budget"], changed, running)

    def _goes_on(self, stop: str, changed: datetime) -> bool:
        return stop == "unfinished" and bool(is_held(self.path) or utc_now() - changed < FRESH)


class Runs:
    """The runs below some folders.

    :param roots: folders of runs, or folders that hold such folders.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = _named(roots)
        self._runs: dict[str, Run] = {}
        #: those whose entries are in memory, the one asked for last at the end
        self._open: OrderedDict[str, Run] = OrderedDict()

    def find(self) -> list[str]:
        """Look for runs that are new or gone; the names of all there are."""
        found = dict(pair for name, root in self._roots for pair in _below(name, root))
        names = sorted(found)[:MOST]
        for gone in self._runs.keys() - set(names):
            self._runs.pop(gone).forget()
            self._open.pop(gone, None)
        for name in names:
            self._runs.setdefault(name, Run(name, found[name]))
        return names

    def run(self, name: str) -> Run:
        """The run of a name; a name is only ever looked up, and never becomes a path.

        :raises StoreError: if there is none.
        """
        if name not in self._runs:
            self.find()
        if name not in self._runs:
            message = f"Expected one of the runs listed, got {name!r}; it may have been moved or removed."
            raise StoreError(message)
        self._keep(self._runs[name])
        return self._runs[name]

    def listing(self, within_s: float) -> Listing:
        """How far each run has come; reading what is new stops after about so many seconds."""
        until_s, left = monotonic_s() + within_s, 0
        found: list[Standing] = []
        unread: list[tuple[str, str]] = []
        for name in self.find():
            run = self._runs[name]
            if not run.known and monotonic_s() > until_s:
                left += 1
                continue
            try:
                found.append(run.standing())
            except CeNasError as error:
                unread.append((name, str(error)))
            self._keep(run)
        return Listing(found, unread, left)

    def close(self) -> None:
        """Let go of everything."""
        for run in self._open.values():
            run.forget()

    def _keep(self, run: Run) -> None:
        self._open[run.name] = run
        self._open.move_to_end(run.name)
        while len(self._open) > KEPT:
            self._open.popitem(last=False)[1].forget()


def _named(roots: Sequence[Path]) -> list[tuple[str, Path]]:
    """Each folder with a name of its own: its last part, with a number where that is taken."""
    named: dict[str, Path] = {}
    for root in dict.fromkeys(path.resolve() for path in roots):
        name, number = root.name or "runs", 1
        while (full := name if number == 1 else f"{name}-{number}") in named:
            number += 1
        named[full] = root
    return list(named.items())


def _below(name: str, folder: Path, depth: int = DEPTH) -> Iterator[tuple[str, Path]]:
    """The runs in a folder and below it, by name; links to other places are not followed."""
    try:
        if (folder / JOURNAL).is_file():
            yield name, folder
        elif depth and folder.is_dir():
            for item in sorted(folder.iterdir()):
                if item.is_dir() and not item.is_symlink():
                    yield from _below(f"{name}~{item.name}", item, depth - 1)
    except OSError:
        return  # a folder that may not be read holds nothing for us
