"""Bayesian optimisation of any space: what promises most among candidates, of which the best climb on.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022: raw candidates are those
    of the region.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import Archive, Pending, values_of
from ce_nas.search.random import draw
from ce_nas.search.regions import AnyOf, RegionalSearcher, WholeSpace, distinct
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["BayesianSearcher", "Promise"]

#: objectives beyond this mark what failed, or broke a constraint, and are not modelled
_FAR = 1e50
#: bounds of a climb up the promise
_CLIMB = {"maxiter": 30, "maxfun": 60}
#: how far of the way from a start to the end of its climb is tried while the point lies outside the region
_WAY_BACK = (1.0, 0.5, 0.25, 0.1)


class Promise(Protocol):
    """How much a training promises, as a function of an architecture's encoding; larger is better."""

    def at(self, points: np.ndarray) -> np.ndarray:
        """The promise of each row of ``points``, shape ``(k, columns)``; shape ``(k,)``."""

    def with_slopes(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The promise of ``point``, shape ``(columns,)``, and how it changes with each column."""

    def given(self, point: np.ndarray) -> Promise:
        """The promise of what is trained beside ``point``, shape ``(columns,)``."""


class BayesianSearcher(RegionalSearcher, ABC):
    """Chooses the most promising of a set of candidates of the region; those climb on where variables are real.

    Candidates are drawn at random in the region, and around the front. A batch is chosen one after the other, each with
    those before it, and those under way, taken into account.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param startup: full trainings before the first model; random until then.
    :param candidates: how many candidates are drawn for a batch, half of them around the front.
    :param climbs: how many candidates climb for each place of a batch; 0 for none.
    :param most: so many full trainings, the best, are modelled.
    """

    def __init__(  # noqa: PLR0913 - a space, a stream, a reference, and four settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        startup: int = 10,
        candidates: int = 512,
        climbs: int = 4,
        most: int = 250,
    ) -> None:
        if startup < 1 or min(candidates, most) < 2 or climbs < 0:
            message = (
                "Expected a startup of at least 1, candidates and most of at least 2 and climbs of at least 0, got "
                f"startup={startup}, candidates={candidates}, most={most} and climbs={climbs}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._startup = startup
        self._candidates = candidates
        self._real = _real_columns(space)
        self._climbs = climbs if self._real.any() else 0
        self._most = most
        self._archive = Archive()
        self._pending = Pending()

    @abstractmethod
    def _promise(self, features: np.ndarray, values: np.ndarray) -> Promise:
        """What is promised given trainings: their encodings ``(n, columns)``, and objectives ``(n, m)``, minimised."""

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace(self._archive.observations))

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        samples = [one for one in self._archive.observations if (np.abs(one.values) < _FAR).all()]
        found: list[Architecture] = []
        if n and len(samples) >= self._startup and (pool := self._pool(samples, exclude, region)):
            with self._reckoning():
                found = self._chosen(n, samples, pool, exclude, region)
        found += draw(self._space, self._rng, n - len(found), AnyOf(exclude, set(found)), region)
        self._pending.add(found)
        return found

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._archive.add(observations)
        self._pending.tell(observations)

    @contextmanager
    def _reckoning(self) -> Iterator[None]:
        """Whatever must be so while promises are reckoned."""
        yield

    def _pool(
        self, samples: Sequence[Observation], exclude: Container[Architecture], region: Region
    ) -> list[Architecture]:
        """Candidates in the region that are not excluded: drawn at random, and changes of the front's architectures."""
        at_home = {sample.architecture for sample in region.samples}
        around = self._around([sample for sample in samples if sample.architecture in at_home] or samples)
        near = [one for one in distinct(around, exclude) if self._space.contains(one)]
        inside = region.contains(near).tolist() if near else []
        near = [one for one, yes in zip(near, inside, strict=True) if yes]
        return draw(self._space, self._rng, self._candidates - len(near), AnyOf(exclude, set(near)), region) + near

    def _around(self, samples: Sequence[Observation]) -> list[Architecture]:
        """Changed copies of the front's architectures, half as many as candidates are wanted."""
        front = np.array([samples[row].architecture for row in np.flatnonzero(is_front(values_of(samples))).tolist()])
        rows = front[self._rng.integers(len(front), size=self._candidates // 2)]
        mutates = self._rng.random(rows.shape) < max(1.0 / rows.shape[1], 0.3)
        return self._space.architectures(self._space.mutated(rows, mutates, self._rng))

    def _chosen(
        self,
        n: int,
        samples: Sequence[Observation],
        pool: list[Architecture],
        exclude: Container[Architecture],
        region: Region,
    ) -> list[Architecture]:
        modelled = [samples[row] for row in best_first(values_of(samples))[: self._most].tolist()]
        encoded = self._space.encode([one.architecture for one in modelled])
        promise = self._promise(encoded, values_of(modelled))
        if waiting := self._pending.taken(exclude):
            for point in self._space.encode(waiting):
                promise = promise.given(point)
        features = self._space.encode(pool)
        found: list[Architecture] = []
        for _ in range(min(n, len(pool))):
            if found:
                promise = promise.given(self._space.encode(found[-1:])[0])
            best = self._best(promise, pool, features, AnyOf(exclude, found), region)
            found.append(best)
            left = np.array([one != best for one in pool])
            pool, features = [one for one in pool if one != best], features[left]
        return found

    def _best(
        self,
        promise: Promise,
        pool: list[Architecture],
        features: np.ndarray,
        exclude: Container[Architecture],
        region: Region,
    ) -> Architecture:
        """The candidate that promises most, climbs of the most promising ones included."""
        ratings = promise.at(features)
        order = np.argsort(-ratings, kind="stable")
        best = pool[int(order[0])]
        if not self._climbs:
            return best
        ends = self._ends(promise, features[order[: self._climbs]], exclude, region)
        if ends and (reached := promise.at(self._space.encode(ends))).max() > ratings.max():
            return ends[int(reached.argmax())]
        return best

    def _ends(
        self, promise: Promise, starts: np.ndarray, exclude: Container[Architecture], region: Region
    ) -> list[Architecture]:
        """Where climbs from ``starts`` lead, each taken back towards its start until it lies in the region."""
        ends = []
        for start in starts:
            top = _climbed(promise, start, self._real)
            way = self._decoded(np.array([start + share * (top - start) for share in _WAY_BACK]))
            inside = region.contains(way).tolist()
            ends += [one for one, yes in zip(way, inside, strict=True) if yes and one not in exclude][:1]
        return ends

    def _decoded(self, units: np.ndarray) -> list[Architecture]:
        if not isinstance(self._space, MixedSpace):
            raise TypeError  # climbs are made in spaces with real variables alone
        return self._space.decode(units)


def _climbed(promise: Promise, start: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The end of a gradient climb from ``start`` in its real columns, shape ``(columns,)``, within the unit cube."""
    from scipy.optimize import minimize

    point = start.copy()

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        point[real] = numbers
        value, slopes = promise.with_slopes(point)
        return -value, -slopes[real]

    found = minimize(
        loss, start[real], jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * int(real.sum()), options=_CLIMB
    )
    point[real] = found.x
    return point


def _real_columns(space: Space) -> np.ndarray:
    """Which columns of the encoding belong to real variables, shape ``(columns,)``."""
    if not isinstance(space, MixedSpace):
        return np.zeros(1, dtype=bool)
    kinds = [isinstance(domain, Float) for domain in space.domains]
    return np.repeat(kinds, space.widths)
