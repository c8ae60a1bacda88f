"""Contract of every searcher."""

import pytest

from ce_nas.components.registry import SEARCHERS
from ce_nas.search.base import SearchContext
from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher
from ce_nas.search.cma_es import CmaSearcher
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.successive_halving import SuccessiveHalvingSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.testing.contracts import SearcherContract


def lamoo(inner=None, **options):
    def make(space, rng, objectives):
        searcher = inner and inner(space, rng, objectives)
        return LamooSearcher(space, rng, [200.0] * objectives, searcher, PartitionSettings(**options))

    return make


def surrogate(space, rng, objectives, **options):
    return SurrogateSearcher(space, rng, [200.0] * objectives, **options)


def cma(space, rng, objectives):
    return CmaSearcher(space, rng, [200.0] * objectives)


def bayes(space, rng, objectives):
    pytest.importorskip("botorch", reason="the extra bo is not installed")
    # models are expensive, so most proposals of these tests are drawn without one
    return QLogNehviSearcher(space, rng, [200.0] * objectives, startup=45, candidates=16, mc_samples=4)


class Context(SearchContext):
    """Builds registered searchers on one given random stream."""

    def random_stream(self, searcher):
        return self.seed


def registered(name):
    def make(space, rng, objectives):
        return SEARCHERS.build(
            SEARCHERS.validate(name), Context(space, [200.0] * objectives, rng, lambda: [None] * objectives)
        )

    return make


SEARCHERS_BY_CASE = {name: registered(name) for name in SEARCHERS.names()} | {
    "lamoo-mcts-poly": lamoo(select="mcts", kernel="poly", max_depth=5),
    "surrogate-cost": lambda *parts: surrogate(
        *parts, requires_training=[True, *[False] * (parts[2] - 1)], initial_proposals=4
    ),
    "lamoo-surrogate": lamoo(surrogate),
    "lamoo-cma": lamoo(cma),
    "ehvi": lambda space, rng, objectives: EhviSearcher(space, rng, [200.0] * objectives, candidates=64),
    "lamoo-ehvi": lamoo(lambda *parts: EhviSearcher(*parts[:2], [200.0] * parts[2], startup=30, candidates=32)),
    "qlognehvi": bayes,
    "successive-halving": lambda *parts: SuccessiveHalvingSearcher(surrogate(*parts)),
    "lamoo-linear-nsga2": lamoo(lambda space, rng, _: Nsga2Searcher(space, rng), kernel="linear"),
}

#: their models are fitted over and over
LONG = {"ehvi", "lamoo-ehvi", "lamoo-surrogate", "qlognehvi", "surrogate-cost"}


class TestSearchers(SearcherContract):
    @pytest.fixture(
        params=[pytest.param(case, marks=pytest.mark.long) if case in LONG else case for case in SEARCHERS_BY_CASE]
    )
    def make_searcher(self, request):
        return SEARCHERS_BY_CASE[request.param]
