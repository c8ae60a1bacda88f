"""Base classes: a benchmark's space and metrics, a problem with objectives, and what evaluates its tasks.

- A `Benchmark` is a space and what is known of its architectures, from a table, a surrogate or real trainings.
- A `Problem` is a benchmark's space with objectives chosen and task durations: what the engine searches.
- An `Evaluator` is a problem that also returns the outcome of a task at once, as the simulation needs.
- An `Executor` runs a task for real, in the worker process in which it was built.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import CeNasError, SettingsError, TableError, unknown_choice_message
from ce_nas.core.records import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores
    from ce_nas.core.records import Architecture, Outcome, Task
    from ce_nas.space.base import Space

__all__ = [
    "Benchmark",
    "Evaluator",
    "Executor",
    "Failure",
    "MetricSpec",
    "Problem",
    "ProxyScores",
    "TaskError",
    "parse_objective",
]

#: references that a paper states, in the metric's unit; every other metric's reference is its worst value, rounded up
PAPER_REFERENCE_VALUES = {"edgegpu_energy": 50.0}  # CE-NAS, section 4: accuracy 0 %, energy 50 mJ
DEFAULT_ACCURACY_REFERENCE = 0.0


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric that a benchmark has for every architecture."""

    name: str
    #: unit as displayed
    unit: str
    #: True if more is better
    maximise: bool
    #: True if only a training measures it, as an accuracy; False if it is known beforehand, as a latency
    requires_training: bool
    #: the smallest and the largest value in the space
    min_value: float
    max_value: float
    #: the hypervolume's reference value if the benchmark states one; None for the usual rule
    reference: float | None = None
    #: False if nothing says whether more is better: an objective has to state it
    has_direction: bool = True


@dataclass(frozen=True, eq=False)
class ProxyScores:
    """Scores of every architecture of a space.

    Example:
        >>> from ce_nas.benchmarks.proxy_scores import load_builtin_scores
        >>> from ce_nas.space.nasbench201_cell import NasBench201Space
        >>> scores = load_builtin_scores(NasBench201Space())
        >>> scores.values.shape, scores.scoring_time_s, scores.supernet_training_s
        ((15625, 13), 1.0, 0.0)
    """

    names: tuple[str, ...]
    #: larger is better, in the order of the space's members, shape (size, names)
    values: np.ndarray
    #: mean over the scores of the share of architectures ranked below, 0 to 1, shape (size,)
    mean_rank: np.ndarray
    #: device time to score one architecture, s
    scoring_time_s: float
    #: device time to train the supernets that score, s
    supernet_training_s: float
    #: where the scores and their durations come from
    origin: str

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names and values, in hexadecimal."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(np.ascontiguousarray(self.values, dtype="<f8").tobytes())
        return digest.hexdigest()


