import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ce_nas.core.errors import DataError
from ce_nas.pareto.dominance import Front, dominance_numbers, is_front

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
def test_the_dominance_number_counts_who_dominates(points):
    expected = [sum(dominates(other, point) for other in points) for point in points]
    assert dominance_numbers(points).tolist() == expected


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points):
    assert is_front(points).tolist() == (dominance_numbers(points) == 0).tolist()


@given(POINTS)
def test_a_front_kept_up_point_by_point_is_the_front_of_all(points):
    front = Front()
    for row, point in enumerate(points):
        joined = front.add(point, row)
        assert joined == is_front(points[: row + 1])[row]
    assert list(front.items) == np.flatnonzero(is_front(points)).tolist()
    assert np.array_equal(front.values, points[list(front.items)].reshape(front.values.shape))
    assert len(front) == len(front.items)


@pytest.mark.parametrize("objectives", [2, 3, 4, 5, 6])
def test_large_fronts_are_found_too(objectives):
    points = np.random.default_rng(objectives).integers(0, 12, (600, objectives))
    assert is_front(points).tolist() == (dominance_numbers(points) == 0).tolist()


def test_equal_points_do_not_dominate_each_other():
    assert dominance_numbers([[1, 2], [1, 2], [2, 2]]).tolist() == [0, 0, 2]
    assert is_front([[1, 2], [1, 2], [2, 2]]).tolist() == [True, True, False]


def test_more_points_than_fit_one_block_are_counted_alike(monkeypatch):
    points = np.random.default_rng(0).integers(0, 9, (300, 2))
    whole = dominance_numbers(points)
    assert whole[:200].tolist() != dominance_numbers(points[:200]).tolist()
    monkeypatch.setattr("ce_nas.pareto.dominance._BLOCK_PAIRS", 700)
    assert dominance_numbers(points).tolist() == whole.tolist()


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_few_points_and_many_are_counted_alike(objectives, monkeypatch):
    points = np.random.default_rng(1).integers(0, 6, (120, objectives))
    few = dominance_numbers(points)
    monkeypatch.setattr("ce_nas.pareto.dominance._FEW_POINTS", 0)
    assert dominance_numbers(points).tolist() == few.tolist()


def test_a_nan_is_refused_with_its_row():
    with pytest.raises(DataError, match="NaN in row 1"):
        dominance_numbers([[0.0, 1.0], [np.nan, 0.0]])
    with pytest.raises(DataError, match="1 axes"):
        is_front([1.0, 2.0])


def test_a_front_hands_out_copies():
    front = Front()
    front.add([1.0, 2.0], "a")
    front.values[0, 0] = -9.0
    assert front.values.tolist() == [[1.0, 2.0]]


def test_fifteen_hundred_points_are_counted_in_milliseconds():
    points = np.random.default_rng(0).normal(size=(1500, 2))
    spent_s = []
    for _ in range(5):
        began_s = time.process_time()
        dominance_numbers(points)
        spent_s.append(time.process_time() - began_s)
    assert min(spent_s) < 0.05
