import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.sorting import best_first, crowding_distances, front_ranks

POINTS = st.integers(2, 4).flatmap(
    lambda m: arrays(
        np.float64, st.tuples(st.integers(0, 20), st.just(m)), elements=st.sampled_from([-np.inf, 0, 1, 2, 3, np.inf])
    )
)


@given(POINTS)
def test_each_rank_is_the_front_of_what_the_ranks_before_leave(points):
    ranks = front_ranks(points)
    for rank in range(int(ranks.max(initial=-1)) + 1):
        left = np.flatnonzero(ranks >= rank)
        assert (ranks[left] == rank).tolist() == is_front(points[left]).tolist()


def test_crowding_is_the_gap_between_the_neighbours_as_a_share_of_the_width():
    front = np.array([[0.0, 10.0], [1.0, 6.0], [4.0, 5.0], [10.0, 0.0]])
    assert crowding_distances(front, front_ranks(front)).tolist() == [
        np.inf,
        (4 - 0) / 10 + (10 - 5) / 10,
        (10 - 1) / 10 + (6 - 0) / 10,
        np.inf,
    ]


def test_fronts_do_not_crowd_each_other():
    front = np.array([[0.0, 4.0], [2.0, 2.0], [4.0, 0.0]])
    both = np.vstack([front, front + 10.0])
    distances = crowding_distances(both, front_ranks(both))
    assert distances[:3].tolist() == distances[3:].tolist() == [np.inf, 2.0, np.inf]


def test_the_best_come_first_and_ties_keep_their_order():
    points = [[9.0, 9.0], [0.0, 4.0], [1.9, 2.1], [2.0, 2.0], [4.0, 0.0]]
    assert best_first(points).tolist() == [1, 4, 3, 2, 0]


def test_infinite_values_do_not_poison_the_order():
    points = np.array([[0.0, np.inf], [1.0, 1.0], [np.inf, 0.0], [np.inf, np.inf]])
    distances = crowding_distances(points, front_ranks(points))
    assert not np.isnan(distances).any()
    assert best_first(points)[-1] == 3


def test_ranks_of_minus_infinity_come_first():
    assert front_ranks([[-1.5, -np.inf, -np.inf, -np.inf], [-np.inf] * 4]).tolist() == [1, 0]
