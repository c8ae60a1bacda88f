import pytest

from ce_nas.analysis.proxy_correlation import measure_proxy_ranking
from ce_nas.core.records import Objective
from ce_nas.store.journal import MemoryJournal

OBJECTIVES = [Objective("parameters", "M", maximise=False, reference=2.0), Objective("accuracy", "%", True, 0.0)]


def journal_of(scores, results, fidelity=1.0):
    """A run that scored architectures 0, 1, ... in two batches, and then trained them all."""
    journal, half = MemoryJournal(), len(scores) // 2
    for task, rows in enumerate((range(half), range(half, len(scores)))):
        architectures = [(row, 1) for row in rows]
        journal.append("task_started", 0.0, {"task": task, "kind": "sampling", "architectures": architectures})
        journal.append("sampled", 1.0, {"task": task, "values": [(0.5, -scores[row]) for row in rows]})
    for row, accuracy in enumerate(results):
        journal.append("evaluated", 2.0, {"architecture": (row, 1), "fidelity": fidelity, "values": (0.5, -accuracy)})
    journal.append("evaluated", 3.0, {"architecture": (99, 1), "fidelity": 1.0, "values": (0.5, -1.0)})  # never scored
    return journal.entries


def test_ranking_pairs_scores_and_trainings():
    ranking = measure_proxy_ranking(journal_of([1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 60, 50]), OBJECTIVES)
    assert (ranking.objective, ranking.trainings) == ("accuracy", 6)
    assert ranking.tau == pytest.approx(13 / 15)
    assert -1 <= ranking.low < ranking.tau < ranking.high <= 1


def test_too_few_or_partial_trainings_give_no_ranking():
    assert measure_proxy_ranking(journal_of([1, 2, 3, 4], [1, 2, 3, 4]), OBJECTIVES) is None
    assert measure_proxy_ranking(journal_of([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], fidelity=0.1), OBJECTIVES) is None
    assert measure_proxy_ranking([], OBJECTIVES) is None


def test_ranking_of_a_run(finished_run):
    ranking = finished_run.summary.proxy_ranking
    assert ranking.objective == "accuracy"
    assert 0 < ranking.trainings <= finished_run.summary.evaluations
    assert -1 <= ranking.low <= ranking.tau <= ranking.high <= 1


def test_scores_after_the_training_count():
    entries = journal_of([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 6, 5])
    scored = [entry for entry in entries if entry.kind != "evaluated"]
    trainings = [entry for entry in entries if entry.kind == "evaluated"]
    assert measure_proxy_ranking([*trainings, *scored], OBJECTIVES) == measure_proxy_ranking(entries, OBJECTIVES)


def test_costs_that_are_measured_without_scores_rank_nothing():
    entries = journal_of([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    for entry in entries:
        if entry.kind == "sampled":
            entry.content["values"] = [[0.5, None] for _ in entry.content["values"]]
    assert measure_proxy_ranking(entries, OBJECTIVES) is None
