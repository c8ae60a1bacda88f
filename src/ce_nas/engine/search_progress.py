"""What a search has found so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.pareto.dominance import Front
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.space.visited import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.core.records import Architecture, Objective, Observation
    from ce_nas.space.base import Space

__all__ = ["Progress"]


class Progress:
    """Scores, evaluations, the front and its hypervolume.

    :param space: what is searched.
    :param objectives: in the order of the values, whose references bound the hypervolume.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective]) -> None:
        self._reference = tuple(item.sign * item.reference for item in objectives)
        #: architectures scored, with their estimates
        self.scored: dict[Architecture, Observation] = {}
        #: architectures whose scoring was begun
        self.seen = Taken(space)
        #: architectures whose training was begun
        self.started = Taken(space)
        #: full trainings finished
        self.evaluations = 0
        #: trainings stopped early, as their searcher had asked
        self.early = 0
        #: the best of what was evaluated
        self.front: Front[Architecture] = Front()
        #: hypervolume of the front, in the product of the objectives' units
        self.hypervolume = 0.0
        #: the same at the end of each period, oldest first
        self.history: list[float] = []
        #: the same after each full training
        self.course: list[float] = []

    def see(self, architectures: Iterable[Architecture]) -> None:
        """Remember that these are being scored."""
        self.seen.update(architectures)

    def score(self, found: Iterable[Observation]) -> None:
        """Take in estimates."""
        self.scored.update({item.architecture: item for item in found})

    def start(self, architecture: Architecture) -> None:
        """Remember that this one is being trained."""
        self.started.add(architecture)
        self.seen.add(architecture)

    def evaluate(self, found: Observation, *, feasible: bool = True) -> bool:
        """Take in a finished training; returns whether the hypervolume grew.

        A training that was stopped early counts for nothing but the searcher, and its architecture may be started
        again; one that breaks a constraint counts as a training, and stays off the front.
        """
        if found.fidelity < 1.0:
            self.started.discard(found.architecture)
            self.early += 1
            return False
        self.evaluations += 1
        before = self.hypervolume
        if feasible and self.front.add(found.values, found.architecture):
            self.hypervolume = hypervolume(self.front.values, self._reference)
        self.course.append(self.hypervolume)
        return self.hypervolume > before

    def close_period(self) -> None:
        """Put the present hypervolume on the record."""
        self.history.append(self.hypervolume)
