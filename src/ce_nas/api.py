"""One search from settings to summary, in memory or in a folder of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from ce_nas import __version__
from ce_nas.analysis.live_grid import has_ended, is_provisional
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.engine.build import build
from ce_nas.engine.inputs import Materials
from ce_nas.engine.live_intensity import LiveGrid
from ce_nas.report.files import write_report
from ce_nas.report.notebook import RunFront, run_html, run_line
from ce_nas.store.journal import FORMAT, MemoryJournal
from ce_nas.store.run_dir import RunFolder, read_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.cluster.workers.base import Crew
    from ce_nas.engine.engine import Engine, Observer
    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Allocator
    from ce_nas.search.base import Searcher
    from ce_nas.store.journal import Entry, Journal

__all__ = ["Result", "Study", "resume", "settings_of"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result:
    """What came of a study, or of what there is of it; a notebook shows it with its figures."""

    summary: Summary
    #: the journal's entries
    entries: Sequence[Entry]
    #: the run's folder; None if it was kept in memory
    path: Path | None = None

    @classmethod
    def read(cls, path: Path | str) -> Result:
        """What is on record of the run in a folder, also while it goes on.

        :raises StoreError: if there is no run.
        """
        entries = read_run(Path(path))
        return cls(summarise(entries), entries, Path(path))

    @property
    def front(self) -> RunFront:
        """The architectures of the answer, best first by the first objective."""
        return RunFront(self.summary)

    def __repr__(self) -> str:
        return f"<Result {run_line(self.summary)}>"

    def _repr_html_(self) -> str:
        return run_html(self.entries)


class Study:
    """One search that can be run.

    :param settings: what is searched, where and with what; see :func:`~ce_nas.config.schema.settings_from_flags`.
    :param allocator: a policy of one's own instead of the one that the settings name.
    :param searcher: a searcher of one's own instead of the one that the settings name.
    :param crew: who works in a live search, instead of the crew that the settings name.
    :param forecaster: a forecaster of one's own instead of the one that the settings name.
    :param materials: files read already for the same settings, where several studies share them.
    """

    def __init__(  # noqa: PLR0913 - each part may be one's own
        self,
        settings: Settings | None = None,
        *,
        allocator: Allocator | None = None,
        searcher: Searcher | None = None,
        crew: Crew | None = None,
        forecaster: Forecaster | None = None,
        materials: Materials | None = None,
    ) -> None:
        self.settings = _with_devices(settings or Settings())
        self._materials = materials or Materials(self.settings)
        own = {"allocator": allocator, "searcher": searcher, "crew": crew, "forecaster": forecaster}
        self._own: dict[str, Any] = own

    @classmethod
    def of(cls, **flags: object) -> Study:
        """The study described by the flags of ``ce-nas search``, as keywords: ``Study.of(zone="wind", hours=40)``.

        :raises SettingsError: if there is no such flag, or a value is of no use.
        """
        return cls(settings_from_flags(**flags))

    def run(self, out: Path | None = None, observe: Observer | None = None, *, durable: bool = False) -> Result:
        """Search; the journal is kept in memory, or in a new folder ``out`` together with the summary.

        :param observe: called with every period that has ended, for a display.
        :param durable: make every entry durable at once; else one period is the most that a power cut can take.
        :raises CeNasError: if a setting, or a file that one names, is of no use; nothing was written then.
        """
        self._materials.check()
        if out is None:
            journal = MemoryJournal()
            self._search(journal, observe, None)
            return Result(summarise(journal.entries), journal.entries)
        with RunFolder.create(out) as folder:
            return self._run_in(folder, observe, durable=durable)

    def resume(self, folder: RunFolder, observe: Observer | None = None, *, durable: bool = False) -> Result:
        """Continue the search in a folder where it was begun; it ends as if it had never been interrupted.

        :raises ReplayError: if this study is not the one that was begun there.
        """
        self._materials.check()
        return self._run_in(folder, observe, durable=durable)

    def _run_in(self, folder: RunFolder, observe: Observer | None, *, durable: bool) -> Result:
        journal = folder.journal(durable=durable)
        self._search(journal, observe, folder.path, again=has_ended(journal.recorded))
        return _finished(folder.path)

    def _search(self, journal: Journal, observe: Observer | None, folder: Path | None, *, again: bool = False) -> None:
        """Search to the end; ``again`` if it had come to its end before, and only its live grid is looked at anew."""
        engine = build(self._materials, journal, folder=folder, observe=observe, **self._own)
        journal.append("begun", 0.0, self._beginning(engine))
        journal.commit()
        with threadpool_limits(limits=1):  # the matrices are small: threads would only wait for one another
            try:
                engine.run()
            finally:
                engine.parts.cluster.close()
        if isinstance(engine.parts.memory, LiveGrid):
            engine.parts.memory.settle(engine.parts.clock.now_s, again=again)
            journal.commit()

    def _beginning(self, engine: Engine) -> dict[str, Any]:
        """All that a reader of the journal needs to know of the run, and all that a resumed one must share."""
        materials, cheap = self._materials, self._materials.cheap_scores
        benchmark = materials.benchmark
        return {
            "format": FORMAT,
            "version": __version__,
            "settings": self.settings.model_dump(mode="json"),
            "policy": engine.parts.allocator.name,
            "searcher": engine.parts.searcher.name,
            "forecaster": engine.parts.forecaster.name,
            "forecaster_reason": engine.parts.forecaster_reason,
            "forecaster_sha256": engine.parts.forecaster_sha256,
            "start": materials.start.isoformat(),
            "objectives": [asdict(item) for item in materials.objectives],
            "hypervolume_max": materials.hypervolume_max,
            "power": engine.parts.cluster.power_origin,
            "benchmark": {
                "name": benchmark.name,
                "architectures": benchmark.space.size,
                "origin": benchmark.origin,
                "notes": list(benchmark.notes),
                "sha256": benchmark.fingerprint,
                "cheap_scores": cheap.origin if cheap else _scored_by(engine, self.settings),
                "cheap_scores_sha256": cheap.fingerprint if cheap else None,
            },
            "grid": materials.grid_facts(),
        }


def _scored_by(engine: Engine, settings: Settings) -> str:
    """What scores in a run whose scores are no table's."""
    if not engine.parts.evaluator.can_score:
        return "none: nothing can be sampled"
    live = settings.live
    return f"a supernet that the run trains, {live.paths} paths, for {live.supernet_epochs:g} times a network's epochs"


def _with_devices(settings: Settings) -> Settings:
    """The settings with the devices of a live search named, so that they are on record."""
    if not settings.live.on:
        return settings
    from ce_nas.engine.build_live import with_devices

    return with_devices(settings)


def resume(path: Path, observe: Observer | None = None, *, durable: bool = False) -> Result:
    """Continue the run in ``path``, or return what came of it if it has ended.

    One that has ended on a live grid is booked anew where the grid's source has said more since.

    :raises StoreError: if there is no run, or another process is at it.
    :raises ReplayError: if the files that it was begun with, or this package, have changed since.
    """
    with RunFolder.open(path) as folder:
        entries = read_run(path)
        settings = settings_of(path)
        if has_ended(entries) and not is_provisional(entries):
            return _finished(path)
        return Study(settings).resume(folder, observe, durable=durable)


def settings_of(path: Path) -> Settings:
    """The settings that the run in ``path`` was begun with.

    :raises StoreError: if there is no run.
    """
    return Settings.model_validate(beginning(read_run(path))["settings"])


def _finished(path: Path) -> Result:
    """What came of the run in ``path``, written beside its journal."""
    entries = read_run(path)
    write_report(path, entries)
    return Result(summarise(entries), entries, path)
