import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.rng import random_stream
from ce_nas.search.random import RandomSearcher, sample_uniform
from ce_nas.search.regions import UnionContainer, WholeSpace
from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.space.visited import VisitedSet


class Only:
    """The region of the stated architectures."""

    samples = ()

    def __init__(self, inside):
        self.inside = inside

    def contains(self, architectures):
        return np.array([tuple(map(int, architecture)) in self.inside for architecture in architectures], dtype=bool)

    def rows(self, space):
        return np.flatnonzero(self.contains(space.members))


def small_space(variables=3, choices=3):
    return Space("small", [f"v{i}" for i in range(variables)], [[*"abcdefgh"[:choices]]] * variables)


@pytest.mark.parametrize("left", [27, 9, 2])
def test_remaining_architectures_are_equally_likely(left):
    space = small_space()
    members = list(map(tuple, space.members.tolist()))
    searcher = RandomSearcher(space, random_stream(0, "uniform"))
    remaining = members[:left]
    counts = dict.fromkeys(remaining, 0)
    rounds = 3000
    for _ in range(rounds):
        for architecture in searcher.ask(2, set(members[left:])):
            counts[architecture] += 1
    expected = rounds * 2 / left
    chi2 = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi2 < 3 * left  # mean about left - 1, deviation about sqrt(2 left)


def test_last_architectures_of_a_space_are_found():
    space = NasBench201Space()
    members = list(map(tuple, space.members.tolist()))
    left = {members[17], members[9000]}
    proposals = RandomSearcher(space, random_stream(0, "uniform")).ask(8, set(members) - left)
    assert set(proposals) == left


def test_scan_of_a_listed_space_is_uniform():
    space = NasBench201Space()
    members = list(map(tuple, space.members.tolist()))
    left = members[100:104]
    exclude = set(members) - set(left)
    rng = random_stream(0, "uniform")
    first = [sample_uniform(space, rng, 1, exclude, WholeSpace())[0] for _ in range(60)]
    assert {first.count(architecture) for architecture in left} <= set(range(5, 30))


def test_rare_region_of_a_listed_space():
    space = NasBench201Space()
    rare = {(0, 0, 0, 0, 0, 0), (4, 4, 4, 4, 4, 4)}
    assert set(sample_uniform(space, random_stream(1, "uniform"), 5, set(), Only(rare))) == rare
    assert sample_uniform(space, random_stream(1, "uniform"), 5, set(), Only(set())) == []


def test_rejection_sampling_is_bounded():
    space = small_space(variables=30)
    assert sample_uniform(space, random_stream(0, "uniform"), 4, set(), Only(set())) == []
    assert len(sample_uniform(space, random_stream(0, "uniform"), 4, set(), WholeSpace())) == 4


def test_asking_for_none_draws_nothing():
    rng = random_stream(0, "uniform")
    assert sample_uniform(small_space(), rng, 0, set(), WholeSpace()) == []
    assert rng.random() == random_stream(0, "uniform").random()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(0, 60), st.integers(0, 10))
def test_visited_set_excludes_as_a_plain_set(seed, n, n_visited, n_excluded):
    space, rng = small_space(), random_stream(seed, "taken")
    cells = [space.all_architectures[row] for row in rng.permutation(space.size).tolist()]
    visited, plain = VisitedSet(space, cells[:n_visited]), set(cells[n_visited : n_visited + n_excluded])
    drawn = sample_uniform(space, rng, n, UnionContainer(visited, plain), WholeSpace())
    left = set(cells) - visited - plain
    assert len(drawn) == len(set(drawn)) == min(n, len(left))
    assert left.issuperset(drawn)
