"""The searcher interface: :meth:`Searcher.ask` proposes architectures, :meth:`Searcher.tell` takes observations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from ce_nas.components.registry import SEARCHERS
from ce_nas.core.records import Architecture
from ce_nas.core.rng import random_stream

if TYPE_CHECKING:
    from collections.abc import Container

    from ce_nas.components.base import SearcherSettings
    from ce_nas.core.records import Observation
    from ce_nas.space.base import Space

__all__ = ["EarlierSearch", "KnownMetric", "SearchContext", "Searcher", "SearcherWrapper"]

#: a metric of every member of a space, in their order, or as a function of architectures
KnownMetric = np.ndarray | Callable[[Sequence[Architecture]], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class EarlierSearch:
    """Full trainings of an earlier search of the same space, on other data, another device or by another recipe."""

    #: what it is called in messages
    name: str
    architectures: Sequence[Architecture]
    #: values of the objectives of the search at hand, minimised, shape ``(n, m)``; NaN where it did not measure one
    values: np.ndarray

    def best_architectures(self, objective: int, count: int) -> list[Architecture]:
        """The architectures of the best known values of an objective, best first."""
        column = self.values[:, objective]
        order = np.argsort(column, kind="stable")[: min(count, int(np.isfinite(column).sum()))]
        return [self.architectures[row] for row in order]


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What a searcher named by the settings is built from."""

    space: Space
    #: reference point of the hypervolume, minimised, one value per objective
    reference: Sequence[float]
    #: seed of the run
    seed: int
    #: for each objective its values known without a training, minimised; None where known only by training
    known_objectives: Callable[[], Sequence[KnownMetric | None]]
    #: the earlier searches that sources such as run folders hold
    read_earlier: Callable[[Sequence[str]], Sequence[EarlierSearch]] = lambda _: ()
    #: ends the name of its random stream, where a search has several searchers of a name
    purpose: str = ""
    #: for each objective whether it takes a training to observe it; None: those that are not known in advance
    requires_training: Sequence[bool] | None = None

    def random_stream(self, searcher: str) -> np.random.Generator:
        """The random stream of a searcher of that name."""
        return random_stream(self.seed, (SEARCHERS.get(searcher).stream or f"searcher.{searcher}") + self.purpose)


class Searcher(ABC):
    """Proposes architectures and learns from observations; the search loop is the caller's.

    A searcher draws random numbers from its own generator only, never changes its arguments, and the same sequence of
    calls always gives the same proposals.

    Example:
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.space.base import Space
        >>> class GridSearcher(Searcher):
        ...     name = "grid"
        ...
        ...     def __init__(self, space):
        ...         self.space = space
        ...
        ...     def ask(self, n, exclude):
        ...         return [cell for cell in self.space.all_architectures if cell not in exclude][:n]
        ...
        ...     def tell(self, observations):
        ...         pass
        >>> searcher = GridSearcher(Space("toy", ["a", "b"], [["x", "y"], ["x", "y", "z"]]))
        >>> searcher.ask(3, exclude={(0, 0)})
        [(0, 1), (0, 2), (1, 0)]
        >>> searcher.tell([Observation((0, 1), (5.0, 2.0))])
    """

    #: the name that settings choose it by
    name: str
    #: whether it learns from proxy scores and partial trainings itself, so that its proposals need no ranking by them;
    #: where architectures are not scored, it may be told measured costs alone, see :meth:`tell`
    uses_proxy_scores: bool = False
    #: what a training loses of its worth per training that runs beside it, since it cannot learn from that: n at a time
    #: are worth n / (1 + loss (n - 1)) one after another; 0 to less than 1, 0 also where it was not measured
    parallel_loss: float = 0.0
    #: median number of trainings after which its searches end by themselves; None where not measured
    usual_trainings: float | None = None

    @classmethod
    def from_settings(cls, settings: SearcherSettings, context: SearchContext) -> Self:
        """The searcher of a space, on its own random stream, with the options of its settings as keywords."""
        return cls(context.space, context.random_stream(settings.name), **settings.options())  # type: ignore[call-arg]

    @abstractmethod
    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """Propose up to ``n`` different architectures, best first, none of them in ``exclude``.

        Fewer, or none, are returned where the searcher finds no more; the effort of a call is bounded.
        """

    @abstractmethod
    def tell(self, observations: Sequence[Observation]) -> None:
        """Learn from observations; their values are objectives, all minimised.

        At fidelity 0 values are estimates from proxy scores, or measurements of costs. Where only a cost was measured,
        the other values are nan and there are no scores.
        """

    def fidelity_of(self, architecture: Architecture) -> float:  # noqa: ARG002 - default: a full training
        """The share of a full training for ``architecture``, just proposed; above 0 and up to 1."""
        return 1.0

    def region_of(self, architecture: Architecture) -> str | None:  # noqa: ARG002 - default: no partition
        """The region of the space that ``architecture`` was proposed from; None without a partition."""
        return None

    def sample_best_region(self, n: int) -> list[Architecture]:  # noqa: ARG002 - default: no partition
        """Up to ``n`` evenly spread members of the most promising region; none without a partition."""
        return []

    def expected_gain(self, trainings: int) -> float | None:  # noqa: ARG002 - default: no model
        """The hypervolume that as many more trainings are expected to add, by the model of the last :meth:`ask`.

        An estimate from above is welcome; None without a model. It must not change later proposals.
        """
        return None

    def notes(self) -> list[str]:
        """Remarks for the journal since the last call, each one sentence."""
        return []


class SearcherWrapper(Searcher):
    """Base of searchers that change what another searcher is asked for or given; everything else is forwarded to it.

    :param inner: the searcher that proposes.
    """

    def __init__(self, inner: Searcher) -> None:
        self.name = inner.name
        self.uses_proxy_scores = inner.uses_proxy_scores
        self.parallel_loss = inner.parallel_loss
        self.usual_trainings = inner.usual_trainings
        self._inner = inner

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self._inner.ask(n, exclude)

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        return self._inner.fidelity_of(architecture)

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`."""
        return self._inner.region_of(architecture)

    def sample_best_region(self, n: int) -> list[Architecture]:
        """See :meth:`Searcher.sample_best_region`."""
        return self._inner.sample_best_region(n)

    def expected_gain(self, trainings: int) -> float | None:
        """See :meth:`Searcher.expected_gain`."""
        return self._inner.expected_gain(trainings)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`."""
        return self._inner.notes()
