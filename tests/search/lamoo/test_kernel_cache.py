import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import rbf_kernel

from ce_nas.search.lamoo.kernel_cache import Kinship
from ce_nas.space.nasbench201 import NasBench201Space


def cells(seed, n):
    space = NasBench201Space()
    return space.encode(space.sample(np.random.default_rng(seed), n))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 70), min_size=1, max_size=4))
def test_rows_added_bit_by_bit_are_as_near_as_rows_that_came_together(seed, parts):
    features = cells(seed, sum(parts))
    kin = Kinship(features[: parts[0]])
    for first, after in zip(np.cumsum(parts)[:-1], np.cumsum(parts)[1:], strict=True):
        kin.add(features[first:after])
    rows = np.random.default_rng(seed).permutation(len(features))[: 1 + len(features) // 2]
    assert len(kin) == len(features)
    assert np.array_equal(kin.features, features)
    assert kin.kernel(rows, 0.3) == pytest.approx(rbf_kernel(features[rows], gamma=0.3), abs=1e-12)
    assert np.array_equal(kin.kernel(np.arange(len(kin)), 0.3)[np.ix_(rows, rows)], kin.kernel(rows, 0.3))


def test_one_row_of_other_numbers_leaves_no_distances():
    kin = Kinship(cells(0, 10))
    assert kin.binary
    kin.add(cells(1, 1) * 0.5)
    kin.add(cells(2, 80))
    assert not kin.binary
    assert kin.kernel(np.arange(5), 1.0) is None
    assert np.array_equal(kin.features[11:], cells(2, 80))


def test_rows_too_long_for_a_byte_have_no_distances():
    assert not Kinship(np.zeros((3, 256))).binary
    assert Kinship(np.zeros((3, 255))).binary
