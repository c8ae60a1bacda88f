"""Regions: parts of a space, the searchers that can search within one, and containers of excluded architectures."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.search.base import Searcher
from ce_nas.space.visited import VisitedSet

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.space.base import Space

__all__ = [
    "ListedRegion",
    "Region",
    "RegionalSearcher",
    "UnionContainer",
    "WholeSpace",
    "deduplicate",
    "filter_excluded",
    "split_masks",
]


class Region(Protocol):
    """A part of a space."""

    @property
    def samples(self) -> Sequence[Observation]:
        """The full trainings within the region, oldest first."""

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Whether each architecture lies in the region, shape ``(n,)``."""

    def rows(self, space: Space) -> np.ndarray:
        """The members of a listable space that lie in the region: rows of ``space.members``, ascending."""


class WholeSpace:
    """The region that contains the whole space."""

    def __init__(self, samples: Sequence[Observation] = ()) -> None:
        self.samples = samples

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """True for every architecture, shape ``(n,)``."""
        return np.ones(len(architectures), dtype=bool)

    def rows(self, space: Space) -> np.ndarray:
        """See :meth:`Region.rows`."""
        return np.arange(space.size)


class ListedRegion:
    """The region of a list of architectures."""

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
    """A searcher that can be restricted to a region, for instance to a leaf of a partition."""

    #: whether its proposals within a region depend on observations
    is_adaptive = True

    @property
    def holds_region(self) -> bool:
        """Whether changing the region would discard an unfinished run."""
        return False

    @abstractmethod
    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """As :meth:`ask`, with every proposal inside ``region``."""


class UnionContainer:
    """The architectures in any of several containers: those excluded, and those proposed meanwhile."""

    def __init__(self, *parts: Container[Architecture]) -> None:
        #: the containers, nested unions flattened
        self.parts: tuple[Container[Architecture], ...] = tuple(
            inner for part in parts for inner in (part.parts if isinstance(part, UnionContainer) else (part,))
        )

    def __contains__(self, architecture: object) -> bool:
        for part in self.parts:  # noqa: SIM110 - called a million times in a run, and any() takes three times as long
            if architecture in part:
                return True
        return False


def split_masks(exclude: Container[Architecture]) -> tuple[list[np.ndarray], Container[Architecture]]:
    """Split ``exclude`` into masks over the members of a listed space, and the containers that have none."""
    parts = exclude.parts if isinstance(exclude, UnionContainer) else (exclude,)
    masks = [part.row_mask for part in parts if isinstance(part, VisitedSet) and part.row_mask is not None]
    return masks, UnionContainer(*(part for part in parts if not isinstance(part, VisitedSet) or part.row_mask is None))


def deduplicate(architectures: Iterable[Architecture], exclude: Container[Architecture]) -> list[Architecture]:
    """The first occurrence of each architecture that is not excluded, in order."""
    return filter_excluded(dict.fromkeys(architectures), exclude)


def filter_excluded(architectures: Iterable[Architecture], exclude: Container[Architecture]) -> list[Architecture]:
    """The architectures that are not excluded, in order; called for hundreds of thousands in a run."""
    parts = exclude.parts if isinstance(exclude, UnionContainer) else (exclude,)
    for part in parts:
        architectures = [architecture for architecture in architectures if architecture not in part]
    return list(architectures)
