import pytest

from ce_nas.core.records import Objective, Task, TaskKind
from ce_nas.space.base import Space
from ce_nas.training.problem import LiveProblem

SPACE = Space("own", ["a"], ["xy"])
OBJECTIVES = [Objective("a", "", maximise=False, reference=1.0), Objective("b", "", maximise=False, reference=1.0)]


@pytest.fixture
def problem():
    return LiveProblem(SPACE, OBJECTIVES, 600.0, has_supernet=True)


def training(number, fidelity=1.0):
    return Task(number, TaskKind.EVALUATION, ((0,),), fidelity)


def sampling(number, count):
    return Task(number, TaskKind.SAMPLING, ((0,),) * count)


def test_durations_start_with_the_initial_estimate(problem):
    assert problem.duration_s(training(0)) == 600.0
    assert problem.duration_s(training(0, 0.5)) == 300.0
    assert problem.duration_s(sampling(1, 8)) == 48.0
    assert problem.duration_s(Task(2, TaskKind.SUPERNET, ())) == problem.supernet_training_s == 3000.0


def test_durations_follow_finished_tasks(problem):
    problem.record_duration(training(0), 100.0)
    problem.record_duration(training(1, 0.5), 80.0)
    assert problem.duration_s(training(2)) == pytest.approx(120.0)
    problem.record_duration(sampling(3, 4), 2.0)
    assert problem.duration_s(sampling(4, 10)) == pytest.approx(5.0)
    problem.record_duration(Task(5, TaskKind.SUPERNET, ()), 1.0)
    assert problem.duration_s(training(6)) == pytest.approx(120.0)


def test_without_a_supernet_there_are_no_proxy_scores():
    problem = LiveProblem(SPACE, OBJECTIVES, 600.0, has_supernet=False)
    assert (problem.has_proxy_scores, problem.supernet_training_s) == (False, 0.0)


def test_costs_are_measured_without_scores_to_validate():
    problem = LiveProblem(SPACE, OBJECTIVES, 600.0, has_supernet=False, measures_costs=True)
    assert problem.measures_costs
    assert not problem.has_proxy_scores
    assert not problem.score_trained_architectures
    assert problem.supernet_training_s == 0.0
