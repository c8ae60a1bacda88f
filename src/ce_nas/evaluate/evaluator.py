"""The evaluator's seam: how long a task takes, and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ce_nas.core.records import Objective, Outcome, Task
    from ce_nas.space.space import Space

__all__ = ["Evaluator", "Problem"]


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
