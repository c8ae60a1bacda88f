"""Multi-objective CMA-ES over continuous, integer and categorical variables.

The distribution is that of CatCMA with margin [CatCMAwM]. It minimises a rank: by hypervolume contribution on the
front, and by the number of dominating points behind it [LaMOO, section 3.3; UHVI].

Sources
    [CatCMAwM] Hamano et al. CatCMA with Margin: Stochastic Optimization for Continuous, Integer, and Categorical
    Variables. GECCO 2025.
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
    [UHVI] Touré, Hansen, Auger, Brockhoff. Uncrowded Hypervolume Improvement: COMO-CMA-ES and the Sofomore Framework.
    GECCO 2019.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

import numpy as np

from ce_nas.components.registry import SEARCHERS
from ce_nas.core.errors import SettingsError
from ce_nas.pareto.hypervolume import hypervolume_contributions
from ce_nas.search.observation_history import ObservationHistory, objective_values
from ce_nas.search.random import sample_uniform
from ce_nas.search.regions import RegionalSearcher, UnionContainer, WholeSpace
from ce_nas.space.distributions import Categorical, Float, Integer
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from cmaes import CatCMAwM

    from ce_nas.components.base import SearcherSettings
    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.base import SearchContext
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space
    from ce_nas.space.distributions import Domain

__all__ = ["CmaSearcher", "rank_by_hypervolume_contribution"]

#: integers with up to this many values are discrete variables; wider ones are rounded continuous variables
_MAX_DISCRETE_VALUES = 64
#: a run is abandoned after this many rounds of draws, or this many in a row without a new architecture; fewest draws
#: per round
_MAX_DRAW_ROUNDS, _MAX_FAILED_ROUNDS, _MIN_DRAWS_PER_ROUND = 40, 8, 5
#: runs started in one ask before the rest is sampled randomly
_MAX_STARTS_PER_ASK = 3
#: initial probability mass on the centre's choices
_CENTRE_CHOICE_WEIGHT = 0.5
#: number of objectives from which the front is a surface
_MIN_SURFACE_OBJECTIVES = 3
#: a run converges once a generation is narrower than this share of every variable's range: for a front that is a curve
#: it is a single point by then; a surface needs more points, so that short runs around many of them find more
_CONVERGED_WIDTH, _CONVERGED_WIDTH_SURFACE = 1.5e-2, 0.85
#: initial sigma as a share of the standard deviation of the region's samples, and its minimum
_SIGMA_SAMPLE_SHARE, _MIN_SIGMA = 0.25, 0.02


@SEARCHERS.register("cma")
class CmaSearcher(RegionalSearcher):
    """CMA-ES for several objectives, with ask and tell in any batch size, for any space.

    One run is active at a time. It starts at a point of the front of the region, and is replaced once it has converged,
    or once a new region excludes its centre. With two objectives its initial sigma follows the spread of the region's
    samples, and it converges to a point; with more, runs are wide and short. Solutions outside the region are redrawn;
    where runs find nothing new, the rest is sampled randomly.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.space.distributions import Float
        >>> from ce_nas.space.mixed import MixedSpace
        >>> space = MixedSpace("plane", {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
        >>> searcher = CmaSearcher(space, np.random.default_rng(0), reference=(2.0, 2.0))
        >>> points = searcher.ask(10, exclude=set())  # random
        >>> searcher.tell([Observation((x, y), (x**2 + y**2, (x - 1.0) ** 2 + y**2)) for x, y in points])
        >>> len(searcher.ask(4, exclude=set(points)))
        4

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param startup: full trainings before the first run; random sampling until then.
    :param population: solutions per generation; None for 4 + 3 ln(variables).
    :param max_sigma: the largest initial standard deviation, as a share of each variable's range.
    """

    name = "cma"

    def __init__(  # noqa: PLR0913 - what every searcher needs, and keyword settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        startup: int = 10,
        population: int | None = None,
        max_sigma: float = 0.3,
    ) -> None:
        if startup < 1 or (population is not None and population < 4) or not 0 < max_sigma <= 1:
            message = (
                "Expected a startup of at least 1, a population of at least 4 and a max_sigma above 0 up to 1, got "
                f"startup={startup}, population={population} and max_sigma={max_sigma}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._startup = startup
        self._population = population
        self._max_sigma = max_sigma
        self._converged_width = (
            _CONVERGED_WIDTH if len(self._reference) < _MIN_SURFACE_OBJECTIVES else _CONVERGED_WIDTH_SURFACE
        )
        self._runs_to_convergence = len(self._reference) < _MIN_SURFACE_OBJECTIVES
        self._encoder = _SpaceEncoder(space)
        self._history = ObservationHistory()
        self._observation_of: dict[Architecture, Observation] = {}
        self._run: _CmaRun | None = None
        self._restarted_without_proposals = False

    @classmethod
    def from_settings(cls, settings: SearcherSettings, context: SearchContext) -> Self:
        """See :meth:`Searcher.from_settings`."""
        rng = context.random_stream(settings.name)
        return cls(context.space, rng, context.reference, **settings.options())

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace(self._history.observations))

    @property
    def holds_region(self) -> bool:
        """See :meth:`RegionalSearcher.holds_region`: during a run, except one started because another was exhausted."""
        return (
            self._runs_to_convergence
            and self._run is not None
            and not (self._run.converged or self._restarted_without_proposals)
        )

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        new: dict[Architecture, None] = {}
        if len(self._history) >= self._startup and region.samples and self._encoder.free_variable_count:
            for start in range(_MAX_STARTS_PER_ASK):
                self._restarted_without_proposals = start > 0
                run = self._current_run(region)
                new.update(dict.fromkeys(self._propose_new(run, n - len(new), UnionContainer(exclude, new), region)))
                if len(new) >= n:
                    return list(new)
                self._run = None
        return [*new, *sample_uniform(self._space, self._rng, n - len(new), UnionContainer(exclude, new), region)]

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        trainings = self._history.add(observations)
        self._observation_of.update((observation.architecture, observation) for observation in trainings)
        if self._run:
            for observation in trainings:
                self._run.tell(observation)
            self._run.update_distribution(self._rank_values)

    def _current_run(self, region: Region) -> _CmaRun:
        """The active run, or a new one if it has converged or its centre lies outside the region."""
        if self._run is None or self._run.converged or not region.contains([self._run.centre])[0]:
            self._run = self._start_run(region)
        return self._run

    def _start_run(self, region: Region) -> _CmaRun:
        """Start a run at one of the region's best samples, or anywhere while no sample beats the reference.

        Until then the best may be a dead end, and the density of the samples is no information.
        """
        all_values = objective_values(self._history.observations)
        sigma = self._max_sigma
        if (all_values < self._reference).all(axis=1).any():
            samples = region.samples
            centre = samples[self._sample_start_index(objective_values(samples), all_values)].architecture
            if self._runs_to_convergence:
                sigma = min(self._encoder.sample_sigma([sample.architecture for sample in samples]), sigma)
        else:
            centre = (sample_uniform(self._space, self._rng, 1, (), region) or [region.samples[0].architecture])[0]
        seed = int(self._rng.integers(2**31))
        return _CmaRun(self._encoder, centre, sigma, self._population, converged_width=self._converged_width, seed=seed)

    def _sample_start_index(self, values: np.ndarray, all_values: np.ndarray) -> int:
        """Sample in proportion to the hypervolume contributions; without any, the better of two random samples."""
        contributions = hypervolume_contributions(values, all_values, self._reference)
        if contributions.sum() > 0:
            return int(self._rng.choice(len(contributions), p=contributions / contributions.sum()))
        order = np.argsort(rank_by_hypervolume_contribution(values, all_values, self._reference))
        return int(order[self._rng.integers(len(order), size=2).min()])

    def _propose_new(
        self, run: _CmaRun, n: int, exclude: Container[Architecture], region: Region
    ) -> list[Architecture]:
        """Draw up to ``n`` new architectures of the region from the distribution.

        A known architecture is not proposed, but its values count in the generation as if it had been evaluated again.
        """
        new: dict[Architecture, None] = {}
        n_failed = 0
        for _ in range(_MAX_DRAW_ROUNDS):
            if len(new) >= n or n_failed >= _MAX_FAILED_ROUNDS:
                break
            before = len(new)
            self._draw_round(new, n, run, exclude, region)
            n_failed = n_failed + 1 if len(new) == before else 0
            run.update_distribution(self._rank_values)
        return list(new)

    def _draw_round(
        self, new: dict[Architecture, None], n: int, run: _CmaRun, exclude: Container[Architecture], region: Region
    ) -> None:
        """One round of draws: adds new architectures to ``new``, up to ``n``."""
        draws = [run.draw() for _ in range(max(n - len(new), _MIN_DRAWS_PER_ROUND))]
        inside = region.contains([architecture for _, architecture in draws]).tolist()
        for (solution, architecture), is_inside in zip(draws, inside, strict=True):
            if not is_inside or len(new) >= n or not self._space.contains(architecture):
                continue
            if known := self._observation_of.get(architecture):
                run.register_proposal(solution, architecture)
                run.tell(known)
            elif architecture not in new and architecture not in exclude:
                run.register_proposal(solution, architecture)
                new[architecture] = None

    def _rank_values(self, values: np.ndarray) -> np.ndarray:
        return rank_by_hypervolume_contribution(values, objective_values(self._history.observations), self._reference)


def rank_by_hypervolume_contribution(values: np.ndarray, all_values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The rank of each of ``values`` among themselves, shape ``(n,)``, 0 the best; ties keep their order.

    Points beyond the reference come last, by their excess; the others are ordered by the number of dominating points,
    and on the front by hypervolume contribution.

    :param values: minimised, shape ``(n, m)``.
    :param all_values: all observed values, ``values`` among them, shape ``(k, m)``.
    :param reference: reference point of the hypervolume, shape ``(m,)``.
    """
    finite = all_values[np.isfinite(all_values).all(axis=1)]
    scale = np.ptp(finite, axis=0) if len(finite) else np.ones(len(reference))
    excess = (np.maximum(values - reference, 0.0) / np.where(scale > 0, scale, 1.0)).sum(axis=1)
    dominated = np.array([_count_dominating(all_values, point) for point in values])
    order = np.lexsort((-hypervolume_contributions(values, all_values, reference), dominated, excess))
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values))
    return ranks


