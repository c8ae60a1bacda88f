from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Observation
from ce_nas.engine.candidate_queue import CandidateQueue

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25)


def candidates(points, first=0):
    return [Observation((number,), tuple(map(float, values)), 0.0) for number, values in enumerate(points, first)]


def dominates(left, right):
    return all(a <= b for a, b in zip(left, right, strict=True)) and left != right


@given(POINTS, POINTS, st.integers(1, 8))
def test_queue_keeps_best_and_reports_dropped(first, second, capacity):
    queue = CandidateQueue(capacity)
    dropped = queue.add(candidates(first))
    dropped_architectures = {candidate.architecture for candidate in dropped}
    kept = {item.architecture: item for item in candidates(first) if item.architecture not in dropped_architectures}
    ranked = kept | {item.architecture: item for item in candidates(second, first=100)}
    dropped = queue.add(candidates(second, first=100))
    assert len(queue) == min(capacity, len(ranked))
    values = [item.values for item in queue.candidates]
    assert queue.front_size == sum(not any(dominates(other, value) for other in values) for value in values)
    queue.discard(("unknown",))
    queued = [queue.pop() for _ in range(len(queue))]
    numbers = {
        key: sum(dominates(other.values, item.values) for other in ranked.values()) for key, item in ranked.items()
    }
    queued_numbers = [numbers[item.architecture] for item in queued]
    assert queued_numbers == sorted(queued_numbers)
    assert [candidate.rank for candidate in dropped] == list(range(capacity, len(ranked)))
    for candidate in dropped:
        assert candidate.dominance_number == numbers[candidate.architecture] >= max(queued_numbers)
        if candidate.dominated_by is None:
            assert candidate.dominance_number == 0
        else:
            assert dominates(ranked[candidate.dominated_by].values, ranked[candidate.architecture].values)
            assert numbers[candidate.dominated_by] == 0
    assert {item.architecture for item in [*dropped, *queued]} == set(ranked)


def test_queue_breaks_ties_by_order_of_addition():
    queue = CandidateQueue(2)
    queue.add(candidates([(1, 1)]))
    dropped = queue.add(candidates([(1, 1), (0, 2)], first=1))
    assert [item.architecture for item in dropped] == [(2,)]
    assert [queue.pop().architecture for _ in range(2)] == [(0,), (1,)]


def test_queue_without_report_keeps_same_candidates():
    reporting, silent = CandidateQueue(3), CandidateQueue(3)
    ranked = candidates([(5, 1), (1, 5), (3, 3), (4, 4), (2, 6)])
    assert len(reporting.add(ranked)) == 2
    assert silent.add(ranked, report_dropped=False) == []
    assert silent.candidates == reporting.candidates
