"""The benchmark's seam: what is searched, and what is known of it; a table, a surrogate, or something of one's own.

The evaluator's seam: how long a task takes, and what it finds.

The executor's seam: who carries a task out for real, in whatever process it was made.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.errors import CeNasError, SettingsError, TableError, one_of
from ce_nas.core.records import Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from ce_nas.core.records import Architecture, Outcome, Task
    from ce_nas.space.base import Space

__all__ = ["Benchmark", "Evaluator", "Executor", "Failure", "Problem", "Quantity", "TaskError", "objective"]

#: references that a paper states, in the metric's unit; every other metric's reference is its worst value, rounded up
PAPER_REFERENCES = {"edgegpu_energy": 50.0}  # CE-NAS, section 4: accuracy 0 %, energy 50 mJ
ACCURACY_REFERENCE = 0.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that a benchmark tells of every architecture."""

    name: str
    #: unit as shown to people
    unit: str
    #: True if more is better
    maximise: bool
    #: True if only a training tells it, as an accuracy; False if it is known at once, as a latency
    trained: bool
    #: the least and the largest value there is
    low: float
    high: float
    #: the hypervolume's reference where the benchmark states one; None for the usual rule
    reference: float | None = None


class Benchmark(ABC):
    """A space, and what a training of each of its architectures finds."""

    name: str
    space: Space
    #: where the figures come from
    origin: str
    #: what a reader should know of them, a sentence each
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def quantities(self) -> Mapping[str, Quantity]:
        """What is known of an architecture, by name."""

    @property
    def default_objectives(self) -> Sequence[str]:
        """Accuracy, or the first quantity that takes a training, and the first cost: the paper's energy if there."""
        trained = [name for name, quantity in self.quantities.items() if quantity.trained]
        costs = [name for name, quantity in self.quantities.items() if not quantity.trained]
        costs.sort(key=lambda name: name != "edgegpu_energy")
        return [*sorted(trained, key=lambda name: name != "accuracy")[:1], *costs[:1]]

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A text that differs wherever a run can come to differ; origin and notes are left out."""

    @property
    @abstractmethod
    def mean_epoch_s(self) -> float:
        """Seconds of one epoch of the mean architecture on one device."""

    @abstractmethod
    def costs(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:
        """A quantity that needs no training, of each architecture, in its own unit, shape ``(n,)``."""

    @abstractmethod
    def column(self, name: str) -> np.ndarray | None:
        """A quantity of every member of the space, in their order, shape ``(size,)``; None where none are listed."""

    @abstractmethod
    def require_share(self, share: float) -> None:
        """Check that it is known what a training finds that is stopped at this share of it.

        :raises SettingsError: if it is not.
        """

    def quantity(self, name: str) -> Quantity:
        """The quantity of that name.

        :raises TableError: if there is none.
        """
        if name not in self.quantities:
            raise TableError(one_of(f"objective of {self.name}", name, self.quantities))
        return self.quantities[name]


def objective(benchmark: Benchmark, text: str) -> Objective:
    """The objective written as ``NAME``, ``NAME:max`` or ``NAME:min:REFERENCE``.

    Left out, the direction is the metric's own and the reference is the benchmark's or the paper's where it states one,
    0 for an accuracy, else the worst value there is, rounded up to two digits where less is better.

    :raises SettingsError: if the text is none of these forms.
    :raises TableError: if the benchmark has no such metric.
    """
    name, *rest = map(str.strip, text.split(":", 2))
    metric = benchmark.quantity(name)
    maximise = _direction(text, rest[0], default=metric.maximise) if rest else metric.maximise
    reference = _reference(text, rest[1]) if len(rest) > 1 else _default_reference(metric, maximise=maximise)
    return Objective(metric.name, metric.unit, maximise, reference)


def _direction(text: str, word: str, *, default: bool) -> bool:
    if word not in {"max", "min", ""}:
        message = f"Expected an objective such as accuracy:max or latency:min:0.05, got {text!r}."
        raise SettingsError(message)
    return word == "max" if word else default


def _reference(text: str, number: str) -> float:
    try:
        reference = float(number)
    except ValueError:
        reference = math.nan
    if not math.isfinite(reference):
        message = f"Expected a number as the reference in objective {text!r}, got {number!r}."
        raise SettingsError(message)
    return reference


def _default_reference(metric: Quantity, *, maximise: bool) -> float:
    if metric.reference is not None and maximise == metric.maximise:
        return metric.reference
    if maximise:
        return ACCURACY_REFERENCE if metric.unit == "%" else metric.low
    return PAPER_REFERENCES.get(metric.name) or _rounded_up(metric.high)


def _rounded_up(value: float) -> float:
    """The next number above ``value`` with two significant digits."""
    if value == 0:
        return 0.0
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.floor(round(value / size, 9)) + 1  # 0.3 / 0.01 is a hair below 30
    return float(f"{steps * size:.12g}")


class Problem(ABC):
    """What a search is about, as far as its engine has to know; who carries the tasks out may be somebody else."""

    #: the architectures it knows
    space: Space
    #: what it measures, in the order of an outcome's values
    objectives: tuple[Objective, ...]
    #: how long a shared network must be trained before sampling can begin, s; 0 where none is needed
    supernet_training_s: float
    #: whether it has cheap scores, so that sampling is possible at all
    can_score: bool
    #: whether what was trained without a score is scored too, so that the scores can be judged by the trainings
    judges_scores: bool = False

    @abstractmethod
    def duration_s(self, task: Task) -> float:
        """Seconds the whole task takes, or is expected to take, on one device without interruption."""

    def took(self, task: Task, duration_s: float) -> None:  # noqa: B027 - one that knows has nothing to learn
        """Learn for how long a finished task was at work on its devices, s."""


class Evaluator(Problem):
    """Carries out tasks over one space, for stated objectives."""

    @abstractmethod
    def run(self, task: Task) -> Outcome:
        """Carry the task out; the outcome's values are objectives, all minimised."""


class Failure(StrEnum):
    """How a task can fail."""

    OUT_OF_MEMORY = "out of memory"
    DIVERGED = "diverged"  #: its loss is no longer a number
    HUNG = "hung"  #: no sign of life for longer than is allowed
    LOST = "lost"  #: its process or machine is gone
    ERROR = "error"  #: anything else that was raised


class TaskError(CeNasError):
    """A task that failed in a way that has a name."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


class Executor(ABC):
    """Carries out tasks for real, one at a time.

    It is made in the process that it works in, and it holds what several tasks share: images, a supernet's weights.
    """

    @abstractmethod
    def run(self, task: Task, folder: Path, leave: Callable[[], bool]) -> Outcome | None:
        """Carry a task out, or go on with it where it was left.

        :param folder: where checkpoints lie; what is found there under the task's number is gone on with.
        :param leave: asked often; once it answers True a checkpoint is written and the task left.
        :returns: what was found, its values objectives, all minimised; None if the task was left.
        :raises TaskError: if it failed in a way that has a name.
        """