class Benchmark(ABC):
    """A search space and the metrics of its architectures.

    Example:
        >>> from ce_nas.benchmarks import load_embedded_table
        >>> benchmark = load_embedded_table("cifar10")
        >>> benchmark.space.size, list(benchmark.metric_specs), benchmark.default_objectives
        (15625, ['accuracy', 'latency', 'params', 'flops'], ['accuracy', 'latency'])
    """

    name: str
    space: Space
    #: where the values come from
    origin: str
    #: caveats for the reader of a report, a sentence each
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """The metrics of an architecture, by name."""

    @property
    def default_objectives(self) -> Sequence[str]:
        """Accuracy, or the first metric of which more is better, and the paper's energy, or the first cost."""
        stated = {name: spec for name, spec in self.metric_specs.items() if spec.has_direction}
        qualities = [name for name, spec in stated.items() if spec.requires_training and spec.maximise]
        qualities += [name for name, spec in stated.items() if spec.requires_training and not spec.maximise]
        qualities.sort(key=lambda name: name != "accuracy")
        costs = [name for name, spec in stated.items() if not spec.requires_training]
        costs += [name for name, spec in stated.items() if spec.requires_training and not spec.maximise]
        costs = [name for name in costs if name not in qualities[:1]]
        costs.sort(key=lambda name: name != "edgegpu_energy")
        return [*qualities[:1], *costs[:1]]

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A text that changes with everything that can change a run; origin and notes are left out."""

    @property
    @abstractmethod
    def mean_epoch_s(self) -> float:
        """Seconds of one epoch of the mean architecture on one device.

        :raises SettingsError: if the benchmark has no recorded trainings.
        """

    @abstractmethod
    def training_free_values(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """A metric that needs no training, for each architecture, in its unit, shape ``(n,)``."""

    @abstractmethod
    def all_values(self, name: str) -> np.ndarray | None:
        """A metric of every member of the space, in the members' order, shape ``(size,)``; None if it has no list."""

    @abstractmethod
    def require_fidelity(self, fidelity: float) -> None:
        """Check that trainings that stop at this share of a full training have results.

        :raises SettingsError: if they have none.
        """

    def build_evaluator(
        self,
        objectives: Sequence[Objective],  # noqa: ARG002 - of the recorded benchmarks that override it
        proxy_scores: ProxyScores | SimulatedSupernetScores | None,  # noqa: ARG002 - as above
    ) -> Evaluator:
        """The evaluator of recorded trainings, with proxy scores of the benchmark's own kind or without any.

        :raises SettingsError: if the benchmark has no recorded trainings.
        """
        message = f"Expected a benchmark whose architectures are all listed, but {self.name} has no table."
        raise SettingsError(message)

    def metric_spec(self, name: str) -> MetricSpec:
        """The metric called ``name``.

        :raises TableError: if there is none.
        """
        if name not in self.metric_specs:
            raise TableError(unknown_choice_message(f"objective of {self.name}", name, self.metric_specs))
        return self.metric_specs[name]


def parse_objective(benchmark: Benchmark, text: str) -> Objective:
    """The objective written as ``NAME``, ``NAME:max``, ``NAME:min:REFERENCE`` or one of these with ``:known``.

    The direction defaults to the metric's. The reference defaults to the benchmark's or the paper's if there is one,
    to 0 for an accuracy, else to the worst value in the space, rounded up to two digits where less is better. What is
    marked ``:known`` is handed to the searcher before any training, as are costs that the benchmark counts or looks up.

    :raises SettingsError: if the text has another form, or nothing says whether more is better.
    :raises TableError: if the benchmark has no such metric.
    """
    name, *rest = map(str.strip, text.split(":"))
    metric = benchmark.metric_spec(name)
    known = "known" in rest
    rest = [part for part in rest if part != "known"]
    if len(rest) > 2:
        message = f"Expected an objective such as accuracy:max or latency:min:0.05:known, got {text!r}."
        raise SettingsError(message)
    if not metric.has_direction and not (rest and rest[0]):
        message = (
            f"Expected a direction for the metric {name!r}, which its name does not say: {name}:max or {name}:min."
        )
        raise SettingsError(message)
    maximise = _parse_direction(text, rest[0], default=metric.maximise) if rest else metric.maximise
    reference = _parse_reference(text, rest[1]) if len(rest) > 1 else _default_reference(metric, maximise=maximise)
    return Objective(metric.name, metric.unit, maximise, reference, is_known=known or not metric.requires_training)


def _parse_direction(text: str, word: str, *, default: bool) -> bool:
    if word not in {"max", "min", ""}:
        message = f"Expected an objective such as accuracy:max or latency:min:0.05, got {text!r}."
        raise SettingsError(message)
    return word == "max" if word else default


def _parse_reference(text: str, number: str) -> float:
    try:
        reference = float(number)
    except ValueError:
        reference = math.nan
    if not math.isfinite(reference):
        message = f"Expected a number as the reference in objective {text!r}, got {number!r}."
        raise SettingsError(message)
    return reference


