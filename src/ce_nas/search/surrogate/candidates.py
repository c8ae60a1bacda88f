"""Candidate sampling in spaces too large to be listed, repeated at every ask."""

from __future__ import annotations

from itertools import compress, islice
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.sorting import argsort_rank_and_crowding
from ce_nas.search.observation_history import objective_values
from ce_nas.search.random import sample_uniform
from ce_nas.search.regions import deduplicate

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["CandidateSampler"]

#: numbers of random candidates, of offspring of the best trainings, and of neighbours of the very best
_RANDOM_COUNT, _OFFSPRING_COUNT, _NEIGHBOUR_COUNT = 512, 768, 384
#: numbers of trainings that are parents, and of those whose neighbours are sampled
_PARENT_COUNT, _NEIGHBOUR_CENTRE_COUNT = 24, 12
#: mean number of mutated variables of a child
_MEAN_MUTATIONS = 1.5
#: the most architectures with proxy scores that are kept, the best by front and crowding distance
_MAX_SCORED = 512
#: the most neighbours of one architecture that are enumerated
_MAX_ENUMERATED_NEIGHBOURS = 4096


class CandidateSampler:
    """Samples candidates at random, around the best trainings, and from the best proxy scores.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.search.regions import WholeSpace
        >>> from ce_nas.space.darts import DartsSpace
        >>> space = DartsSpace()
        >>> sampler = CandidateSampler(space, np.random.default_rng(0))
        >>> trainings = [Observation(cell, (1.0, 1.0)) for cell in space.sample(np.random.default_rng(1), 3)]
        >>> len(sampler.sample(set(), WholeSpace(), trainings)) > 1000
        True

    :param space: the space to search.
    :param rng: the searcher's own generator.
    """

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        #: the best estimates from proxy scores
        self._scored: dict[Architecture, Observation] = {}

    def tell(self, observations: Sequence[Observation]) -> None:
        """Keep the best estimates among the observations; trainings are an argument of :meth:`sample`."""
        self._scored.update((estimate.architecture, estimate) for estimate in observations if estimate.fidelity == 0.0)
        if len(self._scored) > _MAX_SCORED:
            estimates = list(self._scored.values())
            values = objective_values(estimates)
            values[np.isnan(values)] = 0.0  # an objective of which nothing is known ranks none
            best = argsort_rank_and_crowding(values)[:_MAX_SCORED]
            self._scored = {estimates[row].architecture: estimates[row] for row in best}

    def sample(
        self, exclude: Container[Architecture], region: Region, trainings: Sequence[Observation]
    ) -> list[Architecture]:
        """Sample candidates in the region that are not excluded.

        :param trainings: full trainings.
        """
        order = argsort_rank_and_crowding(objective_values(trainings))[:_PARENT_COUNT]
        best = [trainings[row].architecture for row in order]
        related = [*self._create_offspring(best), *self._sample_neighbours(best)]
        members = [architecture for architecture in related if self._space.contains(architecture)]
        new = deduplicate([*self._scored, *members], exclude)
        inside = compress(new, region.contains(new).tolist() if new else ())
        return list(dict.fromkeys([*sample_uniform(self._space, self._rng, _RANDOM_COUNT, exclude, region), *inside]))

    def _create_offspring(self, best: Sequence[Architecture]) -> list[Architecture]:
        """Mutated children of random pairs of the best."""
        parents = np.array(best)
        mothers, fathers = (parents[self._rng.integers(len(parents), size=_OFFSPRING_COUNT)] for _ in range(2))
        children = np.where(self._rng.random(mothers.shape) < 0.5, fathers, mothers)
        mutates = self._rng.random(children.shape) < _MEAN_MUTATIONS / children.shape[1]
        return self._space.architectures(self._space.mutate(children, mutates, self._rng))

    def _sample_neighbours(self, best: Sequence[Architecture]) -> list[Architecture]:
        """Random neighbours of the very best."""
        samples: list[Architecture] = []
        centres = best[:_NEIGHBOUR_CENTRE_COUNT]
        for centre in centres:
            neighbours = list(islice(self._space.neighbours(centre), _MAX_ENUMERATED_NEIGHBOURS))
            order = self._rng.permutation(len(neighbours))[: _NEIGHBOUR_COUNT // len(centres)]
            samples += [neighbours[row] for row in order.tolist()]
        return samples
