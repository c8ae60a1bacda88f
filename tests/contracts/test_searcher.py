"""What every searcher keeps, whatever it does."""

import copy
import pickle

import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.search.bayesopt.ehvi import EhviSearcher
from ce_nas.search.bayesopt.qlognehvi import QLogNehviSearcher
from ce_nas.search.cma_es import CmaSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import UniformSearcher
from ce_nas.search.successive_halving import PromotingSearcher
from ce_nas.search.surrogate.searcher import SurrogateSearcher
from ce_nas.space.base import Space
from ce_nas.space.nasbench201 import NasBench201Space


def listed_space():
    rows = np.array(
        [(a, b, c) for a in range(4) for b in range(4) for c in range(5) if (a + b + c) % 3], dtype=np.int16
    )
    return Space("listed", ["a", "b", "c"], [[*"wxyz"], [*"wxyz"], [*"vwxyz"]], rows)


def huge_space():
    return Space("huge", [f"v{i}" for i in range(30)], [[*"abcd"]] * 30)


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
    return QLogNehviSearcher(
        space, rng, [200.0] * objectives, startup=45, candidates=16, draws=4
    )  # models are dear: most proposals of these tests are drawn without one


SEARCHERS = {
    "uniform": lambda space, rng, _: UniformSearcher(space, rng),
    "nsga2": lambda space, rng, _: Nsga2Searcher(space, rng),
    "lamoo": lamoo(),
    "lamoo-mcts-poly": lamoo(select="mcts", kernel="poly", height=5),
    "surrogate": surrogate,
    "surrogate-cost": lambda *parts: surrogate(*parts, trained=[True, *[False] * (parts[2] - 1)], initial=4),
    "lamoo-surrogate": lamoo(surrogate),
    "cma": cma,
    "lamoo-cma": lamoo(cma),
    "ehvi": lambda space, rng, objectives: EhviSearcher(space, rng, [200.0] * objectives, candidates=64),
    "lamoo-ehvi": lamoo(lambda *parts: EhviSearcher(*parts[:2], [200.0] * parts[2], startup=30, candidates=32)),
    "qlognehvi": bayes,
    "promoting": lambda *parts: PromotingSearcher(surrogate(*parts)),
    "lamoo-linear-nsga2": lamoo(lambda space, rng, _: Nsga2Searcher(space, rng), kernel="linear"),
}
SPACES = {"nas-bench-201": NasBench201Space, "listed": listed_space, "huge": huge_space}


@pytest.fixture(params=SEARCHERS)
def make(request):
    return SEARCHERS[request.param]


@pytest.fixture(params=SPACES)
def space(request):
    return SPACES[request.param]()


def observation(architecture, objectives=2, fidelity=1.0):
    rows = [[1, 3, 2, 1, 2], [-2, 1, -1, 3, -3], [1, -1, 1, -1, 1], [2, -2, 1, 0, 1], [-1, 0, -2, 1, 3]]
    weights = np.array(rows)[:objectives]
    places = np.arange(len(architecture)) % 5
    values = weights[:, places] @ np.array(architecture)
    return Observation(architecture, tuple(map(float, values)), fidelity)


def rounds(searcher, objectives=2, count=8, n=6, known=()):
    """Proposals of several rounds of asking and telling."""
    known, proposals = set(known), []
    for _ in range(count):
        asked = searcher.ask(n, known)
        proposals.append(asked)
        known |= set(asked)
        searcher.tell([observation(architecture, objectives) for architecture in asked])
    return proposals


@pytest.mark.parametrize("objectives", [2, 3])
def test_proposals_are_distinct_new_members_of_the_space(make, space, objectives):
    proposals = [
        architecture for asked in rounds(make(space, stream(0, "s"), objectives), objectives) for architecture in asked
    ]
    assert len(proposals) == min(48, space.size)
    assert len(set(proposals)) == len(proposals)
    assert all(space.contains(architecture) for architecture in proposals)
    assert all(type(choice) is int for architecture in proposals for choice in architecture)


