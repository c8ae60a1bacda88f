"""One architecture a function: of those that compute the same, the cheapest is proposed, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.search.base import Searcher

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["DistinctSearcher"]


class DistinctSearcher(Searcher):
    """Any searcher whose every proposal is exchanged for the one that stands for its function.

    The inner searcher still draws from the whole space, where a simple function is met more often than a twisted one:
    drawn a function at a time, cheap and simple ones would be found far later.

    :param inner: who searches.
    :param stands: to each architecture of the space the one that is proposed in its place.
    """

    def __init__(self, inner: Searcher, stands: Mapping[Architecture, Architecture]) -> None:
        self.name = inner.name
        self.foresees = inner.foresees
        self._inner = inner
        self._stands = stands

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        found = self._inner.ask(n, _Represented(exclude, self._stands))
        return list(dict.fromkeys(self._stands[architecture] for architecture in found))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)

    def fidelity_of(self, architecture: Architecture) -> float:
        """See :meth:`Searcher.fidelity_of`."""
        return self._inner.fidelity_of(architecture)

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`."""
        return self._inner.region_of(architecture)

    def promising(self, n: int) -> list[Architecture]:
        """See :meth:`Searcher.promising`."""
        return self._inner.promising(n)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`."""
        return self._inner.notes()


class _Represented:
    """The architectures whose function is that of one in ``exclude``."""

    def __init__(self, exclude: Container[Architecture], stands: Mapping[Architecture, Architecture]) -> None:
        self._exclude = exclude
        self._stands = stands

    def __contains__(self, architecture: object) -> bool:
        return self._stands[architecture] in self._exclude  # type: ignore[index] # whatever is asked for is one
