"""A user's function as a problem: a Python file with a space, objectives and a training function.

::

    SPACE = {"width": [16, 32, 64], "activation": ["relu", "gelu"]}
    OBJECTIVES = ["accuracy:max:0", "megabytes:min:50"]     # NAME:max|min:REFERENCE, the worst acceptable value

    def evaluate(architecture, fidelity, checkpoint):
        ...                       # architecture: {"width": 32, "activation": "gelu"}; fidelity: above 0, up to 1
        return {"accuracy": 91.5, "megabytes": 12.0}

The file may import modules from its own folder. ``checkpoint.folder`` is the task's folder: files in it are still there
when the task resumes, on any device. ``checkpoint.should_stop()`` is True once the training should stop: save its state
in the folder and return None. A function that never calls it is terminated after the shutdown timeout.
"""

from __future__ import annotations

import ast
import runpy
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Executor
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Outcome, Task
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Checkpoint", "UserFunctionExecutor", "UserFunctionFile", "find_local_sources"]


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
        folder = str(path.resolve().parent)
        if folder not in sys.path:  # as for a script; trainings may import as late as they like
            sys.path.insert(0, folder)
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
        """The file's benchmark; its fingerprint changes with the text of the file and of what it imports beside it."""
        name, sources = self.path.name, find_local_sources(self.path)
        text = "".join(f"{relative}\n{source}\n" for relative, source in sources.items())
        return UserBenchmark(self.user_space, name, f"the function evaluate of {name}", text)


def find_local_sources(path: Path) -> dict[str, str]:
    """The text of a Python file and of all that it imports, also indirectly, from its own folder.

    :returns: path relative to the folder to text, the file first, the others sorted. What is imported under a computed
        name, or does not parse, is not followed.
    """
    folder = path.resolve().parent
    found: dict[Path, str] = {}
    waiting = [path.resolve()]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found[file] = file.read_text(errors="replace")
            waiting += _imported_files(found[file], file, folder)
    first, *others = found
    return {str(file.relative_to(folder)): found[file] for file in (first, *sorted(others))}


def _imported_files(text: str, file: Path, folder: Path) -> Iterator[Path]:
    """The files in ``folder`` that the source ``text`` of ``file`` may import."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [(folder, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = file.parents[node.level - 1] if node.level else folder
            module = node.module or ""
            targets = [(origin, module), *((origin, f"{module}.{alias.name}".strip(".")) for alias in node.names)]
        else:
            continue
        for origin, name in targets:
            parts = name.split(".") if name else []
            for end in range(len(parts) + 1):
                stem = origin.joinpath(*parts[:end])
                for candidate in (stem.with_name(f"{stem.name}.py") if end else stem, stem / "__init__.py"):
                    if candidate.is_file() and candidate.is_relative_to(folder):
                        yield candidate


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
        show_only_device(device, load_nvml)
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