@pytest.mark.parametrize("objectives", [4, 5])
def test_up_to_five_objectives_are_searched(make, objectives):
    proposals = rounds(make(listed_space(), stream(0, "s"), objectives), objectives, count=5)
    assert len({architecture for asked in proposals for architecture in asked}) == 30


def test_nothing_excluded_is_proposed(make):
    space = listed_space()
    searcher = make(space, stream(0, "s"), 2)
    members = list(map(tuple, space.members.tolist()))
    searcher.tell([observation(architecture) for architecture in members[:20]])
    assert set(searcher.ask(100, set(members[:30]))) == set(members[30:])


def test_arguments_are_never_changed(make, space):
    searcher = make(space, stream(0, "s"), 2)
    told = [observation(architecture) for architecture in dict.fromkeys(space.sample(stream(1, "cells"), 40))]
    exclude = {one.architecture for one in told}
    before = copy.deepcopy((told, exclude))
    searcher.tell(told)
    searcher.ask(5, exclude)
    assert (told, exclude) == before


def test_the_same_seed_gives_the_same_proposals_and_another_seed_others(make, space):
    first, again, other = (rounds(make(space, stream(seed, "s"), 2)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_saved_in_the_middle_and_loaded_it_goes_on_the_same(make, space):
    searcher = make(space, stream(5, "s"), 2)
    known = {architecture for asked in rounds(searcher, count=3) for architecture in asked}
    under_way = searcher.ask(3, known)
    known |= set(under_way)
    loaded = pickle.loads(pickle.dumps(searcher))
    results = []
    for one in (searcher, loaded):
        first = rounds(one, count=2, known=known)
        one.tell([observation(architecture) for architecture in under_way])
        results.append((first, rounds(one, count=2, known=known | {item for asked in first for item in asked})))
    assert results[0] == results[1]
    assert searcher.notes() == loaded.notes()


def test_the_global_generator_is_not_touched(make):
    np.random.seed(0)  # noqa: NPY002 - the state that must stay as it is
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    rounds(make(NasBench201Space(), stream(0, "s"), 2), count=3)
    assert np.random.random() == expected  # noqa: NPY002


def test_an_exhausted_space_ends_the_search(make):
    space = listed_space()
    members = set(map(tuple, space.members.tolist()))
    searcher = make(space, stream(0, "s"), 2)
    assert searcher.ask(5, members) == []
    found = set()
    while asked := searcher.ask(7, found):
        found |= set(asked)
        searcher.tell([observation(architecture) for architecture in asked])
    assert found == members
    assert searcher.ask(5, members) == []


def test_asking_for_none_gives_none(make, space):
    searcher = make(space, stream(0, "s"), 2)
    assert searcher.ask(0, set()) == []
    searcher.tell([observation(architecture) for architecture in space.sample(stream(1, "cells"), 40)])
    assert searcher.ask(0, set()) == []


def test_estimates_and_part_trainings_are_taken_without_harm(make, space):
    searcher = make(space, stream(0, "s"), 2)
    cells = space.sample(stream(1, "cells"), 30)
    searcher.tell([])
    searcher.tell([observation(cell, fidelity=0.0) for cell in cells])
    searcher.tell([observation(cell, fidelity=0.5) for cell in cells[:10]])
    searcher.tell([observation(cell) for cell in cells[:15]])
    assert len(searcher.ask(4, set(cells))) == 4


def test_failed_trainings_with_infinite_values_do_no_harm(make, space):
    searcher = make(space, stream(0, "s"), 2)
    cells = list(dict.fromkeys(space.sample(stream(1, "cells"), 30)))
    searcher.tell([Observation(cell, (np.inf, np.inf)) for cell in cells[:10]])
    searcher.tell([observation(cell) for cell in cells[10:]])
    assert len(searcher.ask(4, set(cells))) == 4


def test_notes_are_sentences(make):
    searcher = make(NasBench201Space(), stream(0, "s"), 2)
    rounds(searcher)
    assert all(isinstance(note, str) and note.endswith(".") for note in searcher.notes())


def test_it_has_a_name(make):
    assert make(NasBench201Space(), stream(0, "s"), 2).name
