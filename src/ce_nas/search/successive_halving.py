"""Trainings that stop early, and which of them to carry to the end.

The seam stays :meth:`Searcher.ask`: what is proposed is to be trained with the share that
:meth:`Searcher.fidelity_of` names at that moment. An architecture told at part of a training may be proposed again,
and is then to be trained in full; so of those told, only the ones trained in full belong into ``exclude``.

Sources
    [SH] Jamieson, Talwalkar. Non-stochastic Best Arm Identification and Hyperparameter Optimization. AISTATS 2016.
    [ASHA] Li et al. A System for Massively Parallel Hyperparameter Tuning. MLSys 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import values_of
from ce_nas.search.base import Searcher
from ce_nas.search.regions import AnyOf, Listed, RegionalSearcher, distinct

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["PromotingSearcher"]


class PromotingSearcher(Searcher):
    """Lets every new architecture be trained in part, and the most promising share of them in full [ASHA].

    The inner searcher proposes the new ones and is told everything. Which are promoted is its choice as well where it
    learns from part trainings; else the best of these by front and crowding distance are.

    :param inner: who proposes.
    :param early: the share of a full training after which a new architecture's stops; above 0 and below 1.
    :param share: the share of the part trainings that are carried to the end; above 0 and up to 1.
    """

    def __init__(self, inner: Searcher, early: float = 0.06, share: float = 1.0 / 3.0) -> None:
        if not (0.0 < early < 1.0 and 0.0 < share <= 1.0):
            message = f"Expected early above 0 and below 1 and share above 0 and up to 1, got {early} and {share}."
            raise SettingsError(message)
        self.name = inner.name
        self.foresees = inner.foresees
        self._inner = inner
        self._early = early
        self._share = share
        #: the part trainings that were not carried on yet
        self._waiting: dict[Architecture, Observation] = {}
        #: what was proposed for promotion, or trained in full
        self._promoted: dict[Architecture, None] = {}
        self._ended = 0

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; promotions come first."""
        promoted = self._promotions(min(n, self._due(exclude)), exclude)
        self._promoted.update(dict.fromkeys(promoted))
        known = AnyOf(exclude, self._waiting, self._promoted)
        found = self._inner.ask(n - len(promoted), known)
        rest = n - len(promoted) - len(found)
        if rest:  # nothing new is left: carry on what there is
            late = self._promotions(rest, AnyOf(exclude, self._promoted))
            self._promoted.update(dict.fromkeys(late))
            found += late
        return promoted + found

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)
        for observation in observations:
            if observation.fidelity >= 1.0:
                self._promoted[observation.architecture] = None
                self._waiting.pop(observation.architecture, None)
            elif observation.fidelity > 0.0 and observation.architecture not in self._promoted:
                self._ended += observation.architecture not in self._waiting
                self._waiting[observation.architecture] = observation

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        return 1.0 if architecture in self._promoted else self._early

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`."""
        return self._inner.region_of(architecture)

    def promising(self, n: int) -> list[Architecture]:
        """See :meth:`Searcher.promising`."""
        return self._inner.promising(n)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`."""
        return self._inner.notes()

    def _due(self, exclude: Container[Architecture]) -> int:
        """How many promotions the part trainings so far allow; one proposed in vain may be proposed again."""
        for architecture in [item for item in self._promoted if item in self._waiting and item not in exclude]:
            del self._promoted[architecture]
        return int(self._share * self._ended + 1e-9) - len(self._promoted)

    def _promotions(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        able = distinct(self._waiting, AnyOf(exclude, self._promoted))
        if n < 1 or not able:
            return []
        if self._inner.foresees and isinstance(self._inner, RegionalSearcher):
            return self._inner.ask_within(min(n, len(able)), AnyOf(exclude, self._promoted), Listed(able))
        order = best_first(values_of(self._waiting[item] for item in able))[:n]
        return [able[row] for row in order]
