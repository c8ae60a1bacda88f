import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ce_nas.core.errors import DataError
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_contributions, hypervolume_improvements

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
def test_hypervolume_is_number_of_dominated_grid_cells(tables):
    (points,) = tables
    m = points.shape[1]
    assert hypervolume(points, [SIDE] * m) == pytest.approx(cells_dominated(points, m), abs=1e-9)


@given(sets(st.integers(0, 8), st.integers(0, 4)))
def test_hypervolume_is_monotone_in_points(tables):
    points, more = tables
    reference = [SIDE] * points.shape[1]
    assert hypervolume(np.vstack([points, more]), reference) >= hypervolume(points, reference) - 1e-9


@given(sets(st.integers(0, 10), st.integers(0, 10)))
def test_improvement_is_difference_of_hypervolumes(tables):
    points, candidates = tables
    reference = [SIDE] * points.shape[1]
    before = hypervolume(points, reference)
    expected = [hypervolume(np.vstack([points, candidate[None]]), reference) - before for candidate in candidates]
    gains = hypervolume_improvements(points, candidates, reference)
    assert gains == pytest.approx(expected, abs=1e-9)
    assert (gains >= 0).all()


@given(sets(st.integers(0, 10)))
def test_contribution_is_hypervolume_lost_without_the_point(tables):
    (points,) = tables
    reference = [SIDE] * points.shape[1]
    front = points[is_nondominated(points)]
    whole = hypervolume(front, reference)
    without = [hypervolume(front[(front != point).any(axis=1)], reference) for point in points]
    assert hypervolume_contributions(points, points, reference) == pytest.approx(whole - np.array(without), abs=1e-9)


@given(
    arrays(np.float64, (12, 2), elements=st.floats(-1e3, 1e3)),
    arrays(np.float64, (6, 2), elements=st.floats(-1e3, 1e3)),
)
def test_improvement_of_real_valued_points(points, candidates):
    reference = [500.0, 700.0]
    before = hypervolume(points, reference)
    expected = [hypervolume(np.vstack([points, candidate[None]]), reference) - before for candidate in candidates]
    assert hypervolume_improvements(points, candidates, reference) == pytest.approx(expected, abs=1e-6)


def test_dominated_candidate_improves_by_exactly_zero():
    assert hypervolume_improvements([[0.1, 0.7], [0.3, 0.3]], [[0.3, 0.3], [0.4, 0.9]], [1.0, 1.0]).tolist() == [
        0.0,
        0.0,
    ]
    assert hypervolume_improvements([[0.1, 0.7, 0.2]], [[0.1, 0.7, 0.2], [0.4, 0.9, 0.2]], [1.0] * 3).tolist() == [
        0.0,
        0.0,
    ]


def test_hypervolume_of_no_points_is_zero():
    assert hypervolume([], [1.0, 1.0]) == 0.0
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0
    assert hypervolume([[1.0, 0.0], [np.inf, 0.0]], [1.0, 1.0]) == 0.0
    assert hypervolume_improvements([], [[0.5, 0.5]], [1.0, 1.0]).tolist() == [0.25]
    assert hypervolume_improvements([[0.5, 0.5]], [], [1.0, 1.0]).tolist() == []


def test_hypervolume_of_moocore_example():
    # moocore's documentation gives 38 for these four points below (10, 10)
    assert hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], [10, 10]) == 38.0


def test_reference_of_wrong_dimension_is_rejected():
    with pytest.raises(DataError, match="3 objectives"):
        hypervolume([[1.0, 2.0, 3.0]], [4.0, 4.0])


@pytest.mark.parametrize(
    ("points", "reference"), [([[-np.inf, 0.0, 0.0]], [1.0] * 3), ([[0.0, 0.0, 0.0]], [1.0, np.inf, 1.0])]
)
def test_infinite_hypervolume_is_rejected(points, reference):
    with pytest.raises(DataError, match="Expected a finite reference"):
        hypervolume(points, reference)
    with pytest.raises(DataError, match="Expected a finite reference"):
        hypervolume_improvements([], points, reference)
