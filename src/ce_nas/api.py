"""A search from its settings to its result, in memory or in a run folder: the package's Python API."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from threadpoolctl import threadpool_limits

from ce_nas._version import __version__
from ce_nas.analysis.estimate_outcome import ESTIMATE_FILENAME
from ce_nas.analysis.live_grid import is_provisional
from ce_nas.analysis.summary import run_header, summarise
from ce_nas.benchmarks.user_space import UserBenchmark
from ce_nas.components.base import ComponentSettings
from ce_nas.config.recorded_settings import read_recorded_settings
from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.engine.build import build_engine, build_searcher
from ce_nas.engine.input_changes import check_resume, input_digests
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.live_inputs import require_use_of_samples
from ce_nas.engine.live_intensity import LiveIntensity
from ce_nas.engine.warm_start_inputs import resolve_warm_starts
from ce_nas.keywords import with_setting_keywords
from ce_nas.report.files import write_report
from ce_nas.search_result import ChosenArchitecture, Result
from ce_nas.store.journal import FORMAT_VERSION, MemoryJournal, SqliteJournal, has_ended
from ce_nas.store.resumption import GIVEN_OBJECTS, find_resumption
from ce_nas.store.run_dir import RunDirectory, read_run_entries, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.analysis.estimate import Estimate
    from ce_nas.analysis.statistics import Interval
    from ce_nas.benchmarks.base import Benchmark
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.engine.engine import Engine, Observer
    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Policy
    from ce_nas.search.base import Searcher
    from ce_nas.store.journal import Journal

__all__ = ["ChosenArchitecture", "Result", "Search", "read_run_settings", "resume", "run"]

_log = logging.getLogger(__name__)

#: the keywords of a search that may also be objects that the caller made
_COMPONENT_KEYWORDS = ("policy", "searcher", "forecaster", "workers")


@with_setting_keywords
class Search:
    """One search that can be run.

    Example:
        >>> import ce_nas
        >>> search = ce_nas.Search(problem="nb201", policy="threshold", grid="solar", gpus=4, hours=3)
        >>> search.run().summary.policy
        'threshold'

    The keywords are the flags of ``ce-nas search``, and the sections of its configuration file as dictionaries. In
    place of a name, ``policy``, ``searcher``, ``forecaster`` and ``workers`` may be objects of your own:

        >>> from ce_nas import Allocation, Decision, Policy
        >>> class NightShift(Policy):
        ...     name = "night-shift"
        ...
        ...     def decide(self, state):
        ...         training = state.cluster.devices if state.now_s / 3600 % 24 < 6 else 0
        ...         return Decision(Allocation(0, training, released=state.cluster.devices - training), "By the clock.")
        >>> ce_nas.Search(policy=NightShift(), hours=3).run().summary.policy
        'night-shift'
    """

    settings: Settings
    #: an estimate made before, as plain containers: a run folder keeps it, and its report sets it against the outcome
    estimated: Mapping[str, Any] | None = None
    _inputs: RunInputs

    def __init__(self, **keywords: Any) -> None:  # noqa: ANN401 - see the signature, made from the settings
        objects = {name: keywords.pop(name) for name in _COMPONENT_KEYWORDS if _is_component(keywords.get(name))}
        self._prepare(settings_from_flags(**keywords), objects, None)

    @classmethod
    def from_settings(  # noqa: PLR0913 - every component may be an object of the caller's
        cls,
        settings: Settings,
        *,
        policy: Policy | None = None,
        searcher: Searcher | None = None,
        forecaster: Forecaster | None = None,
        workers: WorkerPool | None = None,
        inputs: RunInputs | None = None,
    ) -> Self:
        """The search that the settings describe, with components of the caller's in place of those they name.

        :param inputs: files read already for the same settings, where several searches share them.
        """
        search = cls.__new__(cls)
        objects = {"policy": policy, "searcher": searcher, "forecaster": forecaster, "workers": workers}
        search._prepare(settings, objects, inputs)  # noqa: SLF001 - a constructor of the same class
        return search

    @property
    def start(self) -> datetime:
        """Start of the run in the grid's time, UTC."""
        return self._inputs.start

    def run(self, out: str | Path | None = None, observer: Observer | None = None, *, durable: bool = False) -> Result:
        """Search; the journal is kept in memory, or in a new run folder ``out`` together with the report.

        :param observer: called with every period that has ended, for a display.
        :param durable: write every entry to disk at once; otherwise a power failure can lose one period.
        :raises CeNasError: if a setting, or a file that it names, is invalid, or no training can end within the
            budgets; nothing was written then.
        """
        self._inputs.validate()
        if self.settings.live.enabled:
            require_use_of_samples(self._inputs, self._overrides.get("searcher") or build_searcher(self._inputs))
        self._check_first_training()
        if out is None:
            journal = MemoryJournal()
            self._run_engine(journal, observer, None)
            return Result(summarise(journal.entries), journal.entries)
        with RunDirectory.create(Path(out)) as folder:
            result = self._run_in(folder, observer, durable=durable)
            return self.finish(result)

    def resume(
        self,
        folder: RunDirectory,
        observer: Observer | None = None,
        *,
        durable: bool = False,
        accept_changes: bool = False,
    ) -> Result:
        """Continue the search in the run folder in which it started; the result is that of an uninterrupted run.

        :param accept_changes: go on with inputs that have changed since; the journal then says which.
        :raises ReplayError: if this is not the search that started there, or an input has changed.
        """
        if recorded := read_run_entries(folder.path):  # a changed trace must not move the start
            start = datetime.fromisoformat(run_header(recorded)["start"])
            self._inputs = replace(self._inputs, fixed_start=start)
        self._inputs.validate()
        return self.finish(self._run_in(folder, observer, durable=durable, accept_changes=accept_changes))

    def finish(self, result: Result) -> Result:
        """Train, test and export the chosen network of a search that has ended, if the settings ask for it.

        Continues where it was interrupted; the result is ``result``, with :attr:`Result.network`.

        :raises CeNasError: if nothing was found, or a file cannot be read or written.
        """
        if self.settings.final.enabled and result.path and has_ended(result.entries):
            from ce_nas.final_network import finish_network

            finish_network(self._inputs, result.summary, result.entries, result.path)
        return result

    def estimate(
        self,
        *,
        searches: int = 6,
        zones: Sequence[str] = (),
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Estimate:
        """What the search will take, before it runs: carbon, energy, money, hours and trainings with 80 % intervals.

        On a table, the settings are simulated over past weeks; a live search trains and scores on its device for about
        a minute, a function of the user's own for as long as one or two calls take, and its final training has a row of
        its own. A run of this search in a folder keeps the estimate, and its report sets it
        against the outcome.

        :param searches: simulated searches, 3 or more.
        :param zones: other zones to compare with.
        :param on_progress: called with the numbers of finished and of all searches.
        :raises SettingsError: if no past is on record, or the grid is live.
        """
        from ce_nas.analysis.estimate import estimate_from_calibration, estimate_search

        if self.settings.live.enabled:
            from ce_nas.engine.device_calibration import calibrate_device

            self._inputs.validate()
            measured = calibrate_device(self._inputs, self._overrides.get("workers"))
            final_s, share = self._estimate_final_s()
            found = estimate_from_calibration(
                self.settings, measured, final_s, final_processor_share=share, zones=zones
            )
        else:
            found = estimate_search(self.settings, searches=searches, zones=zones, on_progress=on_progress)
        self.estimated = found.to_dict()
        return found

    def _check_first_training(self) -> None:
        """Refuse a search that can finish no training; say until when a live one waits.

        Not with a policy or forecaster of the caller's, whose state a rehearsal would change.
        """
        from ce_nas.engine.feasibility_check import check_first_training

        if self._overrides.get("policy") or self._overrides.get("forecaster"):
            return
        first = check_first_training(self._inputs)
        if first and first.note and self.settings.live.enabled:
            _log.warning(first.note)

    def _estimate_final_s(self) -> tuple[Interval | None, float | None]:
        """Seconds of the final training, None if none follows, and its processor time per second where it counts."""
        if not self.settings.final.enabled:
            return None, None
        from ce_nas.final_network import estimate_training_s

        return estimate_training_s(self._inputs)

    def _prepare(self, settings: Settings, objects: Mapping[str, Any], inputs: RunInputs | None) -> None:
        self.settings = _resolve_devices(resolve_warm_starts(settings))
        self._inputs = inputs or RunInputs(self.settings)
        self._overrides = dict(objects)

    def _run_in(
        self, folder: RunDirectory, observer: Observer | None, *, durable: bool, accept_changes: bool = False
    ) -> Result:
        if self.estimated is not None:
            write_atomic(folder.path / ESTIMATE_FILENAME, json.dumps(self.estimated, indent=2) + "\n")
        journal = folder.open_journal(durable=durable)
        has_ended_before = has_ended(journal.recorded)
        self._run_engine(journal, observer, folder.path, reread_grid=has_ended_before, accept_changes=accept_changes)
        return _write_result(folder.path)

    def _run_engine(
        self,
        journal: Journal,
        observer: Observer | None,
        folder: Path | None,
        *,
        reread_grid: bool = False,
        accept_changes: bool = False,
    ) -> None:
        """Search to the end.

        :param reread_grid: whether the search had ended before, and only its live grid is read again.
        :param accept_changes: see :meth:`resume`.
        """
        engine = build_engine(self._inputs, journal, folder=folder, observer=observer, **self._overrides)
        with threadpool_limits(limits=1):  # the matrices are small: threads would only wait for one another
            try:
                start = self._start_entry(engine)
                if isinstance(journal, SqliteJournal) and folder:
                    start = check_resume(journal, start, folder, accept_changes=accept_changes)
                journal.append("run_started", 0.0, start)
                journal.commit()
                engine.run()
            finally:
                engine.components.cluster.close()
        if isinstance(engine.components.zone_history, LiveIntensity):
            engine.components.zone_history.settle(engine.components.clock.now_s, reread=reread_grid)
            journal.commit()

    def _start_entry(self, engine: Engine) -> dict[str, Any]:
        """What a reader of the journal needs to know of the run, and what a resumed run must share."""
        inputs, scores = self._inputs, self._inputs.proxy_scores
        benchmark = inputs.benchmark
        given = [name for name, part in self._overrides.items() if part is not None]
        return {
            "format": FORMAT_VERSION,
            "version": __version__,
            "settings": self.settings.model_dump(mode="json"),
            "inputs": input_digests(inputs, engine.components.forecaster_sha256),
            "policy": engine.components.policy.name,
            "searcher": engine.components.searcher.name,
            "forecaster": engine.components.forecaster.name,
            "forecaster_reason": engine.components.forecaster_reason,
            "forecaster_sha256": engine.components.forecaster_sha256,
            "start": inputs.start.isoformat(),
            "objectives": [asdict(objective) for objective in inputs.objectives],
            "hypervolume_max": inputs.hypervolume_max,
            "power_origin": engine.components.cluster.power_origin,
            "benchmark": {
                "name": benchmark.name,
                "architectures": benchmark.space.size if math.isfinite(benchmark.space.size) else None,
                "origin": benchmark.origin,
                "notes": list(benchmark.notes),
                "sha256": benchmark.fingerprint,
                "proxy_scores": scores.origin if scores else _proxy_score_origin(engine, self.settings),
                "proxy_scores_sha256": scores.fingerprint if scores else None,
                **_record_own_space(benchmark),
            },
            "grid": inputs.grid_metadata(),
            **({GIVEN_OBJECTS: given} if given else {}),  # as objects of the caller's, without settings here
        }


def _record_own_space(benchmark: Benchmark) -> dict[str, Any]:
    """The space of the user's own code, by which its run is read without that code; nothing of another."""
    if not isinstance(benchmark, UserBenchmark):
        return {}
    from ce_nas.benchmarks.user_space_record import record_user_space

    return {"own_space": record_user_space(benchmark.user_space)}


def _proxy_score_origin(engine: Engine, settings: Settings) -> str:
    """The source of the proxy scores of a run that has no table of them."""
    problem = engine.components.problem
    if not problem.has_proxy_scores:
        return "none: latency alone is measured first" if problem.measures_costs else "none: nothing can be sampled"
    if not problem.supernet_training_s:
        return "the user's own scoring function"
    live = settings.live
    epochs = f"{live.supernet_epochs:g} times a network's epochs"
    return f"a supernet that the run trains, {live.path_sampling} paths, for {epochs}"


def _resolve_devices(settings: Settings) -> Settings:
    """The settings with the devices of a live search, so that the journal records them."""
    if not settings.live.enabled:
        return settings
    from ce_nas.engine.build_live import resolve_devices

    return resolve_devices(settings)


@with_setting_keywords
def run(out: str | Path | None = None, **keywords: Any) -> Result:  # noqa: ANN401 - see the signature
    """Run one search: ``Search(**keywords).run(out)``.

    Example:
        >>> import ce_nas
        >>> ce_nas.run(grid="wind", searcher="random", gpus=2, hours=2, seed=1).summary.seed
        1

    :param out: a new run folder; None: the run is kept in memory.
    :raises CeNasError: if a keyword, or a file that it names, is invalid.
    """
    return Search(**keywords).run(out)


def resume(
    path: str | Path,
    observer: Observer | None = None,
    *,
    durable: bool = False,
    accept_changes: bool = False,
    **objects: Any,  # noqa: ANN401 - a component of any kind
) -> Result:
    """Continue the run in ``path``, or return its result if it has ended.

    A run that has ended on a live grid is accounted again where its provider has corrected values since.

    :param accept_changes: go on where a file with which the run started has changed since, such as a trace that has
        grown; the journal then says which. What has happened already must be the same with the new content.
    :param objects: the ``policy``, ``searcher``, ``forecaster`` or ``workers`` with which the search started, where it
        was an object of the caller's.
    :raises StoreError: if there is no run, or another process runs it.
    :raises ReplayError: if the files with which it started, or this package, have changed since.
    """
    path = Path(path)
    for name in objects:
        if name not in _COMPONENT_KEYWORDS:
            raise SettingsError(unknown_choice_message("component", name, _COMPONENT_KEYWORDS))
    with RunDirectory.open(path) as folder:
        entries = read_run_entries(path)
        settings = read_run_settings(path)
        if has_ended(entries) and not is_provisional(entries):
            result = _write_result(path)
            return Search.from_settings(settings, **objects).finish(result) if settings.final.enabled else result
        resumption = find_resumption(path, run_header(entries))
        if resumption.kind == "program" and "workers" not in objects:
            message = (
                f"Expected a run whose trainings can be started from here, got one of a Python program's own loop in "
                f"{path}; run that program again with {resumption.call}, and with accept_changes=True where a file has "
                "changed."
            )
            raise SettingsError(message)
        search = Search.from_settings(settings, **objects)
        return search.resume(folder, observer, durable=durable, accept_changes=accept_changes)


def read_run_settings(path: Path) -> Settings:
    """The settings with which the run in ``path`` started.

    :raises StoreError: if there is no run.
    """
    return read_recorded_settings(run_header(read_run_entries(path)))


def _write_result(path: Path) -> Result:
    """The result of the run in ``path``, and its report written into the folder."""
    entries = read_run_entries(path)
    write_report(path, entries)
    return Result(summarise(entries), entries, path)


def _is_component(value: object) -> bool:
    """Whether a keyword is an object of the caller's, not a name or a table."""
    return not (value is None or isinstance(value, str | dict | ComponentSettings))
