"""Short trainings first: a search by them alone, from which the search by full trainings starts warm.

A short training costs a few per cent of a full one and ranks architectures similarly, except for the best ones. So the
first trainings are short, proposed as if they were the search; their results then serve as an earlier search for the
model of the full trainings, which weighs it by what it confirms and predicts with uncertainty where it does not (as in
multi-fidelity Bayesian optimisation [MF], with one switch of the fidelity as in two-stage racing, and no learning curve
to extrapolate).

Sources
    [MF] Kandasamy et al. Gaussian Process Bandit Optimisation with Multi-fidelity Evaluations. NeurIPS 2016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.search.base import EarlierSearch, SearcherWrapper
from ce_nas.search.regions import UnionContainer

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher
    from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

__all__ = ["ShortTrainingsSearcher"]


class ShortTrainingsSearcher(SearcherWrapper):
    """Proposes short trainings at first, then full ones that learn from them.

    An architecture that was trained shortly may be proposed again, for a full training; so of the observed
    architectures only those trained in full belong into ``exclude``.

    Example:
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
        >>> from ce_nas.space.base import Space
        >>> space = Space("toy", ["a", "b"], [[*"uvwxyz"]] * 2)
        >>> full, short = (SurrogateSearcher(space, np.random.default_rng(seed), (30.0, 9.0)) for seed in (0, 1))
        >>> searcher = ShortTrainingsSearcher(full, short, fidelity=0.1, count=8)
        >>> cells = searcher.ask(8, exclude=set())
        >>> {searcher.fidelity_of(cell) for cell in cells}
        {0.1}
        >>> searcher.tell([Observation(cell, (25.0 - cell[0] ** 2, float(sum(cell))), 0.1) for cell in cells])
        >>> searcher.fidelity_of(searcher.ask(1, exclude=set())[0])
        1.0

    :param inner: the searcher by full trainings.
    :param short: a searcher of the same space and objectives, for the short trainings.
    :param fidelity: the share of a full training that a short one is; above 0 and below 1.
    :param count: how many short trainings come first.
    """

    def __init__(self, inner: SurrogateSearcher, short: Searcher, fidelity: float, count: int) -> None:
        if not 0.0 < fidelity < 1.0 or count < 1:
            message = f"Expected a fidelity above 0 and below 1 and a count of 1 or more, got {fidelity} and {count}."
            raise SettingsError(message)
        super().__init__(inner)
        self._full = inner
        self._short = short
        self._fidelity = fidelity
        self._count = count
        #: values of the short trainings so far
        self._observed: dict[Architecture, Sequence[float]] = {}
        #: architectures whose short training was issued
        self._issued: dict[Architecture, None] = {}
        #: number of short trainings that the full search knows of
        self._known_count = 0

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; proposals for short trainings come first."""
        self._issued = {architecture: None for architecture in self._issued if architecture in exclude}
        missing = min(n, self._missing_count)
        proposals = self._short.ask(missing, UnionContainer(exclude, self._observed)) if missing else []
        if len(proposals) == n:
            return proposals
        if len(self._observed) > self._known_count:
            self._known_count = len(self._observed)
            self._full.set_earlier([*self._full.earlier_at_start, self._as_earlier_search()])
        return proposals + self._full.ask(n - len(proposals), UnionContainer(exclude, set(proposals)))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        short = [item for item in observations if 0.0 < item.fidelity < 1.0]
        for item in short:
            self._observed[item.architecture] = item.values
            self._issued.pop(item.architecture, None)
        self._short.tell([Observation(item.architecture, item.values) for item in short])
        scores = [item for item in observations if item.fidelity == 0.0]
        if scores and self._missing_count:
            self._short.tell(scores)
        self._full.tell([item for item in observations if not 0.0 < item.fidelity < 1.0])

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        if architecture in self._observed:
            return 1.0
        if architecture not in self._issued:
            if not self._missing_count:
                return 1.0
            self._issued[architecture] = None
        return self._fidelity

    def expected_gain(self, trainings: int) -> float | None:
        """See :meth:`Searcher.expected_gain`; None as long as there are short trainings to come."""
        return None if self._missing_count else self._full.expected_gain(trainings)

    @property
    def _missing_count(self) -> int:
        """How many short trainings are still to be issued."""
        return max(self._count - len(self._observed) - len(self._issued), 0)

    def _as_earlier_search(self) -> EarlierSearch:
        values = np.array(list(self._observed.values()), dtype=float)
        return EarlierSearch("short trainings", list(self._observed), np.where(np.isfinite(values), values, np.nan))
