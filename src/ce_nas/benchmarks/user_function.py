"""A user's function as a problem: a Python file with a space, objectives and a training function.

::

    SPACE = {"width": [16, 32, 64], "activation": ["relu", "gelu"]}
    OBJECTIVES = ["accuracy:max:0", "megabytes:min:50"]     # NAME:max|min:REFERENCE, the worst acceptable value

    def evaluate(architecture, fidelity, checkpoint):
        ...                       # architecture: {"width": 32, "activation": "gelu"}; fidelity: above 0, up to 1
        return {"accuracy": 91.5, "megabytes": 12.0}

``checkpoint.folder`` is the task's folder: files in it are still there when the task resumes, on any device.
``checkpoint.should_stop()`` is True once the training should stop: save its state in the folder and return None. A
function that never calls it is terminated after the shutdown timeout.
"""

from __future__ import annotations

import os
import runpy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Executor
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Checkpoint", "UserFunctionExecutor", "UserFunctionFile"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a training function needs to be suspended and resumed."""

    #: the task's folder, kept until the task has finished
    folder: Path
    #: whether the training should stop now; calling it is also the heartbeat
    should_stop: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class UserFunctionFile:
    """The validated content of a user's file."""

    path: Path
    user_space: UserSpace
    evaluate: Callable[[dict[str, Any], float, Checkpoint], Mapping[str, float] | None]

    @classmethod
    def read(cls, path: Path) -> UserFunctionFile:
        """Run the file and read its definitions.

        :raises SettingsError: if it fails to run, or a definition is missing or invalid.
        """
        try:
            content = runpy.run_path(str(path))
        except Exception as error:  # user code can raise anything
            message = f"Expected a Python file that can be run at {str(path)!r}, but {type(error).__name__}: {error}."
            raise SettingsError(message) from error
        missing = [name for name in ("SPACE", "OBJECTIVES", "evaluate") if name not in content]
        if missing or not callable(content["evaluate"]):
            message = (
                f"Expected SPACE, OBJECTIVES and a function evaluate(architecture, fidelity, checkpoint) in {path}, "
                f"got no {', '.join(missing) or 'function evaluate'}."
            )
            raise SettingsError(message)
        user_space = UserSpace.parse(content["SPACE"], content["OBJECTIVES"], f"SPACE in {path}")
        return cls(path, user_space, content["evaluate"])

    @property
    def benchmark(self) -> UserBenchmark:
        """The file's benchmark; its fingerprint changes with the file's text."""
        name = self.path.name
        return UserBenchmark(self.user_space, name, f"the function evaluate of {name}", self.path.read_text())


class UserFunctionExecutor(Executor):
    r"""Evaluates architectures by a user's function.

    :param path: the user's file, run once in each process.
    :param device: the device, for instance ``cuda:1``; the function sees no other.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ce_nas.core.records import TaskKind
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "own.py").write_text(
        ...     "SPACE = {'width': [16, 32]}\n"
        ...     "OBJECTIVES = ['accuracy:max:0']\n"
        ...     "def evaluate(architecture, fidelity, checkpoint):\n"
        ...     "    return {'accuracy': 80.0 + architecture['width'] / 4}\n"
        ... )
        >>> task = Task(0, TaskKind.EVALUATION, ((1,),))
        >>> UserFunctionExecutor(folder / "own.py").run(task, folder, lambda: False).values
        ((-88.0,),)
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        _restrict_visible_gpu(device)
        self._function_file = UserFunctionFile.read(path)

    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        task_folder = folder / f"task-{task.id}"
        task_folder.mkdir(exist_ok=True)
        choices = self._function_file.user_space.decode(task.architectures[0])
        metrics = self._function_file.evaluate(choices, task.fidelity, Checkpoint(task_folder, should_stop))
        return (
            None if metrics is None else Outcome(task.id, (self._function_file.user_space.objective_values(metrics),))
        )


def _restrict_visible_gpu(device: str) -> None:
    """Hide all other GPUs from the function, so that its own is the first in any framework."""
    kind, _, number = device.partition(":")
    if kind == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = number or "0"