def _count_dominating(all_values: np.ndarray, point: np.ndarray) -> int:
    return int(np.count_nonzero((all_values <= point).all(axis=1) & (all_values < point).any(axis=1)))


class _SpaceEncoder:
    """Maps the variables of a space to the continuous, discrete and categorical variables of the distribution."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._domains: tuple[Domain, ...] = (
            space.domains if isinstance(space, MixedSpace) else tuple(map(Categorical, space.choices))
        )
        kinds = [_variable_kind(domain) for domain in self._domains]
        #: indices of the variables of each kind
        self.continuous, self.discrete, self.categorical = (
            [variable for variable, kind in enumerate(kinds) if kind == of_kind]
            for of_kind in ("continuous", "discrete", "categorical")
        )

    def encode(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The space's own encoding, shape ``(n, columns)``."""
        return self._space.encode(architectures)

    def sample_sigma(self, architectures: Sequence[Architecture]) -> float:
        """The initial sigma among these architectures, as a share of the ranges; 1 without numeric variables."""
        if not self.continuous and not self.discrete:
            return 1.0
        units = np.array([self.unit_values(architecture) for architecture in architectures])
        return max(_SIGMA_SAMPLE_SHARE * float(units.std(axis=0).mean()), _MIN_SIGMA)

    @property
    def free_variable_count(self) -> int:
        """How many variables have more than one value."""
        return len(self.continuous) + len(self.discrete) + len(self.categorical)

    def discrete_values(self) -> list[np.ndarray]:
        """For each discrete variable, its values mapped to the unit interval."""
        domains = [self._domains[variable] for variable in self.discrete]
        return [domain.encode(np.array(domain.codes))[:, 0] for domain in domains]  # type: ignore[union-attr]

    def choice_counts(self) -> list[int]:
        """For each categorical variable, its number of choices."""
        return [int(self._domains[variable].size) for variable in self.categorical]

    def unit_values(self, architecture: Architecture) -> np.ndarray:
        """The numeric variables of an architecture in the unit interval, the continuous before the discrete."""
        numeric = [*self.continuous, *self.discrete]
        return np.array([self._domains[index].encode(np.array([architecture[index]]))[0, 0] for index in numeric])

    def choice_indices(self, architecture: Architecture) -> list[int]:
        """The choice of each categorical variable of an architecture."""
        return [int(architecture[variable]) for variable in self.categorical]

    def decode(self, unit_values: np.ndarray, choices: Sequence[int]) -> Architecture:
        """The architecture of these values in the unit interval and choices; the inverse of the two methods above."""
        row = np.array([domain.low if isinstance(domain, Integer) else 0.0 for domain in self._domains], dtype=float)
        for variable, unit in zip([*self.continuous, *self.discrete], unit_values, strict=True):
            row[variable] = self._domains[variable].decode(np.array([[unit]]))[0]
        row[self.categorical] = choices
        return self._space.architectures(row[None] if isinstance(self._space, MixedSpace) else row[None].astype(int))[0]


