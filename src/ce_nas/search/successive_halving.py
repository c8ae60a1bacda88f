"""Successive halving: new architectures are trained in part, and the most promising of them in full.

The interface is still :meth:`Searcher.ask`: a proposal is trained with the share that :meth:`Searcher.fidelity_of`
returns at that moment. An architecture observed after a partial training may be proposed again, for a full training; so
of the observed architectures only those trained in full belong into ``exclude``.

Sources
    [SH] Jamieson, Talwalkar. Non-stochastic Best Arm Identification and Hyperparameter Optimization. AISTATS 2016.
    [ASHA] Li et al. A System for Massively Parallel Hyperparameter Tuning. MLSys 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.sorting import argsort_rank_and_crowding
from ce_nas.search.base import SearcherWrapper
from ce_nas.search.observation_history import objective_values
from ce_nas.search.regions import ListedRegion, RegionalSearcher, UnionContainer, deduplicate

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.base import Searcher

__all__ = ["SuccessiveHalvingSearcher"]

#: full trainings from which on the inner searcher's model chooses what is promoted; before, the partial results do
_MIN_FULL_TRAININGS = 16


class SuccessiveHalvingSearcher(SearcherWrapper):
    """Trains every new architecture in part, and promotes the best share of them to a full training [ASHA].

    The inner searcher proposes the new architectures and observes every training. It also selects the promotions where
    it learns from partial trainings; otherwise the best by front and crowding distance are promoted.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.search.random import RandomSearcher
        >>> from ce_nas.space.base import Space
        >>> inner = RandomSearcher(Space("toy", ["a", "b"], [[*"wxyz"]] * 2), np.random.default_rng(0))
        >>> searcher = SuccessiveHalvingSearcher(inner, initial_fidelity=0.1, promotion_rate=0.5)
        >>> first, second = searcher.ask(2, exclude=set())
        >>> searcher.fidelity_of(first)
        0.1
        >>> searcher.tell([Observation(first, (2.0, 2.0), 0.1), Observation(second, (1.0, 1.0), 0.1)])
        >>> searcher.ask(1, exclude=set()) == [second], searcher.fidelity_of(second)
        (True, 1.0)

    :param inner: the searcher that proposes new architectures.
    :param initial_fidelity: the share of a full training that a new architecture gets; above 0 and below 1.
    :param promotion_rate: the share of the partial trainings that are completed; above 0 and up to 1.
    """

    def __init__(self, inner: Searcher, initial_fidelity: float = 0.06, promotion_rate: float = 1.0 / 3.0) -> None:
        if not (0.0 < initial_fidelity < 1.0 and 0.0 < promotion_rate <= 1.0):
            message = (
                "Expected initial_fidelity above 0 and below 1 and promotion_rate above 0 and up to 1, got "
                f"{initial_fidelity} and {promotion_rate}."
            )
            raise SettingsError(message)
        super().__init__(inner)
        self._initial_fidelity = initial_fidelity
        self._promotion_rate = promotion_rate
        #: partial trainings that were not promoted yet
        self._unpromoted: dict[Architecture, Observation] = {}
        #: architectures proposed for promotion, or trained in full
        self._promoted: dict[Architecture, None] = {}
        self._partial_count = 0
        self._full_count = 0

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; promotions come first."""
        promoted = self._select_promotions(min(n, self._promotions_due(exclude)), exclude)
        self._promoted.update(dict.fromkeys(promoted))
        known = UnionContainer(exclude, self._unpromoted, self._promoted)
        proposals = self._inner.ask(n - len(promoted), known)
        missing = n - len(promoted) - len(proposals)
        if missing:  # no new architecture is left: promote beyond the rate
            extra = self._select_promotions(missing, UnionContainer(exclude, self._promoted))
            self._promoted.update(dict.fromkeys(extra))
            proposals += extra
        return promoted + proposals

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)
        for observation in observations:
            if observation.fidelity >= 1.0:
                self._promoted[observation.architecture] = None
                self._full_count += 1
                self._unpromoted.pop(observation.architecture, None)
            elif observation.fidelity > 0.0 and observation.architecture not in self._promoted:
                self._partial_count += observation.architecture not in self._unpromoted
                self._unpromoted[observation.architecture] = observation

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        return 1.0 if architecture in self._promoted else self._initial_fidelity

    def _promotions_due(self, exclude: Container[Architecture]) -> int:
        """How many promotions the partial trainings so far allow; a promotion that was not accepted is due again."""
        for architecture in [key for key in self._promoted if key in self._unpromoted and key not in exclude]:
            del self._promoted[architecture]
        return int(self._promotion_rate * self._partial_count + 1e-9) - len(self._promoted)

    def _select_promotions(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        eligible = deduplicate(self._unpromoted, UnionContainer(exclude, self._promoted))
        if n < 1 or not eligible:
            return []
        has_model = self._full_count >= _MIN_FULL_TRAININGS
        if has_model and self._inner.uses_proxy_scores and isinstance(self._inner, RegionalSearcher):
            return self._inner.ask_within(
                min(n, len(eligible)), UnionContainer(exclude, self._promoted), ListedRegion(eligible)
            )
        values = objective_values(self._unpromoted[architecture] for architecture in eligible)
        return [eligible[row] for row in argsort_rank_and_crowding(values)[:n]]
