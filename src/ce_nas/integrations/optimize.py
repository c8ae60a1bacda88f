"""A search of a Python function: the shortest way to it, as a study of another tuner would be.

The function is called in this process, by :class:`~ce_nas.integrations.training_loop.TrainingLoop`. It is named
``optimize``, since ``ce_nas.search`` is the package of the searchers: importing any of them would replace a function of
that name.
"""

from __future__ import annotations

import logging
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import TaskError
from ce_nas.benchmarks.user_function import UserFunctions
from ce_nas.core.errors import SettingsError
from ce_nas.integrations.training_loop import TrainingLoop
from ce_nas.store.run_dir import next_run_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.api import Result
    from ce_nas.integrations.training_loop import Trial

__all__ = ["optimize"]

_log = logging.getLogger(__name__)


def optimize(  # noqa: PLR0913 - what a user may know of the architectures
    objective: Callable[..., Mapping[str, float] | Sequence[float] | None],
    space: Mapping[str, Any],
    objectives: Sequence[str],
    *,
    trainings: int | None = None,
    out: str | Path | None = None,
    costs: Callable[[dict[str, Any]], Mapping[str, float]] | None = None,
    score: Callable[[dict[str, Any]], Any] | None = None,
    is_valid: Callable[[dict[str, Any]], bool] | None = None,
    accept_changes: bool = False,
    **flags: Any,  # noqa: ANN401 - the settings
) -> Result:
    """Search the arguments of a function that trains something.

    Example:
        >>> import tempfile
        >>> from ce_nas import Float, Integer
        >>> def objective(architecture):
        ...     width, rate = architecture["width"], architecture["rate"]
        ...     return {"accuracy": 90 - 100 / width - (rate - 0.1) ** 2, "size": width}
        >>> space = {"width": Integer(8, 64), "rate": Float(1e-3, 1.0, log=True)}
        >>> result = optimize(
        ...     objective,
        ...     space,
        ...     ["accuracy:max:0", "size:min:100"],
        ...     trainings=3,
        ...     out=tempfile.mkdtemp() + "/run",
        ...     policy="vanilla",
        ...     time_scale=100.0,
        ... )
        >>> result.summary.evaluations
        3

    :param objective: called with an architecture; with its fidelity, too, if it takes two arguments, and with a trial
        (``folder``, ``should_stop()``, ``report(epoch, metrics)``, ``device``) if it takes three. It returns the
        metrics by name, or the objectives that take a training in their order; None if it stopped as asked.
    :param space: variable to ``Float``, ``Integer``, ``Ordinal``, ``Categorical`` or a list of choices.
    :param objectives: 2 to 5 of ``NAME:max|min:REFERENCE``; the reference is the worst value that counts.
    :param trainings: the largest number of trainings.
    :param out: folder of the run, new or to resume; by default runs/0001, runs/0002, ...
    :param costs: the objectives of an architecture that are known before it is trained.
    :param score: a cheap score of an architecture, larger is better.
    :param is_valid: whether an architecture can be trained.
    :param accept_changes: continue an earlier run with files, such as a trace, that have changed since.
    :param flags: settings, as the flags of ``ce-nas search``; with ``gpus`` the function is called in as many threads.
    :raises CeNasError: if a setting is invalid, or the first architectures all fail.
    """
    if trainings is not None:
        stated = flags.get("evaluations")
        if stated not in {None, trainings, str(trainings)}:
            message = (
                f"Expected one largest number of trainings, got trainings={trainings} and evaluations={stated}; leave "
                "one of them out."
            )
            raise SettingsError(message)
        flags["evaluations"] = trainings
    loop = TrainingLoop(
        space,
        objectives,
        out or next_run_path(Path("runs")),
        costs=costs,
        score=score,
        is_valid=is_valid,
        accept_changes=accept_changes,
        **flags,
    )
    functions = UserFunctions.collect(objective)  # type: ignore[arg-type]  # a sequence is named by the loop
    with loop:
        threads = [
            threading.Thread(target=_train_all, args=(loop, functions), name=f"ce-nas training {number}", daemon=True)
            for number in range(1, int(flags.get("gpus", 1)))
        ]
        for thread in threads:
            thread.start()
        _train_all(loop, functions)
        for thread in threads:
            thread.join()
    return loop.result


def _train_all(loop: TrainingLoop, functions: UserFunctions) -> None:
    shown: set[str] = set()
    for trial in loop:
        try:
            loop.tell(trial, functions.call_evaluate(dict(trial.architecture), trial.fidelity, trial))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code can raise anything
            _show_once(error, trial, shown)
            loop.fail(trial, error)


def _show_once(error: BaseException, trial: Trial, shown: set[str]) -> None:
    """Print the traceback of the first error of each kind."""
    kind = type(error).__name__
    if kind not in shown and not isinstance(error, TaskError):
        shown.add(kind)
        _log.error("Trial %d failed:\n%s", trial.number, "".join(traceback.format_exception(error)).rstrip())
