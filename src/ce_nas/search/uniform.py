"""Uniform search: every architecture that is left is as likely as any other."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ce_nas.search.regional import AnyOf, RegionalSearcher, WholeSpace, distinct

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    import numpy as np

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regional import Region
    from ce_nas.space.space import Space

__all__ = ["UniformSearcher", "draw"]

#: a space of up to so many architectures is listed once drawing at random finds no more
LISTABLE = 1 << 18
#: sizes of the blocks drawn at random; a block is doubled while the ones before it did not suffice
_FIRST_BLOCK, _LARGEST_BLOCK = 16, 1024
#: architectures drawn at random before a listable space is listed, and before a search of a larger one is given up
_DRAWS_LISTABLE, _DRAWS_HUGE = 2_000, 16_000


class UniformSearcher(RegionalSearcher):
    """Draws uniformly from what is not excluded, without replacement; on listable spaces until nothing is left.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    """

    name = "uniform"

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

    Blocks are drawn at random first; where they do not suffice, a listable space is gone through in random order, so
    that fewer than ``n`` mean that no more are left. Of a huge space fewer come back where the region is too rare.
    """
    found: dict[Architecture, None] = {}
    for block in _blocks(n, _DRAWS_LISTABLE if space.size <= LISTABLE else _DRAWS_HUGE):
        found.update(dict.fromkeys(distinct(_inside(region, space.sample(rng, block)), exclude)))
        if len(found) >= n:
            return list(found)[:n]
    if space.size <= LISTABLE:
        rest = _rest(space, rng, AnyOf(exclude, found), region)
        found.update(dict.fromkeys(islice(rest, n - len(found))))
    return list(found)


def _blocks(n: int, draws: int) -> Iterator[int]:
    block = min(max(2 * n, _FIRST_BLOCK), _LARGEST_BLOCK)
    while n and draws > 0:
        yield block
        draws -= block
        block = min(2 * block, _LARGEST_BLOCK)


def _rest(
    space: Space,
    rng: np.random.Generator,
    exclude: Container[Architecture],
    region: Region,
) -> Iterator[Architecture]:
    """What is left of the region, in random order."""
    order = rng.permutation(space.size)
    for start in range(0, len(order), _LARGEST_BLOCK):
        block = space.members[order[start : start + _LARGEST_BLOCK]]
        inside = map(tuple, block[region.contains(block)].tolist())
        yield from (architecture for architecture in inside if architecture not in exclude)


def _inside(region: Region, architectures: list[Architecture]) -> list[Architecture]:
    if not architectures:
        return []
    inside = region.contains(architectures)
    return [architecture for architecture, yes in zip(architectures, inside.tolist(), strict=True) if yes]
