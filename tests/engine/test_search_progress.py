from ce_nas.core.records import Objective, Observation
from ce_nas.engine.search_progress import Progress
from ce_nas.space.base import Space

SPACE = Space("small", ["v"], [["a", "b", "c"]])
OBJECTIVES = (
    Objective("accuracy", "%", maximise=True, reference=0.0),
    Objective("energy", "mJ", maximise=False, reference=10.0),
)


def found(number, accuracy, energy, fidelity=1.0):
    return Observation((number,), (-accuracy, energy), fidelity)


def test_the_hypervolume_is_that_of_the_front():
    progress = Progress(SPACE, OBJECTIVES)
    assert progress.evaluate(found(0, 50.0, 5.0))
    assert progress.hypervolume == 50.0 * 5.0
    assert not progress.evaluate(found(1, 40.0, 6.0))  # dominated
    assert progress.evaluate(found(2, 60.0, 8.0))
    assert progress.hypervolume == 50.0 * 5.0 + 10.0 * 2.0
    assert (progress.evaluations, len(progress.front)) == (3, 2)


def test_a_training_stopped_early_counts_for_nothing_and_may_be_started_again():
    progress = Progress(SPACE, OBJECTIVES)
    progress.start((0,))
    assert not progress.evaluate(found(0, 99.0, 1.0, fidelity=0.1))
    assert (progress.evaluations, progress.early, progress.hypervolume, len(progress.front)) == (0, 1, 0.0, 0)
    assert (0,) not in progress.started
    assert (0,) in progress.seen


def test_what_breaks_a_bound_is_a_training_and_no_answer():
    progress = Progress(SPACE, OBJECTIVES)
    assert not progress.evaluate(found(0, 99.0, 1.0), feasible=False)
    assert (progress.evaluations, progress.hypervolume, len(progress.front)) == (1, 0.0, 0)


def test_the_history_is_kept_period_by_period():
    progress = Progress(SPACE, OBJECTIVES)
    progress.close_period()
    progress.evaluate(found(0, 50.0, 5.0))
    progress.close_period()
    assert progress.history == [0.0, 250.0]
