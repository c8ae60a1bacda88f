"""What a searcher was told of full trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import Architecture, Observation

__all__ = ["Archive", "values_of"]


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
