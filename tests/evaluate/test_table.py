"""Tables name their metrics, state references, and are told apart by any of their values."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.records import Objective
from ce_nas.evaluate.table import BenchmarkTable, Metric, objective, table_values
from ce_nas.space.space import Space


def table(name="small", epochs=20, choices=("x", "y", "z"), train_s=(10.0, 20.0, 60.0), **changed):
    metrics = {
        "accuracy": Metric("accuracy", "%", maximise=True, trained=True, values=np.array([90.0, 80.0, 85.0])),
        "latency": Metric("latency", "ms", maximise=False, trained=False, values=np.array([1.234, 0.5, 2.0])),
        "edgegpu_energy": Metric("edgegpu_energy", "mJ", maximise=False, trained=False, values=np.array([5.0, 9.0, 7])),
        "throughput": Metric("throughput", "img/s", maximise=True, trained=False, values=np.array([100.0, 300.0, 200])),
    }
    space = Space("three", ["op"], [choices])
    return BenchmarkTable(name, space, metrics | changed, np.array(train_s), epochs, "a test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy", Objective("accuracy", "%", True, 0.0)),
        ("accuracy:max", Objective("accuracy", "%", True, 0.0)),
        ("accuracy:max:50", Objective("accuracy", "%", True, 50.0)),
        (" accuracy : max : 50 ", Objective("accuracy", "%", True, 50.0)),
        ("accuracy::50", Objective("accuracy", "%", True, 50.0)),
        ("accuracy:min", Objective("accuracy", "%", False, 91.0)),
        ("latency", Objective("latency", "ms", False, 2.1)),
        ("latency:min:0.05", Objective("latency", "ms", False, 0.05)),
        ("latency:max", Objective("latency", "ms", True, 0.5)),
        ("latency:min:-1e-3", Objective("latency", "ms", False, -0.001)),
        ("edgegpu_energy", Objective("edgegpu_energy", "mJ", False, 50.0)),
        ("throughput", Objective("throughput", "img/s", True, 100.0)),
    ],
)
def test_the_forms_of_an_objective(text, expected):
    assert objective(table(), text) == expected


@pytest.mark.parametrize("text", ["accuracy:up", "accuracy:MAX", "accuracy:0.5", "latency:smallest:1"])
def test_a_direction_that_is_none_is_refused(text):
    with pytest.raises(SettingsError, match=r"such as accuracy:max or latency:min:0\.05, got"):
        objective(table(), text)


@pytest.mark.parametrize(
    "text", ["latency:min:", "latency:min:x", "latency:min:nan", "latency::inf", "latency:min:1:2"]
)
def test_a_reference_that_is_no_number_is_refused(text):
    with pytest.raises(SettingsError, match="Expected a number as the reference"):
        objective(table(), text)


def test_a_metric_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(TableError, match=r"Unknown objective of small 'latncy'.*Did you mean 'latency'\?"):
        objective(table(), "latncy:min")
    with pytest.raises(TableError, match="expected one of: accuracy, edgegpu_energy, latency, throughput"):
        table().metric("")


@given(st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6) | st.integers(1, 10_000).map(lambda n: n / 100))
def test_the_default_reference_is_just_beyond_the_worst(worst):
    values = np.array([worst - 1.0, worst, worst - 2.0])
    cost = Metric("cost", "", maximise=False, trained=False, values=values)
    reference = objective(table(cost=cost), "cost").reference
    assert worst < reference <= worst + 0.11 * abs(worst)
    assert float(f"{reference:.2g}") == pytest.approx(reference, rel=1e-9)


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
