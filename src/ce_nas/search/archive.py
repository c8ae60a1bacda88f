"""What a searcher was told of full trainings.

Proposals that were taken up and of which nothing was told yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["Archive", "Pending", "values_of"]


class Archive:
    """The newest full training of each architecture, in the order in which the architectures first came."""

    def __init__(self) -> None:
        self._latest: dict[Architecture, Observation] = {}

    def __len__(self) -> int:
        return len(self._latest)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """One observation an architecture."""
        return tuple(self._latest.values())

    def add(self, observations: Iterable[Observation]) -> list[Observation]:
        """Take in the full trainings among ``observations``, and return them; estimates and part trainings are left."""
        full = [observation for observation in observations if observation.fidelity >= 1.0]
        self._latest.update((observation.architecture, observation) for observation in full)
        return full


def values_of(observations: Iterable[Observation]) -> np.ndarray:
    """The objectives of ``observations``, minimised, shape ``(n, m)``."""
    return np.array([observation.values for observation in observations], dtype=float)


#: the most that are taken into account
_MOST = 32


class Pending:
    """A searcher's own proposals, until something is told of them."""

    def __init__(self) -> None:
        self._proposed: dict[Architecture, None] = {}

    def add(self, proposals: Iterable[Architecture]) -> None:
        """Remember what was proposed."""
        self._proposed.update(dict.fromkeys(proposals))

    def tell(self, observations: Sequence[Observation]) -> None:
        """Forget what something was found of."""
        for observation in observations:
            self._proposed.pop(observation.architecture, None)

    def taken(self, exclude: Container[Architecture]) -> list[Architecture]:
        """The newest proposals that were taken up, and so are excluded from now on; the others are forgotten."""
        taken = [architecture for architecture in self._proposed if architecture in exclude][-_MOST:]
        self._proposed = dict.fromkeys(taken)
        return taken
