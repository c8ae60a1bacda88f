"""Bayesian optimisation of any space: an acquisition function rates candidates, and the best are optimised locally.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022: candidates are sampled
    from the region.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from itertools import compress
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.sorting import argsort_rank_and_crowding
from ce_nas.search.observation_history import ObservationHistory, PendingProposals, objective_values
from ce_nas.search.random import sample_uniform
from ce_nas.search.regions import RegionalSearcher, UnionContainer, WholeSpace, deduplicate
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ce_nas.components.base import SearcherSettings
    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.base import SearchContext
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["AcquisitionFunction", "BayesianSearcher"]

#: objectives beyond this mark failures or constraint violations, and are not modelled
_MAX_MODELLED_VALUE = 1e50
#: limits of a local optimisation of the acquisition function
_LOCAL_SEARCH_OPTIONS = {"maxiter": 30, "maxfun": 60}
#: shares of the way from a start to its local optimum that are tried until the point lies inside the region
_BACKTRACKING_STEPS = (1.0, 0.5, 0.25, 0.1)


class AcquisitionFunction(Protocol):
    """The utility of a training as a function of an architecture's encoding; larger is better."""

    def values(self, points: np.ndarray) -> np.ndarray:
        """The utility of each row of ``points``, shape ``(k, columns)``; shape ``(k,)``."""

    def value_and_grad(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The utility of ``point``, shape ``(columns,)``, and its gradient."""

    def condition_on(self, point: np.ndarray) -> AcquisitionFunction:
        """The acquisition function with ``point``, shape ``(columns,)``, pending."""


class BayesianSearcher(RegionalSearcher, ABC):
    """Proposes the candidates of the region with the highest acquisition values.

    Candidates are sampled randomly in the region, and around the front; where variables are real, the best are
    optimised locally. A batch is selected greedily, with its earlier points and the running trainings pending.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param startup: full trainings before the first model; random sampling until then.
    :param candidates: candidates sampled for a batch, half of them around the front.
    :param n_restarts: local optimisations for each point of a batch; 0 for none.
    :param max_model_samples: the most full trainings that are modelled, the best.
    """

    def __init__(  # noqa: PLR0913 - what every searcher needs, and keyword settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        startup: int = 10,
        candidates: int = 512,
        n_restarts: int = 4,
        max_model_samples: int = 250,
    ) -> None:
        if startup < 1 or min(candidates, max_model_samples) < 2 or n_restarts < 0:
            message = (
                "Expected a startup of at least 1, candidates and max_model_samples of at least 2 and n_restarts of at "
                f"least 0, got startup={startup}, candidates={candidates}, max_model_samples={max_model_samples} and "
                f"n_restarts={n_restarts}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._startup = startup
        self._candidates = candidates
        self._continuous = _continuous_columns(space)
        self._n_restarts = n_restarts if self._continuous.any() else 0
        self._max_model_samples = max_model_samples
        self._history = ObservationHistory()
        self._pending = PendingProposals()

    @abstractmethod
    def _build_acquisition(self, features: np.ndarray, values: np.ndarray) -> AcquisitionFunction:
        """Fit models to trainings: their encodings ``(n, columns)``, and objectives ``(n, m)``, minimised."""

    @classmethod
    def from_settings(cls, settings: SearcherSettings, context: SearchContext) -> Self:
        """See :meth:`Searcher.from_settings`."""
        rng = context.random_stream(settings.name)
        return cls(context.space, rng, context.reference, **settings.options())

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace(self._history.observations))

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        samples = [
            sample for sample in self._history.observations if (np.abs(sample.values) < _MAX_MODELLED_VALUE).all()
        ]
        batch: list[Architecture] = []
        if n and len(samples) >= self._startup and (pool := self._candidate_pool(samples, exclude, region)):
            with self._acquisition_context():
                batch = self._select_batch(n, samples, pool, exclude, region)
        batch += sample_uniform(self._space, self._rng, n - len(batch), UnionContainer(exclude, set(batch)), region)
        self._pending.add(batch)
        return batch

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._history.add(observations)
        self._pending.discard_observed(observations)

    @contextmanager
    def _acquisition_context(self) -> Iterator[None]:
        """Context in which acquisition functions are built and evaluated."""
        yield

    def _candidate_pool(
        self, samples: Sequence[Observation], exclude: Container[Architecture], region: Region
    ) -> list[Architecture]:
        """New candidates in the region: random samples, and mutations of the front's architectures."""
        in_region = {sample.architecture for sample in region.samples}
        mutated = self._mutate_front([sample for sample in samples if sample.architecture in in_region] or samples)
        near = [candidate for candidate in deduplicate(mutated, exclude) if self._space.contains(candidate)]
        near = list(compress(near, region.contains(near).tolist())) if near else []
        n_random = self._candidates - len(near)
        return sample_uniform(self._space, self._rng, n_random, UnionContainer(exclude, set(near)), region) + near

    def _mutate_front(self, samples: Sequence[Observation]) -> list[Architecture]:
        """Mutated copies of the front's architectures, half as many as candidates."""
        front = np.array(
            [samples[row].architecture for row in np.flatnonzero(is_nondominated(objective_values(samples))).tolist()]
        )
        rows = front[self._rng.integers(len(front), size=self._candidates // 2)]
        mutates = self._rng.random(rows.shape) < max(1.0 / rows.shape[1], 0.3)
        return self._space.architectures(self._space.mutate(rows, mutates, self._rng))

    def _select_batch(
        self,
        n: int,
        samples: Sequence[Observation],
        pool: list[Architecture],
        exclude: Container[Architecture],
        region: Region,
    ) -> list[Architecture]:
        modelled = [
            samples[row]
            for row in argsort_rank_and_crowding(objective_values(samples))[: self._max_model_samples].tolist()
        ]
        encoded = self._space.encode([sample.architecture for sample in modelled])
        acquisition = self._build_acquisition(encoded, objective_values(modelled))
        if pending := self._pending.retain_accepted(exclude):
            for point in self._space.encode(pending):
                acquisition = acquisition.condition_on(point)
        features = self._space.encode(pool)
        batch: list[Architecture] = []
        for _ in range(min(n, len(pool))):
            if batch:
                acquisition = acquisition.condition_on(self._space.encode(batch[-1:])[0])
            best = self._best_candidate(acquisition, pool, features, UnionContainer(exclude, batch), region)
            batch.append(best)
            remains = np.array([candidate != best for candidate in pool])
            pool, features = [candidate for candidate in pool if candidate != best], features[remains]
        return batch

    def _best_candidate(
        self,
        acquisition: AcquisitionFunction,
        pool: list[Architecture],
        features: np.ndarray,
        exclude: Container[Architecture],
        region: Region,
    ) -> Architecture:
        """The candidate of the highest acquisition value, local optima from the best candidates included."""
        values = acquisition.values(features)
        order = np.argsort(-values, kind="stable")
        best = pool[int(order[0])]
        if not self._n_restarts:
            return best
        optima = self._local_optima(acquisition, features[order[: self._n_restarts]], exclude, region)
        if optima and (optimal := acquisition.values(self._space.encode(optima))).max() > values.max():
            return optima[int(optimal.argmax())]
        return best

    def _local_optima(
        self, acquisition: AcquisitionFunction, starts: np.ndarray, exclude: Container[Architecture], region: Region
    ) -> list[Architecture]:
        """Local optima from ``starts``, each moved back towards its start until it lies in the region."""
        optima: list[Architecture] = []
        for start in starts:
            end = _maximise_locally(acquisition, start, self._continuous)
            path = self._decode(np.array([start + share * (end - start) for share in _BACKTRACKING_STEPS]))
            inside = compress(path, region.contains(path).tolist())
            optima += [architecture for architecture in inside if architecture not in exclude][:1]
        return optima

    def _decode(self, units: np.ndarray) -> list[Architecture]:
        if not isinstance(self._space, MixedSpace):
            raise TypeError  # only spaces with real variables are optimised locally
        return self._space.decode(units)


def _maximise_locally(acquisition: AcquisitionFunction, start: np.ndarray, continuous: np.ndarray) -> np.ndarray:
    """Optimise the real columns from ``start`` by gradient, within the unit cube; shape ``(columns,)``."""
    from scipy.optimize import minimize

    point = start.copy()

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        point[continuous] = numbers
        value, gradient = acquisition.value_and_grad(point)
        return -value, -gradient[continuous]

    solution = minimize(
        loss,
        start[continuous],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * int(continuous.sum()),
        options=_LOCAL_SEARCH_OPTIONS,
    )
    point[continuous] = solution.x
    return point


def _continuous_columns(space: Space) -> np.ndarray:
    """Which columns of the encoding belong to real variables, shape ``(columns,)``."""
    if not isinstance(space, MixedSpace):
        return np.zeros(1, dtype=bool)
    kinds = [isinstance(domain, Float) for domain in space.domains]
    return np.repeat(kinds, space.widths)
