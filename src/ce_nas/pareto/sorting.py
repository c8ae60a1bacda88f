"""Sorting of points by nondomination rank and crowding distance. Every objective is minimised.

Sources
    [NSGA-II] Deb, Pratap, Agarwal, Meyarivan. A fast and elitist multiobjective genetic algorithm: NSGA-II.
    IEEE Trans. Evol. Comput. 6(2), 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

from ce_nas.pareto.dominance import as_points, dense_ranks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["argsort_rank_and_crowding", "crowding_distances", "nondomination_ranks"]


def nondomination_ranks(values: ArrayLike) -> np.ndarray:
    """The index of each point's front, shape ``(n,)``: 0 on the front, 1 on the front of the rest, and so on.

    Example:
        >>> nondomination_ranks([[1, 2], [2, 1], [2, 2], [3, 3]])
        array([0, 0, 1, 2])

    :param values: minimised, shape ``(n, m)``.
    """
    points = as_points(values)
    if not points.size:
        return np.zeros(len(points), dtype=np.intp)
    # ranks, since moocore may crash on infinite values
    return np.asarray(moocore.pareto_rank(dense_ranks(points).astype(float)), dtype=np.intp)


def crowding_distances(values: ArrayLike, ranks: np.ndarray) -> np.ndarray:
    """The distance between each point's two neighbours on its front, shape ``(n,)`` [NSGA-II, section III-B].

    Infinite at the ends of a front; larger is better.
    """
    points = as_points(values)
    distances = np.zeros(len(points))
    for column in points.T:
        distances += _crowding_in_objective(column, ranks)
    return distances


def argsort_rank_and_crowding(values: ArrayLike) -> np.ndarray:
    """The rows of ``values`` by rank, the least crowded of a rank first, shape ``(n,)``; ties keep their order."""
    ranks = nondomination_ranks(values)
    return np.lexsort((-crowding_distances(values, ranks), ranks))


def _crowding_in_objective(column: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """One objective's term of the crowding distance: the gap between the neighbours relative to the front's width."""
    order = np.lexsort((column, ranks))
    value, rank = column[order], ranks[order]
    is_first = np.concatenate([[True], rank[1:] != rank[:-1]])
    is_last = np.concatenate([is_first[1:], [True]])
    front = np.cumsum(is_first) - 1
    with np.errstate(invalid="ignore"):  # the difference of two infinite values is NaN, and counts as no gap
        width = (value[is_last] - value[is_first])[front]
        gap = np.concatenate([value[1:], value[-1:]]) - np.concatenate([value[:1], value[:-1]])
        relative = np.divide(gap, width, out=np.zeros(len(gap)), where=width > 0)
    distances = np.empty(len(column))
    distances[order] = np.where(is_first | is_last, np.inf, np.nan_to_num(relative, nan=0.0))
    return distances
