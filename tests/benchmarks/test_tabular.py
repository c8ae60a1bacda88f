"""Tables have metrics and a fingerprint of all values; their evaluator looks tasks up."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from ce_nas.benchmarks.base import ProxyScores, parse_objective
from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.benchmarks.proxy_scores import load_builtin_scores
from ce_nas.benchmarks.tabular import BenchmarkTable, MetricColumn, TabularEvaluator, objective_matrix, require_table
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective, Task, TaskKind
from ce_nas.space.base import Space


def table(name="small", epochs=20, choices=("x", "y", "z"), train_s=(10.0, 20.0, 60.0), **changed):
    metrics = {
        "accuracy": MetricColumn(
            "accuracy", "%", maximise=True, requires_training=True, values=np.array([90.0, 80.0, 85.0])
        ),
        "latency": MetricColumn(
            "latency", "ms", maximise=False, requires_training=False, values=np.array([1.234, 0.5, 2.0])
        ),
        "edgegpu_energy": MetricColumn(
            "edgegpu_energy", "mJ", maximise=False, requires_training=False, values=np.array([5.0, 9.0, 7])
        ),
        "throughput": MetricColumn(
            "throughput", "img/s", maximise=True, requires_training=False, values=np.array([100.0, 300.0, 200])
        ),
    }
    space = Space("three", ["op"], [choices])
    return BenchmarkTable(name, space, metrics | changed, np.array(train_s), epochs, "a test")


def test_metric_specs_have_the_ranges_of_the_table():
    spec = table().metric_specs["latency"]
    assert (spec.unit, spec.maximise, spec.requires_training, spec.min_value, spec.max_value) == (
        "ms",
        False,
        False,
        0.5,
        2.0,
    )
    assert table().all_values("latency").tolist() == [1.234, 0.5, 2.0]
    assert table().training_free_values("latency", [(2,), (0,), (2,)]).tolist() == [2.0, 1.234, 2.0]


def test_fidelity_must_be_one_of_the_tables():
    low_fidelity = dataclasses.replace(table(), low_fidelity_values={0.06: {"accuracy": np.array([50.0, 40.0, 45.0])}})
    low_fidelity.require_fidelity(0.06)
    with pytest.raises(
        SettingsError, match=r"searcher\.initial_fidelity among the fidelities that small knows: 0\.06; got 0\.5"
    ):
        low_fidelity.require_fidelity(0.5)


def test_objective_matrix_is_minimised_in_the_given_order():
    objectives = [parse_objective(table(), "latency"), parse_objective(table(), "accuracy")]
    assert objective_matrix(table(), objectives).tolist() == [[1.234, -90.0], [0.5, -80.0], [2.0, -85.0]]


def test_mean_epoch_time():
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
        changed_metric(requires_training=True),
        {"more": MetricColumn("more", "", maximise=False, requires_training=False, values=np.zeros(3))},
    ],
)
def test_the_fingerprint_changes_with_any_value(changes):
    assert table().fingerprint == table().fingerprint
    assert table(**changes).fingerprint != table().fingerprint


def test_the_fingerprint_ignores_the_order_of_metrics():
    reordered = dataclasses.replace(table(), metrics=dict(reversed(table().metrics.items())))
    assert reordered.fingerprint == table().fingerprint


def test_the_fingerprint_changes_with_the_members():
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
        "accuracy": MetricColumn(
            "accuracy", "%", maximise=True, requires_training=True, values=np.array([60.0, 70.0, 80.0, 90.0])
        ),
        "loss": MetricColumn("loss", "", maximise=False, requires_training=True, values=np.array([4.0, 3.0, 2.0, 1.0])),
        "latency": MetricColumn(
            "latency", "ms", maximise=False, requires_training=False, values=np.array([1.0, 2.0, 3.0, 4.0])
        ),
    },
    train_s=np.array([100.0, 200.0, 300.0, 400.0]),
    epochs=10,
    origin="a test",
)
PROXY_SCORES = ProxyScores(
    names=("one", "two"),
    values=np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 30.0], [3.0, 40.0]]),
    mean_rank=np.array([0.0, 0.25, 0.75, 1.0]),
    scoring_time_s=3.0,
    supernet_training_s=5000.0,
    origin="a test",
)
OBJECTIVES = [parse_objective(TABLE, "accuracy"), parse_objective(TABLE, "latency"), parse_objective(TABLE, "loss")]


@pytest.fixture
def evaluator():
    return TabularEvaluator(TABLE, OBJECTIVES, PROXY_SCORES)


def task(kind, *architectures, fidelity=1.0):
    return Task(7, kind, architectures, fidelity)


def test_an_evaluation_returns_objectives_after_the_training_time(evaluator):
    training = task(TaskKind.EVALUATION, (1, 0))
    assert evaluator.duration_s(training) == 300.0
    outcome = evaluator.run(training)
    assert (outcome.task_id, outcome.values, outcome.scores) == (7, ((-80.0, 3.0, 2.0),), ())


def test_duration_scales_with_fidelity(evaluator):
    assert evaluator.duration_s(task(TaskKind.EVALUATION, (1, 1), fidelity=0.25)) == 100.0


def test_a_sampling_returns_scores_and_estimates(evaluator):
    sampling = task(TaskKind.SAMPLING, (1, 1), (0, 0), (1, 0))
    assert evaluator.duration_s(sampling) == 9.0
    outcome = evaluator.run(sampling)
    assert outcome.values == ((-1.0, 4.0, -1.0), (0.0, 1.0, 0.0), (-0.75, 3.0, -0.75))
    assert outcome.scores == ((3.0, 40.0), (1.0, 10.0), (4.0, 30.0))


def test_estimates_follow_the_mean_rank_in_either_direction(evaluator):
    cells = [(0, 0), (0, 1), (1, 0), (1, 1)]
    estimates = np.array(evaluator.run(task(TaskKind.SAMPLING, *cells)).values)
    truth = np.array([evaluator.run(task(TaskKind.EVALUATION, cell)).values[0] for cell in cells])
    for column in (0, 2):
        assert np.argsort(estimates[:, column]).tolist() == np.argsort(truth[:, column]).tolist() == [3, 2, 1, 0]
    assert np.array_equal(estimates[:, 1], truth[:, 1])


def test_a_supernet_task_takes_time_and_returns_nothing(evaluator):
    supernet = task(TaskKind.SUPERNET)
    assert evaluator.supernet_training_s == evaluator.duration_s(supernet) == 5000.0
    assert evaluator.run(supernet).values == ()


def test_without_proxy_scores_nothing_can_be_sampled():
    evaluator = TabularEvaluator(TABLE, OBJECTIVES, None)
    assert not evaluator.has_proxy_scores
    assert evaluator.supernet_training_s == 0.0
    assert evaluator.run(task(TaskKind.EVALUATION, (0, 1))).values == ((-70.0, 2.0, 3.0),)


def test_the_objectives_direction_decides_the_sign():
    evaluator = TabularEvaluator(TABLE, [Objective("latency", "ms", True, 0.0)], PROXY_SCORES)
    assert evaluator.run(task(TaskKind.EVALUATION, (1, 1))).values == ((-4.0,),)


def test_values_are_python_floats(evaluator):
    for kind in (TaskKind.SAMPLING, TaskKind.EVALUATION):
        outcome = evaluator.run(task(kind, (1, 1)))
        assert all(type(value) is float for row in (*outcome.values, *outcome.scores) for value in row)
    assert type(evaluator.duration_s(task(TaskKind.EVALUATION, (1, 1)))) is float


def test_a_table_builds_its_evaluator_with_or_without_proxy_scores():
    table, objectives = load_embedded_table(), [parse_objective(load_embedded_table(), "accuracy")]
    scored = table.build_evaluator(objectives, load_builtin_scores(table.space))
    blind = table.build_evaluator(objectives, None)
    assert isinstance(scored, TabularEvaluator)
    assert (scored.has_proxy_scores, blind.has_proxy_scores) == (True, False)
    assert scored.objectives == tuple(objectives)


def test_require_table_refuses_other_benchmarks():
    assert require_table(TABLE) is TABLE
    with pytest.raises(SettingsError, match="all listed, but NAS-Bench-301 has no table"):
        require_table(SimpleNamespace(name="NAS-Bench-301"))
