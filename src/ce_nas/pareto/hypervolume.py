"""The hypervolume: the volume below a reference point that a set of points dominates.

All objectives are minimised; a point that is not better than the reference in every objective adds nothing.

Sources
    [WFG] While, Bradstreet, Barone. A fast way of calculating exact hypervolumes. IEEE Trans. Evol. Comput. 16(1),
    2012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

from ce_nas.core.errors import DataError
from ce_nas.pareto.dominance import as_points, is_nondominated

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["hypervolume", "hypervolume_contributions", "hypervolume_improvements"]


def hypervolume(values: ArrayLike, reference: ArrayLike) -> float:
    """The exact hypervolume of ``values``, shape ``(n, m)``, up to ``reference``, shape ``(m,)``; 0.0 for no points.

    Its unit is the product of the objectives' units; larger is better.

    Example:
        >>> hypervolume([[1.0, 2.0], [2.0, 1.0]], [3.0, 3.0])
        3.0
    """
    points, bound = _points_inside_reference(values, reference)
    return float(moocore.hypervolume(points, ref=bound)) if len(points) else 0.0


def hypervolume_improvements(front_values: ArrayLike, candidates: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """The hypervolume that each candidate alone would add, shape ``(k,)``; never negative.

    Example:
        >>> hypervolume_improvements([[1.0, 2.0]], [[2.0, 1.0], [2.0, 2.0]], [3.0, 3.0])
        array([1., 0.])

    :param front_values: the existing points, shape ``(n, m)``; dominated ones may be among them.
    :param candidates: shape ``(k, m)``.
    """
    points, bound = _points_inside_reference(front_values, reference)
    new_points = _check_points(candidates, bound)
    improvements = np.zeros(len(new_points))
    inside = (new_points < bound).all(axis=1)
    if len(bound) == 2:
        improvements[inside] = _improvements_2d(points, new_points[inside], bound)
    else:
        improvements[inside] = [_improvement(points, candidate, bound) for candidate in new_points[inside]]
    return improvements


def hypervolume_contributions(values: ArrayLike, all_values: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """The hypervolume that would be lost without each of ``values``, shape ``(n,)``; 0 for dominated points.

    Example:
        >>> points = [[1.0, 2.0], [2.0, 1.0], [2.5, 2.5]]
        >>> hypervolume_contributions(points, points, [3.0, 3.0])
        array([1., 1., 0.])

    :param values: some of ``all_values``, shape ``(n, m)``; equal points count as one.
    :param all_values: all points, shape ``(k, m)``.
    """
    points, bound = _points_inside_reference(all_values, reference)
    front = np.unique(points[is_nondominated(points)], axis=0)
    contributions = _contributions_2d(front, bound) if len(bound) == 2 else _contributions_nd(front, bound)
    by_point = dict(zip(map(tuple, front.tolist()), contributions, strict=True))
    return np.array([by_point.get(point, 0.0) for point in map(tuple, _check_points(values, bound).tolist())])


def _contributions_2d(front: np.ndarray, reference: np.ndarray) -> list[float]:
    """The rectangle that each point of a front in ascending order dominates exclusively."""
    right, above = np.append(front[1:, 0], reference[0]), np.append(reference[1], front[:-1, 1])
    contributions: list[float] = ((right - front[:, 0]) * (above - front[:, 1])).tolist()
    return contributions


def _contributions_nd(front: np.ndarray, reference: np.ndarray) -> list[float]:
    """The box of each point of a front, less the part that other points dominate."""
    if len(reference) == 1:
        return [float(point[0]) for point in reference - front]
    contributions: list[float] = moocore.hv_contributions(front, ref=reference).tolist() if len(front) else []
    return contributions


def _check_points(values: ArrayLike, reference: np.ndarray) -> np.ndarray:
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
            "Expected a finite reference point and no objective at minus infinity, for a finite hypervolume; got the "
            f"reference {reference.tolist()} and {int(np.isneginf(points).sum())} values of minus infinity."
        )
        raise DataError(message)
    return points


def _points_inside_reference(values: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The points that are better than the reference in every objective, and the reference as an array."""
    bound = np.asarray(reference, dtype=float)
    points = _check_points(values, bound)
    return points[(points < bound).all(axis=1)], bound


def _improvement(points: np.ndarray, candidate: np.ndarray, reference: np.ndarray) -> float:
    """The candidate's box, less the part that the points already dominate [WFG, exclhv]."""
    if not len(points):
        return float(np.prod(reference - candidate))
    covered = np.maximum(points, candidate)
    if (covered == candidate).all(axis=1).any():
        return 0.0
    return max(float(np.prod(reference - candidate)) - hypervolume(covered, reference), 0.0)


def _improvements_2d(points: np.ndarray, candidates: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The closed form for two objectives: the area between a candidate and the staircase of the front.

    Step i of the staircase spans ``[x[i], x[i + 1])`` at the height ``y[i]``; a candidate ``(a, b)`` adds the area
    above ``b`` and right of ``a`` under the steps ``first`` to ``last``.
    """
    x, y = _staircase(points, reference)
    area = np.concatenate([[0.0], np.cumsum(np.diff(x[1:]) * y[1:])])  # under the steps 1 to i, at [i]
    a, b = candidates.T
    first = np.searchsorted(x[:-1], a, side="right") - 1
    last = len(y) - np.searchsorted(y[::-1], b, side="right") - 1  # heights fall from left to right
    improvements = area[last] - area[first] + (x[first + 1] - a) * y[first] - (x[last + 1] - a) * b
    return np.where(first <= last, np.maximum(improvements, 0.0), 0.0)


def _staircase(points: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The starts of the steps, shape ``(n + 2,)`` with both ends, and their heights, shape ``(n + 1,)``."""
    front = np.unique(points[is_nondominated(points)], axis=0)  # sorted by the first objective, without duplicates
    x = np.concatenate([[-np.inf], front[:, 0], reference[:1]])
    y = np.concatenate([reference[1:], front[:, 1]])
    return x, y
