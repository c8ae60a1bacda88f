"""Networks and supernets of every space are built for the images at hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import random_stream  # noqa: E402
from ce_nas.space.base import Space  # noqa: E402
from ce_nas.space.darts import DartsSpace  # noqa: E402
from ce_nas.training.data.images import ImageDataset, Images  # noqa: E402
from ce_nas.training.networks.factory import NETWORK_SPACES, build_network, build_space, build_supernet  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402


def dataset(side, channels, classes=3):
    images = Images(np.zeros((classes, channels, side, side), dtype=np.uint8), np.arange(classes))
    return ImageDataset("synthetic", "a test", images, images, classes, np.full(channels, 0.5), np.full(channels, 0.3))


@pytest.mark.parametrize("name", NETWORK_SPACES)
@pytest.mark.parametrize(("side", "channels"), [(32, 3), (8, 1), (128, 3)])
def test_build_network_for_small_and_large_images(name, side, channels):
    space = NETWORK_SPACES[name]()
    (architecture,) = space.sample(random_stream(0, "networks"), 1)
    data = dataset(side, channels)
    with torch.device("meta"):
        network = build_network(space, architecture, 4, 3, data).eval()
        assert network(torch.empty(2, channels, side, side)).shape == (2, 3)


def test_a_space_without_networks_is_refused():
    with pytest.raises(SettingsError, match=r"network of its own \(nb201, .*, efficientnet\), got 'own'"):
        build_network(Space("own", ["a"], ["xy"]), (0,), 4, 1, dataset(8, 1))
    with pytest.raises(SettingsError, match=r"supernet of its own \(nb201, .*, efficientnet\), got 'own'"):
        build_supernet(Space("own", ["a"], ["xy"]), 4, 1, dataset(8, 1))


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORK_SPACES)
@pytest.mark.parametrize(("side", "channels"), [(32, 3), (8, 1), (128, 3)])
def test_build_supernet_whose_paths_are_the_architectures(name, side, channels):
    space = NETWORK_SPACES[name]()
    with torch.device("meta"):
        supernet = build_supernet(space, 4, 3, dataset(side, channels)).eval()
        for supernet.path in space.sample(random_stream(0, "paths"), 2):
            assert supernet(torch.empty(2, channels, side, side)).shape == (2, 3)


def test_a_recipe_can_require_an_auxiliary_head():
    space, data = DartsSpace(), dataset(32, 3)
    (architecture,) = space.sample(random_stream(0, "networks"), 1)
    with torch.device("meta"):
        network = build_network(space, architecture, 4, 3, data, Recipe(auxiliary=0.4))
        logits, auxiliary = network.train()(torch.empty(2, 3, 32, 32))
    assert logits.shape == auxiliary.shape == (2, 3)


@pytest.mark.parametrize(
    ("space", "side", "recipe", "reason"),
    [
        ("nb201", 32, Recipe(auxiliary=0.4), "without auxiliary for nas-bench-201"),
        ("nb201", 32, Recipe(drop_path=0.2), "without drop_path for nas-bench-201"),
        ("darts", 32, Recipe(dropout=0.2), "without dropout for darts"),
        ("darts", 32, Recipe(crop=64), "at most the images' 32 pixels, got 64"),
        ("darts", 8, Recipe(auxiliary=0.4), "images of 32 pixels or more .* got 8"),
    ],
)
def test_an_unsupported_recipe_is_refused(space, side, recipe, reason):
    network_space = build_space(space)
    (architecture,) = network_space.sample(random_stream(0, "networks"), 1)
    with pytest.raises(SettingsError, match=reason):
        build_network(network_space, architecture, 4, 3, dataset(side, 3), recipe)


def test_an_unknown_space_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="fbnet"):
        build_space("fbnett")
