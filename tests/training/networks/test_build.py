"""Every space with networks of its own has them built for the images at hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import stream  # noqa: E402
from ce_nas.space.base import Space  # noqa: E402
from ce_nas.space.darts import DartsSpace  # noqa: E402
from ce_nas.space.fbnet import FbNetSpace  # noqa: E402
from ce_nas.space.nasbench201 import NasBench201Space  # noqa: E402
from ce_nas.training.data.images import DataSet, Images  # noqa: E402
from ce_nas.training.networks.build import build_network, build_supernet, space_of  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402

SPACES = {"nas-bench-201": NasBench201Space, "darts": DartsSpace, "fbnet": FbNetSpace}


def images(side, channels, classes=3):
    shown = Images(np.zeros((classes, channels, side, side), dtype=np.uint8), np.arange(classes))
    return DataSet("made", "a test", shown, shown, classes, np.full(channels, 0.5), np.full(channels, 0.3))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("side", "channels"), [(32, 3), (8, 1), (128, 3)])
def test_every_space_has_networks_for_small_and_large_images(name, side, channels):
    space = SPACES[name]()
    (architecture,) = space.sample(stream(0, "networks"), 1)
    data = images(side, channels)
    with torch.device("meta"):
        network = build_network(space, architecture, 4, 3, data).eval()
        assert network(torch.empty(2, channels, side, side)).shape == (2, 3)


def test_a_space_without_is_told_what_has_them():
    with pytest.raises(SettingsError, match=r"network of its own \(nas-bench-201, darts, fbnet\), got 'own'"):
        build_network(Space("own", ["a"], ["xy"]), (0,), 4, 1, images(8, 1))
    with pytest.raises(SettingsError, match=r"supernet of its own \(nas-bench-201, darts, fbnet\), got 'own'"):
        build_supernet(Space("own", ["a"], ["xy"]), 4, 1, images(8, 1))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize(("side", "channels"), [(32, 3), (8, 1), (128, 3)])
def test_every_space_has_a_supernet_whose_paths_are_its_architectures(name, side, channels):
    space = SPACES[name]()
    with torch.device("meta"):
        supernet = build_supernet(space, 4, 3, images(side, channels)).eval()
        for supernet.path in space.sample(stream(0, "paths"), 2):
            assert supernet(torch.empty(2, channels, side, side)).shape == (2, 3)


def test_a_recipe_with_an_auxiliary_head_gets_one_where_there_is_one():
    space, data = DartsSpace(), images(32, 3)
    (architecture,) = space.sample(stream(0, "networks"), 1)
    with torch.device("meta"):
        network = build_network(space, architecture, 4, 3, data, Recipe(auxiliary=0.4))
        logits, auxiliary = network.train()(torch.empty(2, 3, 32, 32))
    assert logits.shape == auxiliary.shape == (2, 3)


@pytest.mark.parametrize(
    ("space", "side", "recipe", "said"),
    [
        ("nb201", 32, Recipe(auxiliary=0.4), "without auxiliary for nas-bench-201"),
        ("fbnet", 32, Recipe(drop_path=0.2), "without drop_path for fbnet"),
        ("darts", 8, Recipe(auxiliary=0.4), "images of 32 pixels or more .* got 8"),
    ],
)
def test_what_a_network_does_not_have_is_said(space, side, recipe, said):
    one = space_of(space)
    (architecture,) = one.sample(stream(0, "networks"), 1)
    with pytest.raises(SettingsError, match=said):
        build_network(one, architecture, 4, 3, images(side, 3), recipe)


def test_an_unknown_space_is_told_which_there_are():
    with pytest.raises(SettingsError, match="fbnet"):
        space_of("fbnett")
