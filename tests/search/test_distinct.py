import numpy as np

from ce_nas.core.records import Observation
from ce_nas.search.distinct import DistinctSearcher
from ce_nas.search.fidelity import PromotingSearcher
from ce_nas.search.uniform import UniformSearcher
from ce_nas.space.space import Space


def searcher(others):
    space = Space("small", ["a", "b"], [["x", "y", "z"]] * 2)
    return DistinctSearcher(PromotingSearcher(UniformSearcher(space, np.random.default_rng(0)), early=0.5), others)


def test_what_another_one_stands_for_is_never_proposed():
    others = frozenset({(0, 1), (1, 0), (2, 2)})
    found = searcher(others).ask(20, exclude={(0, 0)})
    assert sorted(found) == [(0, 2), (1, 1), (1, 2), (2, 0), (2, 1)]


def test_all_else_is_the_inner_searchers():
    wrapped = searcher(frozenset({(0, 1)}))
    assert wrapped.name == "uniform"
    assert not wrapped.foresees
    assert wrapped.fidelity_of((1, 1)) == 0.5
    wrapped.tell([Observation((1, 1), (1.0, 2.0), 1.0)])
    assert wrapped.fidelity_of((1, 1)) == 1.0
    assert wrapped.region_of((1, 1)) is None
    assert wrapped.notes() == []
