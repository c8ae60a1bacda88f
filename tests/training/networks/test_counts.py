import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the extra torch")

from ce_nas.space.nasbench201 import NasBench201Space  # noqa: E402
from ce_nas.training.networks.counts import nb201_flops, nb201_parameters  # noqa: E402
from ce_nas.training.networks.nasbench201 import NasBench201Network, count_flops, count_parameters  # noqa: E402

CELLS = NasBench201Space().sample(np.random.default_rng(0), 12)


@pytest.mark.parametrize(
    ("stated", "image"),
    [
        ({"channels": 16, "cells": 5, "classes": 10}, (3, 32, 32)),
        ({"channels": 4, "cells": 1, "classes": 7}, (1, 8, 8)),
    ],
)
def test_sizes_are_those_of_the_networks_built(stated, image):
    networks = [NasBench201Network(cell, in_channels=image[0], **stated) for cell in CELLS]
    assert nb201_parameters(CELLS, in_channels=image[0], **stated).tolist() == list(map(count_parameters, networks))
    assert nb201_flops(CELLS, image=image, **stated).tolist() == [count_flops(one, image) for one in networks]
