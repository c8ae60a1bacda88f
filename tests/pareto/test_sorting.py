import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.sorting import argsort_rank_and_crowding, crowding_distances, nondomination_ranks

POINTS = st.integers(2, 4).flatmap(
    lambda m: arrays(
        np.float64, st.tuples(st.integers(0, 20), st.just(m)), elements=st.sampled_from([-np.inf, 0, 1, 2, 3, np.inf])
    )
)


@given(POINTS)
def test_each_rank_is_the_front_of_the_remaining_points(points):
    ranks = nondomination_ranks(points)
    for rank in range(int(ranks.max(initial=-1)) + 1):
        left = np.flatnonzero(ranks >= rank)
        assert (ranks[left] == rank).tolist() == is_nondominated(points[left]).tolist()


def test_crowding_distance_is_relative_gap_between_neighbours():
    front = np.array([[0.0, 10.0], [1.0, 6.0], [4.0, 5.0], [10.0, 0.0]])
    assert crowding_distances(front, nondomination_ranks(front)).tolist() == [
        np.inf,
        (4 - 0) / 10 + (10 - 5) / 10,
        (10 - 1) / 10 + (6 - 0) / 10,
        np.inf,
    ]


def test_crowding_distance_ignores_other_fronts():
    front = np.array([[0.0, 4.0], [2.0, 2.0], [4.0, 0.0]])
    both = np.vstack([front, front + 10.0])
    distances = crowding_distances(both, nondomination_ranks(both))
    assert distances[:3].tolist() == distances[3:].tolist() == [np.inf, 2.0, np.inf]


def test_argsort_by_rank_and_crowding_is_stable():
    points = [[9.0, 9.0], [0.0, 4.0], [1.9, 2.1], [2.0, 2.0], [4.0, 0.0]]
    assert argsort_rank_and_crowding(points).tolist() == [1, 4, 3, 2, 0]


def test_sorting_with_infinite_values():
    points = np.array([[0.0, np.inf], [1.0, 1.0], [np.inf, 0.0], [np.inf, np.inf]])
    distances = crowding_distances(points, nondomination_ranks(points))
    assert not np.isnan(distances).any()
    assert argsort_rank_and_crowding(points)[-1] == 3


def test_minus_infinity_has_rank_zero():
    assert nondomination_ranks([[-1.5, -np.inf, -np.inf, -np.inf], [-np.inf] * 4]).tolist() == [1, 0]
