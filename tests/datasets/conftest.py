"""A local file server with faults, and synthetic files in the official layouts."""

from __future__ import annotations

import numpy as np
import pytest

from ce_nas.datasets.store import DataStore
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.testing.fault_server import FileServer

#: the file of the server
CONTENT = bytes(range(256)) * 512


@pytest.fixture
def server():
    with FileServer(CONTENT) as server:
        yield server


@pytest.fixture
def store(tmp_path):
    return DataStore(tmp_path / "store")


@pytest.fixture(scope="session")
def cells():
    """All cells of NAS-Bench-201, in a random order of indices."""
    space = NasBench201Space()
    order = np.random.default_rng(0).permutation(space.size)
    return [space.text(space.all_architectures[row]) for row in order.tolist()]


@pytest.fixture(scope="session")
def fbnet_layers():
    """A synthetic cost of every layer of FBNet's space by its official name: its rank in the sorted list."""
    from ce_nas.benchmarks.fbnet_costs import fixed_layer_names, layer_name
    from ce_nas.space.fbnet import FBNET_BLOCKS, FBNET_DATASETS, layer_shapes

    names = {
        name
        for dataset in FBNET_DATASETS
        for name in (
            *fixed_layer_names(dataset),
            *(layer_name(shape, block) for shape in layer_shapes(dataset) for block in FBNET_BLOCKS.values()),
        )
    }
    return {name: float(number) for number, name in enumerate(sorted(names), start=1)}


@pytest.fixture(scope="session")
def hwnas_content(cells, fbnet_layers):
    """A synthetic HW-NAS-Bench: the latency of a cell is its index, its energy twice that, ten times per data set."""
    index = np.arange(1.0, len(cells) + 1)
    config = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": cell, "num_classes": 10} for cell in cells]
    spaces = {
        dataset: {
            "config": config,
            "edgegpu_latency": (index * scale).tolist(),
            "edgegpu_energy": index * scale * 2,
            "raspi4_latency": [*map(np.float64, index * scale)],
            "eyeriss_arithmetic_intensity": index.tolist(),
        }
        for dataset, scale in (("cifar10", 1.0), ("cifar100", 10.0), ("ImageNet16-120", 100.0))
    }
    return {
        "nasbench201": spaces,
        "fbnet": {"edgegpu_latency": fbnet_layers, "fpga_energy": {k: 2 * v for k, v in fbnet_layers.items()}},
    }


@pytest.fixture(scope="session")
def hwnas_file(hwnas_content, tmp_path_factory):
    import pickle

    path = tmp_path_factory.mktemp("official") / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(hwnas_content, 3))
    return path
