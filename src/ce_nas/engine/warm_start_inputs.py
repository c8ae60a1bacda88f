"""Earlier searches of the same space, from run folders and tables, for a searcher that starts warm.

A source is a run folder, a folder of run folders, or a table (``FILE``, or ``FILE:DATASET`` for one with several image
sets). When a search begins, folders become the runs that they hold, each with the number of its journal entries
(``RUN@ENTRIES``), so that a resumed search reads the same trainings again although an earlier run has continued.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.components.base import SearcherSettings
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.search.base import EarlierSearch
from ce_nas.store.run_dir import JOURNAL_FILENAME, read_run_entries

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ce_nas.components.base import ProblemSettings
    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Architecture, Objective
    from ce_nas.space.base import Space
    from ce_nas.store.journal import JournalEntry

__all__ = ["EarlierTrainings", "list_warm_starts", "resolve_warm_starts"]

_PINNED_RUN = re.compile(r"(.+)@(\d+)")


@dataclass(frozen=True, slots=True)
class _Trainings:
    """Full trainings of one run or table."""

    #: what was trained, as text: those of the same are one earlier search
    problem: str
    #: architectures as text
    texts: list[str]
    #: name of a metric to its values and whether larger is better
    metrics: dict[str, tuple[np.ndarray, bool]]


def list_warm_starts(settings: Settings) -> tuple[str, ...]:
    """The sources that the settings' searcher, or its inner searcher, starts from."""
    searcher = settings.searcher
    inner = [option for option in searcher.options().values() if isinstance(option, SearcherSettings)]
    return tuple(source for one in (searcher, *inner) for source in getattr(one, "warm_start", ()))


def resolve_warm_starts(settings: Settings) -> Settings:
    """The settings with absolute sources, folders as the runs they hold, so that the journal records them.

    :raises SettingsError: if a source does not exist or holds no run.
    """
    if not list_warm_starts(settings):
        return settings
    return settings.model_copy(update={"searcher": _resolve_searcher(settings.searcher)})


def _resolve_searcher(searcher: SearcherSettings) -> SearcherSettings:
    update: dict[str, Any] = {
        name: _resolve_searcher(option)
        for name, option in searcher.options().items()
        if isinstance(option, SearcherSettings)
    }
    if sources := getattr(searcher, "warm_start", ()):
        update["warm_start"] = tuple(dict.fromkeys(found for source in sources for found in _resolve_source(source)))
    return searcher.model_copy(update=update)


def _resolve_source(source: str) -> Iterator[str]:
    file, dataset = _split_table(source)
    if _split_run(source):
        yield source
    elif file.is_file():
        yield f"{file.resolve()}{f':{dataset}' if dataset else ''}"
    else:
        folder = Path(source)
        runs = [folder, *(sorted(folder.iterdir()) if folder.is_dir() else ())]
        journals = [run for run in runs if (run / JOURNAL_FILENAME).is_file()]
        if not journals:
            message = (
                f"Expected a run folder, a folder of runs or a table for the warm start, got {source!r}, which "
                f"{'holds no run' if folder.is_dir() else 'does not exist'}; name the folder that --out named."
            )
            raise SettingsError(message)
        for run in journals[:1] if journals[0] == folder else journals:
            yield f"{run.resolve()}@{len(read_run_entries(run))}"


def _split_table(source: str) -> tuple[Path, str]:
    """The file and the image set of a table."""
    path, separator, dataset = source.rpartition(":")
    return (Path(path), dataset) if separator and not Path(source).exists() else (Path(source), "")


def _split_run(source: str) -> tuple[Path, int] | None:
    """The folder and the number of entries of a resolved run; None for another source."""
    match = _PINNED_RUN.fullmatch(source)
    return (Path(match.group(1)), int(match.group(2))) if match and not Path(source).exists() else None


