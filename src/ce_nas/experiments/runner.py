"""Runs an experiment: the cells that are not finished yet in parallel processes, then its report and files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas import __version__
from ce_nas.core.errors import DataError
from ce_nas.experiments.output import write_report
from ce_nas.experiments.parallel import in_parallel
from ce_nas.experiments.results_store import Shelf
from ce_nas.experiments.trials import run_cell
from ce_nas.report.i18n.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ce_nas.experiments.base import Experiment, Report
    from ce_nas.experiments.trials import Cell, Finding

__all__ = ["bench"]


def bench(
    experiment: Experiment,
    out: Path,
    *,
    processes: int = 1,
    observe: Callable[[int, int], None] | None = None,
    language: str | None = None,
) -> Report:
    """Run what is not finished in ``out``, and write the report there.

    Several experiments on the same files may share ``out``: a run that they have in common is run once.

    :param observe: called with how many cells are finished, and how many there are: first before any is run.
    :param language: of the report, ``en`` or ``ja``; None: that of the locale.
    :raises CeNasError: if a setting or a file is of no use (nothing was written then), or ``out`` was begun
        with other files.
    """
    cells = experiment.cells()
    _check(cells)
    with Shelf.open(out, _head(cells)) as shelf:
        missing = [cell for cell in cells if shelf.get(cell) is None]
        if observe:
            observe(len(cells) - len(missing), len(cells))
        for done, (cell, finding) in enumerate(in_parallel(run_cell, missing, processes), 1):
            shelf.put(cell, finding)
            if observe:
                observe(len(cells) - len(missing) + done, len(cells))
        findings = [_found(shelf, cell) for cell in cells]
        report = experiment.report(findings, Words(language))
        write_report(out, experiment.name, report, findings, language)
    return report


def _found(shelf: Shelf, cell: Cell) -> Finding:
    finding = shelf.get(cell)
    assert finding is not None  # noqa: S101 - every missing cell has just been run
    return finding


def _check(cells: Sequence[Cell]) -> None:
    """Read what the cells refer to, once for all that differ in their strategy or seed only."""
    from ce_nas.engine.inputs import Materials

    seen = set()
    for cell in cells:
        told = cell.settings.model_dump(mode="json", exclude={"seed"})
        if (text := json.dumps(told, sort_keys=True)) not in seen:
            seen.add(text)
            Materials(cell.settings).check()


def _head(cells: Sequence[Cell]) -> dict[str, Any]:
    return {"version": __version__, "files": {path.name: _digest(path) for path in _files(cells)}}


def _files(cells: Iterable[Cell]) -> list[Path]:
    """The files that the cells read."""
    found = set()
    for cell in cells:
        benchmark, grid = cell.settings.benchmark, cell.settings.grid
        scores = Path(benchmark.cheap_scores.rpartition(":")[0] or benchmark.cheap_scores)
        found |= {path for path in (benchmark.table, grid.trace, scores) if path and path.is_file()}
    return sorted(found)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"Expected to read {str(path)!r}, but {error.strerror}."
        raise DataError(message) from error
