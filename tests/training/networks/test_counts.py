import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the extra torch")

from ce_nas.space.nasbench201_cell import NasBench201Space  # noqa: E402
from ce_nas.training.networks.counts import nb201_flops, nb201_parameters  # noqa: E402
from ce_nas.training.networks.nasbench201_network import NasBench201Network, count_flops, count_parameters  # noqa: E402

CELLS = NasBench201Space().sample(np.random.default_rng(0), 12)


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "image"),
    [
        ({"channels": 16, "cells": 5, "classes": 10}, (3, 32, 32)),
        ({"channels": 4, "cells": 1, "classes": 7}, (1, 8, 8)),
    ],
)
def test_counts_equal_those_of_built_networks(options, image):
    networks = [NasBench201Network(cell, in_channels=image[0], **options) for cell in CELLS]
    assert nb201_parameters(CELLS, in_channels=image[0], **options).tolist() == list(map(count_parameters, networks))
    assert nb201_flops(CELLS, image_shape=image, **options).tolist() == [
        count_flops(network, image) for network in networks
    ]
