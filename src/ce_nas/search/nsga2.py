"""Evolutionary search: a steady-state NSGA-II with ask and tell in any batch size.

Sources
    [NSGA-II] Deb, Pratap, Agarwal, Meyarivan. A fast and elitist multiobjective genetic algorithm: NSGA-II.
    IEEE Trans. Evol. Comput. 6(2), 2002.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ce_nas.components.base import SearcherSettings
from ce_nas.components.quantities import Share  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import SEARCHERS
from ce_nas.core.errors import SettingsError
from ce_nas.pareto.sorting import argsort_rank_and_crowding
from ce_nas.search.observation_history import ObservationHistory, objective_values
from ce_nas.search.random import sample_uniform
from ce_nas.search.regions import RegionalSearcher, UnionContainer, WholeSpace, deduplicate

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["Nsga2Searcher"]

#: blocks of offspring before the parents' neighbours are tried
_MAX_OFFSPRING_ROUNDS = 6
#: parents whose neighbours are tried before random sampling
_MAX_NEIGHBOUR_PARENTS = 10


class Nsga2Settings(SearcherSettings):
    """Settings of the searcher nsga2."""

    population: int = Field(12, ge=2, description="Architectures that may be parents, drawn at random at first.")
    crossover: float = Field(0.9, ge=0, le=1, description="Probability that a child has two parents.")
    mutation: Share | None = Field(
        None, description="Probability that a variable of a child changes; unset: one change per child on average."
    )


@SEARCHERS.register("nsga2", Nsga2Settings)
class Nsga2Searcher(RegionalSearcher):
    """NSGA-II without generations: all observations compete for the population at every ask.

    The population is the best of all full trainings by front and crowding distance; parents win binary tournaments,
    children mix their variables and mutate [NSGA-II, section III]. Known children are replaced; where no offspring is
    new, the parents' neighbours are proposed, and after them random architectures.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.space.base import Space
        >>> space = Space("toy", ["a", "b", "c"], [[*"wxyz"]] * 3)
        >>> searcher = Nsga2Searcher(space, np.random.default_rng(0), population=4)
        >>> cells = searcher.ask(4, exclude=set())  # random
        >>> searcher.tell([Observation(cell, (float(sum(cell)), float(-cell[0]))) for cell in cells])
        >>> len(set(searcher.ask(2, exclude=set(cells))) - set(cells))
        2

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param population: the number of possible parents, and of random architectures at first.
    :param crossover: the probability that a child has two parents.
    :param mutation: the probability that a variable of a child changes; None for one change per child on average.
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
        self._history = ObservationHistory()

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        if len(self._history) < self._population:
            return sample_uniform(self._space, self._rng, n, exclude, WholeSpace())
        return self.ask_within(n, exclude, WholeSpace(self._history.observations))

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`; the parents are the region's own samples."""
        if len(region.samples) < 2:
            return sample_uniform(self._space, self._rng, n, exclude, region)
        parents = self._select_parents(region.samples)
        new = self._propose_offspring(n, exclude, region, parents)
        new += self._propose_neighbours(n - len(new), UnionContainer(exclude, set(new)), region, parents)
        return new + sample_uniform(self._space, self._rng, n - len(new), UnionContainer(exclude, set(new)), region)

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._history.add(observations)

    def _select_parents(self, samples: Sequence[Observation]) -> np.ndarray:
        """The population, best first, shape ``(up to population, variables)``."""
        rows = argsort_rank_and_crowding(objective_values(samples))[: self._population]
        return np.array([samples[row].architecture for row in rows])

    def _propose_offspring(
        self, n: int, exclude: Container[Architecture], region: Region, parents: np.ndarray
    ) -> list[Architecture]:
        new: dict[Architecture, None] = {}
        for _ in range(_MAX_OFFSPRING_ROUNDS if n else 0):
            children = deduplicate(self._space.architectures(self._create_offspring(parents, 4 * n)), exclude)
            new.update(dict.fromkeys(self._within_region(children, region)))
            if len(new) >= n:
                break
        return list(new)[:n]

    def _create_offspring(self, parents: np.ndarray, size: int) -> np.ndarray:
        """Children of tournament winners, shape ``(size, variables)``; some may be known, or outside the space."""
        mothers, fathers = (parents[self._tournament_winners(len(parents), size)] for _ in range(2))
        crosses = self._rng.random(size)[:, None] < self._crossover
        children = np.where(crosses & (self._rng.random(mothers.shape) < 0.5), fathers, mothers)
        mutates = self._rng.random(children.shape) < self._mutation
        return self._space.mutate(children, mutates, self._rng)

    def _tournament_winners(self, contenders: int, size: int) -> np.ndarray:
        """Winners of binary tournaments, shape ``(size,)``: the lower of two random indices, since 0 is the best."""
        return np.asarray(self._rng.integers(contenders, size=(2, size)).min(axis=0))

    def _propose_neighbours(
        self, n: int, exclude: Container[Architecture], region: Region, parents: np.ndarray
    ) -> list[Architecture]:
        """Neighbours of the best parents, in random order around each."""
        new: dict[Architecture, None] = {}
        for parent in self._space.architectures(parents[:_MAX_NEIGHBOUR_PARENTS]):
            if len(new) >= n:
                break
            neighbours = deduplicate(self._space.neighbours(parent), exclude)
            order = self._rng.permutation(len(neighbours)).tolist()
            new.update(dict.fromkeys(self._within_region([neighbours[row] for row in order], region)))
        return list(new)[:n]

    def _within_region(self, architectures: list[Architecture], region: Region) -> list[Architecture]:
        """The architectures inside the space and the region."""
        members = [architecture for architecture in architectures if self._space.contains(architecture)]
        return list(compress(members, region.contains(members).tolist())) if members else []
