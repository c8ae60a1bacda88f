"""Kendall's tau-b."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from ce_nas.core.rank_correlation import kendall_tau


def test_by_hand() -> None:
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    assert kendall_tau([3, 2, 1], [1, 2, 3]) == -1


def test_equal_values_have_none() -> None:
    assert kendall_tau([1, 2], [5, 5]) is None
    assert kendall_tau([], []) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, dtype=float).T
    expected, tau = kendalltau(first, second).statistic, kendall_tau(first, second)
    assert tau is None if np.isnan(expected) else tau == pytest.approx(expected)
