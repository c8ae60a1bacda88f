"""An order among points where dominance leaves many level: fronts behind fronts, and how crowded each point stands.

Every objective is minimised.

Sources
    [NSGA-II] Deb, Pratap, Agarwal, Meyarivan. A fast and elitist multiobjective genetic algorithm: NSGA-II.
    IEEE Trans. Evol. Comput. 6(2), 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

from ce_nas.pareto.dominance import as_points, places

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["best_first", "crowding_distances", "front_ranks"]


def front_ranks(values: ArrayLike) -> np.ndarray:
    """The number of each point's front, shape ``(n,)``: 0 on the front, 1 on the front of the rest, and so on.

    :param values: minimised, shape ``(n, m)``.
    """
    points = as_points(values)
    if not points.size:
        return np.zeros(len(points), dtype=np.intp)
    # infinite values can bring moocore down; their places stand in for them
    return np.asarray(moocore.pareto_rank(places(points).astype(float)), dtype=np.intp)


def crowding_distances(values: ArrayLike, ranks: np.ndarray) -> np.ndarray:
    """How far apart each point's two neighbours on its front stand, shape ``(n,)`` [NSGA-II, section III-B].

    The ends of a front are infinitely far from all others; larger is better.
    """
    points = as_points(values)
    distances = np.zeros(len(points))
    for column in points.T:
        distances += _gaps(column, ranks)
    return distances


def best_first(values: ArrayLike) -> np.ndarray:
    """The rows of ``values`` by rank, the least crowded of a rank first, shape ``(n,)``; ties keep their order."""
    ranks = front_ranks(values)
    return np.lexsort((-crowding_distances(values, ranks), ranks))


def _gaps(column: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """One objective's part of the crowding distance: the gap between the neighbours as a share of the front's width."""
    order = np.lexsort((column, ranks))
    value, rank = column[order], ranks[order]
    begins = np.concatenate([[True], rank[1:] != rank[:-1]])
    ends = np.concatenate([begins[1:], [True]])
    front = np.cumsum(begins) - 1
    with np.errstate(invalid="ignore"):  # infinite values: the difference of two is no number, and counts as no gap
        width = (value[ends] - value[begins])[front]
        gap = np.concatenate([value[1:], value[-1:]]) - np.concatenate([value[:1], value[:-1]])
        share = np.divide(gap, width, out=np.zeros(len(gap)), where=width > 0)
    gaps = np.empty(len(column))
    gaps[order] = np.where(begins | ends, np.inf, np.nan_to_num(share, nan=0.0))
    return gaps
