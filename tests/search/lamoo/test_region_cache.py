import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.search.lamoo.partition_tree import Constraint, fit_boundary, path_holds
from ce_nas.search.lamoo.region_cache import Grid, Membership
from ce_nas.space.base import Space

KERNELS = ("rbf", "poly", "linear")


def space_of(sizes, members=None):
    return Space("mixed", [f"v{i}" for i in range(len(sizes))], [[*"abcdefgh"[:size]] for size in sizes], members)


def boundary_of(space, kernel, seed):
    rng = np.random.default_rng(seed)
    cells = space.sample(rng, 40)
    good = rng.random(40) < 0.5
    good[:2] = True, False
    return fit_boundary(space.encode(cells), good, kernel)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.sampled_from(KERNELS), st.integers(0, 999))
def test_all_decided_at_once_is_each_decided_alone(sizes, kernel, seed):
    space = space_of(sizes)
    grid, boundary = Grid(space), boundary_of(space, kernel, seed)
    alone = boundary.decision(space.encode(space.members))
    assert grid.decision(boundary)[grid.codes(space.members)] == pytest.approx(alone, abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(KERNELS), st.integers(0, 999), st.integers(0, 3))
def test_small_spaces_answer_as_large_ones_do(kernel, seed, depth):
    space = space_of([3, 4, 2, 5])
    path = tuple(Constraint(boundary_of(space, kernel, seed + place), place % 2 == 0) for place in range(depth))
    cells = space.sample(np.random.default_rng(seed), 60)
    kept, direct = Membership(space), Membership(space)
    direct._grid = None
    expected = path_holds(path, space.encode(cells)).tolist()
    assert kept.holds(path, cells).tolist() == direct.holds(path, cells).tolist() == expected


def test_a_listed_space_is_answered_whatever_its_order():
    whole = space_of([3, 4, 2])
    members = whole.members[np.random.default_rng(0).permutation(24)[:15]]
    space = space_of([3, 4, 2], members)
    path = (Constraint(boundary_of(whole, "rbf", 0), good=True),)
    assert Membership(space).holds(path, members).tolist() == path_holds(path, space.encode(members)).tolist()


def test_forgetting_drops_what_was_kept():
    space = space_of([3, 3])
    membership = Membership(space)
    membership.holds((Constraint(boundary_of(space, "rbf", 0), good=True),), space.members)
    assert len(membership._good) == 1
    membership.forget()
    assert not membership._good
