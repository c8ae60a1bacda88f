"""Surrogate search: models of the objectives choose what promises the largest gain in hypervolume."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.search.archive import Pending
from ce_nas.search.random import draw
from ce_nas.search.regions import AnyOf, RegionalSearcher, WholeSpace, distinct
from ce_nas.search.surrogate.candidates import Candidates
from ce_nas.search.surrogate.dataset import Knowledge
from ce_nas.search.surrogate.features import Description
from ce_nas.search.surrogate.posterior import Belief
from ce_nas.space.visited import LISTABLE

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.constraints import Costs
    from ce_nas.search.regions import Region
    from ce_nas.search.surrogate.gp import Kernel
    from ce_nas.space.base import Space

__all__ = ["SurrogateSearcher"]

#: trainings below which a model would know nothing
_FEWEST = 3
#: the models are learned anew once there are so many times as many trainings, or cheap findings
_GROWTH, _CHEAP_GROWTH = 1.2, 1.5
#: trainings from which on no more of them change what was learned of the kernels
_SETTLED = 300
#: proposals of one ask that take one another into account
_IMAGINED = 8
#: candidates of the largest gain among which they are chosen
_WEIGHED = 384
#: architectures of a space that cannot be listed, over whose costs the first proposals are spread
_LADDER = 768
#: members with a known cost of which one is drawn to begin with
_WINDOW = 48


class SurrogateSearcher(RegionalSearcher):
    """Bayesian search of a discrete space with whatever is known cheaply.

    A Gaussian process models each objective that is not known of every candidate; the candidate of the largest
    expected gain in hypervolume is proposed, and each further one as if the ones before had turned out as expected,
    those under way included. Cheap scores and early-stopped trainings are columns of the model, weighed by how well
    they foretold full trainings so far. Of a space that cannot be listed, candidates are drawn at every ask.

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param trained: for each objective, whether only a training tells it: the others are believed at fidelity 0. None
        if ``known`` tells, else all of them.
    :param known: for each objective, its value for every member of a listable space, shape ``(size,)``, or what tells
        it of any architectures, minimised; None where it is not known beforehand.
    :param features: cheap scores of every member known beforehand, larger is better, shape ``(size, k)``, NaN where
        one is missing; scores told later must be of the same kinds. None if there are none, or they come by telling.
    :param initial: how many proposals come before the models': spread over the first cost known, or at random.
    """

    name = "surrogate"
    foresees = True

    def __init__(  # noqa: PLR0913 - a space, a stream, a reference, what is known, and how to begin
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        trained: Sequence[bool] | None = None,
        known: Sequence[Costs | None] | None = None,
        features: np.ndarray | None = None,
        initial: int = 10,
    ) -> None:
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._initial = initial
        kinds = _kinds(len(self._reference), trained, known)
        _check(space, len(self._reference), kinds, known, features, initial=initial)
        self._knowledge = Knowledge(space, kinds, known or ())
        if features is not None:
            self._knowledge.score(np.asarray(features, dtype=float))
        self._candidates = Candidates(space, rng)
        self._description = Description(space)
        self._belief: Belief | None = None
        self._kernels: dict[int, Kernel] = {}
        #: how much was known when the kernels were learned, and when the belief was last brought up to date
        self._learned = (0, 0, 0)
        self._stale = True
        self._begun = 0
        self._pending = Pending()

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace())

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        if n < 1:
            return []
        able = self._finite_trainings >= _FEWEST
        begins = n if not able else min(n, max(self._initial - self._begun, 0))
        found = self._first(begins, exclude, region)
        self._begun += begins
        if able and n > begins:
            found += self._promising(n - begins, AnyOf(exclude, set(found)), region)
        found += draw(self._space, self._rng, n - len(found), AnyOf(exclude, set(found)), region)
        self._pending.add(found)
        return found

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._knowledge.tell(observations)
        if not self._listable:
            self._candidates.tell(observations)
        self._stale = self._stale or bool(observations)
        self._pending.tell(observations)

    def expected(self, exclude: Container[Architecture] = ()) -> tuple[list[Architecture], np.ndarray, np.ndarray]:
        """What the models say now: candidates, their expected objectives ``(n, m)`` and their expected gains ``(n,)``.

        None before enough trainings were told. Of what is in ``exclude``, the gains are 0.
        """
        if self._finite_trainings < _FEWEST:
            return [], np.empty((0, len(self._reference))), np.empty(0)
        belief = self._current(exclude, WholeSpace())
        gains = belief.gains()
        gains[[architecture in exclude for architecture in belief.candidates]] = 0.0
        return list(belief.candidates), belief.values(), gains

    @property
    def _listable(self) -> bool:
        return self._space.size <= LISTABLE

    @property
    def _finite_trainings(self) -> int:
        return sum(bool(np.isfinite(sample.values).all()) for sample in self._knowledge.full.observations[:64])

    def _first(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """Proposals to begin with: spread over the first cost that is known of many, or at random."""
        ladder = self._ladder(exclude, region) if n else ()
        found: dict[Architecture, None] = {}
        for step in range(self._begun, self._begun + n) if len(ladder) else ():
            start = int(_spread(step) * max(len(ladder) - _WINDOW, 1))
            near = self._rng.permutation(ladder[start : start + _WINDOW])
            fitting = distinct(map(tuple, near[region.contains(near)].tolist()), AnyOf(exclude, found))
            found.update(dict.fromkeys(fitting[:1]))
        return [*found, *draw(self._space, self._rng, n - len(found), AnyOf(exclude, found), region)]

    def _ladder(self, exclude: Container[Architecture], region: Region) -> np.ndarray:
        """Architectures by the first cost that is known of enough of them, the cheapest first, shape ``(n, d)``."""
        costs, architectures = self._knowledge.costs.known, self._space.members if self._listable else np.empty((0, 0))
        if not self._listable and self._knowledge.tells:
            drawn = draw(self._space, self._rng, _LADDER, exclude, region)
            costs, architectures = self._knowledge.costs_of(drawn), np.array(drawn)
        for column in costs.T if len(architectures) else ():
            rows = np.flatnonzero(np.isfinite(column))
            if len(rows) > 2 * _WINDOW:
                return architectures[rows[np.argsort(column[rows], kind="stable")]]
        return np.empty((0, 0))

    def _promising(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """Up to ``n`` candidates of the largest expected gain, those of equal gain in random order."""
        belief = self._current(exclude, region)
        waiting = [belief.place[item] for item in self._pending.taken(exclude) if item in belief.place]
        gains = belief.gains()
        order = np.lexsort((self._rng.random(len(gains)), -gains))
        enough = 1 if n == 1 and not waiting else max(2 * n, _WEIGHED)
        places = list(islice(_fitting(belief, order, exclude, region), enough))
        return [belief.candidates[place] for place in _one_by_one(belief, places, waiting, n)]

    def _current(self, exclude: Container[Architecture], region: Region) -> Belief:
        """What is believed of all members, or of candidates drawn anew where they cannot be listed."""
        fit = self._due()
        if fit:
            self._learned = self._knowledge.versions
        if not self._listable:
            drawn = self._candidates.drawn(exclude, region, self._knowledge.full.observations)
            candidates = list(dict.fromkeys([*drawn, *self._pending.taken(exclude)]))
            self._belief = self._believe(candidates, fit=fit)
        elif self._belief is None or fit:
            self._belief = self._believe(list(self._space.index), fit=fit)
        elif self._stale:
            self._belief.refresh(sorted(self._knowledge.changed))
            self._belief.update()
        self._knowledge.changed.clear()
        self._stale = False
        return self._belief

    def _believe(self, candidates: Sequence[Architecture], *, fit: bool) -> Belief:
        belief = Belief(candidates, self._description, self._knowledge, self._reference, self._kernels, fit=fit)
        self._kernels.update(belief.kernels)
        return belief

    def _due(self) -> bool:
        """Whether so much was told that the models are to be learned anew."""
        grown = (_GROWTH, _CHEAP_GROWTH, _CHEAP_GROWTH)
        trainings, *cheap = self._knowledge.versions
        pairs = zip((min(trainings, _SETTLED), *cheap), self._learned, grown, strict=True)
        return any(now > factor * before for now, before, factor in pairs)


def _one_by_one(belief: Belief, places: Sequence[int], waiting: Sequence[int], n: int) -> list[int]:
    """Up to ``n`` of the places, best first: each of the first few as if those before, and those waiting, were trained.

    :param places: places of candidates, those of the largest gain first.
    :param waiting: places of candidates whose training is under way.
    """
    if len(places) <= 1 or (n == 1 and not waiting):
        return list(places[:n])
    part = belief.over(np.array([*places, *waiting]))
    for place in range(len(places), len(places) + len(waiting)):
        part.imagine(place)
    left = np.arange(len(places) + len(waiting)) < len(places)
    picked: list[int] = []
    while len(picked) < min(n, _IMAGINED, len(places)):
        best = int(np.argmax(np.where(left, part.gains(), -1.0))) if picked or waiting else 0
        part.imagine(best)
        picked.append(best)
        left[best] = False
    picked += np.flatnonzero(left)[: n - len(picked)].tolist()
    return [places[place] for place in picked]


def _fitting(belief: Belief, order: np.ndarray, exclude: Container[Architecture], region: Region) -> Iterator[int]:
    """The places in ``order`` of what the region holds and is not excluded."""
    for start in range(0, len(order), 512):
        block = order[start : start + 512].tolist()
        architectures = [belief.candidates[place] for place in block]
        inside = region.contains(architectures).tolist()
        for place, architecture, yes in zip(block, architectures, inside, strict=True):
            if yes and architecture not in exclude:
                yield place


def _spread(step: int) -> float:
    """The terms of van der Corput's sequence, 0 to 1: any first few of them are spread evenly."""
    share, digit = 0.0, 0.5
    step += 1
    while step:
        share += digit * (step & 1)
        step >>= 1
        digit /= 2.0
    return share


def _kinds(objectives: int, trained: Sequence[bool] | None, known: Sequence[Costs | None] | None) -> list[bool]:
    if trained is not None:
        return list(trained)
    return [True] * objectives if known is None else [column is None for column in known]


def _check(  # noqa: PLR0913 - all that a searcher may be told beforehand
    space: Space,
    objectives: int,
    trained: Sequence[bool],
    known: Sequence[Costs | None] | None,
    features: np.ndarray | None,
    *,
    initial: int,
) -> None:
    counts = [len(trained), objectives if known is None else len(known)]
    columns = [column for column in known or () if isinstance(column, np.ndarray)]
    tables = [*columns, *([] if features is None else [features])]
    listed = not tables or space.size <= LISTABLE
    if counts != [objectives] * 2 or not listed or any(len(table) != space.size for table in tables) or initial < 1:
        message = (
            f"Expected known and trained with an entry for each of the {objectives} objectives, known values and "
            f"features of all {space.size} members of a listable space, and initial of at least 1; got {counts[1]} and "
            f"{counts[0]} entries, tables of {[len(table) for table in tables]} rows and initial={initial}."
        )
        raise SettingsError(message)
