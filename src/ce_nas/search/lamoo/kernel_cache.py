"""Cached pairwise kernel values for repeated SVM fits."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["KernelCache"]

#: rows allocated at first; the capacity is doubled when it is exhausted
_INITIAL_CAPACITY = 64
#: the largest squared distance that fits a byte
_MAX_SQUARED_DISTANCE = 255


class KernelCache:
    """Rows of features, and their pairwise squared distances as long as all features are 0 or 1.

    Squared distances of binary rows are small integers, so that their Gaussian kernel is looked up in a short table.

    :param features: the first rows, shape ``(n, d)``.
    """

    def __init__(self, features: np.ndarray) -> None:
        self._count = 0
        self._rows = np.empty((0, features.shape[1]))
        self._squared_distances: np.ndarray | None = np.empty((0, 0), dtype=np.uint8)
        self.add(features)

    def __len__(self) -> int:
        return self._count

    @property
    def features(self) -> np.ndarray:
        """All rows, shape ``(n, d)``, in insertion order."""
        return self._rows[: self._count]

    def add(self, features: np.ndarray) -> None:
        """Append rows, shape ``(k, d)``."""
        first, after = self._count, self._count + len(features)
        if after > len(self._rows):
            self._grow(max(2 * len(self._rows), after, _INITIAL_CAPACITY))
        self._rows[first:after] = features
        self._count = after
        if self._squared_distances is None:
            return
        if not (features * features == features).all() or features.shape[1] > _MAX_SQUARED_DISTANCE:
            self._squared_distances = None
            return
        rows = self._rows[:after]
        products, norms = features @ rows.T, rows.sum(axis=1)
        squared = norms[first:, None] + norms - 2.0 * products
        self._squared_distances[first:after, :after] = squared
        self._squared_distances[:first, first:after] = squared[:, :first].T

    def kernel(self, rows: np.ndarray, gamma: float) -> np.ndarray | None:
        """The Gaussian kernel among some of the rows, shape ``(rows, rows)``; None without cached distances.

        It equals the solver's own kernel values bit for bit.
        """
        if self._squared_distances is None:
            return None
        squared = (
            self._squared_distances[: self._count, : self._count]
            if len(rows) == self._count
            else self._squared_distances.take(rows, 0).take(rows, 1)
        )
        table = np.array([math.exp(-gamma * distance) for distance in range(self._rows.shape[1] + 1)])
        return np.asarray(table.take(squared.astype(np.intp)))  # indexing by bytes is several times as slow

    def _grow(self, capacity: int) -> None:
        rows = np.empty((capacity, self._rows.shape[1]))
        rows[: self._count] = self.features
        self._rows = rows
        if self._squared_distances is not None:
            squared = np.empty((capacity, capacity), dtype=np.uint8)
            squared[: self._count, : self._count] = self._squared_distances[: self._count, : self._count]
            self._squared_distances = squared
