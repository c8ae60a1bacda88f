"""What is searched when networks are trained for real: every space's sizes, told before or with a training."""

import pytest

torch = pytest.importorskip("torch", reason="real trainings need the extra torch")

from ce_nas.benchmarks.base import objective  # noqa: E402
from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import stream  # noqa: E402
from ce_nas.training.network_benchmark import NetworkBenchmark  # noqa: E402
from ce_nas.training.networks.build import SPACES, build_network  # noqa: E402
from ce_nas.training.networks.nasbench201 import count_flops, count_parameters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402


@pytest.fixture(scope="module", params=SPACES)
def benchmark(request):
    return NetworkBenchmark("digits", 4, 3, Recipe(), request.param)


def test_sizes_are_those_of_the_network_and_lie_in_the_stated_range(benchmark, digits):
    for one in benchmark.space.sample(stream(0, "sizes"), 2):
        network = build_network(benchmark.space, one, 4, 3, digits)
        assert benchmark.costs("parameters", [one])[0] == pytest.approx(count_parameters(network) / 1e6)
        assert benchmark.costs("flops", [one])[0] == pytest.approx(count_flops(network, (1, 8, 8)) / 1e6)
        for name in ("parameters", "flops"):
            quantity = benchmark.quantities[name]
            assert quantity.low <= benchmark.costs(name, [one])[0] <= quantity.high


def test_the_default_is_accuracy_against_parameters(benchmark):
    chosen = [objective(benchmark, name) for name in benchmark.default_objectives]
    assert [(item.name, item.maximise) for item in chosen] == [("accuracy", True), ("parameters", False)]
    assert chosen[1].reference > benchmark.quantities["parameters"].high


def test_only_a_space_that_can_be_listed_tells_of_all_its_members(benchmark):
    column = benchmark.column("parameters")
    assert (column is None) == (benchmark.space.name != "nas-bench-201")
    assert benchmark.column("latency") is None
    assert benchmark.quantities["parameters"].trained == (column is None)


def test_benchmarks_of_different_networks_are_told_apart():
    made = [
        NetworkBenchmark("digits", channels, 1, Recipe(epochs=epochs), space)
        for channels, epochs, space in [(4, 1, "nb201"), (8, 1, "nb201"), (4, 2, "nb201"), (4, 1, "darts")]
    ]
    assert len({one.fingerprint for one in made}) == 4


def test_a_recipe_that_its_networks_cannot_follow_is_refused_at_once():
    with pytest.raises(SettingsError, match="drop_path"):
        NetworkBenchmark("digits", 4, 1, Recipe(drop_path=0.2))
