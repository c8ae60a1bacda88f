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

import os
import runpy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Executor
from ce_nas.benchmarks.user_space import OwnBenchmark, OwnSpace
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Checkpoint", "FunctionExecutor", "OwnFile"]


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
    own: OwnSpace
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
        own = OwnSpace.of(content["SPACE"], content["OBJECTIVES"], f"SPACE in {path}")
        return cls(path, own, content["evaluate"])

    @property
    def benchmark(self) -> OwnBenchmark:
        """What the file searches; it is another one once the file's text changes."""
        name = self.path.name
        return OwnBenchmark(self.own, name, f"the function evaluate of {name}", self.path.read_text())


class FunctionExecutor(Executor):
    """Evaluations by a user's function.

    :param path: the user's file; it is run once in each process.
    :param device: the device, for instance ``cuda:1``: the only one that the function is shown.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        _show_only(device)
        self._file = OwnFile.read(path)

    def run(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        mine = folder / f"task-{task.id}"
        mine.mkdir(exist_ok=True)
        named = self._file.own.named(task.architectures[0])
        metrics = self._file.evaluate(named, task.fidelity, Checkpoint(mine, leave))
        return None if metrics is None else Outcome(task.id, (self._file.own.values(metrics),))


def _show_only(device: str) -> None:
    """Let the function see no GPU but its own: whatever framework it uses, that one is its first."""
    kind, _, number = device.partition(":")
    if kind == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = number or "0"
