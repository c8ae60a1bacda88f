"""Tables name their metrics, state references, and are told apart by any of their values."""

import dataclasses

import numpy as np
import pytest

from ce_nas.benchmarks.proxy_scores import CheapScores
from ce_nas.benchmarks.tabular import BenchmarkTable, Metric, TabularEvaluator, objective, table_values
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective, Task, TaskKind
from ce_nas.space.base import Space


def table(name="small", epochs=20, choices=("x", "y", "z"), train_s=(10.0, 20.0, 60.0), **changed):
    metrics = {
        "accuracy": Metric("accuracy", "%", maximise=True, trained=True, values=np.array([90.0, 80.0, 85.0])),
        "latency": Metric("latency", "ms", maximise=False, trained=False, values=np.array([1.234, 0.5, 2.0])),
        "edgegpu_energy": Metric("edgegpu_energy", "mJ", maximise=False, trained=False, values=np.array([5.0, 9.0, 7])),
        "throughput": Metric("throughput", "img/s", maximise=True, trained=False, values=np.array([100.0, 300.0, 200])),
    }
    space = Space("three", ["op"], [choices])
    return BenchmarkTable(name, space, metrics | changed, np.array(train_s), epochs, "a test")


def test_the_quantities_of_a_table_are_its_metrics_with_their_ranges():
    found = table().quantities["latency"]
    assert (found.unit, found.maximise, found.trained, found.low, found.high) == ("ms", False, False, 0.5, 2.0)
    assert table().column("latency").tolist() == [1.234, 0.5, 2.0]
    assert table().costs("latency", [(2,), (0,), (2,)]).tolist() == [2.0, 1.234, 2.0]


def test_shares_of_a_training_that_the_table_knows():
    known = dataclasses.replace(table(), early={0.06: {"accuracy": np.array([50.0, 40.0, 45.0])}})
    known.require_share(0.06)
    with pytest.raises(SettingsError, match=r"among the shares that small knows: 0\.06; got 0\.5"):
        known.require_share(0.5)


def test_values_are_minimised_in_the_order_asked_for():
    wanted = [objective(table(), "latency"), objective(table(), "accuracy")]
    assert table_values(table(), wanted).tolist() == [[1.234, -90.0], [0.5, -80.0], [2.0, -85.0]]


def test_an_epoch_takes_its_share_of_the_mean_training():
    assert table().mean_epoch_s == 1.5


def changed_metric(**what):
    return {"latency": dataclasses.replace(table().metrics["latency"], **what)}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"epochs": 21},
        {"choices": ("x", "y", "w")},
        {"train_s": (10.0, 20.0, 60.000001)},
        changed_metric(values=np.array([1.234, 0.5, 2.0000001])),
        changed_metric(values=np.array([0.5, 1.234, 2.0])),
        changed_metric(unit="s"),
        changed_metric(maximise=True),
        changed_metric(trained=True),
        {"more": Metric("more", "", maximise=False, trained=False, values=np.zeros(3))},
    ],
)
def test_any_change_shows_in_the_fingerprint(changes):
    assert table().fingerprint == table().fingerprint
    assert table(**changes).fingerprint != table().fingerprint


def test_the_order_of_metrics_does_not_show_in_the_fingerprint():
    turned = dataclasses.replace(table(), metrics=dict(reversed(table().metrics.items())))
    assert turned.fingerprint == table().fingerprint


def test_listed_members_show_in_the_fingerprint():
    first, second = (
        dataclasses.replace(table(), space=Space("three", ["op"], ["wxyz"], np.array(rows)))
        for rows in ([[0], [1], [2]], [[0], [1], [3]])
    )
    assert first.fingerprint != second.fingerprint


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
