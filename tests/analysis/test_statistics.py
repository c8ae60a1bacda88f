import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.analysis.statistics import bootstrap_crossed, bootstrap_median, paired_test
from ce_nas.core.errors import DataError


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_interval_contains_the_median_and_consists_of_values(values):
    interval = bootstrap_median(values)
    assert interval.low <= interval.median <= interval.high
    assert {interval.low, interval.median, interval.high} <= set(values)


def test_interval_coverage_is_near_95_percent():
    rng = np.random.default_rng(1)
    hits = [
        interval.low <= 0.0 <= interval.high
        for interval in (bootstrap_median(rng.normal(size=21), seed) for seed in range(200))
    ]
    assert 0.88 <= np.mean(hits) <= 1.0


def test_infinity_is_allowed_and_nan_is_refused():
    assert bootstrap_median([1.0, 2.0, math.inf]).median == 2.0
    assert bootstrap_median([math.inf] * 3).high == math.inf
    with pytest.raises(DataError, match="missing is never zero"):
        bootstrap_median([1.0, math.nan])
    with pytest.raises(DataError):
        bootstrap_median([])


def test_interval_of_one_value():
    interval = bootstrap_median([3.0]).scaled(2.0)
    assert (interval.low, interval.median, interval.high) == (6.0, 6.0, 6.0)


def test_paired_test_wins_and_p_value():
    test = paired_test([2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [1.0] * 6)
    assert (test.pair_count, test.win_count) == (6, 6)
    assert test.p_value == pytest.approx(2 * 0.5**6)  # exact: all six signs alike
    assert paired_test([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    mixed = paired_test([1.0, 5.0, 3.0, 3.0], [2.0, 1.0, 3.0, 2.5])
    assert mixed.win_count == 2
    assert 0 < mixed.p_value <= 1
    with pytest.raises(DataError):
        paired_test([1.0, math.inf], [1.0, 2.0])
    with pytest.raises(DataError):
        paired_test([], [])


def test_crossed_interval_is_at_least_as_wide_for_correlated_rows():
    table = [[seed + 0.01 * day for day in range(4)] for seed in range(4)]
    crossed = bootstrap_crossed([table], lambda median: median)
    pooled = bootstrap_median([value for row in table for value in row])
    assert crossed.median == pooled.median
    assert crossed.high - crossed.low >= pooled.high - pooled.low
    with pytest.raises(DataError):
        bootstrap_crossed([[[1.0, math.nan]]], lambda median: median)
    with pytest.raises(DataError):
        bootstrap_crossed([table, table[:2]], lambda one, other: one - other)


def test_crossed_ratio_is_that_of_the_medians_from_the_same_resamples():
    table = [[seed + 0.01 * day for day in range(4)] for seed in range(1, 9)]
    double = [[2.0 * value for value in row] for row in table]
    ratio = bootstrap_crossed([double, table], lambda one, other: one / other)
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))
    missed = bootstrap_crossed([[[math.inf] * 4] * 8, [[math.inf] * 4] * 8], lambda one, other: one / other)
    assert (missed.median, missed.high) == (0.0, 0.0)
