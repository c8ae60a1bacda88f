"""What a surrogate believes of candidates: their objectives, known or modelled, and what a training would gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import values_of
from ce_nas.search.surrogate_features import Normaliser, as_group
from ce_nas.search.surrogate_gain import expected_gains, normal_nodes
from ce_nas.search.surrogate_model import Kernel, Posterior, fit_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.surrogate_features import Description
    from ce_nas.search.surrogate_knowledge import Knowledge

__all__ = ["Belief", "Warp"]

#: nodes over which an expectation is taken
_NODES = 8
#: the most samples a kernel is learned from: the best of them, and an even share of the rest
_BEST, _REST = 96, 48


@dataclass(frozen=True, slots=True)
class Warp:
    """Turns an objective into targets with mean 0 and variance 1 that tell good values further apart than bad ones."""

    best: float
    margin: float
    #: worse than this is no worse than this
    cap: float
    centre: float
    scale: float

    @classmethod
    def of(cls, values: np.ndarray, reference: float) -> Warp:
        """The warp for minimised ``values``, shape ``(n,)``, of which some must be finite."""
        finite = values[np.isfinite(values)]
        best, median = float(finite.min()), float(np.median(finite))
        cap = max(reference, median)
        margin = max(median - best, 1e-3 * (cap - best), 1e-9)
        logs = np.log(np.minimum(values, cap) - best + margin)
        return cls(best, margin, cap, float(logs.mean()), float(logs.std()) or 1.0)

    def targets(self, values: np.ndarray) -> np.ndarray:
        """Targets of values; a failure is as bad as can be."""
        capped = np.minimum(np.nan_to_num(values, nan=self.cap, posinf=self.cap, neginf=self.best), self.cap)
        return np.asarray((np.log(capped - self.best + self.margin) - self.centre) / self.scale)

    def values(self, targets: np.ndarray) -> np.ndarray:
        """Values of targets, none worse than the cap."""
        logs = np.minimum(targets * self.scale + self.centre, np.log(self.cap - self.best + self.margin))
        return np.asarray(np.exp(logs) + self.best - self.margin)


class Belief:
    """Models of the objectives over candidates, in a frame of groups and kernels that stays while samples are added.

    :param candidates: the architectures to judge.
    :param previous: a belief from whose kernels to start.
    """

    def __init__(
        self,
        candidates: Sequence[Architecture],
        described: Sequence[np.ndarray],
        description: Description,
        knowledge: Knowledge,
        previous: Belief | None = None,
    ) -> None:
        self.candidates = candidates
        self.versions = knowledge.versions
        self._described = described
        self._description = description
        self._knowledge = knowledge
        cheap = [sheet for sheet in (knowledge.scores, knowledge.early) if sheet is not None and sheet.count]
        self._cheap = [(sheet, Normaliser.of(_rows(sheet, knowledge))) for sheet in cheap]
        self._kernels = previous._kernels if previous else {}
        self._posteriors: dict[int, Posterior] = {}

    def update(self, reference: np.ndarray) -> None:
        """Take in all full trainings that were not known yet, and what else was learned of the candidates."""
