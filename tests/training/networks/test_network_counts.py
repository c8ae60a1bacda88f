"""Counts before training equal those of the built networks, and published ones."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import random_stream  # noqa: E402
from ce_nas.space.base import Space  # noqa: E402
from ce_nas.space.darts import DartsSpace, Genotype  # noqa: E402
from ce_nas.space.efficientnet import EfficientNetSpace, layout_counts  # noqa: E402
from ce_nas.space.fbnet import FBNET_BLOCKS, FbNetSpace  # noqa: E402
from ce_nas.space.nasnet import NASNET_OPERATIONS, NasNetNode, NasNetSpace  # noqa: E402
from ce_nas.training.data.images import ImageDataset, Images  # noqa: E402
from ce_nas.training.networks.efficientnet_network import MacroNetwork, mobilenet_v2_layout  # noqa: E402
from ce_nas.training.networks.factory import NETWORK_SPACES, build_network, build_space  # noqa: E402
from ce_nas.training.networks.nasbench201_network import count_flops, count_parameters  # noqa: E402
from ce_nas.training.networks.network_counts import NetworkCounter  # noqa: E402

CIFAR, IMAGENET = ((3, 32, 32), 10), ((3, 224, 224), 1000)
DARTS_V2 = Genotype(
    normal=[("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)],
    normal_concat=[2, 3, 4, 5],
    reduce=[("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
            ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)],
    reduce_concat=[2, 3, 4, 5],
)  # fmt: skip
#: k: kernel, e: expansion; layer by layer
FBNET_C = [
    *("k3_e1", "k3_e6", "skip", "k3_e1", "k3_e1", "k5_e6", "k5_e3", "k5_e6", "k3_e6", "k5_e6", "k5_e3", "k5_e6"),
    *("k5_e6", "k5_e6", "k5_e3", "k5_e6", "k5_e6", "k5_e6", "k5_e6", "k5_e6", "k5_e6", "k3_e6"),
]


def nasnet_cell(*pairs):
    code = NASNET_OPERATIONS.index
    flat = [(source, code(name)) for name, source in pairs]
    return [NasNetNode(*flat[index], *flat[index + 1]) for index in range(0, 10, 2)]


NASNET_A = NasNetSpace().architecture(
    nasnet_cell(
        ("sep_conv_5x5", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 0), ("sep_conv_3x3", 0), ("avg_pool_3x3", 1),
        ("skip_connect", 0), ("avg_pool_3x3", 0), ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("skip_connect", 1),
    ),
    nasnet_cell(
        ("sep_conv_5x5", 1), ("sep_conv_7x7", 0), ("max_pool_3x3", 1), ("sep_conv_7x7", 0), ("avg_pool_3x3", 1),
        ("sep_conv_5x5", 0), ("skip_connect", 3), ("avg_pool_3x3", 2), ("sep_conv_3x3", 2), ("max_pool_3x3", 1),
    ),
)  # fmt: skip
AMOEBANET_A = NasNetSpace().architecture(
    nasnet_cell(
        ("avg_pool_3x3", 0), ("max_pool_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 2), ("sep_conv_3x3", 0),
        ("avg_pool_3x3", 3), ("sep_conv_3x3", 1), ("skip_connect", 1), ("skip_connect", 0), ("avg_pool_3x3", 1),
    ),
    nasnet_cell(
        ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("max_pool_3x3", 0), ("sep_conv_7x7", 2), ("sep_conv_7x7", 0),
        ("avg_pool_3x3", 1), ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("conv_1x7_7x1", 0), ("sep_conv_3x3", 5),
    ),
)  # fmt: skip


def dataset(shape, classes):
    images = Images(np.zeros((classes, *shape), dtype=np.uint8), np.arange(classes))
    return ImageDataset("synthetic", "a test", images, images, classes, np.full(shape[0], 0.5), np.full(shape[0], 0.3))


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORK_SPACES)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8), (1, 28, 28), (3, 160, 192)])
def test_counts_equal_those_of_the_built_network(name, shape):
    space, data = build_space(name), dataset(shape, 7)
    counter = NetworkCounter(space, 6, 4, shape, 7)
    sampled = space.sample(random_stream(1, "counts"), 3)
    counts = counter.counts(sampled)
    assert counts.shape == (3, 2)
    for architecture, count in zip(sampled, counts, strict=True):
        with torch.device("meta"):
            network = build_network(space, architecture, 6, 4, data)
        assert count.tolist() == [count_parameters(network), count_flops(network, shape)]
        assert (counter.bounds[0] <= count).all()
        assert (count <= counter.bounds[1]).all()


@pytest.mark.parametrize(
    ("space", "architecture", "channels", "cells", "images", "parameters", "macs"),
    [
        (DartsSpace(), DartsSpace().architecture(DARTS_V2), 36, 20, CIFAR, 3_349_342, None),
        (DartsSpace(), DartsSpace().architecture(DARTS_V2), 48, 14, IMAGENET, 4_718_752, None),
        (EfficientNetSpace(), EfficientNetSpace().b0, 0, 0, IMAGENET, 5_288_548, 0.39e9),
        (FbNetSpace(), tuple(list(FBNET_BLOCKS).index(name) for name in FBNET_C), 0, 0, IMAGENET, 5.57e6, 0.385e9),
    ],
)  # fmt: skip
def test_counts_are_the_published_ones(  # noqa: PLR0913, PLR0917 - a row of the table
    space, architecture, channels, cells, images, parameters, macs
):
    shape, classes = images
    (found,) = NetworkCounter(space, channels, cells, shape, classes).counts([architecture])
    if parameters is not None:
        assert found[0] == (parameters if isinstance(parameters, int) else pytest.approx(parameters, rel=2e-3))
    if macs is not None:
        assert found[1] == pytest.approx(macs, rel=0.015)


def test_mobilenet_v2_has_its_published_counts():
    layout = mobilenet_v2_layout()
    with torch.device("meta"):
        network = MacroNetwork(layout, activation="relu6")
    assert count_parameters(network) == 3_504_872
    assert count_flops(network, (3, 224, 224)) == pytest.approx(300e6, rel=0.005)
    assert layout_counts(layout, 3, 1000) == (3_504_872, count_flops(network, (3, 224, 224)))


@pytest.mark.parametrize(
    ("architecture", "channels", "published", "tolerance"),
    [
        (AMOEBANET_A, 36, 3.2e6, 0.02),
        (AMOEBANET_A, 32, 2.6e6, 0.04),
        (NASNET_A, 32, 3.3e6, 0.08),  # its cells also concatenate one of their inputs
    ],
)
def test_nasnet_and_amoebanet_have_about_their_published_parameters(architecture, channels, published, tolerance):
    (found,) = NetworkCounter(NasNetSpace(), channels, 20, (3, 32, 32), 10).counts([architecture])
    assert found[0] == pytest.approx(published, rel=tolerance)


def test_a_space_without_networks_is_refused():
    with pytest.raises(SettingsError, match="'own'"):
        NetworkCounter(Space("own", ["a"], ["xy"]), 4, 1, (1, 8, 8), 2)
