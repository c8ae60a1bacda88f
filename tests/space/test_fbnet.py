import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.fbnet import FBNET_BLOCKS, FbNetSpace, LayerShape, layer_shapes


def test_size_is_nine_blocks_in_22_layers():
    space = FbNetSpace()
    assert space.size == 9**22
    assert len(FBNET_BLOCKS) == 9


def test_text_round_trip():
    space = FbNetSpace()
    for architecture in space.sample(np.random.default_rng(0), 20):
        assert space.contains(architecture)
        assert space.parse(space.text(architecture)) == architecture
    assert space.text((0,) * 21 + (8,)).endswith("k3_e1|skip")


@pytest.mark.parametrize("text", ["", "k3_e1", "|".join(["k3_e1"] * 21 + ["k7_e1"]), "|".join(["skip"] * 23)])
def test_invalid_text_is_rejected(text):
    with pytest.raises(TableError, match="Expected 22 blocks of k3_e1"):
        FbNetSpace().parse(text)


def test_layer_shapes_match_the_paper():
    imagenet = list(layer_shapes("imagenet"))
    assert len(imagenet) == 22
    assert imagenet[0] == LayerShape(112, 16, 16, 1)
    assert imagenet[1] == LayerShape(112, 16, 24, 2)
    assert imagenet[5] == LayerShape(56, 24, 32, 2)
    assert imagenet[13] == LayerShape(14, 64, 112, 1)
    assert imagenet[21] == LayerShape(7, 184, 352, 1)
    cifar = list(layer_shapes("cifar100"))
    assert cifar[1] == LayerShape(32, 16, 24, 1)
    assert cifar[21] == LayerShape(4, 184, 352, 1)


def test_unknown_dataset_is_rejected():
    with pytest.raises(SettingsError, match="Did you mean 'cifar100'"):
        list(layer_shapes("cifar10"))
