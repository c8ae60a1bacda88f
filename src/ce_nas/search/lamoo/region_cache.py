"""Which architectures lie behind a path of boundaries, and quickly so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.search.lamoo.partition_tree import path_holds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.lamoo.partition_tree import Boundary, Constraint
    from ce_nas.space.base import Space

__all__ = ["Grid", "Membership"]

#: spaces with up to so many combinations of choices are decided all at once
LARGEST_GRID = 1 << 18


class Membership:
    """Answers whether architectures lie behind a path; where the space is small, from a kept answer for all of it."""

    def __init__(self, space: Space) -> None:
        self._space = space
        combinations = math.prod(map(len, space.choices))
        self._grid = Grid(space) if space.one_hot and combinations <= LARGEST_GRID else None
        self._member_codes: np.ndarray | None = None
        self._good: dict[Boundary, np.ndarray] = {}
        self._rows: dict[tuple[Constraint, ...], np.ndarray] = {}

    def forget(self) -> None:
        """Drop the kept answers: new boundaries have taken the place of the old."""
        self._good.clear()
        self._rows.clear()

    def holds(self, path: tuple[Constraint, ...], architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Whether each architecture meets every constraint of ``path``, shape ``(n,)``."""
        if self._grid is None:
            return path_holds(path, self._space.encode(architectures))
        return self._behind(self._grid, path, self._grid.codes(architectures))

    def rows(self, path: tuple[Constraint, ...]) -> np.ndarray:
        """The rows of the space's members that meet every constraint of ``path``, ascending; for listable spaces."""
        if path not in self._rows:
            self._rows[path] = np.flatnonzero(self._of_members(path))
        return self._rows[path]

    def _of_members(self, path: tuple[Constraint, ...]) -> np.ndarray:
        """What :meth:`holds` says of every member of the space."""
        if self._grid is None:
            return self.holds(path, self._space.members)
        if self._member_codes is None:
            self._member_codes = self._grid.codes(self._space.members)
        return self._behind(self._grid, path, self._member_codes)

    def _behind(self, grid: Grid, path: tuple[Constraint, ...], codes: np.ndarray) -> np.ndarray:
        """Whether the architectures of these codes meet every constraint of ``path``, shape ``(n,)``."""
        holds = np.ones(len(codes), dtype=bool)
        for constraint in path:
            holds &= self._is_good(grid, constraint.boundary)[codes] == constraint.good
        return holds

    def _is_good(self, grid: Grid, boundary: Boundary) -> np.ndarray:
        if boundary not in self._good:
            self._good[boundary] = boundary.is_good(grid.decision(boundary))
        return self._good[boundary]


class Grid:
    """Every combination of choices of a small space, decided together.

    The encoding is one-hot, so the similarity of an architecture to a support vector is the sum of that of its first
    and that of its last variables. A kernel of the sum is a short sum of products of a factor of each half, and the
    decision over all combinations a few products of small matrices instead of one kernel value for each combination
    and support vector.
    """

    def __init__(self, space: Space) -> None:
        sizes = [len(names) for names in space.choices]
        self._strides = np.array([math.prod(sizes[place + 1 :]) for place in range(len(sizes))])
        split = _even_split(sizes)
        columns = sum(sizes[:split])
        rows = np.zeros((2, max(math.prod(sizes[:split]), math.prod(sizes[split:])), len(sizes)), dtype=np.intp)
        first, last = _combinations(sizes[:split]), _combinations(sizes[split:])
        rows[0, : len(first), :split] = first
        rows[1, : len(last), split:] = last
        #: one-hot rows of every combination of the first and of the last variables, and zeros for the other half
        self._first = space.encode(rows[0, : len(first)])
        self._last = space.encode(rows[1, : len(last)])
        self._first[:, columns:] = 0.0
        self._last[:, :columns] = 0.0

    def codes(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """The place of each architecture among all combinations, shape ``(n,)``."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self._strides))
        return np.asarray(rows @ self._strides)

    def decision(self, boundary: Boundary) -> np.ndarray:
        """The boundary's decision for every combination, shape ``(combinations,)``, in the order of the codes."""
        first, last = self._first @ boundary.support.T, self._last @ boundary.support.T
        terms = boundary.factors(first, last, float(self._first[0].sum() + self._last[0].sum()))
        return (
            np.asarray(sum((left * boundary.weights) @ right.T for left, right in terms)).ravel() + boundary.intercept
        )


def _even_split(sizes: Sequence[int]) -> int:
    """How many of the first variables make the two halves' numbers of combinations most alike."""
    return min(range(len(sizes) + 1), key=lambda place: math.prod(sizes[:place]) + math.prod(sizes[place:]))


def _combinations(sizes: Sequence[int]) -> np.ndarray:
    """Every combination of choices, the last variable changing fastest, shape ``(combinations, variables)``."""
    return np.indices(tuple(sizes)).reshape(len(sizes), math.prod(sizes)).T
