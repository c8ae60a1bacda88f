"""The queue of scored candidates for evaluation, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import dominance_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["CandidateQueue", "DroppedCandidate"]


@dataclass(frozen=True, slots=True)
class DroppedCandidate:
    """A candidate that was dropped from a full queue."""

    architecture: Architecture
    #: its rank among all candidates, from 0 (best); at least the capacity
    rank: int
    #: number of candidates that dominate it, by their estimates
    dominance_number: int
    #: a non-dominated candidate that dominates it; None if there is none, and it was only added later
    dominated_by: Architecture | None


class CandidateQueue:
    """A bounded queue ranked by the dominance number of the estimates, then by order of addition.

    :param capacity: maximum number of candidates.

    Example:
        >>> from ce_nas.core.records import Observation
        >>> queue = CandidateQueue(capacity=2)
        >>> candidates = [Observation((0,), (3.0, 3.0)), Observation((1,), (1.0, 2.0)), Observation((2,), (2.0, 1.0))]
        >>> [candidate.architecture for candidate in queue.add(candidates)]
        [(0,)]
        >>> queue.pop().architecture
        (1,)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._candidates: list[Observation] = []

    def __len__(self) -> int:
        return len(self._candidates)

    def add(self, candidates: Sequence[Observation], *, report_dropped: bool = True) -> list[DroppedCandidate]:
        """Add candidates, rank all, and return those dropped beyond the capacity.

        :param report_dropped: whether to return the dropped candidates; else the list is empty.
        """
        ranked = [*self._candidates, *candidates]
        if not ranked:
            return []
        values = np.array([candidate.values for candidate in ranked])
        numbers = dominance_numbers(values)
        order = np.argsort(numbers, kind="stable")
        kept, dropped = order[: self.capacity], order[self.capacity :]
        self._candidates = [ranked[row] for row in kept.tolist()]
        if not report_dropped:
            return []
        dominators = _find_dominators(values, numbers, dropped)
        return [
            DroppedCandidate(
                ranked[row].architecture, rank, int(numbers[row]), ranked[by].architecture if numbers[row] else None
            )
            for rank, (row, by) in enumerate(zip(dropped.tolist(), dominators.tolist(), strict=True), self.capacity)
        ]

    @property
    def candidates(self) -> tuple[Observation, ...]:
        """The candidates, best first."""
        return tuple(self._candidates)

    @property
    def front_size(self) -> int:
        """The number of non-dominated candidates, by their estimates."""
        numbers = dominance_numbers([candidate.values for candidate in self._candidates])
        return int(np.count_nonzero(numbers == 0))

    def pop(self) -> Observation:
        """Remove and return the best candidate; the queue must not be empty."""
        return self._candidates.pop(0)

    def discard(self, architecture: Architecture) -> None:
        """Remove an architecture, if it is queued."""
        self._candidates = [candidate for candidate in self._candidates if candidate.architecture != architecture]


def _find_dominators(values: np.ndarray, numbers: np.ndarray, dropped_rows: np.ndarray) -> np.ndarray:
    """Find a non-dominated row that dominates each of ``dropped_rows``, shape (dropped_rows,).

    The result of a row that is not dominated itself is arbitrary.
    """
    front = np.flatnonzero(numbers == 0)
    dropped_values, front_values = values[dropped_rows, None, :], values[None, front, :]
    dominates = (front_values <= dropped_values).all(axis=2) & (front_values < dropped_values).any(axis=2)
    return np.asarray(front[dominates.argmax(axis=1)])
