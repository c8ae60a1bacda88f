"""A user's functions as a problem: a Python file with a space, objectives and a training function.

::

    SPACE = {"width": [16, 32, 64], "rate": Float(1e-4, 1.0, log=True), "activation": ["relu", "gelu"]}
    OBJECTIVES = ["accuracy:max:0", "megabytes:min:50"]     # NAME:max|min:REFERENCE, the worst acceptable value

    def evaluate(architecture, fidelity, checkpoint):
        ...                       # architecture: {"width": 32, ...}; fidelity: above 0, up to 1
        return {"accuracy": 91.5, "megabytes": 12.0}

Optional functions of the file:

- ``costs(architecture)``: the objectives that are known before training, as a dict; always the same for the same one
- ``score(architecture)`` or ``score_many(architectures)``: a cheap score, larger is better, or several
- ``setup()``: called once in each worker before its first task
- ``is_valid(architecture)``: whether a combination can be trained

The file may import modules from its own folder. ``checkpoint.folder`` is the task's folder: files in it are still there
when the task resumes, on any device. ``checkpoint.should_stop()`` is True once the training should stop: save its state
in the folder and return None. A function that never calls it is waited for. ``checkpoint.report(epoch, metrics)``
records a learning curve. The last two parameters of ``evaluate`` may be left out.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
import os
import runpy
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Executor, Failure, TaskError
from ce_nas.benchmarks.learning_curves import CURVE_FILENAME, CurveJudge, curve_judge
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Outcome, Task, TaskKind
from ce_nas.energy.cuda_devices import show_only_device
from ce_nas.energy.nvml import load_nvml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ce_nas.core.records import Architecture, Objective

__all__ = [
    "CURVE_FILENAME",
    "NOTHING_RETURNED",
    "Checkpoint",
    "UserFunctionCopy",
    "UserFunctionExecutor",
    "UserFunctionFile",
    "UserFunctions",
    "describe_error",
    "find_local_sources",
    "sampling_outcome",
]

#: why a training failed that returned None without having been asked to stop
NOTHING_RETURNED = "Expected a training to return its metrics unless should_stop() is True, got None."

_PACKAGE_FOLDER = f"{Path(__file__).parents[1]}{os.sep}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a training function needs to be suspended and resumed, and to report its learning curve."""

    #: the task's folder, kept until the task has finished
    folder: Path
    #: whether the training should stop now; calling it is also the heartbeat
    should_stop: Callable[[], bool]
    #: follows the curve where trainings may be ended early
    judge: CurveJudge | None = None

    def report(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of an epoch in ``curve.jsonl`` of the task's folder.

        An epoch that is repeated after a suspension replaces the earlier ones from it on.

        :raises TaskError: if one of the metrics is no finite number: the training has diverged, and ends.
        """
        numbers = {str(name): float(value) for name, value in metrics.items()}
        if wrong := [name for name, value in numbers.items() if not math.isfinite(value)]:
            message = f"Expected finite metrics at epoch {epoch}, got {wrong[0]}={numbers[wrong[0]]}."
            raise TaskError(Failure.DIVERGED, message)
        kept = [line for line in self.curve if line["epoch"] < epoch]
        lines = [json.dumps(line) + "\n" for line in [*kept, {"epoch": int(epoch), **numbers}]]
        (self.folder / CURVE_FILENAME).write_text("".join(lines), encoding="utf-8")
        if self.judge is not None:
            self.judge.follow(self.curve)

    @property
    def curve(self) -> list[dict[str, float]]:
        """What was reported so far, an entry an epoch."""
        path = self.folder / CURVE_FILENAME
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


@dataclass(frozen=True, slots=True)
class UserFunctions:
    """A user's functions, of which the first alone is required."""

    evaluate: Callable[..., Mapping[str, float] | None]
    score_many: Callable[[Sequence[dict[str, Any]]], Sequence[Any]] | None = None
    setup: Callable[[], object] | None = None

    @classmethod
    def collect(
        cls,
        evaluate: Callable[..., Mapping[str, float] | None],
        score: Callable[[dict[str, Any]], Any] | None = None,
        score_many: Callable[[Sequence[dict[str, Any]]], Sequence[Any]] | None = None,
        setup: Callable[[], object] | None = None,
    ) -> UserFunctions:
        """The functions, of which ``score`` is called for one architecture after another.

        :raises SettingsError: if both ``score`` and ``score_many`` are given, or one of them cannot be called.
        """
        given = {"evaluate": evaluate, "score": score, "score_many": score_many, "setup": setup}
        for name, function in given.items():
            if function is not None and not callable(function):
                message = f"Expected {name} to be a function, got {function!r}."
                raise SettingsError(message)
        if score is not None and score_many is not None:
            message = "Expected score or score_many, got both; remove one."
            raise SettingsError(message)
        if score is not None:
            one = score

            def score_many(architectures: Sequence[dict[str, Any]]) -> list[Any]:
                return [one(architecture) for architecture in architectures]

        return cls(evaluate, score_many, setup)

    def call_evaluate(
        self, architecture: dict[str, Any], fidelity: float, checkpoint: object
    ) -> Mapping[str, float] | None:
        """Call ``evaluate`` with as many of its three arguments as it takes."""
        return self.evaluate(*(architecture, fidelity, checkpoint)[: _count_parameters(self.evaluate)])

    def scores(self, architectures: Sequence[dict[str, Any]]) -> list[tuple[float, ...]]:
        """The scores of each architecture, the one that estimates its quality first.

        :raises TaskError: if they are not as many as architectures, or one is no finite number.
        """
        assert self.score_many is not None  # noqa: S101 - only benchmarks with scores have sampling tasks
        found = list(self.score_many(architectures))
        if len(found) != len(architectures):
            message = f"Expected {len(architectures)} scores, one for each architecture, got {len(found)}."
            raise TaskError(Failure.ERROR, message)
        return [_score_tuple(each) for each in found]


def _score_tuple(score: Any) -> tuple[float, ...]:  # noqa: ANN401 - a number, a dict or a sequence
    values = (
        list(score.values()) if isinstance(score, Mapping) else score if isinstance(score, list | tuple) else [score]
    )
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        message = f"Expected a finite score, or several of the same kinds, of each architecture, got {score!r}."
        raise TaskError(Failure.ERROR, message)
    return numbers


def _count_parameters(function: Callable[..., Any]) -> int:
    """The number of positional arguments that the function takes, up to three."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 3
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return 3
    positional = [each for each in parameters if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
    return min(max(len(positional), 1), 3)


@dataclass(frozen=True, slots=True)
class UserFunctionFile:
    """The validated content of a user's file."""

    path: Path
    user_space: UserSpace
    functions: UserFunctions

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
        except (Exception, SystemExit) as error:  # user code can raise anything
            message = (
                f"Expected a Python file that can be run at {str(path)!r}, but {describe_error(error, path)}; code for "
                "'python FILE' alone belongs under if __name__ == '__main__'."
            )
            raise SettingsError(message) from error
        missing = [name for name in ("SPACE", "OBJECTIVES", "evaluate") if name not in content]
        if missing or not callable(content["evaluate"]):
            message = (
                f"Expected SPACE, OBJECTIVES and a function evaluate(architecture, fidelity, checkpoint) in {path}, "
                f"got no {', '.join(missing) or 'function evaluate'}."
            )
            raise SettingsError(message)
        optional = {name: content.get(name) for name in ("score", "score_many", "setup")}
        functions = UserFunctions.collect(content["evaluate"], **optional)
        user_space = UserSpace.parse(
            content["SPACE"],
            content["OBJECTIVES"],
            f"SPACE in {path}",
            name=path.name,
            is_valid=content.get("is_valid"),
            costs=content.get("costs"),
        )
        return cls(path, user_space, functions)

    @property
    def benchmark(self) -> UserBenchmark:
        """The file's benchmark; its fingerprint changes with its text and that of what it imports from its folder."""
        name, sources = self.path.name, find_local_sources(self.path)
        text = "".join(f"{relative}\n{source}\n" for relative, source in sources.items())
        has_scores = self.functions.score_many is not None
        return UserBenchmark(self.user_space, name, f"the function evaluate of {name}", text, has_scores=has_scores)


def describe_error(error: BaseException, path: Path | None = None) -> str:
    """The error in one line, with the line of the user's code that raised it; a :class:`TaskError` says itself what.

    :param path: the user's file: its last line in the traceback is named, else the last one outside this package.
    """
    if isinstance(error, TaskError):
        return str(error)
    kind, frames = type(error).__name__, traceback.extract_tb(error.__traceback__)
    if isinstance(error, SystemExit):
        kind = "sys.exit"
    folder = None if path is None else str(path.resolve().parent)
    own = [frame for frame in frames if folder is not None and str(frame.filename).startswith(folder)]
    outside = [frame for frame in frames if not frame.filename.startswith(_PACKAGE_FOLDER)]
    place = next(iter(reversed(own or outside or frames)), None)
    where = "" if place is None else f" ({place.filename}, line {place.lineno})"
    return f"{kind}: {error}{where}"


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
        for origin, name in _imported_names(node, file, folder):
            found = (candidate for candidate in _module_files(origin, name) if candidate.is_file())
            yield from (candidate for candidate in found if candidate.is_relative_to(folder))


def _imported_names(node: ast.AST, file: Path, folder: Path) -> list[tuple[Path, str]]:
    """What a statement of ``file`` imports: the folder it is looked up in, and the dotted name; nothing of another."""
    if isinstance(node, ast.Import):
        return [(folder, alias.name) for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    origin, module = file.parents[node.level - 1] if node.level else folder, node.module or ""
    return [(origin, module), *((origin, f"{module}.{alias.name}".strip(".")) for alias in node.names)]


def _module_files(origin: Path, name: str) -> Iterator[Path]:
    """Where a module of that dotted name in ``origin``, and the packages around it, may be."""
    parts = name.split(".") if name else []
    yield origin / "__init__.py"
    for end in range(1, len(parts) + 1):
        stem = origin.joinpath(*parts[:end])
        yield stem.with_name(f"{stem.name}.py")
        yield stem / "__init__.py"


class UserFunctionExecutor(Executor):
    r"""Evaluates architectures by a user's function.

    :param path: the user's file, run once in each process.
    :param device: the device, for instance ``cuda:1``; the function sees no other.
    :param objectives: those of the search; None: those of the file.
    :param early_stopping: whether a training is ended whose learning curve cannot reach the front.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ce_nas.core.records import TaskKind
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "own.py").write_text(
        ...     "SPACE = {'width': [16, 32]}\n"
        ...     "OBJECTIVES = ['accuracy:max:0', 'mb:min:9']\n"
        ...     "def evaluate(architecture, fidelity, checkpoint):\n"
        ...     "    return {'accuracy': 80.0 + architecture['width'] / 4, 'mb': 2.0}\n"
        ... )
        >>> task = Task(0, TaskKind.EVALUATION, ((1,),))
        >>> UserFunctionExecutor(folder / "own.py").run(task, folder, lambda: False).values
        ((-88.0, 2.0),)
    """

    def __init__(
        self,
        path: Path,
        device: str = "cpu",
        *,
        objectives: tuple[Objective, ...] | None = None,
        early_stopping: bool = False,
    ) -> None:
        show_only_device(device, load_nvml)
        #: the user's file, as read in this process
        self.function_file = UserFunctionFile.read(path)
        user_space = self.function_file.user_space
        self._user_space = user_space if objectives is None else replace(user_space, objectives=objectives)
        self._early_stopping = early_stopping
        self._is_set_up = False

    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`.

        :raises TaskError: also for any error of the user's functions, whose traceback is printed, and for sys.exit.
        """
        user_space, functions = self._user_space, self.function_file.functions
        try:
            if not self._is_set_up and functions.setup is not None:
                functions.setup()
            self._is_set_up = True
            if task.kind is TaskKind.SAMPLING:
                return sampling_outcome(task.id, task.architectures, user_space, functions)
            return self._evaluate(task, folder, should_stop)
        except (TaskError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # user code can raise anything
            traceback.print_exc()
            kind = Failure.OUT_OF_MEMORY if type(error).__name__ == "OutOfMemoryError" else Failure.ERROR
            raise TaskError(kind, describe_error(error, self.function_file.path)) from error

    def _evaluate(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """Train an architecture with the user's function; None if the training was suspended."""
        user_space, architecture, task_folder = self._user_space, task.architectures[0], folder / f"task-{task.id}"
        task_folder.mkdir(parents=True, exist_ok=True)
        judge = curve_judge(folder, user_space, architecture, task.fidelity) if self._early_stopping else None
        checkpoint = Checkpoint(task_folder, judge.or_ended(should_stop) if judge else should_stop, judge)
        metrics = self.function_file.functions.call_evaluate(user_space.decode(architecture), task.fidelity, checkpoint)
        if judge and judge.ended and metrics is None:
            return Outcome(task.id, (judge.ended[1],), note=judge.note)
        if metrics is None:
            if _is_first_rank() and not should_stop():
                raise TaskError(Failure.ERROR, NOTHING_RETURNED)
            return None
        values = user_space.objective_values(metrics, architecture)
        if judge:
            judge.keep(task_folder, values, task.fidelity)
        return Outcome(task.id, (values,))


@dataclass(frozen=True, slots=True)
class UserFunctionCopy:
    """Builds executors on machines that may lack the user's file: with its text, and that of its own imports.

    :param path: the user's file, used where it is as it was.
    :param objectives: see :class:`UserFunctionExecutor`.
    """

    path: Path
    sources: Mapping[str, str]
    objectives: tuple[Objective, ...] | None = None
    early_stopping: bool = False

    @classmethod
    def read(
        cls, path: Path, objectives: tuple[Objective, ...] | None = None, *, early_stopping: bool = False
    ) -> UserFunctionCopy:
        """Read the file and what it imports from its folder, see :func:`find_local_sources`."""
        return cls(path, find_local_sources(path), objectives, early_stopping)

    def __call__(self, device: str) -> UserFunctionExecutor:
        """Build the executor of a device."""
        path, file = self.path, next(iter(self.sources))
        if not (path.exists() and find_local_sources(path) == dict(self.sources)):
            folder = Path(tempfile.mkdtemp(prefix="ce-nas-own-"))
            for name, text in self.sources.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
            path = folder / file
        return UserFunctionExecutor(path, device, objectives=self.objectives, early_stopping=self.early_stopping)


def _is_first_rank() -> bool:
    """Whether this process is the one of its trial whose metrics count."""
    return os.environ.get("RANK", "0") == "0"


def sampling_outcome(
    task_id: int, architectures: Sequence[Architecture], user_space: UserSpace, functions: UserFunctions
) -> Outcome:
    """The outcome of scoring architectures by a user's function."""
    scores = functions.scores([user_space.decode(architecture) for architecture in architectures])
    pairs = zip(architectures, scores, strict=True)
    values = tuple(user_space.estimated_values(each[0], architecture) for architecture, each in pairs)
    return Outcome(task_id, values, tuple(scores))
