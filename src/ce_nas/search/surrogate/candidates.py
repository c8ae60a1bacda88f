"""Which architectures of a space that cannot be listed a surrogate judges: drawn anew at every ask."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import values_of
from ce_nas.search.random import draw
from ce_nas.search.regions import distinct

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["Candidates"]

#: candidates drawn at random, bred from the best, and beside the very best
_DRAWN, _BRED, _NEIGHBOURS = 512, 768, 384
#: trainings that breed, and those whose neighbours are looked at
_PARENTS, _CENTRES = 24, 12
#: variables of a child that change, on average
_CHANGES = 1.5
#: architectures with a cheap score that are kept in mind, the best by front and crowding distance
_SCORED = 512


class Candidates:
    """Draws candidates at random, about the best trainings, and from what scored best.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    """

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        #: estimates of the best that were scored
        self._scored: dict[Architecture, Observation] = {}

    def tell(self, observations: Sequence[Observation]) -> None:
        """Take in what was found; estimates count here, trainings are handed to :meth:`drawn`."""
        self._scored.update((item.architecture, item) for item in observations if item.fidelity == 0.0)
        if len(self._scored) > _SCORED:
            items = list(self._scored.values())
            kept = best_first(values_of(items))[:_SCORED]
            self._scored = {items[row].architecture: items[row] for row in kept}

    def drawn(
        self, exclude: Container[Architecture], region: Region, trained: Sequence[Observation]
    ) -> list[Architecture]:
        """Candidates in the region that are not excluded.

        :param trained: full trainings.
        """
        best = [trained[row].architecture for row in best_first(values_of(trained))[:_PARENTS]]
        about = [item for item in [*self._bred(best), *self._near(best)] if self._space.contains(item)]
        fitting = distinct([*self._scored, *about], exclude)
        inside = region.contains(fitting).tolist() if fitting else []
        known = [item for item, yes in zip(fitting, inside, strict=True) if yes]
        return list(dict.fromkeys([*draw(self._space, self._rng, _DRAWN, exclude, region), *known]))

    def _bred(self, best: Sequence[Architecture]) -> list[Architecture]:
        """Children of two of the best each, with a change or two."""
        parents = np.array(best)
        mothers, fathers = (parents[self._rng.integers(len(parents), size=_BRED)] for _ in range(2))
        children = np.where(self._rng.random(mothers.shape) < 0.5, fathers, mothers)
        mutates = self._rng.random(children.shape) < _CHANGES / children.shape[1]
        return self._space.architectures(self._space.mutated(children, mutates, self._rng))

    def _near(self, best: Sequence[Architecture]) -> list[Architecture]:
        """Some neighbours of the very best."""
        found: list[Architecture] = []
        centres = best[:_CENTRES]
        for centre in centres:
            near = list(islice(self._space.neighbours(centre), 4096))
            order = self._rng.permutation(len(near))[: _NEIGHBOURS // len(centres)]
            found += [near[place] for place in order.tolist()]
        return found
