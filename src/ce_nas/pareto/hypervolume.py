"""The hypervolume: how much of the space below a reference point a set of points dominates.

All objectives are minimised; a point that is not better than the reference in every objective counts nothing.

Sources
    [WFG] While, Bradstreet, Barone. A fast way of calculating exact hypervolumes. IEEE Trans. Evol. Comput. 16(1),
    2012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

from ce_nas.core.errors import DataError
from ce_nas.pareto.dominance import as_points, is_front

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["hypervolume", "hypervolume_gains", "own_gains"]


def hypervolume(values: ArrayLike, reference: ArrayLike) -> float:
    """The exact hypervolume of ``values``, shape ``(n, m)``, up to ``reference``, shape ``(m,)``; 0.0 for no points.

    Its unit is the product of the objectives' units; larger is better.
    """
    points, worst = _inside(values, reference)
    return float(moocore.hypervolume(points, ref=worst)) if len(points) else 0.0


def hypervolume_gains(front_values: ArrayLike, candidates: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """What each candidate alone would add to the hypervolume, shape ``(k,)``; never negative.

    :param front_values: what there is already, shape ``(n, m)``; dominated points do no harm.
    :param candidates: shape ``(k, m)``.
    """
    points, worst = _inside(front_values, reference)
    offered = _matching(candidates, worst)
    gains = np.zeros(len(offered))
    counts = (offered < worst).all(axis=1)
    if len(worst) == 2:
        gains[counts] = _gains_of_two(points, offered[counts], worst)
    else:
        gains[counts] = [_gain(points, candidate, worst) for candidate in offered[counts]]
    return gains


def own_gains(values: ArrayLike, known: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """What each of ``values`` adds to the hypervolume of the rest of the front, shape ``(n,)``; 0 behind the front.

    :param values: some of ``known``, shape ``(n, m)``; equal points add it together, as one.
    :param known: all that has been found, shape ``(k, m)``.
    """
    points, worst = _inside(known, reference)
    front = np.unique(points[is_front(points)], axis=0)
    adds = _own_of_two(front, worst) if len(worst) == 2 else _own_of_many(front, worst)
    of_point = dict(zip(map(tuple, front.tolist()), adds, strict=True))
    return np.array([of_point.get(point, 0.0) for point in map(tuple, _matching(values, worst).tolist())])


def _own_of_two(front: np.ndarray, reference: np.ndarray) -> list[float]:
    """The rectangle that each point of a front in ascending order alone dominates."""
    right, above = np.append(front[1:, 0], reference[0]), np.append(reference[1], front[:-1, 1])
    adds: list[float] = ((right - front[:, 0]) * (above - front[:, 1])).tolist()
    return adds


def _own_of_many(front: np.ndarray, reference: np.ndarray) -> list[float]:
    """The box of each point of a front, less what of it the other points dominate."""
    if len(reference) == 1:
        return [float(point[0]) for point in reference - front]
    adds: list[float] = moocore.hv_contributions(front, ref=reference).tolist() if len(front) else []
    return adds


def _matching(values: ArrayLike, reference: np.ndarray) -> np.ndarray:
    points = as_points(values)
    if not len(points):
        return np.empty((0, len(reference)))
    if reference.shape != points.shape[1:]:
        message = (
            f"Expected a reference point with one value for each of the {points.shape[1]} objectives, "
            f"got the shape {reference.shape}."
        )
        raise DataError(message)
    if np.isneginf(points).any() or not np.isfinite(reference).all():
        message = (
            "Expected a finite reference point and no objective at minus infinity, where a hypervolume is finite; got "
            f"the reference {reference.tolist()} and {int(np.isneginf(points).sum())} values of minus infinity."
        )
        raise DataError(message)
    return points


def _inside(values: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The points that are better than the reference in every objective, and the reference as an array."""
    worst = np.asarray(reference, dtype=float)
    points = _matching(values, worst)
    return points[(points < worst).all(axis=1)], worst


def _gain(points: np.ndarray, candidate: np.ndarray, reference: np.ndarray) -> float:
    """The candidate's own box, less what of it the points already dominate [WFG, exclhv]."""
    if not len(points):
        return float(np.prod(reference - candidate))
    covered = np.maximum(points, candidate)
    if (covered == candidate).all(axis=1).any():
        return 0.0
    return max(float(np.prod(reference - candidate)) - hypervolume(covered, reference), 0.0)


def _gains_of_two(points: np.ndarray, candidates: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The closed form for two objectives: the area between a candidate and the staircase of the front.

    Step i of the staircase lies over ``[x[i], x[i + 1])`` at the height ``y[i]``; a candidate ``(a, b)`` gains the
    area over ``b`` and right of ``a`` under the steps ``first`` to ``last``.
    """
    x, y = _staircase(points, reference)
    area = np.concatenate([[0.0], np.cumsum(np.diff(x[1:]) * y[1:])])  # under the steps 1 to i, at [i]
    a, b = candidates.T
    first = np.searchsorted(x[:-1], a, side="right") - 1
    last = len(y) - np.searchsorted(y[::-1], b, side="right") - 1  # heights fall from left to right
    gains = area[last] - area[first] + (x[first + 1] - a) * y[first] - (x[last + 1] - a) * b
    return np.where(first <= last, np.maximum(gains, 0.0), 0.0)


def _staircase(points: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the steps begin, shape ``(n + 2,)`` with both ends, and their heights, shape ``(n + 1,)``."""
    front = np.unique(points[is_front(points)], axis=0)  # sorted by the first objective, without copies
    x = np.concatenate([[-np.inf], front[:, 0], reference[:1]])
    y = np.concatenate([reference[1:], front[:, 1]])
    return x, y
