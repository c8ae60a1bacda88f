import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ce_nas.core.errors import DataError
from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_gains, own_gains

SIDE = 5  # points lie on a grid of integers 0..SIDE, the reference at SIDE


def tables(rows, objectives):
    return arrays(np.int64, st.tuples(rows, st.just(objectives)), elements=st.integers(0, SIDE + 1))


def sets(*rows):
    return st.integers(2, 5).flatmap(lambda m: st.tuples(*(tables(count, m) for count in rows)))


def cells_dominated(points, objectives):
    """The unit cells of the grid that some point dominates, counted one by one."""
    corners = np.array(list(itertools.product(range(SIDE), repeat=objectives)))
    dominated = np.zeros(len(corners), dtype=bool)
    for point in points:
        dominated |= (point <= corners).all(axis=1)
    return int(dominated.sum())


@given(sets(st.integers(0, 8)))
def test_it_is_the_number_of_cells_that_are_dominated(tables):
    (points,) = tables
    m = points.shape[1]
    assert hypervolume(points, [SIDE] * m) == pytest.approx(cells_dominated(points, m), abs=1e-9)


@given(sets(st.integers(0, 8), st.integers(0, 4)))
def test_more_points_never_dominate_less(tables):
    points, more = tables
    reference = [SIDE] * points.shape[1]
    assert hypervolume(np.vstack([points, more]), reference) >= hypervolume(points, reference) - 1e-9


@given(sets(st.integers(0, 10), st.integers(0, 10)))
def test_a_gain_is_the_difference_that_the_candidate_makes(tables):
    points, candidates = tables
    reference = [SIDE] * points.shape[1]
    before = hypervolume(points, reference)
    expected = [hypervolume(np.vstack([points, candidate[None]]), reference) - before for candidate in candidates]
    gains = hypervolume_gains(points, candidates, reference)
    assert gains == pytest.approx(expected, abs=1e-9)
    assert (gains >= 0).all()


@given(sets(st.integers(0, 10)))
def test_an_own_gain_is_what_goes_with_the_point(tables):
    (points,) = tables
    reference = [SIDE] * points.shape[1]
    front = points[is_front(points)]
    whole = hypervolume(front, reference)
    without = [hypervolume(front[(front != point).any(axis=1)], reference) for point in points]
    assert own_gains(points, points, reference) == pytest.approx(whole - np.array(without), abs=1e-9)


@given(
    arrays(np.float64, (12, 2), elements=st.floats(-1e3, 1e3)),
    arrays(np.float64, (6, 2), elements=st.floats(-1e3, 1e3)),
)
def test_gains_of_real_numbers_are_differences_too(points, candidates):
    reference = [500.0, 700.0]
    before = hypervolume(points, reference)
    expected = [hypervolume(np.vstack([points, candidate[None]]), reference) - before for candidate in candidates]
    assert hypervolume_gains(points, candidates, reference) == pytest.approx(expected, abs=1e-6)


def test_a_dominated_candidate_gains_exactly_nothing():
    assert hypervolume_gains([[0.1, 0.7], [0.3, 0.3]], [[0.3, 0.3], [0.4, 0.9]], [1.0, 1.0]).tolist() == [0.0, 0.0]
    assert hypervolume_gains([[0.1, 0.7, 0.2]], [[0.1, 0.7, 0.2], [0.4, 0.9, 0.2]], [1.0] * 3).tolist() == [0.0, 0.0]


def test_no_points_no_volume():
    assert hypervolume([], [1.0, 1.0]) == 0.0
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0
    assert hypervolume([[1.0, 0.0], [np.inf, 0.0]], [1.0, 1.0]) == 0.0
    assert hypervolume_gains([], [[0.5, 0.5]], [1.0, 1.0]).tolist() == [0.25]
    assert hypervolume_gains([[0.5, 0.5]], [], [1.0, 1.0]).tolist() == []


def test_the_known_volume_of_a_worked_example():
    # moocore's documentation gives 38 for these four points below (10, 10)
    assert hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], [10, 10]) == 38.0


def test_a_reference_of_another_dimension_is_refused():
    with pytest.raises(DataError, match="3 objectives"):
        hypervolume([[1.0, 2.0, 3.0]], [4.0, 4.0])


@pytest.mark.parametrize(
    ("points", "reference"), [([[-np.inf, 0.0, 0.0]], [1.0] * 3), ([[0.0, 0.0, 0.0]], [1.0, np.inf, 1.0])]
)
def test_an_infinite_volume_is_refused(points, reference):
    with pytest.raises(DataError, match="Expected a finite reference"):
        hypervolume(points, reference)
    with pytest.raises(DataError, match="Expected a finite reference"):
        hypervolume_gains([], points, reference)
