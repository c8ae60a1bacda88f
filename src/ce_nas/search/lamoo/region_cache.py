"""Fast membership of architectures in the regions of a partition tree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.search.lamoo.partition_tree import path_contains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.lamoo.partition_tree import BoundarySide
    from ce_nas.search.lamoo.svm import Boundary
    from ce_nas.space.base import Space

__all__ = ["ChoiceProduct", "RegionCache"]

#: the largest number of combinations of choices that is decided at once
MAX_COMBINATIONS = 1 << 18


class RegionCache:
    """Decides whether architectures lie in the region of a path; small spaces are decided at once and cached."""

    def __init__(self, space: Space) -> None:
        self._space = space
        combinations = math.prod(map(len, space.choices))
        self._product = ChoiceProduct(space) if space.one_hot and combinations <= MAX_COMBINATIONS else None
        self._member_codes: np.ndarray | None = None
        self._good_by_boundary: dict[Boundary, np.ndarray] = {}
        self._rows_by_path: dict[tuple[BoundarySide, ...], np.ndarray] = {}

    def clear(self) -> None:
        """Drop the cached decisions, for new boundaries."""
        self._good_by_boundary.clear()
        self._rows_by_path.clear()

    def contains(
        self, path: tuple[BoundarySide, ...], architectures: Sequence[Architecture] | np.ndarray
    ) -> np.ndarray:
        """Whether each architecture lies on every side of ``path``, shape ``(n,)``."""
        if self._product is None:
            return path_contains(path, self._space.encode(architectures))
        return self._contains_codes(self._product, path, self._product.codes(architectures))

    def rows(self, path: tuple[BoundarySide, ...]) -> np.ndarray:
        """The rows of a listable space's members that lie on every side of ``path``, ascending."""
        if path not in self._rows_by_path:
            self._rows_by_path[path] = np.flatnonzero(self._contains_members(path))
        return self._rows_by_path[path]

    def _contains_members(self, path: tuple[BoundarySide, ...]) -> np.ndarray:
        """:meth:`contains` for every member of the space."""
        if self._product is None:
            return self.contains(path, self._space.members)
        if self._member_codes is None:
            self._member_codes = self._product.codes(self._space.members)
        return self._contains_codes(self._product, path, self._member_codes)

    def _contains_codes(self, product: ChoiceProduct, path: tuple[BoundarySide, ...], codes: np.ndarray) -> np.ndarray:
        """Whether the architectures of these codes lie on every side of ``path``, shape ``(n,)``."""
        inside = np.ones(len(codes), dtype=bool)
        for side in path:
            inside &= self._good_side(product, side.boundary)[codes] == side.good
        return inside

    def _good_side(self, product: ChoiceProduct, boundary: Boundary) -> np.ndarray:
        if boundary not in self._good_by_boundary:
            self._good_by_boundary[boundary] = boundary.is_good(product.decision(boundary))
        return self._good_by_boundary[boundary]


class ChoiceProduct:
    """The decision of a boundary for every combination of choices of a small space.

    The encoding is one-hot, so the dot product of an architecture with a support vector is the sum over its first and
    its last variables. A kernel of that sum is a short sum of products of two factors, one for each half, and the
    decision over all combinations takes a few products of small matrices instead of one kernel value for each
    combination and support vector.
    """

    def __init__(self, space: Space) -> None:
        sizes = [len(names) for names in space.choices]
        self._strides = np.array([math.prod(sizes[variable + 1 :]) for variable in range(len(sizes))])
        split = _even_split(sizes)
        columns = sum(sizes[:split])
        rows = np.zeros((2, max(math.prod(sizes[:split]), math.prod(sizes[split:])), len(sizes)), dtype=np.intp)
        first, last = _combinations(sizes[:split]), _combinations(sizes[split:])
        rows[0, : len(first), :split] = first
        rows[1, : len(last), split:] = last
        #: one-hot rows of every combination of the first and of the last variables, with zeros in the other half
        self._first_half = space.encode(rows[0, : len(first)])
        self._last_half = space.encode(rows[1, : len(last)])
        self._first_half[:, columns:] = 0.0
        self._last_half[:, :columns] = 0.0

    def codes(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """The index of each architecture among all combinations, shape ``(n,)``."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self._strides))
        return np.asarray(rows @ self._strides)

    def decision(self, boundary: Boundary) -> np.ndarray:
        """The boundary's decision for every combination, shape ``(combinations,)``, in the order of the codes."""
        first, last = self._first_half @ boundary.support_vectors.T, self._last_half @ boundary.support_vectors.T
        norm = float(self._first_half[0].sum() + self._last_half[0].sum())
        factors = boundary.kernel_factors(first, last, norm)
        decision = np.asarray(sum((left * boundary.weights) @ right.T for left, right in factors))
        return decision.ravel() + boundary.intercept


def _even_split(sizes: Sequence[int]) -> int:
    """The number of first variables that minimises the sum of both halves' numbers of combinations."""
    return min(range(len(sizes) + 1), key=lambda split: math.prod(sizes[:split]) + math.prod(sizes[split:]))


def _combinations(sizes: Sequence[int]) -> np.ndarray:
    """Every combination of choices, the last variable changing fastest, shape ``(combinations, variables)``."""
    return np.indices(tuple(sizes)).reshape(len(sizes), math.prod(sizes)).T