def _default_reference(metric: MetricSpec, *, maximise: bool) -> float:
    if metric.reference is not None and maximise == metric.maximise:
        return metric.reference
    if maximise:
        return DEFAULT_ACCURACY_REFERENCE if metric.unit == "%" else metric.min_value
    return PAPER_REFERENCE_VALUES.get(metric.name) or _round_up(metric.max_value)


def _round_up(value: float) -> float:
    """The next number above ``value`` with two significant digits."""
    if value == 0:
        return 0.0
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.floor(round(value / size, 9)) + 1  # 0.3 / 0.01 is a hair below 30
    return float(f"{steps * size:.12g}")


class Problem(ABC):
    """What the engine searches: a space, objectives and the durations of tasks.

    A problem need not run its tasks: in a live search the worker pool does.

    Example:
        >>> from ce_nas.benchmarks import TabularEvaluator, load_embedded_table, parse_objective
        >>> table = load_embedded_table("cifar10")
        >>> objectives = [parse_objective(table, text) for text in ("accuracy", "latency:min:0.05")]
        >>> problem = TabularEvaluator(table, objectives, None)
        >>> [(item.name, item.maximise, item.reference) for item in problem.objectives], problem.has_proxy_scores
        ([('accuracy', True, 0.0), ('latency', False, 0.05)], False)
    """

    #: the architectures
    space: Space
    #: what is optimised, in the order of an outcome's values
    objectives: tuple[Objective, ...]
    #: time to train a supernet before sampling can start, s; 0 where none is needed
    supernet_training_s: float
    #: whether there are proxy scores, so that architectures can be sampled
    has_proxy_scores: bool
    #: whether architectures that were trained without a score are scored later, to measure the scores' quality
    score_trained_architectures: bool = False
    #: whether a sampling task measures a cost of architectures and scores none, for a searcher that models the rest
    measures_costs: bool = False
    #: whether durations are recorded or measured; False while no training has finished, so that they are guesses
    has_measured_durations: bool = True

    @abstractmethod
    def duration_s(self, task: Task) -> float:
        """Seconds the whole task takes, or is expected to take, on one device without interruption."""

    def record_duration(self, task: Task, duration_s: float) -> None:  # noqa: B027 - recorded durations are exact already
        """Update the expected durations by the device time of a finished task, s."""


class Evaluator(Problem):
    """A problem that returns the outcomes of its tasks at once, from recorded or predicted trainings."""

    @abstractmethod
    def run(self, task: Task) -> Outcome:
        """The outcome of a task; its values are the objectives, all minimised."""


class Failure(StrEnum):
    """The kind of a task's failure."""

    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"  #: the loss is no longer a number
    HUNG = "hung"  #: no heartbeat within the timeout
    LOST = "lost"  #: the process or machine is gone
    ERROR = "error"  #: any other exception


class TaskError(CeNasError):
    """A task that failed, with the kind of its failure."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Executor(ABC):
    """Runs tasks for real, one at a time.

    It is built in the worker process and holds what several tasks share: images, a supernet's weights.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from ce_nas.core.records import Outcome, Task, TaskKind
        >>> class Sum(Executor):
        ...     def run(self, task, folder, should_stop):
        ...         return Outcome(task.id, tuple((float(sum(each)),) for each in task.architectures))
        >>> task = Task(7, TaskKind.EVALUATION, ((1, 2),))
        >>> Sum().run(task, Path(tempfile.gettempdir()), lambda: False).values
        ((3.0,),)
    """

    @abstractmethod
    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """Run a task, or resume it from its checkpoint.

        :param folder: the folder of checkpoints; a checkpoint under the task's number is resumed.
        :param should_stop: polled often, also as the heartbeat; once it is True, save a checkpoint and return None.
        :returns: the outcome, its values the objectives, all minimised; None if the task was stopped.
        :raises TaskError: if it fails in a known way.
        """
