"""Objectives as text, for any benchmark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.base import Benchmark, MetricSpec, parse_objective
from ce_nas.core.errors import SettingsError, TableError
from ce_nas.core.records import Objective

METRICS = {
    "accuracy": ("%", True, 80.0, 90.0),
    "latency": ("ms", False, 0.5, 2.0),
    "edgegpu_energy": ("mJ", False, 5.0, 9.0),
    "throughput": ("img/s", True, 100.0, 300.0),
}


class Small(Benchmark):
    """Nothing but metrics."""

    name = "small"
    metric_specs = None
    fingerprint = mean_epoch_s = training_free_values = all_values = require_fidelity = None

    def __init__(self, metrics):
        self.metric_specs = {
            name: MetricSpec(name, unit, maximise, name == "accuracy", low, high)
            for name, (unit, maximise, low, high) in metrics.items()
        }


def small(**more):
    return Small(METRICS | more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy", Objective("accuracy", "%", True, 0.0)),
        ("accuracy:max", Objective("accuracy", "%", True, 0.0)),
        ("accuracy:max:50", Objective("accuracy", "%", True, 50.0)),
        (" accuracy : max : 50 ", Objective("accuracy", "%", True, 50.0)),
        ("accuracy::50", Objective("accuracy", "%", True, 50.0)),
        ("accuracy:min", Objective("accuracy", "%", False, 91.0)),
        ("latency", Objective("latency", "ms", False, 2.1, is_known=True)),
        ("latency:min:0.05", Objective("latency", "ms", False, 0.05, is_known=True)),
        ("latency:max", Objective("latency", "ms", True, 0.5, is_known=True)),
        ("latency:min:-1e-3", Objective("latency", "ms", False, -0.001, is_known=True)),
        ("edgegpu_energy", Objective("edgegpu_energy", "mJ", False, 50.0, is_known=True)),
        ("throughput", Objective("throughput", "img/s", True, 100.0, is_known=True)),
        ("accuracy:known", Objective("accuracy", "%", True, 0.0, is_known=True)),
        ("accuracy:max:50:known", Objective("accuracy", "%", True, 50.0, is_known=True)),
    ],
)
def test_parse_objective_accepts_every_form(text, expected):
    assert parse_objective(small(), text) == expected


@pytest.mark.parametrize(
    "text", ["accuracy:up", "accuracy:MAX", "accuracy:0.5", "latency:smallest:1", "latency:min:1:2"]
)
def test_an_invalid_direction_is_refused(text):
    with pytest.raises(SettingsError, match=r"such as accuracy:max or latency:min:0\.05(:known)?, got"):
        parse_objective(small(), text)


@pytest.mark.parametrize("text", ["latency:min:", "latency:min:x", "latency:min:nan", "latency::inf"])
def test_an_invalid_reference_is_refused(text):
    with pytest.raises(SettingsError, match="Expected a number as the reference"):
        parse_objective(small(), text)


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    with pytest.raises(TableError, match=r"Unknown objective of small 'latncy'.*Did you mean 'latency'\?"):
        parse_objective(small(), "latncy:min")
    with pytest.raises(TableError, match="expected one of: accuracy, edgegpu_energy, latency, throughput"):
        small().metric_spec("")


@given(st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6) | st.integers(1, 10_000).map(lambda n: n / 100))
def test_the_default_reference_is_just_beyond_the_worst_value(worst):
    reference = parse_objective(small(cost=("", False, worst - 2.0, worst)), "cost").reference
    assert worst < reference <= worst + 0.11 * abs(worst)
    assert float(f"{reference:.2g}") == pytest.approx(reference, rel=1e-9)


@pytest.mark.parametrize("text", ["quality", "quality:known", "quality::50"])
def test_an_unclear_direction_is_asked_for(text):
    benchmark = Small({})
    benchmark.metric_specs = {"quality": MetricSpec("quality", "", False, True, 1.0, 5.0, has_direction=False)}
    with pytest.raises(SettingsError, match=r"Expected a direction .*quality:max or quality:min\.$"):
        parse_objective(benchmark, text)
    assert parse_objective(benchmark, "quality:max") == Objective("quality", "", True, 1.0)
    assert benchmark.default_objectives == []


def test_default_objectives_are_a_quality_and_a_cost():
    assert small().default_objectives == ["accuracy", "edgegpu_energy"]
    benchmark = Small({})
    benchmark.metric_specs = {
        name: MetricSpec(name, "", maximise, True, 0.0, 1.0)
        for name, maximise in (("error", False), ("top1", True), ("latency", False))
    }
    assert benchmark.default_objectives == ["top1", "error"]


def test_a_benchmark_can_state_a_reference():
    benchmark = Small({})
    benchmark.metric_specs = {"accuracy": MetricSpec("accuracy", "%", True, True, 91.5, 95.0, reference=90.0)}
    assert parse_objective(benchmark, "accuracy").reference == 90.0
    assert parse_objective(benchmark, "accuracy:max:0").reference == 0.0
    assert parse_objective(benchmark, "accuracy:min").reference == 96.0


def test_a_benchmark_without_recorded_trainings_has_no_evaluator():
    with pytest.raises(SettingsError, match="all listed, but small has no table"):
        small().build_evaluator([], None)
