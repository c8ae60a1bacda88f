"""Uniform search: every architecture that is left is as likely as any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.search.regions import AnyOf, RegionalSearcher, WholeSpace, distinct, left_of, split_marks
from ce_nas.space.visited import LISTABLE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    import numpy as np

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["UniformSearcher", "draw"]

#: how many more than twice the number wanted are drawn at random from a list before all of it is gone through
_FEW_MORE = 6
#: how much of a list is gone through at a time
_AT_A_TIME = 512
#: sizes of the blocks drawn at random; a block is doubled while the ones before it did not suffice
_FIRST_BLOCK, _LARGEST_BLOCK = 16, 1024
#: architectures drawn at random before a search of a huge space is given up
_DRAWS_HUGE = 16_000


class UniformSearcher(RegionalSearcher):
    """Draws uniformly from what is not excluded, without replacement; on listable spaces until nothing is left.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    """

    name = "uniform"
    learns = False

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace())

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        return draw(self._space, self._rng, n, exclude, region)

    def tell(self, observations: Sequence[Observation]) -> None:
        """Nothing is learned."""


def draw(
    space: Space, rng: np.random.Generator, n: int, exclude: Container[Architecture], region: Region
) -> list[Architecture]:
    """Up to ``n`` different architectures of ``region``, uniformly from those not in ``exclude``.

    Of a listable space fewer than ``n`` mean that no more are left. Of a huge one blocks are drawn at random, and fewer
    come back where the region is too rare.
    """
    if n == 0:
        return []
    return _listed(space, rng, n, exclude, region) if space.size <= LISTABLE else _tried(space, rng, n, exclude, region)


def _listed(
    space: Space, rng: np.random.Generator, n: int, exclude: Container[Architecture], region: Region
) -> list[Architecture]:
    """From the list of what lies in the region: a few draws at random first, then all of it in random order."""
    rows, (marks, unmarked) = region.rows(space), split_marks(exclude)
    if not len(rows):
        return []
    few = _unmarked(rows[rng.integers(len(rows), size=2 * n + _FEW_MORE)], marks)
    listed = space.listed
    found = distinct([listed[row] for row in few.tolist()], unmarked)
    if len(found) < n:
        rest, unmarked = rng.permutation(_unmarked(rows, marks)), AnyOf(unmarked, set(found))
        for first in range(0, len(rest), _AT_A_TIME):
            found += left_of([listed[row] for row in rest[first : first + _AT_A_TIME].tolist()], unmarked)
            if len(found) >= n:
                break
    return found[:n]


def _unmarked(rows: np.ndarray, marks: Sequence[np.ndarray]) -> np.ndarray:
    """The rows that no mask marks."""
    for marked in marks:
        rows = rows[~marked[rows]]
    return rows


def _tried(
    space: Space, rng: np.random.Generator, n: int, exclude: Container[Architecture], region: Region
) -> list[Architecture]:
    """From blocks drawn at random, larger ones as long as they do not suffice, up to a bound."""
    found: dict[Architecture, None] = {}
    for block in _blocks(n):
        rows = space.drawn(rng, block)
        inside = space.architectures(rows[region.contains(rows)])
        found.update(dict.fromkeys(distinct(inside, exclude)))
        if len(found) >= n:
            break
    return list(found)[:n]


def _blocks(n: int) -> Iterator[int]:
    block, draws = min(max(2 * n, _FIRST_BLOCK), _LARGEST_BLOCK), _DRAWS_HUGE
    while draws > 0:
        yield block
        draws -= block
        block = min(2 * block, _LARGEST_BLOCK)
