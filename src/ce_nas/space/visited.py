"""The set of visited architectures, with a mask over the rows of a listed space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["MAX_EXHAUSTIVE_SIZE", "VisitedSet"]

#: the largest space that is listed
MAX_EXHAUSTIVE_SIZE = 1 << 18


class VisitedSet(set["Architecture"]):
    """A set of architectures with a mask of their rows, for fast exclusion from a region.

    Change it by :meth:`add`, :meth:`update` and :meth:`discard` only.

    Example:
        >>> from ce_nas.space.base import Space
        >>> visited = VisitedSet(Space("toy", ["a"], [["x", "y", "z"]]), [(1,)])
        >>> visited.row_mask
        array([False,  True, False])

    :param space: the space of the architectures.
    :param architectures: the initial elements.
    """

    def __init__(self, space: Space, architectures: Iterable[Architecture] = ()) -> None:
        super().__init__()
        self._space = space
        #: which of the space's members are in the set, shape (size,); None for spaces too large to be listed
        self.row_mask = np.zeros(space.size, dtype=bool) if space.size <= MAX_EXHAUSTIVE_SIZE else None
        self.update(architectures)

    def __reduce__(self) -> tuple[type[VisitedSet], tuple[Space, list[Architecture]]]:
        return VisitedSet, (self._space, list(self))

    def add(self, architecture: Architecture) -> None:
        """Add an architecture."""
        super().add(architecture)
        if self.row_mask is not None:
            self.row_mask[self._space.index[architecture]] = True

    def update(self, *architectures: Iterable[Architecture]) -> None:
        """Add all architectures of the iterables."""
        for iterable in architectures:
            added = list(iterable)
            super().update(added)
            if self.row_mask is not None:
                self.row_mask[list(map(self._space.index.__getitem__, added))] = True

    def discard(self, architecture: object) -> None:
        """Remove an architecture, if it is in the set."""
        if architecture in self and self.row_mask is not None:
            self.row_mask[self._space.index[architecture]] = False  # type: ignore[index]
        super().discard(architecture)
