"""Networks as a benchmark: counts of every space, known beforehand or with a training."""

import pytest

torch = pytest.importorskip("torch", reason="real trainings need the extra torch")

from ce_nas.benchmarks.base import parse_objective  # noqa: E402
from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import random_stream  # noqa: E402
from ce_nas.training.network_benchmark import NetworkBenchmark  # noqa: E402
from ce_nas.training.networks.factory import NETWORK_SPACES, build_network  # noqa: E402
from ce_nas.training.networks.nasbench201_network import count_flops, count_parameters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402


@pytest.fixture(scope="module", params=NETWORK_SPACES)
def benchmark(request):
    return NetworkBenchmark("digits", 4, 3, Recipe(), request.param)


@pytest.mark.long
def test_counts_equal_the_networks_and_lie_in_their_range(benchmark, digits):
    for architecture in benchmark.space.sample(random_stream(0, "sizes"), 2):
        network = build_network(benchmark.space, architecture, 4, 3, digits)
        assert benchmark.training_free_values("parameters", [architecture])[0] == pytest.approx(
            count_parameters(network) / 1e6
        )
        assert benchmark.training_free_values("flops", [architecture])[0] == pytest.approx(
            count_flops(network, (1, 8, 8)) / 1e6
        )
        for name in ("parameters", "flops"):
            spec = benchmark.metric_specs[name]
            assert spec.min_value <= benchmark.training_free_values(name, [architecture])[0] <= spec.max_value


def test_default_objectives_are_accuracy_and_parameters(benchmark):
    objectives = [parse_objective(benchmark, name) for name in benchmark.default_objectives]
    assert [(objective.name, objective.maximise) for objective in objectives] == [
        ("accuracy", True),
        ("parameters", False),
    ]
    assert objectives[1].reference > benchmark.metric_specs["parameters"].max_value


def test_only_an_enumerable_space_has_all_values(benchmark):
    values = benchmark.all_values("parameters")
    assert (values is None) == (benchmark.space.name != "nas-bench-201")
    assert benchmark.all_values("latency") is None
    assert not benchmark.metric_specs["parameters"].requires_training
    assert benchmark.metric_specs["accuracy"].requires_training


def test_the_fingerprint_changes_with_the_networks():
    benchmarks = [
        NetworkBenchmark("digits", channels, 1, Recipe(epochs=epochs), space)
        for channels, epochs, space in [(4, 1, "nb201"), (8, 1, "nb201"), (4, 2, "nb201"), (4, 1, "darts")]
    ]
    assert len({each.fingerprint for each in benchmarks}) == 4


def test_an_unsupported_recipe_is_refused():
    with pytest.raises(SettingsError, match="drop_path"):
        NetworkBenchmark("digits", 4, 1, Recipe(drop_path=0.2))
