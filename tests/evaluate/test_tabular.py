"""A task takes the time and finds the values that the table states, and an estimate promises an order alone."""

import numpy as np
import pytest

from ce_nas.core.records import Objective, Task, TaskKind
from ce_nas.evaluate.scores import CheapScores
from ce_nas.evaluate.table import BenchmarkTable, Metric, objective
from ce_nas.evaluate.tabular import TabularEvaluator
from ce_nas.space.space import Space

SPACE = Space("four", ["a", "b"], [["x", "y"], ["x", "y"]])
TABLE = BenchmarkTable(
    name="four",
    space=SPACE,
    metrics={
        "accuracy": Metric("accuracy", "%", maximise=True, trained=True, values=np.array([60.0, 70.0, 80.0, 90.0])),
        "loss": Metric("loss", "", maximise=False, trained=True, values=np.array([4.0, 3.0, 2.0, 1.0])),
        "latency": Metric("latency", "ms", maximise=False, trained=False, values=np.array([1.0, 2.0, 3.0, 4.0])),
    },
    train_s=np.array([100.0, 200.0, 300.0, 400.0]),
    epochs=10,
    origin="a test",
)
CHEAP = CheapScores(
    names=("one", "two"),
    values=np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 30.0], [3.0, 40.0]]),
    vote=np.array([0.0, 0.25, 0.75, 1.0]),
    score_s=3.0,
    training_s=5000.0,
    origin="a test",
)
OBJECTIVES = [objective(TABLE, "accuracy"), objective(TABLE, "latency"), objective(TABLE, "loss")]


@pytest.fixture
def evaluator():
    return TabularEvaluator(TABLE, OBJECTIVES, CHEAP)


def task(kind, *architectures, fidelity=1.0):
    return Task(7, kind, architectures, fidelity)


def test_an_evaluation_takes_its_training_and_finds_its_objectives(evaluator):
    training = task(TaskKind.EVALUATION, (1, 0))
    assert evaluator.duration_s(training) == 300.0
    outcome = evaluator.run(training)
    assert (outcome.task_id, outcome.values, outcome.scores) == (7, ((-80.0, 3.0, 2.0),), ())


def test_a_part_of_a_training_takes_its_part_of_the_time(evaluator):
    assert evaluator.duration_s(task(TaskKind.EVALUATION, (1, 1), fidelity=0.25)) == 100.0


def test_a_sampling_takes_its_scores_and_finds_no_accuracy(evaluator):
    sampling = task(TaskKind.SAMPLING, (1, 1), (0, 0), (1, 0))
    assert evaluator.duration_s(sampling) == 9.0
    outcome = evaluator.run(sampling)
    assert outcome.values == ((-1.0, 4.0, -1.0), (0.0, 1.0, 0.0), (-0.75, 3.0, -0.75))
    assert outcome.scores == ((3.0, 40.0), (1.0, 10.0), (4.0, 30.0))


def test_a_better_vote_is_a_better_estimate_whichever_way_the_metric_goes(evaluator):
    cells = [(0, 0), (0, 1), (1, 0), (1, 1)]
    estimates = np.array(evaluator.run(task(TaskKind.SAMPLING, *cells)).values)
    truth = np.array([evaluator.run(task(TaskKind.EVALUATION, cell)).values[0] for cell in cells])
    for column in (0, 2):
        assert np.argsort(estimates[:, column]).tolist() == np.argsort(truth[:, column]).tolist() == [3, 2, 1, 0]
    assert np.array_equal(estimates[:, 1], truth[:, 1])


def test_a_supernets_training_takes_its_time_and_finds_nothing(evaluator):
    supernet = task(TaskKind.SUPERNET)
    assert evaluator.supernet_training_s == evaluator.duration_s(supernet) == 5000.0
    assert evaluator.run(supernet).values == ()


def test_without_cheap_scores_nothing_can_be_sampled():
    evaluator = TabularEvaluator(TABLE, OBJECTIVES, None)
    assert not evaluator.can_score
    assert evaluator.supernet_training_s == 0.0
    assert evaluator.run(task(TaskKind.EVALUATION, (0, 1))).values == ((-70.0, 2.0, 3.0),)


def test_the_direction_asked_for_is_the_one_minimised():
    evaluator = TabularEvaluator(TABLE, [Objective("latency", "ms", True, 0.0)], CHEAP)
    assert evaluator.run(task(TaskKind.EVALUATION, (1, 1))).values == ((-4.0,),)


def test_values_are_plain_numbers(evaluator):
    for kind in (TaskKind.SAMPLING, TaskKind.EVALUATION):
        outcome = evaluator.run(task(kind, (1, 1)))
        assert all(type(value) is float for row in (*outcome.values, *outcome.scores) for value in row)
    assert type(evaluator.duration_s(task(TaskKind.EVALUATION, (1, 1)))) is float
