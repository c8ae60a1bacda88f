"""A searcher's memory: full trainings, and accepted proposals without an observation yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["ObservationHistory", "PendingProposals", "objective_values"]


class ObservationHistory:
    """The newest full training of each architecture, in the order of the architectures' first trainings."""

    def __init__(self) -> None:
        self._latest: dict[Architecture, Observation] = {}

    def __len__(self) -> int:
        return len(self._latest)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """One observation per architecture."""
        return tuple(self._latest.values())

    def add(self, observations: Iterable[Observation]) -> list[Observation]:
        """Store and return the full trainings among ``observations``; estimates and partial trainings are skipped."""
        full = [observation for observation in observations if observation.fidelity >= 1.0]
        self._latest.update((observation.architecture, observation) for observation in full)
        return full


def objective_values(observations: Iterable[Observation]) -> np.ndarray:
    """The objectives of ``observations``, minimised, shape ``(n, m)``."""
    return np.array([observation.values for observation in observations], dtype=float)


#: the most pending proposals that are kept, the newest
_MAX_PENDING = 32


class PendingProposals:
    """A searcher's own proposals that await an observation."""

    def __init__(self) -> None:
        self._proposed: dict[Architecture, None] = {}

    def add(self, proposals: Iterable[Architecture]) -> None:
        """Store new proposals."""
        self._proposed.update(dict.fromkeys(proposals))

    def discard_observed(self, observations: Sequence[Observation]) -> None:
        """Drop the proposals that were observed."""
        for observation in observations:
            self._proposed.pop(observation.architecture, None)

    def retain_accepted(self, exclude: Container[Architecture]) -> list[Architecture]:
        """The newest proposals that were accepted, and so are in ``exclude``; the others are dropped."""
        accepted = [architecture for architecture in self._proposed if architecture in exclude][-_MAX_PENDING:]
        self._proposed = dict.fromkeys(accepted)
        return accepted
