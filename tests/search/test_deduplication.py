import numpy as np

from ce_nas.core.records import Observation
from ce_nas.search.deduplication import DeduplicatingSearcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.successive_halving import SuccessiveHalvingSearcher
from ce_nas.space.base import Space

SPACE = Space("small", ["a", "b"], [["x", "y", "z"]] * 2)
#: the sum of its choices is what an architecture computes
REPRESENTATIVES = {
    cell: min(other for other in SPACE.all_architectures if sum(other) == sum(cell)) for cell in SPACE.all_architectures
}


def searcher(inner=RandomSearcher):
    return DeduplicatingSearcher(inner(SPACE, np.random.default_rng(0)), REPRESENTATIVES)


def test_each_function_is_proposed_once_by_its_representative():
    assert sorted(searcher().ask(20, exclude=set())) == [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2)]


def test_equivalents_of_excluded_architectures_are_not_proposed():
    proposed, wrapped = set(), searcher()
    while proposals := wrapped.ask(1, exclude=proposed | {(0, 2)}):
        assert not proposed & set(proposals)
        proposed.update(proposals)
    assert proposed == {(0, 0), (0, 1), (1, 2), (2, 2)}


def test_proposal_frequency_follows_class_size():
    firsts = [
        DeduplicatingSearcher(RandomSearcher(SPACE, np.random.default_rng(seed)), REPRESENTATIVES).ask(1, set())[0]
        for seed in range(300)
    ]
    assert 70 < firsts.count((0, 2)) < 130  # three of nine
    assert 15 < firsts.count((0, 0)) < 55  # one of nine


def test_wrapper_forwards_everything_else():
    wrapped = searcher(lambda space, rng: SuccessiveHalvingSearcher(RandomSearcher(space, rng), initial_fidelity=0.5))
    assert wrapped.name == "random"
    assert not wrapped.uses_proxy_scores
    assert wrapped.fidelity_of((1, 1)) == 0.5
    wrapped.tell([Observation((1, 1), (1.0, 2.0), 1.0)])
    assert wrapped.fidelity_of((1, 1)) == 1.0
    assert wrapped.region_of((1, 1)) is None
    assert wrapped.notes() == []
