import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import rbf_kernel

from ce_nas.search.lamoo.kernel_cache import KernelCache
from ce_nas.space.nasbench201_cell import NasBench201Space


def cells(seed, n):
    space = NasBench201Space()
    return space.encode(space.sample(np.random.default_rng(seed), n))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 70), min_size=1, max_size=4))
def test_kernel_of_rows_added_incrementally(seed, parts):
    features = cells(seed, sum(parts))
    cache = KernelCache(features[: parts[0]])
    for first, after in zip(np.cumsum(parts)[:-1], np.cumsum(parts)[1:], strict=True):
        cache.add(features[first:after])
    rows = np.random.default_rng(seed).permutation(len(features))[: 1 + len(features) // 2]
    assert len(cache) == len(features)
    assert np.array_equal(cache.features, features)
    assert cache.kernel(rows, 0.3) == pytest.approx(rbf_kernel(features[rows], gamma=0.3), abs=1e-12)
    assert np.array_equal(cache.kernel(np.arange(len(cache)), 0.3)[np.ix_(rows, rows)], cache.kernel(rows, 0.3))


def test_non_binary_rows_disable_the_kernel_cache():
    cache = KernelCache(cells(0, 10))
    assert cache.kernel(np.arange(5), 1.0) is not None
    cache.add(cells(1, 1) * 0.5)
    cache.add(cells(2, 80))
    assert cache.kernel(np.arange(5), 1.0) is None
    assert np.array_equal(cache.features[11:], cells(2, 80))


@pytest.mark.parametrize(("width", "is_cached"), [(255, True), (256, False)])
def test_rows_too_long_for_a_byte_disable_the_kernel_cache(width, is_cached):
    kernel = KernelCache(np.zeros((3, width))).kernel(np.arange(3), 1.0)
    assert (kernel is not None) == is_cached
