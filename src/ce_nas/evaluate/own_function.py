"""A function of the user's own as something to search: a Python file with a space, objectives and a training.

::

    SPACE = {"width": [16, 32, 64], "activation": ["relu", "gelu"]}
    OBJECTIVES = ["accuracy:max:0", "megabytes:min:50"]     # NAME:max|min:REFERENCE, the worst that still counts

    def evaluate(architecture, fidelity, checkpoint):
        ...                       # architecture: {"width": 32, "activation": "gelu"}; fidelity: above 0, up to 1
        return {"accuracy": 91.5, "megabytes": 12.0}

``checkpoint.folder`` is the task's own folder: what is kept there is found again when the task goes on, on whatever
device. ``checkpoint.leave()`` answers True once the training is to be left: keep its state there and return None. A
function that never asks is waited for, and ended after its grace.
"""

from __future__ import annotations

import hashlib
import math
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective, Outcome, Task
from ce_nas.evaluate.benchmark import Benchmark, Quantity
from ce_nas.evaluate.executor import Executor, Failure, TaskError
from ce_nas.space.space import Space

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from ce_nas.core.records import Architecture

__all__ = ["Checkpoint", "FunctionBenchmark", "FunctionExecutor", "OwnFile"]

_EXAMPLE = "'accuracy:max:0' or 'latency:min:0.05'"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a function is handed to be suspended by."""

    #: a folder of the task's own, kept until it has finished
    folder: Path
    #: whether the training is to be left now; asking is also a sign of life
    leave: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class OwnFile:
    """The content of a user's file, checked."""

    path: Path
    choices: Mapping[str, tuple[Any, ...]]
    objectives: tuple[Objective, ...]
    evaluate: Callable[[dict[str, Any], float, Checkpoint], Mapping[str, float] | None]

    @classmethod
    def read(cls, path: Path) -> OwnFile:
        """Run the file, and take what it defines.

        :raises SettingsError: if it cannot be run, or lacks something.
        """
        try:
            content = runpy.run_path(str(path))
        except Exception as error:  # whatever the file raises is its author's to see
            message = f"Expected a Python file that can be run at {str(path)!r}, but {type(error).__name__}: {error}."
            raise SettingsError(message) from error
        missing = [name for name in ("SPACE", "OBJECTIVES", "evaluate") if name not in content]
        if missing or not callable(content["evaluate"]):
            message = (
                f"Expected SPACE, OBJECTIVES and a function evaluate(architecture, fidelity, checkpoint) in {path}, "
                f"got no {', '.join(missing) or 'function of that name'}."
            )
            raise SettingsError(message)
        objectives = tuple(map(_objective, content["OBJECTIVES"]))
        return cls(path, _choices(content["SPACE"], path), objectives, content["evaluate"])

    @property
    def space(self) -> Space:
        """The space of all combinations of choices."""
        names = [[str(choice) for choice in choices] for choices in self.choices.values()]
        return Space(self.path.stem, list(self.choices), names)

    def named(self, architecture: Architecture) -> dict[str, Any]:
        """The architecture as the function is handed it: variable to the choice made."""
        pairs = zip(self.choices.items(), architecture, strict=True)
        return {variable: choices[at] for (variable, choices), at in pairs}


class FunctionBenchmark(Benchmark):
    """What a user's file searches."""

    def __init__(self, own: OwnFile) -> None:
        self.name = own.path.name
        self.space = own.space
        self.origin = f"the function evaluate of {own.path.name}"
        self.notes = ()
        self._own = own

    @property
    def default_objectives(self) -> tuple[str, ...]:
        """See :attr:`Benchmark.default_objectives`: those that the file states, as ``NAME:max|min:REFERENCE``."""
        return tuple(
            f"{item.name}:{'max' if item.maximise else 'min'}:{item.reference!r}" for item in self._own.objectives
        )

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """See :attr:`Benchmark.quantities`; all of them are told by the function alone."""
        return {
            item.name: Quantity(item.name, "", item.maximise, trained=True, low=-math.inf, high=math.inf)
            for item in self._own.objectives
        }

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`: of the file's text."""
        return hashlib.sha256(self._own.path.read_bytes()).hexdigest()

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`: nobody knows.

        :raises SettingsError: always.
        """
        message = f"Expected a benchmark whose trainings are on record, but {self.name} trains for real."
        raise SettingsError(message)

    def costs(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:  # noqa: ARG002 - of none
        """See :meth:`Benchmark.costs`: nothing is known without calling the function.

        :raises SettingsError: always.
        """
        message = f"Expected a quantity that is known without a training, but only evaluate tells {name!r}."
        raise SettingsError(message)

    def column(self, name: str) -> None:
        """See :meth:`Benchmark.column`."""

    def require_share(self, share: float) -> None:
        """See :meth:`Benchmark.require_share`: the function is told the share."""


class FunctionExecutor(Executor):
    """Evaluations by a user's function.

    :param path: the user's file; it is run once in each process.
    :param device: the device, for instance ``cuda:1``: the only one that the function is shown.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        _show_only(device)
        self._own = OwnFile.read(path)

    def run(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        mine = folder / f"task-{task.id}"
        mine.mkdir(exist_ok=True)
        metrics = self._own.evaluate(self._own.named(task.architectures[0]), task.fidelity, Checkpoint(mine, leave))
        if metrics is None:
            return None
        return Outcome(task.id, (tuple(item.sign * _metric(metrics, item) for item in self._own.objectives),))


def _metric(metrics: Mapping[str, float], item: Objective) -> float:
    """A metric of the function's answer; one that is missing or no number is a failure with a name."""
    value = metrics.get(item.name)
    if value is None:
        raise TaskError(Failure.ERROR, f"Expected evaluate to return {item.name!r}, got {sorted(metrics)}.")
    if not math.isfinite(value):
        raise TaskError(Failure.DIVERGED, f"Expected a finite {item.name} from evaluate, got {value}.")
    return float(value)


def _show_only(device: str) -> None:
    """Let the function see no GPU but its own: whatever framework it uses, that one is its first."""
    import os

    kind, _, number = device.partition(":")
    if kind == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = number or "0"


def _choices(space: object, path: Path) -> dict[str, tuple[Any, ...]]:
    fits = isinstance(space, Mapping) and space and all(isinstance(item, list | tuple) for item in space.values())
    if not fits or not all(len(set(map(str, choices))) == len(choices) > 0 for choices in space.values()):  # type: ignore[attr-defined]
        message = (
            f"Expected SPACE in {path} to be a dict from the name of a variable to a list of different choices, such "
            f"as {{'width': [16, 32]}}, got {space!r}."
        )
        raise SettingsError(message)
    return {str(name): tuple(choices) for name, choices in space.items()}  # type: ignore[attr-defined]


def _objective(text: str) -> Objective:
    parts = str(text).split(":")
    try:
        name, direction, reference = parts[0].strip(), parts[1].strip(), float(parts[2])
    except (IndexError, ValueError):
        name, direction, reference = "", "", math.nan
    if direction not in {"max", "min"} or not math.isfinite(reference) or len(parts) != 3:
        message = f"Expected an objective such as {_EXAMPLE} in OBJECTIVES, got {text!r}."
        raise SettingsError(message)
    return Objective(name, "", direction == "max", reference)
