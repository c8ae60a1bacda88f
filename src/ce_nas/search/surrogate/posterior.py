"""What a surrogate believes of candidates: their objectives, known or modelled, and what a training would gain."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import values_of
from ce_nas.search.surrogate.acquisition import expected_gains, normal_nodes
from ce_nas.search.surrogate.features import Normaliser, as_group
from ce_nas.search.surrogate.gp import Kernel, Posterior, fit_kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.surrogate.dataset import Knowledge
    from ce_nas.search.surrogate.features import Description

__all__ = ["Belief", "Straight", "Warp"]

#: nodes over which an expectation is taken
_NODES = 8
#: the most samples a kernel is learned from: the best of them, and an even share of the rest
_BEST, _REST = 96, 48
#: values that are spread less than this, in logarithms, are equal but for rounding
_ROUNDING = 1e-8


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
        spread = float(logs.std())
        return cls(best, margin, cap, float(logs.mean()), spread if spread > _ROUNDING else 1.0)

    def targets(self, values: np.ndarray) -> np.ndarray:
        """Targets of values; a failure is as bad as can be."""
        capped = np.minimum(np.nan_to_num(values, nan=self.cap, posinf=self.cap, neginf=self.best), self.cap)
        return np.asarray((np.log(capped - self.best + self.margin) - self.centre) / self.scale)

    def values(self, targets: np.ndarray) -> np.ndarray:
        """Values of targets, none worse than the cap."""
        logs = np.minimum(targets * self.scale + self.centre, np.log(self.cap - self.best + self.margin))
        return np.asarray(np.exp(logs) + self.best - self.margin)


@dataclass(frozen=True, slots=True)
class Straight:
    """As :class:`Warp` for what adds up: targets are values, centred and scaled."""

    #: stands for what failed
    worst: float
    centre: float
    scale: float

    @classmethod
    def of(cls, values: np.ndarray, reference: float) -> Straight:
        """The scale of minimised ``values``, shape ``(n,)``, of which some must be finite."""
        finite = values[np.isfinite(values)]
        return cls(max(reference, float(finite.max())), float(finite.mean()), float(finite.std()) or 1.0)

    def targets(self, values: np.ndarray) -> np.ndarray:
        """Targets of values."""
        return np.asarray((np.where(np.isfinite(values), values, self.worst) - self.centre) / self.scale)

    def values(self, targets: np.ndarray) -> np.ndarray:
        """Values of targets."""
        return np.asarray(targets * self.scale + self.centre)


class Belief:
    """Models of the objectives over candidates; samples may be added, kernels and candidates stay.

    :param candidates: the architectures to judge.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param kernels: for some objectives, the kernel to use, or to start from where ``fit`` asks for new ones.
    """

    def __init__(  # noqa: PLR0913 - what is judged, by what, and against what
        self,
        candidates: Sequence[Architecture],
        description: Description,
        knowledge: Knowledge,
        reference: np.ndarray,
        kernels: Mapping[int, Kernel],
        *,
        fit: bool,
    ) -> None:
        self.candidates = candidates
        #: the place of each candidate among them
        self.place = {architecture: place for place, architecture in enumerate(candidates)}
        self.kernels: dict[int, Kernel] = {}
        self._description = description
        self._knowledge = knowledge
        self._reference = reference
        self._cheap = [(sheet, Normaliser.of(sheet.known)) for sheet in knowledge.cheap]
        self._exact = knowledge.costs_of(candidates)
        self._modelled = np.flatnonzero(np.isnan(self._exact).any(axis=0)).tolist()
        self._nodes = normal_nodes(_NODES, len(self._modelled))
        self._front = np.empty((0, len(reference)))
        self._posteriors: dict[int, Posterior] = {}
        self._warps: dict[int, Warp | Straight] = {}
        self._means: dict[int, np.ndarray] = {}
        self._learn(kernels, fit=fit)
        field = self._groups(candidates)
        self._posteriors = {
            objective: Posterior(kernel, field[objective]) for objective, kernel in self.kernels.items()
        }
        self.update()

    def update(self) -> None:
        """Take in the full trainings that are new, and all values anew."""
        samples = self._knowledge.full.observations
        values = values_of(samples)
        new = [sample.architecture for sample in samples[self._taken :]]
        groups = self._groups(new) if new else {}
        for objective, posterior in self._posteriors.items():
            if new:
                posterior.add(groups[objective])
            warp = self._warps[objective] = self._warp(objective, values[:, objective])
            self._means[objective] = posterior.mean(warp.targets(values[:, objective]))
        counts = values[(values < self._reference).all(axis=1)]
        self._front = counts[is_front(counts)]

    def refresh(self, changed: Sequence[Architecture]) -> None:
        """Look anew at what is known of some of the candidates; to be followed by :meth:`update`."""
        places = np.array([self.place[architecture] for architecture in changed], dtype=np.intp)
        self._exact[places] = self._knowledge.costs_of(changed)
        if self._cheap and self._posteriors:
            groups = self._groups(changed)
            for objective, posterior in self._posteriors.items():
                posterior.replace(places, groups[objective])

    def gains(self) -> np.ndarray:
        """The hypervolume that a training of each candidate would gain, in expectation, shape ``(candidates,)``."""
        return expected_gains(self._front, self._values, self._nodes, len(self._exact), self._reference)

    def imagine(self, place: int) -> None:
        """Take the training of a candidate for granted, with the outcome that is expected of it."""
        expected = self._values(np.array([place]), np.zeros(len(self._modelled)))
        self._front = np.vstack([self._front, expected])
        for posterior in self._posteriors.values():
            posterior.imagine(place)

    def over(self, places: np.ndarray) -> Belief:
        """The same over some of the candidates; a copy, for imagining."""
        part = copy.copy(self)
        part.restrict(places)
        return part

    def restrict(self, places: np.ndarray) -> None:
        """Keep to some of the candidates."""
        self._exact = self._exact[places]
        self._means = {objective: mean[places] for objective, mean in self._means.items()}
        self._posteriors = {objective: posterior.over(places) for objective, posterior in self._posteriors.items()}

    def values(self) -> np.ndarray:
        """What is known or expected of each candidate's objectives, shape ``(candidates, m)``."""
        return self._values(np.arange(len(self._exact)), np.zeros(len(self._modelled)))

    @property
    def _taken(self) -> int:
        return min((len(posterior) for posterior in self._posteriors.values()), default=0)

    def _learn(self, kernels: Mapping[int, Kernel], *, fit: bool) -> None:
        samples = self._knowledge.full.observations
        values = values_of(samples)
        rows = _informative(values)
        groups = self._groups([samples[row].architecture for row in rows])
        for objective in self._modelled:
            kernel = kernels.get(objective)
            if kernel is None or len(kernel.lengths) != len(groups[objective]):
                straight = 0 if self._knowledge.trained[objective] else self._straight
                kernel = Kernel.prior(len(groups[objective]), straight)
            elif not fit:
                self.kernels[objective] = kernel
                continue
            warp = self._warp(objective, values[:, objective])
            self.kernels[objective] = fit_kernel(groups[objective], warp.targets(values[rows, objective]), kernel)

    def _warp(self, objective: int, values: np.ndarray) -> Warp | Straight:
        kind = Warp if self._knowledge.trained[objective] else Straight
        return kind.of(values, self._reference[objective])

    def _values(self, places: np.ndarray, node: np.ndarray) -> np.ndarray:
        """The objectives of some candidates if they turn out ``node`` deviations from what is expected."""
        values = np.array(self._exact[places])
        for objective, away in zip(self._modelled, node, strict=True):
            deviation = self._posteriors[objective].deviation[places] if away else 0.0
            guess = self._warps[objective].values(self._means[objective][places] + away * deviation)
            values[:, objective] = np.where(np.isnan(values[:, objective]), guess, values[:, objective])
        return values

    def _groups(self, architectures: Sequence[Architecture]) -> dict[int, list[np.ndarray]]:
        """For each modelled objective the groups of columns that it is modelled by."""
        groups = self._description.groups(architectures)
        groups += [as_group(sheet.of(architectures), normaliser) for sheet, normaliser in self._cheap]
        details = self._description.details(architectures)
        self._straight = len(details)
        trained = self._knowledge.trained
        return {objective: groups if trained[objective] else groups + details for objective in self._modelled}


def _informative(values: np.ndarray) -> np.ndarray:
    """Rows to learn a kernel from, ascending: all if they are few, else the best and an even share of the rest."""
    if len(values) <= _BEST + _REST:
        return np.arange(len(values))
    order = best_first(values)
    rest = order[_BEST:][np.linspace(0, len(values) - _BEST - 1, _REST).astype(np.intp)]
    return np.asarray(np.sort(np.concatenate([order[:_BEST], rest])), dtype=np.intp)
