import numpy as np

from ce_nas.core.records import Observation
from ce_nas.search.deduplication import DistinctSearcher
from ce_nas.search.random import UniformSearcher
from ce_nas.search.successive_halving import PromotingSearcher
from ce_nas.space.base import Space

SPACE = Space("small", ["a", "b"], [["x", "y", "z"]] * 2)
#: the sum of its choices is what an architecture computes
STANDS = {cell: min(other for other in SPACE.listed if sum(other) == sum(cell)) for cell in SPACE.listed}


def searcher(inner=UniformSearcher):
    return DistinctSearcher(inner(SPACE, np.random.default_rng(0)), STANDS)


def test_each_function_is_proposed_once_and_by_the_one_that_stands_for_it():
    assert sorted(searcher().ask(20, exclude=set())) == [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2)]


def test_a_function_that_is_excluded_is_not_proposed_in_other_clothes():
    found, wrapped = set(), searcher()
    while proposals := wrapped.ask(1, exclude=found | {(0, 2)}):
        assert not found & set(proposals)
        found.update(proposals)
    assert found == {(0, 0), (0, 1), (1, 2), (2, 2)}


def test_what_is_met_often_in_the_space_is_proposed_often():
    firsts = [
        DistinctSearcher(UniformSearcher(SPACE, np.random.default_rng(seed)), STANDS).ask(1, set())[0]
        for seed in range(300)
    ]
    assert 70 < firsts.count((0, 2)) < 130  # three of nine
    assert 15 < firsts.count((0, 0)) < 55  # one of nine


def test_all_else_is_the_inner_searchers():
    wrapped = searcher(lambda space, rng: PromotingSearcher(UniformSearcher(space, rng), early=0.5))
    assert wrapped.name == "uniform"
    assert not wrapped.foresees
    assert wrapped.fidelity_of((1, 1)) == 0.5
    wrapped.tell([Observation((1, 1), (1.0, 2.0), 1.0)])
    assert wrapped.fidelity_of((1, 1)) == 1.0
    assert wrapped.region_of((1, 1)) is None
    assert wrapped.notes() == []