class EarlierTrainings:
    """Reads what a search can learn from earlier searches.

    :param problem: the problem of the search at hand, by which tables are read.
    :param known_metrics: metrics that are known without a training.
    """

    def __init__(
        self, problem: ProblemSettings, space: Space, objectives: Sequence[Objective], known_metrics: Container[str]
    ) -> None:
        self._problem = problem
        self._space = space
        self._objectives = objectives
        self._is_modelled = np.array([objective.name not in known_metrics for objective in objectives])

    def read(self, sources: Sequence[str]) -> list[EarlierSearch]:
        """The earlier searches in ``sources``, those of the same problem as one.

        :raises CeNasError: if a source cannot be read, or has no training of this space with one of these objectives.
        """
        searches = dict[str, list[EarlierSearch]]()
        for source in sources:
            trainings = self._read_source(source)
            searches.setdefault(trainings.problem, []).append(self._select(trainings, source))
        return [_merge(same) for same in searches.values()]

    def digest(self, source: str) -> str:
        """SHA-256 of the trainings in a source, in hexadecimal."""
        trainings = self._read_source(source)
        metrics = {name: [values.tolist(), maximise] for name, (values, maximise) in trainings.metrics.items()}
        return hashlib.sha256(json.dumps([trainings.texts, metrics], sort_keys=True).encode()).hexdigest()

    def _read_source(self, source: str) -> _Trainings:
        run = _split_run(source)
        file, dataset = _split_table(source)
        if run is None and file.is_file():
            return self._read_table(file, dataset)
        folder, count = run or (Path(source), None)
        entries = read_run_entries(folder)[:count]
        if count is not None and len(entries) < count:
            message = (
                f"Expected the {count} journal entries of {folder} with which the search started, got {len(entries)}; "
                "restore the run folder."
            )
            raise SettingsError(message)
        return _read_run(entries)

    def _read_table(self, file: Path, dataset: str) -> _Trainings:
        from ce_nas.benchmarks.table_reader import read_table

        names = ("operations", "training_column")
        stated = {name: getattr(self._problem, name) for name in names if hasattr(self._problem, name)}
        table = read_table(file, dataset=dataset or self._problem.dataset, imputed=False, **stated)
        texts = [table.space.text(architecture) for architecture in table.space.all_architectures]
        metrics = {name: (metric.values, metric.maximise) for name, metric in table.metrics.items()}
        return _Trainings(f"{file}:{dataset}", texts, metrics)

    def _select(self, trainings: _Trainings, source: str) -> EarlierSearch:
        """The trainings of this space, with the objectives of the search at hand."""
        parsed = [_parse(self._space, text) for text in trainings.texts]
        known = {row: architecture for row, architecture in enumerate(parsed) if architecture is not None}
        if parsed and not known:
            message = (
                f"Expected trainings of {self._space.name} for the warm start, got architectures such as "
                f"{trainings.texts[0]!r} in {source}; leave it out."
            )
            raise SettingsError(message)
        values = np.column_stack([_objective_column(trainings, objective) for objective in self._objectives])
        values = values[list(known)]
        if not np.isfinite(values[:, self._is_modelled]).any():
            names = [item.name for item, modelled in zip(self._objectives, self._is_modelled, strict=True) if modelled]
            message = (
                f"Expected full trainings with {' or '.join(names) or 'an objective that takes a training'} for the "
                f"warm start, got {len(known)} with {', '.join(trainings.metrics) or 'none'} in {source}; leave it out."
            )
            raise SettingsError(message)
        return EarlierSearch(source, list(known.values()), values)


def _read_run(entries: Sequence[JournalEntry]) -> _Trainings:
    header: dict[str, Any] = next((entry.content for entry in entries if entry.kind == "run_started"), {})
    objectives = header.get("objectives", [])
    evaluated = [entry.content for entry in entries if entry.kind == "evaluated"]
    full = [content for content in evaluated if content["fidelity"] == 1.0]
    values = np.array([content["values"] for content in full], dtype=float).reshape(len(full), len(objectives))
    metrics = {
        item["name"]: (-column if item["maximise"] else column, bool(item["maximise"]))
        for item, column in zip(objectives, values.T, strict=True)
    }
    identity = [header.get("benchmark", {}).get("sha256"), header.get("settings", {}).get("problem")]
    texts = [content["architecture_text"] for content in full]
    return _Trainings(json.dumps(identity, sort_keys=True), texts, metrics)


def _objective_column(trainings: _Trainings, objective: Objective) -> np.ndarray:
    """An objective of all trainings, minimised; NaN where they have no such metric, or one of the other direction."""
    values, maximise = trainings.metrics.get(objective.name, (np.empty(0), not objective.maximise))
    if maximise != objective.maximise:
        return np.full(len(trainings.texts), np.nan)
    return objective.sign * np.where(np.isfinite(values), values, np.nan)


def _parse(space: Space, text: str) -> Architecture | None:
    try:
        return space.parse(text)
    except TableError:
        return None


def _merge(searches: Sequence[EarlierSearch]) -> EarlierSearch:
    architectures = [architecture for search in searches for architecture in search.architectures]
    return EarlierSearch(searches[0].name, architectures, np.vstack([search.values for search in searches]))
