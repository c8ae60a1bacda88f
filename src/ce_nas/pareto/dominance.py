"""Who dominates whom. Every objective is minimised.

A point dominates another if it is no worse in any objective and better in at least one; equal points do not dominate
each other. The *front* is what nothing dominates.
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

__all__ = ["Front", "as_points", "dominance_numbers", "is_front", "places"]

#: pairs of points compared at a time: 4 MB of truth values
_BLOCK_PAIRS = 1 << 22
#: so few points are compared as they are: ranking them first would take longer than it saves
_FEW_POINTS = 128

Item = TypeVar("Item")


def as_points(values: ArrayLike) -> np.ndarray:
    """``values`` as an array of points, shape ``(n, m)``; infinite values are allowed.

    :raises DataError: if it is no such table, or holds a NaN.
    """
    points = np.asarray(values, dtype=float)
    if points.size == 0 and points.ndim < 2:
        return points.reshape(0, 0)
    if points.ndim != 2 or np.isnan(points).any():
        found = f"one with {points.ndim} axes" if points.ndim != 2 else f"NaN in row {_first_nan(points)}"
        message = (
            f"Expected a table of objective values, a row a point, without NaN; got {found}. Leave failed runs out."
        )
        raise DataError(message)
    return points


def places(points: np.ndarray) -> np.ndarray:
    """The place of each value among the different ones of its column, shape ``(n, m)``, from 0; only order matters."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in points.T], axis=1)


def dominance_numbers(values: ArrayLike) -> np.ndarray:
    """How many of the other points dominate each point, shape ``(n,)``; 0 on the front [LaMOO, section 3].

    :param values: minimised, shape ``(n, m)``.
    """
    points = as_points(values)
    if not points.size:
        return np.zeros(len(points), dtype=np.intp)
    if len(points) <= _FEW_POINTS:
        no_worse = _no_worse(points, points)
        dominated: np.ndarray = _counts(no_worse) - _counts(no_worse & no_worse.T)
        return dominated
    ranked = places(points)
    small = ranked.astype(np.int16 if len(points) < 2**15 else np.int32)  # compares several times as fast as floats
    rows = max(_BLOCK_PAIRS // len(points), 1)
    blocks = [_counts(_no_worse(small, small[start : start + rows])) for start in range(0, len(points), rows)]
    numbers: np.ndarray = np.concatenate(blocks) - _copies(ranked)
    return numbers


def is_front(values: ArrayLike) -> np.ndarray:
    """Whether nothing dominates each point, shape ``(n,)``; of equal points all or none are on the front.

    :param values: minimised, shape ``(n, m)``.
    """
    points = as_points(values)
    if not points.size:
        return np.ones(len(points), dtype=bool)
    # moocore errs on infinite values, which their places stand in for
    return np.asarray(moocore.is_nondominated(places(points).astype(float), keep_weakly=True), dtype=bool)


class Front(Generic[Item]):
    """The front of all that was added, kept up point by point, in the order in which its points came."""

    def __init__(self) -> None:
        self._points: list[tuple[float, ...]] = []
        self._items: list[Item] = []

    def __len__(self) -> int:
        return len(self._items)

    @property
    def values(self) -> np.ndarray:
        """The values of the front's points, minimised, shape ``(len, m)``; ``(0, 0)`` before the first."""
        return as_points(self._points)

    @property
    def items(self) -> tuple[Item, ...]:
        """What was added with each of the front's points."""
        return tuple(self._items)

    def add(self, values: Sequence[float] | np.ndarray, item: Item) -> bool:
        """Take in one point, shape ``(m,)``, minimised; returns whether it is on the front now."""
        point = tuple(map(float, values))
        if any(map(math.isnan, point)):
            as_points([point])  # says what is wrong with it
        for known in self._points:  # few, and most newcomers are dominated by one of the first: faster than an array
            if all(map(le, known, point)) and known != point:
                return False
        stays = [not all(map(le, point, known)) or known == point for known in self._points]
        self._points = [*compress(self._points, stays), point]
        self._items = [*compress(self._items, stays), item]
        return True


def _first_nan(points: np.ndarray) -> int:
    return int(np.isnan(points).any(axis=1).argmax())


def _copies(rows: np.ndarray) -> np.ndarray:
    """How often each row of places occurs, shape ``(n,)``."""
    if (rows.max(axis=0) == len(rows) - 1).any():  # a column of which no two places are equal
        return np.ones(len(rows), dtype=np.intp)
    order = np.lexsort(rows.T)
    begins = np.concatenate([[True], (np.diff(rows[order], axis=0) != 0).any(axis=1)])
    group = np.cumsum(begins) - 1
    copies = np.empty(len(rows), dtype=np.intp)
    copies[order] = np.bincount(group)[group]
    return copies


def _counts(truths: np.ndarray) -> np.ndarray:
    """How many of each row are true, shape ``(rows,)``: in narrow numbers it takes a quarter of the time."""
    counts: np.ndarray = truths.view(np.uint8).sum(axis=1, dtype=np.uint16 if truths.shape[1] < 2**16 else np.int64)
    return counts.astype(np.intp)


def _no_worse(points: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Whether each of ``points`` (a column) is no worse in any objective than each row of ``block`` (a row)."""
    columns, bounds = np.ascontiguousarray(points.T), np.ascontiguousarray(block.T)[:, :, None]
    no_worse = columns[0] <= bounds[0]
    for column, bound in zip(columns[1:], bounds[1:], strict=True):
        no_worse &= column <= bound
    return np.asarray(no_worse)
