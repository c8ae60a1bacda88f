"""Runs an experiment: its unfinished trials in parallel processes, then its report and files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas._version import __version__
from ce_nas.core.errors import DataError
from ce_nas.experiments.output import write_experiment_report
from ce_nas.experiments.parallel import run_in_parallel
from ce_nas.experiments.results_store import ResultsStore
from ce_nas.experiments.trials import run_trial, trial_inputs
from ce_nas.report.i18n.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ce_nas.experiments.base import Experiment, ExperimentReport
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult

__all__ = ["run_experiment"]


def run_experiment(
    experiment: Experiment,
    out: Path,
    *,
    processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    language: str | None = None,
) -> ExperimentReport:
    """Run the trials that are not finished in ``out``, and write the report there.

    Several experiments on the same files may share ``out``: their common trials are run once.

    :param on_progress: called with the numbers of finished and of all trials, first before any is run.
    :param language: of the report, ``en`` or ``ja``; None: that of the locale.
    :raises CeNasError: if a setting or a file is invalid (then nothing was written), or ``out`` was started
        with other files.
    """
    trials = experiment.trials()
    _validate_inputs(trials)
    with ResultsStore.open(out, _build_header(trials)) as store:
        missing = [trial for trial in trials if store.get(trial) is None]
        if on_progress:
            on_progress(len(trials) - len(missing), len(trials))
        for done, (trial, result) in enumerate(run_in_parallel(run_trial, missing, processes), 1):
            store.put(trial, result)
            if on_progress:
                on_progress(len(trials) - len(missing) + done, len(trials))
        results = [_require_result(store, trial) for trial in trials]
        report = experiment.build_report(results, Translator(language))
        write_experiment_report(out, experiment.name, report, results, language)
    return report


def _require_result(store: ResultsStore, trial: ExperimentTrial) -> TrialResult:
    result = store.get(trial)
    assert result is not None  # noqa: S101 - every missing trial has just been run
    return result


def _validate_inputs(trials: Sequence[ExperimentTrial]) -> None:
    """Read the inputs of all trials, once for those that differ in their seed only."""
    seen = set()
    for trial in trials:
        settings = trial.settings.model_dump(mode="json", exclude={"seed"})
        if (text := json.dumps(settings, sort_keys=True)) not in seen:
            seen.add(text)
            trial_inputs(trial).validate()


def _build_header(trials: Sequence[ExperimentTrial]) -> dict[str, Any]:
    return {"version": __version__, "files": {path.name: _sha256_of(path) for path in _list_input_files(trials)}}


def _list_input_files(trials: Iterable[ExperimentTrial]) -> list[Path]:
    """List the files that the trials read."""
    files = set()
    for trial in trials:
        problem, grid = trial.settings.problem, trial.settings.grid
        scores = Path(problem.proxy_scores.rpartition(":")[0] or problem.proxy_scores)
        files |= {path for path in (problem.table, grid.trace, scores) if path and path.is_file()}
    return sorted(files)


def _sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"Expected a readable file at {str(path)!r}, but {error.strerror}."
        raise DataError(message) from error
