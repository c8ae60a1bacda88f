import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.analysis.statistics import bootstrap_median, paired_test
from ce_nas.core.errors import DataError


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_median_lies_in_its_interval_and_all_among_the_values(values):
    interval = bootstrap_median(values)
    assert interval.low <= interval.median <= interval.high
    assert {interval.low, interval.median, interval.high} <= set(values)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = [
        interval.low <= 0.0 <= interval.high
        for interval in (bootstrap_median(rng.normal(size=21), seed) for seed in range(200))
    ]
    assert 0.88 <= np.mean(hits) <= 1.0


def test_infinity_is_a_value_and_nan_is_none():
    assert bootstrap_median([1.0, 2.0, math.inf]).median == 2.0
    assert bootstrap_median([math.inf] * 3).high == math.inf
    with pytest.raises(DataError, match="missing is never zero"):
        bootstrap_median([1.0, math.nan])
    with pytest.raises(DataError):
        bootstrap_median([])


def test_one_value_is_its_own_interval():
    interval = bootstrap_median([3.0]).scaled(2.0)
    assert (interval.low, interval.median, interval.high) == (6.0, 6.0, 6.0)


def test_a_paired_test_knows_who_is_better_and_how_sure_that_is():
    found = paired_test([2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [1.0] * 6)
    assert (found.pairs, found.better) == (6, 6)
    assert found.p_value == pytest.approx(2 * 0.5**6)  # exact: all six signs alike
    assert paired_test([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    mixed = paired_test([1.0, 5.0, 3.0, 3.0], [2.0, 1.0, 3.0, 2.5])
    assert mixed.better == 2
    assert 0 < mixed.p_value <= 1
    with pytest.raises(DataError):
        paired_test([1.0, math.inf], [1.0, 2.0])
    with pytest.raises(DataError):
        paired_test([], [])
