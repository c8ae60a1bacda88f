"""Architectures that are taken, and which rows of a listed space they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["LISTABLE", "Taken"]

#: a space of up to so many architectures is listed
LISTABLE = 1 << 18


class Taken(set["Architecture"]):
    """A set of architectures that also marks their rows: what is left of a region is told without asking one by one.

    It is changed by :meth:`add`, :meth:`update` and :meth:`discard` alone.

    :param space: the space they are of.
    :param architectures: what is in it from the beginning.
    """

    def __init__(self, space: Space, architectures: Iterable[Architecture] = ()) -> None:
        super().__init__()
        self._space = space
        #: which of the space's members are in the set, shape (size,); None where the space is too large to be listed
        self.marks = np.zeros(space.size, dtype=bool) if space.size <= LISTABLE else None
        self.update(architectures)

    def __reduce__(self) -> tuple[type[Taken], tuple[Space, list[Architecture]]]:
        return Taken, (self._space, list(self))

    def add(self, architecture: Architecture) -> None:
        """Put one in."""
        super().add(architecture)
        if self.marks is not None:
            self.marks[self._space.index[architecture]] = True

    def update(self, *architectures: Iterable[Architecture]) -> None:
        """Put many in."""
        for some in architectures:
            fresh = list(some)
            super().update(fresh)
            if self.marks is not None:
                self.marks[list(map(self._space.index.__getitem__, fresh))] = True

    def discard(self, architecture: object) -> None:
        """Take one out, if it is in."""
        if architecture in self and self.marks is not None:
            self.marks[self._space.index[architecture]] = False  # type: ignore[index]
        super().discard(architecture)
