"""A check of a user's file before a search: every function once, with a stop and a resumption in between."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.base import TaskError
from ce_nas.benchmarks.user_function import NOTHING_RETURNED, UserFunctionExecutor
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Task, TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.benchmarks.user_function import UserFunctionFile
    from ce_nas.core.records import Architecture

__all__ = ["check_user_file"]


def check_user_file(path: Path, say: Callable[[str], object], fidelity: float = 1.0) -> None:
    """Call the functions of a user's file for one architecture, in this process.

    The training is asked to stop at its second question, and resumed.

    :param say: is called with a sentence for each finding.
    :param fidelity: share of a full training.
    :raises SettingsError: if one of the functions fails.
    """
    executor = UserFunctionExecutor(path)
    file = executor.function_file
    architecture = file.user_space.space.sample(np.random.default_rng(0), 1)[0]
    size = file.user_space.space.size
    count = f"{size:,}" if math.isfinite(size) else "endlessly many"
    say(f"Space: {count} architectures, for instance {file.user_space.decode(architecture)}.")
    if file.user_space.costs is not None:
        say(f"costs: {file.user_space.known_metrics(architecture)}.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            _check_scores(executor, file, Path(folder), say)
            _check_training(executor, file, architecture, Path(folder), say, fidelity)
        except TaskError as error:
            message = f"Expected the functions of {path} to work for {file.user_space.decode(architecture)}: {error}"
            raise SettingsError(message) from error


def _check_scores(
    executor: UserFunctionExecutor, file: UserFunctionFile, folder: Path, say: Callable[[str], object]
) -> None:
    if file.functions.score_many is None:
        say("score: none, so nothing is sampled; every device trains or rests.")
        return
    sample = file.user_space.space.sample(np.random.default_rng(0), 2)
    start_s = monotonic_s()
    outcome = executor.run(Task(0, TaskKind.SAMPLING, tuple(sample)), folder, lambda: False)
    scores = [] if outcome is None else [list(each) for each in outcome.scores]
    say(f"score: {scores} for two architectures, in {monotonic_s() - start_s:.2f} s.")


def _check_training(  # noqa: PLR0913, PLR0917 - what is trained, where, and who is informed
    executor: UserFunctionExecutor,
    file: UserFunctionFile,
    architecture: Architecture,
    folder: Path,
    say: Callable[[str], object],
    fidelity: float,
) -> None:
    questions = 0

    def stop_at_second_question() -> bool:
        nonlocal questions
        questions += 1
        return questions >= 2

    task, start_s = Task(1, TaskKind.EVALUATION, (architecture,), fidelity), monotonic_s()
    outcome = executor.run(task, folder, stop_at_second_question)
    if outcome is None:
        left = sorted(each.name for each in (folder / "task-1").iterdir())
        found = ", ".join(left) or "nothing"
        say(f"evaluate: stopped as asked after {monotonic_s() - start_s:.2f} s, and left {found}.")
        if not left:
            say("evaluate: a training that leaves nothing starts over each time it is resumed.")
        outcome = executor.run(task, folder, lambda: False)
    elif questions:
        say("evaluate: asked whether to stop, but ended before it was asked to.")
    else:
        say(
            "evaluate: never asks whether to stop, so that it is waited for; ask checkpoint.should_stop() to be paused."
        )
    if outcome is None:  # it cannot be: nothing asked it to stop
        raise SettingsError(NOTHING_RETURNED)
    names = [objective.name for objective in file.user_space.objectives]
    signs = [objective.sign for objective in file.user_space.objectives]
    metrics = {name: sign * value for name, sign, value in zip(names, signs, outcome.values[0], strict=True)}
    say(f"evaluate: {metrics}, in {monotonic_s() - start_s:.2f} s at fidelity {fidelity:g}.")
