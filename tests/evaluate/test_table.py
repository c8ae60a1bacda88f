"""Tables name their metrics, state references, and are told apart by any of their values."""

import dataclasses

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
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
