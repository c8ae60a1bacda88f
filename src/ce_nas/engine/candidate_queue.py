"""Scored architectures that wait for a training, the best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import dominance_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["Backlog", "Dropped"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that found no room."""

    architecture: Architecture
    #: its place among those that waited with it, 0 the best: the capacity or more
    rank: int
    #: how many of those that waited with it dominate it, by their estimates
    dominance_number: int
    #: one that dominates it; None if nothing does, and it merely came later
    dominated_by: Architecture | None


class Backlog:
    """A bounded queue ranked by dominance number of the estimates; of equals, who came first.

    :param capacity: how many may wait.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._waiting: list[Observation] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, candidates: Sequence[Observation], *, explain: bool = True) -> list[Dropped]:
        """Let candidates wait, rank all anew, and return those for which there is no room.

        :param explain: whether anybody wants to know who was dropped and why; if not, none are returned.
        """
        everyone = [*self._waiting, *candidates]
        if not everyone:
            return []
        values = np.array([candidate.values for candidate in everyone])
        numbers = dominance_numbers(values)
        order = np.argsort(numbers, kind="stable")
        kept, left = order[: self.capacity], order[self.capacity :]
        self._waiting = [everyone[at] for at in kept.tolist()]
        if not explain:
            return []
        dominators = _dominators(values, numbers, left)
        return [
            Dropped(
                everyone[at].architecture, rank, int(numbers[at]), everyone[by].architecture if numbers[at] else None
            )
            for rank, (at, by) in enumerate(zip(left.tolist(), dominators.tolist(), strict=True), self.capacity)
        ]

    @property
    def waiting(self) -> tuple[Observation, ...]:
        """Who waits, the best first."""
        return tuple(self._waiting)

    @property
    def front(self) -> int:
        """How many of those that wait are dominated by none of the others, by their estimates."""
        numbers = dominance_numbers([waiting.values for waiting in self._waiting])
        return int(np.count_nonzero(numbers == 0))

    def pop(self) -> Observation:
        """Take the best one out; there must be one."""
        return self._waiting.pop(0)

    def discard(self, architecture: Architecture) -> None:
        """Let this one wait no longer, if it does."""
        self._waiting = [waiting for waiting in self._waiting if waiting.architecture != architecture]


def _dominators(values: np.ndarray, numbers: np.ndarray, left: np.ndarray) -> np.ndarray:
    """For each row of ``left`` one undominated row that dominates it, shape (left,); whatever is dominated has one.

    Rows that nothing dominates get a row all the same, to be ignored.
    """
    front = np.flatnonzero(numbers == 0)
    ours, theirs = values[left, None, :], values[None, front, :]
    better = (theirs <= ours).all(axis=2) & (theirs < ours).any(axis=2)
    return np.asarray(front[better.argmax(axis=1)])
