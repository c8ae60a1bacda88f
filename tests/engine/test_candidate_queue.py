from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Observation
from ce_nas.engine.candidate_queue import Backlog

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25)


def candidates(points, first=0):
    return [Observation((first + at,), tuple(map(float, values)), 0.0) for at, values in enumerate(points)]


def dominates(one, other):
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(POINTS, POINTS, st.integers(1, 8))
def test_the_best_ranked_wait_and_everyone_else_is_told_why_not(first, second, capacity):
    backlog = Backlog(capacity)
    dropped = backlog.add(candidates(first))
    before = {
        item.architecture: item
        for item in candidates(first)
        if item.architecture not in {gone.architecture for gone in dropped}
    }
    everyone = before | {item.architecture: item for item in candidates(second, first=100)}
    dropped = backlog.add(candidates(second, first=100))
    assert len(backlog) == min(capacity, len(everyone))
    values = [item.values for item in backlog.waiting]
    assert backlog.front == sum(not any(dominates(other, one) for other in values) for one in values)
    backlog.discard(("nobody",))
    waiting = [backlog.pop() for _ in range(len(backlog))]
    number = {
        key: sum(dominates(other.values, item.values) for other in everyone.values()) for key, item in everyone.items()
    }
    ranks = [number[item.architecture] for item in waiting]
    assert ranks == sorted(ranks)
    assert [gone.rank for gone in dropped] == list(range(capacity, len(everyone)))
    for gone in dropped:
        assert gone.dominance_number == number[gone.architecture] >= max(ranks)
        if gone.dominated_by is None:
            assert gone.dominance_number == 0
        else:
            assert dominates(everyone[gone.dominated_by].values, everyone[gone.architecture].values)
            assert number[gone.dominated_by] == 0
    assert {gone.architecture for gone in dropped} | {item.architecture for item in waiting} == set(everyone)


def test_of_equals_who_came_first_comes_first():
    backlog = Backlog(2)
    backlog.add(candidates([(1, 1)]))
    dropped = backlog.add(candidates([(1, 1), (0, 2)], first=1))
    assert [item.architecture for item in dropped] == [(2,)]
    assert [backlog.pop().architecture for _ in range(2)] == [(0,), (1,)]


def test_without_an_explanation_the_same_ones_wait():
    told, silent = Backlog(3), Backlog(3)
    everyone = candidates([(5, 1), (1, 5), (3, 3), (4, 4), (2, 6)])
    assert len(told.add(everyone)) == 2
    assert silent.add(everyone, explain=False) == []
    assert silent.waiting == told.waiting
