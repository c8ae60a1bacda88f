"""How much alike samples are: worked out once for each pair, however often machines are fitted to them."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Kinship"]

#: how many rows there is room for at first; the room is doubled when it is full
_ROOM = 64
#: the largest square of a distance that a byte holds
_MOST = 255


class Kinship:
    """Rows of features, and the squared distances among them as far as the rows hold nothing but zeros and ones.

    Distances among such rows are whole numbers, and few: a Gaussian kernel of them is looked up in a short table.

    :param features: the first rows, shape ``(n, d)``.
    """

    def __init__(self, features: np.ndarray) -> None:
        self._known = 0
        self._rows = np.empty((0, features.shape[1]))
        self._pairs: np.ndarray | None = np.empty((0, 0), dtype=np.uint8)
        self.add(features)

    def __len__(self) -> int:
        return self._known

    @property
    def features(self) -> np.ndarray:
        """All rows, shape ``(n, d)``, in the order in which they were added."""
        return self._rows[: self._known]

    @property
    def binary(self) -> bool:
        """Whether there are distances: whether all rows are of zeros and ones, and short enough."""
        return self._pairs is not None

    def add(self, features: np.ndarray) -> None:
        """Take in more rows, shape ``(k, d)``."""
        first, after = self._known, self._known + len(features)
        if after > len(self._rows):
            self._widen(max(2 * len(self._rows), after, _ROOM))
        self._rows[first:after] = features
        self._known = after
        if self._pairs is None:
            return
        if not (features * features == features).all() or features.shape[1] > _MOST:
            self._pairs = None
            return
        everyone = self._rows[:after]
        common, lengths = features @ everyone.T, everyone.sum(axis=1)
        squares = lengths[first:, None] + lengths - 2.0 * common
        self._pairs[first:after, :after] = squares
        self._pairs[:first, first:after] = squares[:, :first].T

    def kernel(self, rows: np.ndarray, gamma: float) -> np.ndarray | None:
        """The Gaussian kernel among some of the rows, shape ``(rows, rows)``; None where there are no distances.

        It is what a solver would work out for itself, to the last bit, but pair by pair and over and over.
        """
        if self._pairs is None:
            return None
        whole = len(rows) == self._known
        pairs = self._pairs[: self._known, : self._known] if whole else self._pairs.take(rows, 0).take(rows, 1)
        of_square = np.array([math.exp(-gamma * square) for square in range(self._rows.shape[1] + 1)])
        return np.asarray(of_square.take(pairs.astype(np.intp)))  # bytes are looked up several times as slowly

    def _widen(self, room: int) -> None:
        rows = np.empty((room, self._rows.shape[1]))
        rows[: self._known] = self.features
        self._rows = rows
        if self._pairs is not None:
            pairs = np.empty((room, room), dtype=np.uint8)
            pairs[: self._known, : self._known] = self._pairs[: self._known, : self._known]
            self._pairs = pairs
