from ce_nas.core.records import Objective, Observation
from ce_nas.engine.search_progress import SearchProgress
from ce_nas.space.base import Space

SPACE = Space("small", ["v"], [["a", "b", "c"]])
OBJECTIVES = (
    Objective("accuracy", "%", maximise=True, reference=0.0),
    Objective("energy", "mJ", maximise=False, reference=10.0),
)


def observe(number, accuracy, energy, fidelity=1.0):
    return Observation((number,), (-accuracy, energy), fidelity)


def test_hypervolume_of_front():
    progress = SearchProgress(SPACE, OBJECTIVES)
    assert progress.add_evaluation(observe(0, 50.0, 5.0))
    assert progress.hypervolume == 50.0 * 5.0
    assert not progress.add_evaluation(observe(1, 40.0, 6.0))  # dominated
    assert progress.add_evaluation(observe(2, 60.0, 8.0))
    assert progress.hypervolume == 50.0 * 5.0 + 10.0 * 2.0
    assert (progress.evaluations, len(progress.front)) == (3, 2)


def test_partial_training_is_not_an_evaluation():
    progress = SearchProgress(SPACE, OBJECTIVES)
    progress.mark_started((0,))
    assert not progress.add_evaluation(observe(0, 99.0, 1.0, fidelity=0.1))
    assert (progress.evaluations, progress.partial_trainings, progress.hypervolume, len(progress.front)) == (
        0,
        1,
        0.0,
        0,
    )
    assert (0,) not in progress.started
    assert (0,) in progress.seen


def test_infeasible_evaluation_is_not_on_front():
    progress = SearchProgress(SPACE, OBJECTIVES)
    assert not progress.add_evaluation(observe(0, 99.0, 1.0), feasible=False)
    assert (progress.evaluations, progress.hypervolume, len(progress.front)) == (1, 0.0, 0)


def test_hypervolume_history_by_period():
    progress = SearchProgress(SPACE, OBJECTIVES)
    progress.close_period()
    progress.add_evaluation(observe(0, 50.0, 5.0))
    progress.close_period()
    assert progress.hypervolume_history == [0.0, 250.0]
