import math

import pytest

from ce_nas.analysis.hypervolume_gap import (
    LargestHypervolume,
    largest_hypervolume,
    log_hypervolume_gap,
    log_missing_share,
)


def test_log_gaps_by_hand():
    assert log_missing_share(100.0, 99.0) == pytest.approx(-2)
    assert log_hypervolume_gap(100.0, 99.0) == pytest.approx(0.0)
    assert log_hypervolume_gap(4000.0, 0.0) == pytest.approx(math.log10(4000))
    assert log_missing_share(100.0, 100.0) == -6  # not minus infinity


def test_largest_hypervolume_of_the_table_or_the_best_run():
    assert largest_hypervolume([None, 100.0], [90.0, 80.0]) == LargestHypervolume(100.0, is_exact=True)
    estimate = largest_hypervolume([None, None], [90.0, 80.0])
    assert estimate.value == pytest.approx(90.009)
    assert not estimate.is_exact
