"""CMA-ES: a normal distribution (and one of choices) that moves to where the front grows.

The distribution is that of CatCMA with margin, which holds real, whole and categorical variables at once [CatCMAwM].
What it minimises is a rank: whoever adds more to the hypervolume first, and behind the front whoever fewer dominate
[LaMOO, section 3.3; UHVI].

Sources
    [CatCMAwM] Hamano et al. CatCMA with Margin: Stochastic Optimization for Continuous, Integer, and Categorical
    Variables. GECCO 2025.
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
    [UHVI] Touré, Hansen, Auger, Brockhoff. Uncrowded Hypervolume Improvement: COMO-CMA-ES and the Sofomore Framework.
    GECCO 2019.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.hypervolume import own_gains
from ce_nas.search.archive import Archive, values_of
from ce_nas.search.random import draw
from ce_nas.search.regions import AnyOf, RegionalSearcher, WholeSpace
from ce_nas.space.distributions import Categorical, Integer
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from cmaes import CatCMAwM

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space
    from ce_nas.space.distributions import Domain

__all__ = ["CmaSearcher", "ranking"]

#: whole numbers with up to so many values are stepped through; wider ones are rounded real numbers
_STEPPED = 64
#: rounds of draws, so many of them in a row without anything new, and the fewest draws a round, before a distribution
#: is given up
_ROUNDS, _BARREN, _DRAWS = 40, 8, 5
#: distributions started for one request before the rest is drawn at random
_STARTS = 3
#: how sure a fresh distribution is of its centre's choices
_TRUST = 0.5
#: objectives from which on a front is a surface
_SURFACE = 3
#: a generation no wider than this share of any variable's range ends its run: on a front that is a curve it is one
#: point by then; a surface takes so many points that short runs about many of them find more
_CONVERGED, _CONVERGED_ON_SURFACES = 1.5e-2, 0.85
#: a run starts as wide as this share of the standard deviation of the region's samples, but no narrower than the second
_OF_SAMPLES, _NARROWEST = 0.25, 0.02


class CmaSearcher(RegionalSearcher):
    """CMA-ES for several objectives, asked and told in any batch size, for any space.

    One distribution is at work at a time. It starts at a point of the front (of the region's, if there is one), and
    leaves for another start once it has converged, or once a new region no longer holds its centre. For two objectives
    it starts the narrower the closer together the region's samples lie, and goes on to a point; for more its runs are
    wide and short. Solutions outside the region are drawn again; where a distribution finds nothing new, what is
    missing is drawn at random.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param startup: full trainings before the first distribution; random until then.
    :param population: solutions to a generation; None for 4 + 3 ln(variables).
    :param spread: the largest standard deviation at the start, as a share of each variable's range.
    """

    name = "cma"

    def __init__(  # noqa: PLR0913 - a space, a stream, a reference, and three settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        startup: int = 10,
        population: int | None = None,
        spread: float = 0.3,
    ) -> None:
        if startup < 1 or (population is not None and population < 4) or not 0 < spread <= 1:
            message = (
                "Expected a startup of at least 1, a population of at least 4 and a spread above 0 up to 1, got "
                f"startup={startup}, population={population} and spread={spread}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._startup = startup
        self._population = population
        self._spread = spread
        self._narrowest = _CONVERGED if len(self._reference) < _SURFACE else _CONVERGED_ON_SURFACES
        self._patient = len(self._reference) < _SURFACE
        self._coding = _Coding(space)
        self._archive = Archive()
        self._known: dict[Architecture, Observation] = {}
        self._run: _Run | None = None
        self._gave_up = False

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace(self._archive.observations))

    @property
    def busy(self) -> bool:
        """See :meth:`RegionalSearcher.busy`: while a distribution goes on that was not begun for want of room."""
        return self._patient and self._run is not None and not (self._run.converged or self._gave_up)

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        found: dict[Architecture, None] = {}
        if len(self._archive) >= self._startup and region.samples and self._coding.moves:
            for start in range(_STARTS):
                self._gave_up = start > 0
                run = self._running(region)
                found.update(dict.fromkeys(self._fresh(run, n - len(found), AnyOf(exclude, found), region)))
                if len(found) >= n:
                    return list(found)
                self._run = None
        return [*found, *draw(self._space, self._rng, n - len(found), AnyOf(exclude, found), region)]

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        told = self._archive.add(observations)
        self._known.update((observation.architecture, observation) for observation in told)
        if self._run:
            for observation in told:
                self._run.take(observation)
            self._run.evolve(self._ranks)

    def _running(self, region: Region) -> _Run:
        """The distribution at work, or a new one where that has ended or its centre lies outside the region."""
        if self._run is None or self._run.converged or not region.contains([self._run.centre])[0]:
            self._run = self._started(region)
        return self._run

    def _started(self, region: Region) -> _Run:
        """A distribution around one of the region's best, or anywhere while nothing betters the reference.

        Then the best may lie in a dead end, and where many samples lie says nothing.
        """
        known = values_of(self._archive.observations)
        spread = self._spread
        if (known < self._reference).all(axis=1).any():
            samples = region.samples
            centre = samples[self._best_place(values_of(samples), known)].architecture
            if self._patient:
                spread = min(self._coding.deviation([sample.architecture for sample in samples]), spread)
        else:
            centre = (draw(self._space, self._rng, 1, (), region) or [region.samples[0].architecture])[0]
        seed = int(self._rng.integers(2**31))
        return _Run(self._coding, centre, spread, self._population, narrowest=self._narrowest, seed=seed)

    def _best_place(self, values: np.ndarray, known: np.ndarray) -> int:
        """Chosen with a chance in proportion to what each alone adds; behind the front the better of two at random."""
        adds = own_gains(values, known, self._reference)
        if adds.sum() > 0:
            return int(self._rng.choice(len(adds), p=adds / adds.sum()))
        order = np.argsort(ranking(values, known, self._reference))
        return int(order[self._rng.integers(len(order), size=2).min()])

    def _fresh(self, run: _Run, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """Up to ``n`` architectures of the distribution that are new and in the region.

        One that is known already is no proposal, but its values count in the generation as if it had been tried again.
        """
        found: dict[Architecture, None] = {}
        barren = 0
        for _ in range(_ROUNDS):
            if len(found) >= n or barren >= _BARREN:
                break
            before = len(found)
            self._draw_into(found, n, run, exclude, region)
            barren = barren + 1 if len(found) == before else 0
            run.evolve(self._ranks)
        return list(found)

    def _draw_into(
        self, found: dict[Architecture, None], n: int, run: _Run, exclude: Container[Architecture], region: Region
    ) -> None:
        """One round of draws: what is new joins ``found``, up to ``n``."""
        drawn = [run.draw() for _ in range(max(n - len(found), _DRAWS))]
        inside = region.contains([architecture for _, architecture in drawn]).tolist()
        for (solution, architecture), within in zip(drawn, inside, strict=True):
            if not within or len(found) >= n or not self._space.contains(architecture):
                continue
            if known := self._known.get(architecture):
                run.expect(solution, architecture)
                run.take(known)
            elif architecture not in found and architecture not in exclude:
                run.expect(solution, architecture)
                found[architecture] = None

    def _ranks(self, values: np.ndarray) -> np.ndarray:
        return ranking(values, values_of(self._archive.observations), self._reference)


def ranking(values: np.ndarray, known: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The place of each of ``values`` among themselves, shape ``(n,)``, 0 the best; equal ones keep their order.

    What is worse than the reference comes last, the farther the later; before it goes by how many dominate a point, and
    on the front by what it alone adds to the hypervolume.

    :param values: minimised, shape ``(n, m)``.
    :param known: all that has been found, ``values`` among it, shape ``(k, m)``.
    :param reference: reference point of the hypervolume, shape ``(m,)``.
    """
    finite = known[np.isfinite(known).all(axis=1)]
    scale = np.ptp(finite, axis=0) if len(finite) else np.ones(len(reference))
    excess = (np.maximum(values - reference, 0.0) / np.where(scale > 0, scale, 1.0)).sum(axis=1)
    dominated = np.array([_dominating(known, point) for point in values])
    places = np.empty(len(values))
    places[np.lexsort((-own_gains(values, known, reference), dominated, excess))] = np.arange(len(values))
    return places


def _dominating(known: np.ndarray, point: np.ndarray) -> int:
    return int(np.count_nonzero((known <= point).all(axis=1) & (known < point).any(axis=1)))


class _Coding:
    """How a space's variables are laid out among the real, stepped and categorical ones of the distribution."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._domains: tuple[Domain, ...] = (
            space.domains if isinstance(space, MixedSpace) else tuple(map(Categorical, space.choices))
        )
        kinds = [_kind(domain) for domain in self._domains]
        #: places of the variables of each kind
        self.real, self.stepped, self.named = (
            [place for place, kind in enumerate(kinds) if kind == wanted] for wanted in ("real", "stepped", "named")
        )

    def encode(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The space's own encoding, shape ``(n, columns)``."""
        return self._space.encode(architectures)

    def deviation(self, architectures: Sequence[Architecture]) -> float:
        """How wide a run among such architectures starts, as a share of the ranges; the widest without numbers."""
        if not self.real and not self.stepped:
            return 1.0
        units = np.array([self.units(architecture) for architecture in architectures])
        return max(_OF_SAMPLES * float(units.std(axis=0).mean()), _NARROWEST)

    @property
    def moves(self) -> int:
        """How many variables have more than one value."""
        return len(self.real) + len(self.stepped) + len(self.named)

    def steps(self) -> list[np.ndarray]:
        """For each stepped variable, the places of its values in the unit interval."""
        domains = [self._domains[place] for place in self.stepped]
        return [domain.encode(np.arange(domain.low, domain.high + 1))[:, 0] for domain in domains]  # type: ignore[union-attr]

    def counts(self) -> list[int]:
        """For each categorical variable, how many choices it has."""
        return [int(self._domains[place].size) for place in self.named]

    def units(self, architecture: Architecture) -> np.ndarray:
        """The numbers of an architecture in the unit interval, the real before the stepped."""
        places = [*self.real, *self.stepped]
        return np.array([self._domains[place].encode(np.array([architecture[place]]))[0, 0] for place in places])

    def choices(self, architecture: Architecture) -> list[int]:
        """The places of the choices that an architecture makes."""
        return [int(architecture[place]) for place in self.named]

    def architecture(self, numbers: np.ndarray, choices: Sequence[int]) -> Architecture:
        """The architecture with these numbers in the unit interval, and these choices; the inverse of the two above."""
        row = np.array([domain.low if isinstance(domain, Integer) else 0.0 for domain in self._domains])
        for place, unit in zip([*self.real, *self.stepped], numbers, strict=True):
            row[place] = self._domains[place].decode(np.array([[unit]]))[0]
        row[self.named] = choices
        return self._space.architectures(row[None] if isinstance(self._space, MixedSpace) else row[None].astype(int))[0]


def _kind(domain: Domain) -> str:
    if domain.size == 1:
        return "fixed"
    if isinstance(domain, Categorical):
        return "named"
    return "stepped" if isinstance(domain, Integer) and domain.size <= _STEPPED else "real"


class _Run:
    """A distribution, what was drawn of it and what came of that."""

    def __init__(  # noqa: PLR0913 - where it starts, how, and when it ends
        self,
        coding: _Coding,
        centre: Architecture,
        spread: float,
        population: int | None,
        *,
        narrowest: float,
        seed: int,
    ) -> None:
        from cmaes import CatCMAwM

        self._coding = coding
        self._narrowest = narrowest
        numbers = len(coding.real) + len(coding.stepped)
        counts = coding.counts()
        self._cma = CatCMAwM(
            x_space=[[0.0, 1.0]] * len(coding.real) or None,
            z_space=coding.steps() or None,
            c_space=counts or None,
            population_size=population,
            mean=coding.units(centre) if numbers else None,
            sigma=spread,
            cov=np.eye(numbers) if numbers else None,
            cat_param=_leaning(counts, coding.choices(centre)) if counts else None,
            seed=seed,
        )
        #: where the distribution is taken to be: its start, later the best of its last generation
        self.centre = centre
        #: whether its last generation was too narrow to go on
        self.converged = False
        self._waiting: dict[Architecture, deque[CatCMAwM.Solution]] = {}
        self._told: deque[tuple[CatCMAwM.Solution, Observation]] = deque()

    def draw(self) -> tuple[CatCMAwM.Solution, Architecture]:
        """One more solution, and the architecture it stands for."""
        solution = self._cma.ask()
        parts = [part for part in (solution.x, solution.z) if part is not None]
        choices = [] if solution.c is None else solution.c.argmax(axis=1).tolist()
        return solution, self._coding.architecture(np.concatenate(parts) if parts else np.empty(0), choices)

    def expect(self, solution: CatCMAwM.Solution, architecture: Architecture) -> None:
        """Remember that a solution was proposed."""
        self._waiting.setdefault(architecture, deque(maxlen=1)).append(solution)

    def take(self, observation: Observation) -> None:
        """What came of a solution; of others nothing is learned."""
        if waiting := self._waiting.pop(observation.architecture, None):
            self._told.append((waiting.popleft(), observation))

    def evolve(self, rank: Callable[[np.ndarray], np.ndarray]) -> None:
        """Let every full generation move the distribution; ``rank`` gives the places of its values, 0 the best."""
        size = self._cma.population_size
        while len(self._told) >= size:
            solutions, observations = zip(*(self._told.popleft() for _ in range(size)), strict=True)
            places = rank(values_of(observations))
            with np.errstate(all="ignore"):  # the margin of a converged variable divides by zero, and is clipped
                self._cma.tell(list(zip(solutions, places.tolist(), strict=True)))
            self.centre = observations[int(places.argmin())].architecture
            width = np.ptp(self._coding.encode([one.architecture for one in observations]), axis=0)
            self.converged = bool(width.max() < self._narrowest)


def _leaning(counts: Sequence[int], choices: Sequence[int]) -> np.ndarray:
    """Probabilities of choices that lean towards the given ones, shape ``(variables, largest count)``, zero-padded."""
    chances = np.zeros((len(counts), max(counts)))
    for row, (count, choice) in enumerate(zip(counts, choices, strict=True)):
        chances[row, :count] = (1.0 - _TRUST) / count
        chances[row, choice] += _TRUST
    return chances
