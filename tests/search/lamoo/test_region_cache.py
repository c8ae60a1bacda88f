import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.search.lamoo.kernel_cache import KernelCache
from ce_nas.search.lamoo.partition_tree import BoundarySide, path_contains
from ce_nas.search.lamoo.region_cache import ChoiceProduct, RegionCache
from ce_nas.search.lamoo.svm import fit_boundary
from ce_nas.space.base import Space

KERNELS = ("rbf", "poly", "linear")


def space_of(sizes, members=None):
    return Space("mixed", [f"v{i}" for i in range(len(sizes))], [[*"abcdefgh"[:size]] for size in sizes], members)


def boundary_of(space, kernel, seed):
    rng = np.random.default_rng(seed)
    cells = space.sample(rng, 40)
    good = rng.random(40) < 0.5
    good[:2] = True, False
    return fit_boundary(KernelCache(space.encode(cells)), np.arange(len(cells)), good, kernel)[0]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.sampled_from(KERNELS), st.integers(0, 999))
def test_decision_over_all_combinations_equals_single_decisions(sizes, kernel, seed):
    space = space_of(sizes)
    grid, boundary = ChoiceProduct(space), boundary_of(space, kernel, seed)
    alone = boundary.decision(space.encode(space.members))
    assert grid.decision(boundary)[grid.codes(space.members)] == pytest.approx(alone, abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(KERNELS), st.integers(0, 999), st.integers(0, 3))
def test_cached_membership_equals_direct_membership(kernel, seed, depth):
    space = space_of([3, 4, 2, 5])
    path = tuple(BoundarySide(boundary_of(space, kernel, seed + index), index % 2 == 0) for index in range(depth))
    cells = space.sample(np.random.default_rng(seed), 60)
    kept, direct = RegionCache(space), RegionCache(space)
    direct._product = None
    expected = path_contains(path, space.encode(cells)).tolist()
    assert kept.contains(path, cells).tolist() == direct.contains(path, cells).tolist() == expected


def test_membership_of_listed_space_in_any_order():
    whole = space_of([3, 4, 2])
    members = whole.members[np.random.default_rng(0).permutation(24)[:15]]
    space = space_of([3, 4, 2], members)
    path = (BoundarySide(boundary_of(whole, "rbf", 0), good=True),)
    assert RegionCache(space).contains(path, members).tolist() == path_contains(path, space.encode(members)).tolist()


def test_clear_drops_cached_decisions():
    space = space_of([3, 3])
    cache = RegionCache(space)
    cache.contains((BoundarySide(boundary_of(space, "rbf", 0), good=True),), space.members)
    assert len(cache._good_by_boundary) == 1
    cache.clear()
    assert not cache._good_by_boundary
