"""One architecture a function: what computes the same as another one is not proposed beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.search.regional import AnyOf
from ce_nas.search.searcher import Searcher

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["DistinctSearcher"]


class DistinctSearcher(Searcher):
    """Any searcher, kept from all but one of the architectures that compute the same function.

    :param inner: who searches.
    :param others: the architectures that another one stands for.
    """

    def __init__(self, inner: Searcher, others: Container[Architecture]) -> None:
        self.name = inner.name
        self.foresees = inner.foresees
        self._inner = inner
        self._others = others

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self._inner.ask(n, AnyOf(exclude, self._others))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        return self._inner.fidelity_of(architecture)

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`."""
        return self._inner.region_of(architecture)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`."""
        return self._inner.notes()
