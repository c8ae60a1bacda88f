"""The progress of a search: scores, evaluations, front and hypervolume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.pareto.dominance import ParetoFront
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.space.visited import VisitedSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.core.records import Architecture, Objective, Observation
    from ce_nas.space.base import Space

__all__ = ["SearchProgress"]


class SearchProgress:
    """The scores, evaluations, front and hypervolume of a search.

    :param space: the search space.
    :param objectives: in the order of the values; their references define the hypervolume.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective]) -> None:
        self._reference = tuple(objective.sign * objective.reference for objective in objectives)
        #: scored architectures, with their estimates
        self.scored: dict[Architecture, Observation] = {}
        #: architectures whose scoring was started
        self.seen = VisitedSet(space)
        #: architectures whose training was started
        self.started = VisitedSet(space)
        #: trainings that failed as often as they may: they take no place of the budget
        self.given_up = 0
        #: completed full trainings
        self.evaluations = 0
        #: completed partial trainings, as requested by the searcher
        self.partial_trainings = 0
        #: non-dominated evaluated architectures
        self.front: ParetoFront[Architecture] = ParetoFront()
        #: hypervolume of the front, in the product of the units of the objectives
        self.hypervolume = 0.0
        #: hypervolume at the end of each period, oldest first
        self.hypervolume_history: list[float] = []
        #: hypervolume after each full training, oldest first
        self.hypervolume_by_evaluation: list[float] = []

    def mark_seen(self, architectures: Iterable[Architecture]) -> None:
        """Mark architectures whose scoring is started."""
        self.seen.update(architectures)

    def add_scores(self, observations: Iterable[Observation]) -> None:
        """Add the estimates of scored architectures."""
        self.scored.update({observation.architecture: observation for observation in observations})

    def mark_started(self, architecture: Architecture) -> None:
        """Mark an architecture whose training is started."""
        self.started.add(architecture)
        self.seen.add(architecture)

    def add_evaluation(self, observation: Observation, *, feasible: bool = True) -> bool:
        """Add a completed training; returns whether the hypervolume increased.

        A partial training is not counted as an evaluation, and its architecture may be started again; an infeasible one
        is counted, but not added to the front.
        """
        if observation.fidelity < 1.0:
            self.started.discard(observation.architecture)
            self.partial_trainings += 1
            return False
        self.evaluations += 1
        before = self.hypervolume
        if feasible and self.front.add(observation.values, observation.architecture):
            self.hypervolume = hypervolume(self.front.values, self._reference)
        self.hypervolume_by_evaluation.append(self.hypervolume)
        return self.hypervolume > before

    def close_period(self) -> None:
        """Append the current hypervolume to the history."""
        self.hypervolume_history.append(self.hypervolume)
