import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ce_nas.core.errors import DataError
from ce_nas.pareto.dominance import ParetoFront, dominance_numbers, is_nondominated

POINTS = st.integers(1, 5).flatmap(
    lambda m: st.integers(0, 25).flatmap(
        lambda n: arrays(np.float64, (n, m), elements=st.sampled_from([-np.inf, -1.5, 0.0, 0.5, 1.0, 2.0, np.inf]))
    )
)


def dominates(left, right):
    return all(a <= b for a, b in zip(left, right, strict=True)) and any(
        a < b for a, b in zip(left, right, strict=True)
    )


@given(POINTS)
def test_dominance_number_counts_dominating_points(points):
    expected = [sum(dominates(other, point) for other in points) for point in points]
    assert dominance_numbers(points).tolist() == expected


@given(POINTS)
def test_nondominated_points_have_dominance_number_zero(points):
    assert is_nondominated(points).tolist() == (dominance_numbers(points) == 0).tolist()


@given(POINTS)
def test_incremental_pareto_front_equals_front_of_all_points(points):
    front = ParetoFront()
    for row, point in enumerate(points):
        joined = front.add(point, row)
        assert joined == is_nondominated(points[: row + 1])[row]
    assert list(front.items) == np.flatnonzero(is_nondominated(points)).tolist()
    assert np.array_equal(front.values, points[list(front.items)].reshape(front.values.shape))
    assert len(front) == len(front.items)


@pytest.mark.parametrize("objectives", [2, 3, 4, 5, 6])
def test_nondominated_points_of_large_sets(objectives):
    points = np.random.default_rng(objectives).integers(0, 12, (600, objectives))
    assert is_nondominated(points).tolist() == (dominance_numbers(points) == 0).tolist()


def test_equal_points_do_not_dominate_each_other():
    assert dominance_numbers([[1, 2], [1, 2], [2, 2]]).tolist() == [0, 0, 2]
    assert is_nondominated([[1, 2], [1, 2], [2, 2]]).tolist() == [True, True, False]


def test_dominance_numbers_do_not_depend_on_block_size(monkeypatch):
    points = np.random.default_rng(0).integers(0, 9, (300, 2))
    whole = dominance_numbers(points)
    assert whole[:200].tolist() != dominance_numbers(points[:200]).tolist()
    monkeypatch.setattr("ce_nas.pareto.dominance._MAX_PAIRS_PER_BLOCK", 700)
    assert dominance_numbers(points).tolist() == whole.tolist()


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_direct_and_ranked_dominance_numbers_agree(objectives, monkeypatch):
    points = np.random.default_rng(1).integers(0, 6, (120, objectives))
    few = dominance_numbers(points)
    monkeypatch.setattr("ce_nas.pareto.dominance._MAX_DIRECT_POINTS", 0)
    assert dominance_numbers(points).tolist() == few.tolist()


def test_nan_is_rejected_with_its_row():
    with pytest.raises(DataError, match="NaN in row 1"):
        dominance_numbers([[0.0, 1.0], [np.nan, 0.0]])
    with pytest.raises(DataError, match="1 axes"):
        is_nondominated([1.0, 2.0])


def test_front_values_are_copies():
    front = ParetoFront()
    front.add([1.0, 2.0], "a")
    front.values[0, 0] = -9.0
    assert front.values.tolist() == [[1.0, 2.0]]


def test_dominance_numbers_of_1500_points_take_milliseconds():
    points = np.random.default_rng(0).normal(size=(1500, 2))
    spent_s = []
    for _ in range(5):
        began_s = time.process_time()
        dominance_numbers(points)
        spent_s.append(time.process_time() - began_s)
    assert min(spent_s) < 0.05


@pytest.mark.parametrize(("points", "dtype"), [(2**15 - 1, np.int16), (2**15, np.int32), (40_000, np.int32)])
def test_ranks_fit_their_type(points, dtype, monkeypatch):
    seen = []

    def compare(ranked, _):
        seen.append(ranked)
        raise InterruptedError

    monkeypatch.setattr("ce_nas.pareto.dominance._weakly_dominates", compare)
    with pytest.raises(InterruptedError):
        dominance_numbers(np.arange(points, dtype=float)[:, None])
    assert seen[0].dtype == dtype
    assert seen[0].max() == points - 1 + seen[0].min()