def _variable_kind(domain: Domain) -> str:
    if domain.size == 1:
        return "fixed"
    if isinstance(domain, Categorical):
        return "categorical"
    return "continuous" if isinstance(domain, Float) or domain.size > _MAX_DISCRETE_VALUES else "discrete"


class _CmaRun:
    """One run of CMA-ES: its distribution, pending solutions and evaluated solutions."""

    def __init__(  # noqa: PLR0913 - start and stop of the run
        self,
        encoder: _SpaceEncoder,
        centre: Architecture,
        sigma: float,
        population: int | None,
        *,
        converged_width: float,
        seed: int,
    ) -> None:
        from cmaes import CatCMAwM

        self._encoder = encoder
        self._converged_width = converged_width
        numbers = len(encoder.continuous) + len(encoder.discrete)
        counts = encoder.choice_counts()
        self._cma = CatCMAwM(
            x_space=[[0.0, 1.0]] * len(encoder.continuous) or None,
            z_space=encoder.discrete_values() or None,
            c_space=counts or None,
            population_size=population,
            mean=encoder.unit_values(centre) if numbers else None,
            sigma=sigma,
            cov=np.eye(numbers) if numbers else None,
            cat_param=_initial_probabilities(counts, encoder.choice_indices(centre)) if counts else None,
            seed=seed,
        )
        #: the start, later the best architecture of the last generation
        self.centre = centre
        #: whether the last generation was narrower than the convergence width
        self.converged = False
        self._pending_solutions: dict[Architecture, deque[CatCMAwM.Solution]] = {}
        self._evaluated: deque[tuple[CatCMAwM.Solution, Observation]] = deque()

    def draw(self) -> tuple[CatCMAwM.Solution, Architecture]:
        """Draw a solution, and the architecture it encodes."""
        solution = self._cma.ask()
        parts = [part for part in (solution.x, solution.z) if part is not None]
        choices = [] if solution.c is None else solution.c.argmax(axis=1).tolist()
        return solution, self._encoder.decode(np.concatenate(parts) if parts else np.empty(0), choices)

    def register_proposal(self, solution: CatCMAwM.Solution, architecture: Architecture) -> None:
        """Store the solution of a proposed architecture."""
        self._pending_solutions.setdefault(architecture, deque(maxlen=1)).append(solution)

    def tell(self, observation: Observation) -> None:
        """Record the observation of a pending solution; other observations are ignored."""
        if solutions := self._pending_solutions.pop(observation.architecture, None):
            self._evaluated.append((solutions.popleft(), observation))

    def update_distribution(self, rank: Callable[[np.ndarray], np.ndarray]) -> None:
        """Update the distribution with every complete generation; ``rank`` ranks its values, 0 the best."""
        size = self._cma.population_size
        while len(self._evaluated) >= size:
            solutions, observations = zip(*(self._evaluated.popleft() for _ in range(size)), strict=True)
            ranks = rank(objective_values(observations))
            with np.errstate(all="ignore"):  # the margin of a converged variable divides by zero, and is clipped
                self._cma.tell(list(zip(solutions, ranks.tolist(), strict=True)))
            self.centre = observations[int(ranks.argmin())].architecture
            width = np.ptp(self._encoder.encode([observation.architecture for observation in observations]), axis=0)
            self.converged = bool(width.max() < self._converged_width)


def _initial_probabilities(counts: Sequence[int], choices: Sequence[int]) -> np.ndarray:
    """Probabilities of choices, weighted towards the given ones, shape ``(variables, largest count)``, zero-padded."""
    probabilities = np.zeros((len(counts), max(counts)))
    for row, (count, choice) in enumerate(zip(counts, choices, strict=True)):
        probabilities[row, :count] = (1.0 - _CENTRE_CHOICE_WEIGHT) / count
        probabilities[row, choice] += _CENTRE_CHOICE_WEIGHT
    return probabilities
