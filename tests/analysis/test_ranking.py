import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from ce_nas.analysis.ranking import kendall_tau, ranking_of
from ce_nas.core.records import Objective
from ce_nas.store.journal import MemoryJournal

OBJECTIVES = [Objective("parameters", "M", maximise=False, reference=2.0), Objective("accuracy", "%", True, 0.0)]


def journal_of(cheap, real, fidelity=1.0):
    """A run that scored architectures 0, 1, ... in two batches, and then trained them all."""
    journal, half = MemoryJournal(), len(cheap) // 2
    for task, rows in enumerate((range(half), range(half, len(cheap)))):
        architectures = [(row, 1) for row in rows]
        journal.append("started", 0.0, {"task": task, "kind": "sampling", "architectures": architectures})
        journal.append("sampled", 1.0, {"task": task, "values": [(0.5, -cheap[row]) for row in rows]})
    for row, accuracy in enumerate(real):
        journal.append("evaluated", 2.0, {"architecture": (row, 1), "fidelity": fidelity, "values": (0.5, -accuracy)})
    journal.append("evaluated", 3.0, {"architecture": (99, 1), "fidelity": 1.0, "values": (0.5, -1.0)})  # never scored
    return journal.entries


def test_scores_are_set_beside_the_trainings_of_the_same_architectures():
    found = ranking_of(journal_of([1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 60, 50]), OBJECTIVES)
    assert (found.objective, found.trainings) == ("accuracy", 6)
    assert found.tau == pytest.approx(13 / 15)
    assert -1 <= found.low < found.tau < found.high <= 1


def test_too_few_and_partial_trainings_tell_no_order():
    assert ranking_of(journal_of([1, 2, 3, 4], [1, 2, 3, 4]), OBJECTIVES) is None
    assert ranking_of(journal_of([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], fidelity=0.1), OBJECTIVES) is None
    assert ranking_of([], OBJECTIVES) is None


def test_a_real_run_tells_its_order(result):
    found = result.summary.cheap_ranking
    assert found.objective == "accuracy"
    assert 0 < found.trainings <= result.summary.evaluations
    assert -1 <= found.low <= found.tau <= found.high <= 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_tau_is_kendalls(pairs):
    first, second = np.array(pairs, dtype=float).T
    expected = kendalltau(first, second).statistic
    assert kendall_tau(first, second) == pytest.approx(0.0 if np.isnan(expected) else expected)


def test_scores_that_come_after_the_training_count_too():
    entries = journal_of([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 6, 5])
    scores = [entry for entry in entries if entry.kind != "evaluated"]
    trainings = [entry for entry in entries if entry.kind == "evaluated"]
    assert ranking_of([*trainings, *scores], OBJECTIVES) == ranking_of(entries, OBJECTIVES)
