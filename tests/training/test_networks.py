"""Every space with networks of its own has them built for the images at hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import stream  # noqa: E402
from ce_nas.space.cells import NasBench201Space  # noqa: E402
from ce_nas.space.darts import DartsSpace  # noqa: E402
from ce_nas.space.fbnet import FbNetSpace  # noqa: E402
from ce_nas.space.space import Space  # noqa: E402
from ce_nas.training.images import DataSet, Images  # noqa: E402
from ce_nas.training.networks import build_network, build_supernet  # noqa: E402

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
    with pytest.raises(SettingsError, match=r"supernet of its own \(nas-bench-201\), got 'darts'"):
        build_supernet(DartsSpace(), 4, 1, images(8, 1))
