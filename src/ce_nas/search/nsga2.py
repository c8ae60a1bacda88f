"""Evolution: the steady-state NSGA-II, for asking and telling in any batch size.

Sources
    [NSGA-II] Deb, Pratap, Agarwal, Meyarivan. A fast and elitist multiobjective genetic algorithm: NSGA-II.
    IEEE Trans. Evol. Comput. 6(2), 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import Archive, values_of
from ce_nas.search.random import draw
from ce_nas.search.regions import AnyOf, RegionalSearcher, WholeSpace, distinct

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["Nsga2Searcher"]

#: blocks of children bred before the parents' neighbours are tried
_BROODS = 6
#: parents whose neighbours are tried before proposals are drawn at random
_NEIGHBOURHOODS = 10


class Nsga2Searcher(RegionalSearcher):
    """NSGA-II without generations: whatever was told competes for the population at every ask.

    The population is the best of all full trainings by front and crowding distance; parents win binary tournaments,
    children mix their variables and mutate [NSGA-II, section III]. A child that is known already is bred again; where
    breeding finds nothing new, the parents' neighbours are proposed, and after them architectures at random.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param population: how many architectures may be parents; as many are drawn at random to begin with.
    :param crossover: the probability that a child has two parents.
    :param mutation: the probability that a variable of a child changes; None for one change a child on average.
    """

    name = "nsga2"

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        population: int = 12,
        crossover: float = 0.9,
        mutation: float | None = None,
    ) -> None:
        if population < 2 or not 0 <= crossover <= 1 or (mutation is not None and not 0 <= mutation <= 1):
            message = (
                "Expected a population of at least 2 and probabilities of crossover and mutation from 0 to 1, "
                f"got {population}, {crossover} and {mutation}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._population = population
        self._crossover = crossover
        self._mutation = 1.0 / len(space.variables) if mutation is None else mutation
        self._archive = Archive()

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        if len(self._archive) < self._population:
            return draw(self._space, self._rng, n, exclude, WholeSpace())
        return self.ask_within(n, exclude, WholeSpace(self._archive.observations))

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`; the parents are the region's own samples."""
        if len(region.samples) < 2:
            return draw(self._space, self._rng, n, exclude, region)
        parents = self._parents(region.samples)
        found = self._bred(n, exclude, region, parents)
        found += self._nearby(n - len(found), AnyOf(exclude, set(found)), region, parents)
        return found + draw(self._space, self._rng, n - len(found), AnyOf(exclude, set(found)), region)

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._archive.add(observations)

    def _parents(self, samples: Sequence[Observation]) -> np.ndarray:
        """The population, best first, shape ``(up to population, variables)``."""
        rows = best_first(values_of(samples))[: self._population]
        return np.array([samples[row].architecture for row in rows])

    def _bred(
        self, n: int, exclude: Container[Architecture], region: Region, parents: np.ndarray
    ) -> list[Architecture]:
        found: dict[Architecture, None] = {}
        for _ in range(_BROODS if n else 0):
            children = distinct(self._space.architectures(self._brood(parents, 4 * n)), exclude)
            found.update(dict.fromkeys(self._fitting(children, region)))
            if len(found) >= n:
                break
        return list(found)[:n]

    def _brood(self, parents: np.ndarray, size: int) -> np.ndarray:
        """Children of tournament winners, shape ``(size, variables)``; some may be known, or lie outside the space."""
        mothers, fathers = (parents[self._winners(len(parents), size)] for _ in range(2))
        mixed = self._rng.random(size)[:, None] < self._crossover
        children = np.where(mixed & (self._rng.random(mothers.shape) < 0.5), fathers, mothers)
        mutates = self._rng.random(children.shape) < self._mutation
        return self._space.mutated(children, mutates, self._rng)

    def _winners(self, contenders: int, size: int) -> np.ndarray:
        """The better of two at a time; the parents stand best first."""
        return np.asarray(self._rng.integers(contenders, size=(2, size)).min(axis=0))

    def _nearby(
        self, n: int, exclude: Container[Architecture], region: Region, parents: np.ndarray
    ) -> list[Architecture]:
        """Neighbours of the best parents, in random order around each."""
        found: dict[Architecture, None] = {}
        for parent in self._space.architectures(parents[:_NEIGHBOURHOODS]):
            if len(found) >= n:
                break
            near = distinct(self._space.neighbours(parent), exclude)
            order = self._rng.permutation(len(near)).tolist()
            found.update(dict.fromkeys(self._fitting([near[place] for place in order], region)))
        return list(found)[:n]

    def _fitting(self, architectures: list[Architecture], region: Region) -> list[Architecture]:
        """Those that the space and the region hold."""
        members = [architecture for architecture in architectures if self._space.contains(architecture)]
        if not members:
            return []
        inside = region.contains(members).tolist()
        return [architecture for architecture, yes in zip(members, inside, strict=True) if yes]
