"""Pareto dominance. Every objective is minimised.

A point dominates another if it is no worse in any objective and better in at least one; equal points do not dominate
each other. The *front* is the set of nondominated points.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import math
from itertools import compress
from operator import le
from typing import TYPE_CHECKING, Generic, TypeVar

import moocore
import numpy as np

from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["ParetoFront", "as_points", "dense_ranks", "dominance_numbers", "is_nondominated"]

#: pairs of points compared at a time: 4 MB of booleans
_MAX_PAIRS_PER_BLOCK = 1 << 22
#: up to this many points are compared directly: ranking them first would take longer than it saves
_MAX_DIRECT_POINTS = 128

Item = TypeVar("Item")


def as_points(values: ArrayLike) -> np.ndarray:
    """Convert ``values`` to an array of points, shape ``(n, m)``; infinite values are allowed.

    :raises DataError: if it is not two-dimensional, or contains NaN.
    """
    points = np.asarray(values, dtype=float)
    if points.size == 0 and points.ndim < 2:
        return points.reshape(0, 0)
    if points.ndim != 2 or np.isnan(points).any():
        problem = f"an array with {points.ndim} axes" if points.ndim != 2 else f"NaN in row {_first_nan_row(points)}"
        message = (
            f"Expected a table of objective values, one row per point, without NaN; got {problem}. Leave failed runs "
            "out."
        )
        raise DataError(message)
    return points


def dense_ranks(points: np.ndarray) -> np.ndarray:
    """The dense rank of each value in its column, from 0, shape ``(n, m)``."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in points.T], axis=1)


def dominance_numbers(values: ArrayLike) -> np.ndarray:
    """The number of points that dominate each point, shape ``(n,)``; 0 on the front [LaMOO, section 3].

    Example:
        >>> dominance_numbers([[1, 2], [2, 1], [2, 2]])
        array([0, 0, 2])

    :param values: minimised, shape ``(n, m)``.
    """
    points = as_points(values)
    if not points.size:
        return np.zeros(len(points), dtype=np.intp)
    if len(points) <= _MAX_DIRECT_POINTS:
        no_worse = _weakly_dominates(points, points)
        dominated: np.ndarray = _count_true_per_row(no_worse) - _count_true_per_row(no_worse & no_worse.T)
        return dominated
    ranked = dense_ranks(points)
    small = ranked.astype(np.int16 if len(points) < 2**15 else np.int32)  # compares several times as fast as floats
    rows = max(_MAX_PAIRS_PER_BLOCK // len(points), 1)
    blocks = [
        _count_true_per_row(_weakly_dominates(small, small[start : start + rows]))
        for start in range(0, len(points), rows)
    ]
    numbers: np.ndarray = np.concatenate(blocks) - _row_multiplicities(ranked)
    return numbers


def is_nondominated(values: ArrayLike) -> np.ndarray:
    """Whether each point is nondominated, shape ``(n,)``; of equal points all or none are on the front.

    Example:
        >>> is_nondominated([[1, 2], [2, 1], [2, 2]])
        array([ True,  True, False])

    :param values: minimised, shape ``(n, m)``.
    """
    points = as_points(values)
    if not points.size:
        return np.ones(len(points), dtype=bool)
    # ranks, since moocore errs on infinite values
    return np.asarray(moocore.is_nondominated(dense_ranks(points).astype(float), keep_weakly=True), dtype=bool)


class ParetoFront(Generic[Item]):
    """The front of all added points, updated point by point, in insertion order.

    Example:
        >>> front = ParetoFront()
        >>> [front.add(values, name) for values, name in [((1, 2), "a"), ((2, 2), "b"), ((2, 1), "c")]]
        [True, False, True]
        >>> front.items
        ('a', 'c')
    """

    def __init__(self) -> None:
        self._points: list[tuple[float, ...]] = []
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    @property
    def values(self) -> np.ndarray:
        """The values of the front's points, minimised, shape ``(len, m)``; ``(0, 0)`` if empty."""
        return as_points(self._points)

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of the front's points."""
        return tuple(self._items)

    def add(self, values: Sequence[float] | np.ndarray, item: Item) -> bool:
        """Add a point, shape ``(m,)``, minimised; returns whether it is on the front."""
        point = tuple(map(float, values))
        if any(map(math.isnan, point)):
            as_points([point])  # raises
        for known in self._points:  # a short list, and one of the first dominates most new points: faster than arrays
            if all(map(le, known, point)) and known != point:
                return False
        remains = [not all(map(le, point, known)) or known == point for known in self._points]
        self._points = [*compress(self._points, remains), point]
        self._items = [*compress(self._items, remains), item]
        return True


def _first_nan_row(points: np.ndarray) -> int:
    return int(np.isnan(points).any(axis=1).argmax())


def _row_multiplicities(ranked: np.ndarray) -> np.ndarray:
    """The number of occurrences of each row of ranks, shape ``(n,)``."""
    if (ranked.max(axis=0) == len(ranked) - 1).any():  # a column without ties
        return np.ones(len(ranked), dtype=np.intp)
    order = np.lexsort(ranked.T)
    is_first = np.concatenate([[True], (np.diff(ranked[order], axis=0) != 0).any(axis=1)])
    group = np.cumsum(is_first) - 1
    multiplicities = np.empty(len(ranked), dtype=np.intp)
    multiplicities[order] = np.bincount(group)[group]
    return multiplicities


def _count_true_per_row(mask: np.ndarray) -> np.ndarray:
    """The number of true values in each row, shape ``(rows,)``; narrow integers take a quarter of the time."""
    counts: np.ndarray = mask.view(np.uint8).sum(axis=1, dtype=np.uint16 if mask.shape[1] < 2**16 else np.int64)
    return counts.astype(np.intp)


def _weakly_dominates(points: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Whether each of ``points`` (columns) is no worse in any objective than each of ``block`` (rows)."""
    columns, bounds = np.ascontiguousarray(points.T), np.ascontiguousarray(block.T)[:, :, None]
    no_worse = columns[0] <= bounds[0]
    for column, bound in zip(columns[1:], bounds[1:], strict=True):
        no_worse &= column <= bound
    return np.asarray(no_worse)
