"""Searchers that can be told to stay within a part of the space, and what such a part is."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.search.base import Searcher
from ce_nas.space.visited import Taken

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.space.base import Space

__all__ = ["AnyOf", "Listed", "Region", "RegionalSearcher", "WholeSpace", "distinct", "left_of", "split_marks"]


class Region(Protocol):
    """A part of a space."""

    @property
    def samples(self) -> Sequence[Observation]:
        """The full trainings known within the region, oldest first."""

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Whether each architecture lies in the region, shape ``(n,)``."""

    def rows(self, space: Space) -> np.ndarray:
        """Which members of a listable space lie in the region: rows of ``space.members``, ascending."""


class WholeSpace:
    """The region that leaves nothing out."""

    def __init__(self, samples: Sequence[Observation] = ()) -> None:
        self.samples = samples

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """True for every architecture, shape ``(n,)``."""
        return np.ones(len(architectures), dtype=bool)

    def rows(self, space: Space) -> np.ndarray:
        """See :meth:`Region.rows`."""
        return np.arange(space.size)


class Listed:
    """The region of a few architectures."""

    samples: Sequence[Observation] = ()

    def __init__(self, architectures: Iterable[Architecture]) -> None:
        self._members = frozenset(architectures)

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """See :meth:`Region.contains`."""
        rows = architectures.tolist() if isinstance(architectures, np.ndarray) else architectures
        return np.array([tuple(row) in self._members for row in rows], dtype=bool)

    def rows(self, space: Space) -> np.ndarray:
        """See :meth:`Region.rows`."""
        return np.sort(np.array([space.index[member] for member in self._members], dtype=np.intp))


class RegionalSearcher(Searcher):
    """A searcher that can be kept within a region, and then serves to search the leaves of a partition."""

    #: whether what it is told has a say in what it proposes within a region
    learns = True

    @property
    def busy(self) -> bool:
        """Whether it is in the midst of something that another region would put an end to."""
        return False

    @abstractmethod
    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """What :meth:`ask` promises, with every proposal inside ``region``."""


class AnyOf:
    """The architectures in any of several containers: what was excluded, and what has been proposed meanwhile."""

    def __init__(self, *parts: Container[Architecture]) -> None:
        #: containers that are no such thing themselves
        self.parts: tuple[Container[Architecture], ...] = tuple(
            inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))
        )

    def __contains__(self, architecture: object) -> bool:
        for part in self.parts:  # noqa: SIM110 - asked a million times a run, and any() takes three times as long
            if architecture in part:
                return True
        return False


def split_marks(exclude: Container[Architecture]) -> tuple[list[np.ndarray], Container[Architecture]]:
    """The marks over a listed space's members of all in ``exclude`` that has any, and what else is in it."""
    parts = exclude.parts if isinstance(exclude, AnyOf) else (exclude,)
    marks = [part.marks for part in parts if isinstance(part, Taken) and part.marks is not None]
    return marks, AnyOf(*(part for part in parts if not isinstance(part, Taken) or part.marks is None))


def distinct(architectures: Iterable[Architecture], exclude: Container[Architecture]) -> list[Architecture]:
    """The first occurrence of each architecture that is not excluded, in order."""
    return left_of(dict.fromkeys(architectures), exclude)


def left_of(architectures: Iterable[Architecture], exclude: Container[Architecture]) -> list[Architecture]:
    """The architectures that are not excluded, in order; asked of hundreds of thousands in a run."""
    parts = exclude.parts if isinstance(exclude, AnyOf) else (exclude,)
    for part in parts:
        architectures = [architecture for architecture in architectures if architecture not in part]
    return list(architectures)
