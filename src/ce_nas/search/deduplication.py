"""Deduplication: of the architectures that compute the same function, only a representative is proposed, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.search.base import SearcherWrapper

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher

__all__ = ["DeduplicatingSearcher"]


class DeduplicatingSearcher(SearcherWrapper):
    """Replaces every proposal of another searcher by the representative of its function.

    The inner searcher still draws from the whole space, where simple functions occur more often than complex ones:
    sampling functions uniformly would find cheap and simple ones far later.

    Example:
        >>> import numpy as np
        >>> from ce_nas.search.random import RandomSearcher
        >>> from ce_nas.space.base import Space
        >>> space = Space("toy", ["a", "b"], [["x", "y"], ["x", "y"]])
        >>> representatives = {cell: tuple(sorted(cell)) for cell in space.all_architectures}
        >>> searcher = DeduplicatingSearcher(RandomSearcher(space, np.random.default_rng(0)), representatives)
        >>> sorted(searcher.ask(4, exclude=set()))
        [(0, 0), (0, 1), (1, 1)]

    :param inner: the searcher that proposes.
    :param representatives: for each architecture of the space the one that is proposed instead.
    """

    def __init__(self, inner: Searcher, representatives: Mapping[Architecture, Architecture]) -> None:
        super().__init__(inner)
        self._representatives = representatives

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        proposals = self._inner.ask(n, _EquivalenceExclusion(exclude, self._representatives))
        return list(dict.fromkeys(self._representatives[architecture] for architecture in proposals))


class _EquivalenceExclusion:
    """The architectures that compute the same function as an architecture in ``exclude``."""

    def __init__(self, exclude: Container[Architecture], representatives: Mapping[Architecture, Architecture]) -> None:
        self._exclude = exclude
        self._representatives = representatives

    def __contains__(self, architecture: object) -> bool:
        return self._representatives[architecture] in self._exclude  # type: ignore[index] # always an architecture
