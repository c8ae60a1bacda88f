"""Random search: uniform sampling, without replacement, of a space or a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.components.registry import SEARCHERS
from ce_nas.search.regions import (
    RegionalSearcher,
    UnionContainer,
    WholeSpace,
    deduplicate,
    filter_excluded,
    split_masks,
)
from ce_nas.space.visited import MAX_EXHAUSTIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    import numpy as np

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["RandomSearcher", "sample_uniform"]

#: random draws from a list, beyond twice the number requested, before the list is scanned in full
_EXTRA_DRAWS = 6
#: rows of a list that are scanned at a time
_SCAN_BLOCK_SIZE = 512
#: smallest and largest block of random draws; each block is twice the one before
_MIN_BLOCK_SIZE, _MAX_BLOCK_SIZE = 16, 1024
#: total random draws from a huge space before sampling stops
_MAX_DRAWS = 16_000


@SEARCHERS.register("random", stream="searcher.uniform")  # the name of the first versions: a seed repeats its run
class RandomSearcher(RegionalSearcher):
    """Samples uniformly from what is not excluded, without replacement; listable spaces until they are exhausted.

    Example:
        >>> import numpy as np
        >>> from ce_nas.space.nasbench201_cell import NasBench201Space
        >>> searcher = RandomSearcher(NasBench201Space(), np.random.default_rng(0))
        >>> searcher.ask(2, exclude=set())
        [(4, 1, 1, 1, 3, 1), (3, 0, 4, 3, 0, 2)]

    :param space: the space to search.
    :param rng: the searcher's own generator.
    """

    name = "random"
    is_adaptive = False

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace())

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        return sample_uniform(self._space, self._rng, n, exclude, region)

    def tell(self, observations: Sequence[Observation]) -> None:
        """Ignore the observations."""


def sample_uniform(
    space: Space, rng: np.random.Generator, n: int, exclude: Container[Architecture], region: Region
) -> list[Architecture]:
    """Sample up to ``n`` different architectures of ``region``, uniformly from those not in ``exclude``.

    Fewer than ``n`` mean that a listable space is exhausted, or that the region of a huge one, which is sampled by
    rejection, is too rare.
    """
    if n == 0:
        return []
    return (
        _sample_listed(space, rng, n, exclude, region)
        if space.size <= MAX_EXHAUSTIVE_SIZE
        else _sample_by_rejection(space, rng, n, exclude, region)
    )


def _sample_listed(
    space: Space, rng: np.random.Generator, n: int, exclude: Container[Architecture], region: Region
) -> list[Architecture]:
    """Sample from the rows of the region: a few random draws first, then a scan in random order."""
    rows, (masks, unmasked) = region.rows(space), split_masks(exclude)
    if not len(rows):
        return []
    draws = _drop_masked(rows[rng.integers(len(rows), size=2 * n + _EXTRA_DRAWS)], masks)
    members = space.all_architectures
    samples = deduplicate([members[row] for row in draws.tolist()], unmasked)
    if len(samples) < n:
        rest, unmasked = rng.permutation(_drop_masked(rows, masks)), UnionContainer(unmasked, set(samples))
        for start in range(0, len(rest), _SCAN_BLOCK_SIZE):
            block = rest[start : start + _SCAN_BLOCK_SIZE].tolist()
            samples += filter_excluded([members[row] for row in block], unmasked)
            if len(samples) >= n:
                break
    return samples[:n]


def _drop_masked(rows: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    """The rows that are in no mask."""
    for mask in masks:
        rows = rows[~mask[rows]]
    return rows


def _sample_by_rejection(
    space: Space, rng: np.random.Generator, n: int, exclude: Container[Architecture], region: Region
) -> list[Architecture]:
    """Sample from the whole space in growing blocks, keep what lies in the region, and stop at a bound."""
    samples: dict[Architecture, None] = {}
    for size in _block_sizes(n):
        rows = space.sample_rows(rng, size)
        inside = space.architectures(rows[region.contains(rows)])
        samples.update(dict.fromkeys(deduplicate(inside, exclude)))
        if len(samples) >= n:
            break
    return list(samples)[:n]


def _block_sizes(n: int) -> Iterator[int]:
    size, draws_left = min(max(2 * n, _MIN_BLOCK_SIZE), _MAX_BLOCK_SIZE), _MAX_DRAWS
    while draws_left > 0:
        yield size
        draws_left -= size
        size = min(2 * size, _MAX_BLOCK_SIZE)
