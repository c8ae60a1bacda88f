"""Surrogate search: Gaussian processes select the candidates of the largest expected hypervolume improvement."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Self

import numpy as np

from ce_nas.components.base import SurrogateSettings
from ce_nas.components.registry import SEARCHERS
from ce_nas.search.observation_history import PendingProposals
from ce_nas.search.random import sample_uniform
from ce_nas.search.regions import RegionalSearcher, UnionContainer, WholeSpace, deduplicate
from ce_nas.search.surrogate.batch_selection import iter_allowed, select_batch
from ce_nas.search.surrogate.candidates import CandidateSampler
from ce_nas.search.surrogate.encoding import FeatureEncoder
from ce_nas.search.surrogate.initial_design import MIN_SCORED, choose_greedy_front, prior_values
from ce_nas.search.surrogate.posterior import CandidatePosterior
from ce_nas.search.surrogate.training_set import SurrogateDataset, require_consistent, resolve_requires_training
from ce_nas.space.isomorphism import unique_rows
from ce_nas.space.mixed import MixedSpace
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.space.visited import MAX_EXHAUSTIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.components.base import SearcherSettings
    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.base import EarlierSearch, KnownMetric, SearchContext
    from ce_nas.search.regions import Region
    from ce_nas.search.surrogate.gaussian_process import GroupKernel
    from ce_nas.space.base import Space

__all__ = ["SurrogateSearcher"]

#: proposals before the model decides: by default, and of a mixed space, whose few variables soon tell
_CELL_PROPOSALS, _MIXED_PROPOSALS = 12, 8
#: the fewest trainings that are modelled
_MIN_TRAININGS = 3
#: growth factors after which the kernels are refitted: of full trainings, and of proxy scores or partial trainings
_REFIT_GROWTH, _PROXY_REFIT_GROWTH = 1.2, 1.5
#: number of trainings after which more of them do not refit the kernels
_MAX_REFIT_TRAININGS = 300
#: the fewest candidates, those of the largest expected improvement, that a batch is selected from
_MIN_BATCH_CANDIDATES = 384
#: random architectures of a huge space over whose costs the initial proposals are spread
_COST_SAMPLE_SIZE = 768
#: neighbouring architectures by cost of which an initial proposal is drawn
_COST_WINDOW_SIZE = 48
#: the fewest architectures with a measured cost over which initial proposals are spread
_MIN_MEASURED = 16
#: what the expected improvement of another training of a trained function counts
_REPEATED_WORTH = 0.1


@SEARCHERS.register("surrogate", SurrogateSettings)
class SurrogateSearcher(RegionalSearcher):
    """Bayesian optimisation of a discrete space that also learns from proxy scores and partial trainings.

    A Gaussian process models each objective that is not known of every candidate. The candidate of the largest expected
    hypervolume improvement is proposed first, and the others of a batch given the expected values of the earlier ones
    and of running trainings. Proxy scores and partial trainings are features, weighted by how well they predicted full
    trainings so far. In a space too large to be listed, candidates are sampled at every ask.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.space.base import Space
        >>> space = Space("toy", ["a", "b", "c"], [[*"uvwxyz"]] * 3)
        >>> cost = space.members.sum(axis=1).astype(float)
        >>> searcher = SurrogateSearcher(
        ...     space, np.random.default_rng(0), reference=(30.0, 16.0), known_objectives=[None, cost]
        ... )
        >>> cells = searcher.ask(10, exclude=set())  # spread over the known cost
        >>> searcher.tell([Observation(cell, (25.0 - cell[0] ** 2, float(sum(cell)))) for cell in cells])
        >>> searcher.ask(1, exclude=set(cells))
        [(3, 4, 3)]

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param requires_training: for each objective, whether it takes a training to observe it; the others are exact at
        fidelity 0. None: those without ``known_objectives``, or all without any.
    :param known_objectives: for each objective its values of every member of a listable space, shape ``(size,)``, or as
        a function of architectures, minimised; None where it is not known in advance.
    :param proxy_scores: proxy scores of every member known in advance, larger is better, shape ``(size, k)``, NaN where
        missing; observed scores must be of the same kinds. None: there are none, or they are observed.
    :param votes: the estimate of an objective by these scores, larger is better, shape ``(size,)``; None: their mean
        rank. Observed scores come with their own.
    :param earlier: earlier searches of the same space, on other data, devices or recipes.
    :param initial_proposals: proposals before the model decides, by default 12, or 8 of a mixed space
        (``benchmarks/own_code.py``): the front that scores and known costs promise, else
        spread over the first known cost, or random.
    """

    name = "surrogate"
    uses_proxy_scores = True
    # both measured on tuning problems of NAS-Bench-201 (docs/policy-results.md)
    parallel_loss = 0.06
    usual_trainings = 70.0

    def __init__(  # noqa: PLR0913 - what every searcher needs, and keyword settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        requires_training: Sequence[bool] | None = None,
        known_objectives: Sequence[KnownMetric | None] | None = None,
        proxy_scores: np.ndarray | None = None,
        votes: np.ndarray | None = None,
        earlier: Sequence[EarlierSearch] = (),
        initial_proposals: int | None = None,
    ) -> None:
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        if initial_proposals is None:
            initial_proposals = _MIXED_PROPOSALS if isinstance(space, MixedSpace) else _CELL_PROPOSALS
        self._initial_proposals = initial_proposals
        trained = resolve_requires_training(len(self._reference), requires_training, known_objectives)
        require_consistent(
            space, len(self._reference), trained, known_objectives, proxy_scores, initial_proposals=initial_proposals
        )
        #: for each member of a space with known equivalences the number of its function
        self._function_of = unique_rows(space)[1] if isinstance(space, NasBench201Space) else None
        equivalents = None if self._function_of is None else _list_equivalents(space, self._function_of)
        self._dataset = SurrogateDataset(space, trained, known_objectives or (), equivalents)
        if proxy_scores is not None:
            self._dataset.set_proxy_scores(np.asarray(proxy_scores, dtype=float), votes)
        self._candidate_sampler = CandidateSampler(space, rng)
        self._feature_encoder = FeatureEncoder(space)
        #: the earlier searches that were known at the start
        self.earlier_at_start = tuple(earlier)
        self._dataset.set_earlier(earlier, self._feature_encoder)
        self._posterior: CandidatePosterior | None = None
        self._kernels: dict[int, GroupKernel] = {}
        #: counts of the dataset at the last fit of the kernels
        self._fitted_counts = (0, 0, 0)
        #: whether there are observations since the last update of the posterior
        self._stale = True
        self._spread_proposed = 0
        self._pending = PendingProposals()
        self._notes = [
            f"Starts warm from {len(search.architectures)} trainings of {search.name}." for search in earlier
        ]
        #: whether earlier searches counted at the last fit; None before the first
        self._earlier_counted: bool | None = None
        #: largest expected improvements at the last ask of architectures not trained, descending
        self._best_improvements = np.empty(0)

    @classmethod
    def from_settings(cls, settings: SearcherSettings, context: SearchContext) -> Self:
        """See :meth:`Searcher.from_settings`."""
        return cls(
            context.space,
            context.random_stream(settings.name),
            context.reference,
            requires_training=context.requires_training,
            known_objectives=context.known_objectives(),
            earlier=context.read_earlier(getattr(settings, "warm_start", ())),
        )

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace())

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        if n < 1:
            return []
        has_model = self._finite_training_count >= _MIN_TRAININGS
        n_started = len(self._dataset.full_trainings) + len(self._pending.retain_accepted(exclude))
        n_initial = n if not has_model else min(n, max(self._initial_proposals - n_started, 0))
        new = self._propose_promised(min(n_initial, self._initial_proposals - n_started), exclude, region)
        n_spread = n_initial - len(new)
        new += self._propose_spread(n_spread, UnionContainer(exclude, set(new)), region)
        self._spread_proposed += n_spread
        if has_model and n > n_initial:
            new += self._propose_best(n - n_initial, UnionContainer(exclude, set(new)), region)
        new += sample_uniform(self._space, self._rng, n - len(new), UnionContainer(exclude, set(new)), region)
        self._pending.add(new)
        return new

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._dataset.tell(observations)
        if not self._is_listable:
            self._candidate_sampler.tell(observations)
        self._stale = self._stale or bool(observations)
        self._pending.discard_observed(observations)

    def set_earlier(self, searches: Sequence[EarlierSearch]) -> None:
        """Learn from these earlier searches from now on, in place of those known so far."""
        self._dataset.set_earlier(searches, self._feature_encoder)
        self._posterior, self._fitted_counts = None, (0, 0, 0)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`: what earlier searches there are, and each time their influence begins or ends."""
        notes, self._notes = self._notes, []
        return notes

    def expected_gain(self, trainings: int) -> float | None:
        """See :meth:`Searcher.expected_gain`: the sum over the best candidates, as if they were independent."""
        known = self._best_improvements[:trainings]
        return float(known.sum() + (trainings - len(known)) * known[-1]) if len(known) else None

    def predict(self, exclude: Container[Architecture] = ()) -> tuple[list[Architecture], np.ndarray, np.ndarray]:
        """Predict candidates: architectures, expected objectives ``(n, m)``, and expected improvements ``(n,)``.

        Empty before there are enough trainings. The improvements of architectures in ``exclude`` are 0.
        """
        if self._finite_training_count < _MIN_TRAININGS:
            return [], np.empty((0, len(self._reference))), np.empty(0)
        posterior = self._update_posterior(exclude, WholeSpace())
        improvements = posterior.expected_improvements() * self._novelty(posterior, ())
        improvements[[architecture in exclude for architecture in posterior.candidates]] = 0.0
        return list(posterior.candidates), posterior.expected_values(), improvements

    def appraise(self, candidates: Sequence[Architecture]) -> tuple[CandidatePosterior, np.ndarray] | None:
        """The posterior with kernels fitted again, and by what each candidate's expected improvement counts.

        Over all members of a listable space, else over ``candidates``; None before there are enough trainings. It
        changes no later proposal.
        """
        if self._finite_training_count < _MIN_TRAININGS:
            return None
        over = list(self._space.index) if self._is_listable else list(candidates)
        posterior = CandidatePosterior(
            over, self._feature_encoder, self._dataset, self._reference, dict(self._kernels), fit=True
        )
        return posterior, self._novelty(posterior, ()) if self._is_listable else np.ones(len(over))

    @property
    def _is_listable(self) -> bool:
        return self._space.size <= MAX_EXHAUSTIVE_SIZE

    @property
    def _finite_training_count(self) -> int:
        return sum(bool(np.isfinite(sample.values).all()) for sample in self._dataset.full_trainings.observations[:64])

    def _propose_promised(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """Initial proposals: of the front that proxy scores and known costs promise; none without these."""
        if n < 1 or not (self._dataset.earlier or self._dataset.votes.count >= MIN_SCORED):
            return []
        architectures: Sequence[Architecture] = self._dataset.votes.known_architectures
        if self._is_listable:
            architectures = self._space.all_architectures
        elif self._dataset.earlier:
            sample = sample_uniform(self._space, self._rng, _COST_SAMPLE_SIZE, exclude, region)
            architectures = list(dict.fromkeys([*self._dataset.earlier_best, *sample]))
        promised = prior_values(self._dataset, self._feature_encoder, architectures, self._reference)
        if promised is None:
            return []
        values, reference = promised
        started = {sample.architecture for sample in self._dataset.full_trainings.observations}
        started.update(self._pending.retain_accepted(exclude))
        inside = region.contains(architectures).tolist()
        chosen = [row for row, architecture in enumerate(architectures) if architecture in started]
        for row, architecture in enumerate(architectures):
            if architecture not in started and (not inside[row] or architecture in exclude):
                values[row] = np.inf
        return [architectures[row] for row in choose_greedy_front(values, reference, chosen, n)]

    def _propose_spread(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """Initial proposals: spread over the first cost that is known of many architectures, or random."""
        by_cost = self._architectures_by_cost(exclude, region) if n else ()
        new: dict[Architecture, None] = {}
        for step in range(self._spread_proposed, self._spread_proposed + n) if len(by_cost) else ():
            size = _COST_WINDOW_SIZE if len(by_cost) > 2 * _COST_WINDOW_SIZE else max(len(by_cost) // 8, 1)
            start = int(_van_der_corput(step) * max(len(by_cost) - size, 1))
            window = self._rng.permutation(by_cost[start : start + size])
            inside = map(tuple, window[region.contains(window)].tolist())
            new.update(dict.fromkeys(deduplicate(inside, UnionContainer(exclude, new))[:1]))
        return [*new, *sample_uniform(self._space, self._rng, n - len(new), UnionContainer(exclude, new), region)]

    def _architectures_by_cost(self, exclude: Container[Architecture], region: Region) -> np.ndarray:
        """Architectures sorted by the first cost that is known of enough of them, cheapest first, shape ``(n, d)``."""
        costs, architectures = (
            self._dataset.known_table.known_rows,
            self._space.members if self._is_listable else np.empty((0, 0)),
        )
        if not self._is_listable and self._dataset.has_metric_functions:
            sample = sample_uniform(self._space, self._rng, _COST_SAMPLE_SIZE, exclude, region)
            costs, architectures = self._dataset.known_values(sample), np.array(sample)
        for column in costs.T if len(architectures) else ():
            rows = np.flatnonzero(np.isfinite(column))
            if len(rows) > 2 * _COST_WINDOW_SIZE:
                return architectures[rows[np.argsort(column[rows], kind="stable")]]
        return self._measured_by_cost()

    def _measured_by_cost(self) -> np.ndarray:
        """Architectures whose first measured cost is known before a training, cheapest first, shape ``(n, d)``."""
        for objective in self._dataset.measured:
            architectures, values = self._dataset.samples(objective)
            if len(architectures) >= _MIN_MEASURED:
                return np.array(architectures)[np.argsort(values, kind="stable")]
        return np.empty((0, 0))

    def _propose_best(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """Up to ``n`` candidates of the largest expected improvement, ties in random order."""
        posterior = self._update_posterior(exclude, region)
        accepted = self._pending.retain_accepted(exclude)
        pending = [posterior.index[architecture] for architecture in accepted if architecture in posterior.index]
        worth = self._novelty(posterior, accepted)
        improvements = posterior.expected_improvements() * worth
        order = np.lexsort((self._rng.random(len(improvements)), -improvements))
        n_candidates = 1 if n == 1 and not pending else max(2 * n, _MIN_BATCH_CANDIDATES)
        indices = list(islice(iter_allowed(posterior, order, exclude, region), n_candidates))
        self._best_improvements = self._largest_untrained(improvements, posterior)
        return [posterior.candidates[index] for index in select_batch(posterior, indices, pending, n, worth)]

    def _largest_untrained(self, improvements: np.ndarray, posterior: CandidatePosterior) -> np.ndarray:
        """The largest of the expected improvements of architectures that are not trained, descending.

        For any exclusion of this ask: an ask for architectures to score excludes the best, which are scored already.
        """
        left = improvements.copy()
        trained = [posterior.index.get(sample.architecture) for sample in self._dataset.full_trainings.observations]
        left[[row for row in trained if row is not None]] = 0.0
        return np.sort(left)[::-1][:_MIN_BATCH_CANDIDATES]

    def _novelty(self, posterior: CandidatePosterior, pending: Sequence[Architecture]) -> np.ndarray:
        """The weight of each candidate's expected improvement, shape ``(candidates,)``: low for a trained function.

        Another training of the same function improves by the noise of trainings and of measured costs alone.
        """
        worth = np.ones(len(posterior.candidates))
        if self._function_of is None:
            return worth
        started = [sample.architecture for sample in self._dataset.full_trainings.observations]
        rows = [self._space.index[architecture] for architecture in [*started, *pending]]
        worth[np.isin(self._function_of, self._function_of[rows])] = _REPEATED_WORTH
        return worth

    def _update_posterior(self, exclude: Container[Architecture], region: Region) -> CandidatePosterior:
        """The posterior of all members, or of newly sampled candidates where they cannot be listed."""
        fit = self._is_refit_due()
        if fit:
            self._fitted_counts = self._dataset.counts
        if not self._is_listable:
            sample = self._candidate_sampler.sample(exclude, region, self._dataset.full_trainings.observations)
            earlier = deduplicate(self._dataset.earlier_best, exclude)
            candidates = list(dict.fromkeys([*sample, *earlier, *self._pending.retain_accepted(exclude)]))
            self._posterior = self._build_posterior(candidates, fit=fit)
        elif self._posterior is None or fit:
            self._posterior = self._build_posterior(list(self._space.index), fit=fit)
        elif self._stale:
            self._posterior.refresh(sorted(self._dataset.changed_architectures))
            self._posterior.update()
        self._dataset.changed_architectures.clear()
        self._stale = False
        return self._posterior

    def _build_posterior(self, candidates: Sequence[Architecture], *, fit: bool) -> CandidatePosterior:
        posterior = CandidatePosterior(
            candidates, self._feature_encoder, self._dataset, self._reference, self._kernels, fit=fit
        )
        self._kernels.update(posterior.kernels)
        if fit and self._dataset.earlier and posterior.uses_earlier_searches is not self._earlier_counted:
            self._earlier_counted = posterior.uses_earlier_searches
            what = "count" if self._earlier_counted else "do not count: the trainings are predicted better without them"
            self._notes.append(f"After {len(self._dataset.full_trainings)} trainings earlier ones {what}.")
        return posterior

    def _is_refit_due(self) -> bool:
        """Whether the dataset has grown enough since the last fit of the kernels."""
        factors = (_REFIT_GROWTH, _PROXY_REFIT_GROWTH, _PROXY_REFIT_GROWTH)
        trainings, *others = self._dataset.counts
        counts = zip((min(trainings, _MAX_REFIT_TRAININGS), *others), self._fitted_counts, factors, strict=True)
        return any(now > factor * fitted for now, fitted, factor in counts)


def _list_equivalents(space: Space, function_of: np.ndarray) -> dict[Architecture, list[Architecture]]:
    """For each architecture all that compute the same function."""
    classes: dict[int, list[Architecture]] = {}
    for architecture, function in zip(space.all_architectures, function_of.tolist(), strict=True):
        classes.setdefault(function, []).append(architecture)
    return {architecture: members for members in classes.values() for architecture in members}


def _van_der_corput(index: int) -> float:
    """A term of van der Corput's sequence, 0 to 1: its first terms are evenly spread, however many."""
    term, digit = 0.0, 0.5
    index += 1
    while index:
        term += digit * (index & 1)
        index >>= 1
        digit /= 2.0
    return term
