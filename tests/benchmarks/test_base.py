"""Objectives as people write them, of any benchmark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.base import Benchmark, Quantity, objective
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.records import Objective

QUANTITIES = {
    "accuracy": ("%", True, 80.0, 90.0),
    "latency": ("ms", False, 0.5, 2.0),
    "edgegpu_energy": ("mJ", False, 5.0, 9.0),
    "throughput": ("img/s", True, 100.0, 300.0),
}


class Small(Benchmark):
    """Nothing but quantities."""

    name = "small"
    quantities = None
    fingerprint = mean_epoch_s = costs = column = require_share = None

    def __init__(self, quantities):
        self.quantities = {
            name: Quantity(name, unit, maximise, name == "accuracy", low, high)
            for name, (unit, maximise, low, high) in quantities.items()
        }


def small(**more):
    return Small(QUANTITIES | more)


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
    assert objective(small(), text) == expected


@pytest.mark.parametrize("text", ["accuracy:up", "accuracy:MAX", "accuracy:0.5", "latency:smallest:1"])
def test_a_direction_that_is_none_is_refused(text):
    with pytest.raises(SettingsError, match=r"such as accuracy:max or latency:min:0\.05, got"):
        objective(small(), text)


@pytest.mark.parametrize(
    "text", ["latency:min:", "latency:min:x", "latency:min:nan", "latency::inf", "latency:min:1:2"]
)
def test_a_reference_that_is_no_number_is_refused(text):
    with pytest.raises(SettingsError, match="Expected a number as the reference"):
        objective(small(), text)


def test_a_metric_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(TableError, match=r"Unknown objective of small 'latncy'.*Did you mean 'latency'\?"):
        objective(small(), "latncy:min")
    with pytest.raises(TableError, match="expected one of: accuracy, edgegpu_energy, latency, throughput"):
        small().quantity("")


@given(st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6) | st.integers(1, 10_000).map(lambda n: n / 100))
def test_the_default_reference_is_just_beyond_the_worst(worst):
    reference = objective(small(cost=("", False, worst - 2.0, worst)), "cost").reference
    assert worst < reference <= worst + 0.11 * abs(worst)
    assert float(f"{reference:.2g}") == pytest.approx(reference, rel=1e-9)


def test_a_benchmark_may_state_a_reference_of_its_own():
    benchmark = Small({})
    benchmark.quantities = {"accuracy": Quantity("accuracy", "%", True, True, 91.5, 95.0, reference=90.0)}
    assert objective(benchmark, "accuracy").reference == 90.0
    assert objective(benchmark, "accuracy:max:0").reference == 0.0
    assert objective(benchmark, "accuracy:min").reference == 96.0
