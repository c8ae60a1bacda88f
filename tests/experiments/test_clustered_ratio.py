import math

import numpy as np
import pytest

from ce_nas.core.errors import DataError
from ce_nas.experiments.clustered_ratio import clustered_median, paired_ratio


def test_misses_are_infinite_grams():
    ours = {("p", 0): 2.0, ("p", 1): math.inf, ("q", 0): 1.0, ("q", 1): math.inf}
    theirs = {("p", 0): 8.0, ("p", 1): 8.0, ("q", 0): math.inf, ("q", 1): math.inf}
    found = paired_ratio(ours, theirs, {key: key for key in ours})
    assert (found.pair_count, found.arrival, found.their_arrival) == (4, 0.5, 0.5)
    assert found.ratio.median == 0.0  # of 0, 0, 4 and infinity, the lower middle one
    assert paired_ratio({("p", 0): 2.0}, theirs, {("p", 0): ("p", 0)}).ratio.median == 4.0


def test_interval_is_wide_where_clusters_are_few():
    rng = np.random.default_rng(0)
    of_problem = {problem: 2.0**problem for problem in range(4)}
    values = [of_problem[index % 4] * rng.uniform(0.9, 1.1) for index in range(80)]
    one_by_one = clustered_median(values, [list(range(80))])
    clustered = clustered_median(values, [[index % 4 for index in range(80)]])
    assert one_by_one.median == clustered.median
    assert clustered.high / clustered.low > 1.5 * one_by_one.high / one_by_one.low


def test_same_values_give_the_same_interval():
    values, clusters = [1.0, 5.0, 2.0], [["a", "b", "c"]]
    assert clustered_median(values, clusters) == clustered_median(values, clusters)


def test_missing_values_are_refused():
    with pytest.raises(DataError, match="never zero"):
        clustered_median([1.0, math.nan], [["a", "b"]])
    with pytest.raises(DataError, match="one number or more"):
        clustered_median([], [])
