import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.search.base import Searcher, SearcherWrapper
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.successive_halving import SuccessiveHalvingSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE = NasBench201Space()
REFERENCE = (30.0, 30.0)


def observe(cells):
    return [Observation(cell, (float(sum(cell)), float(24 - cell[0] - cell[5]))) for cell in cells]


def make_lamoo():
    return LamooSearcher(SPACE, random_stream(0, "s"), REFERENCE)


INNER = {
    "lamoo": make_lamoo,
    "surrogate": lambda: SurrogateSearcher(SPACE, random_stream(0, "s"), REFERENCE),
    "successive-halving": lambda: SuccessiveHalvingSearcher(make_lamoo(), initial_fidelity=0.1),
}


@pytest.mark.parametrize("inner", INNER)
def test_searcher_wrapper_forwards_everything(inner):
    results = []
    for searcher in (INNER[inner](), SearcherWrapper(INNER[inner]())):
        cells = searcher.ask(40, set())
        searcher.tell(observe(cells))
        proposals = searcher.ask(3, set(cells))
        results.append(
            [
                (searcher.name, searcher.uses_proxy_scores, searcher.parallel_loss, searcher.usual_trainings),
                (cells, proposals),
                [(searcher.fidelity_of(cell), searcher.region_of(cell)) for cell in proposals],
                searcher.sample_best_region(5),
                searcher.notes(),
            ]
        )
    assert results[0] == results[1]


def test_searcher_wrapper_defines_every_method_of_the_seam():
    methods = {name for name, value in vars(Searcher).items() if callable(value) and not name.startswith("_")}
    assert methods - {"from_settings"} <= set(vars(SearcherWrapper))
