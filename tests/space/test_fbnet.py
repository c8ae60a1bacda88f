import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.fbnet import FBNET_BLOCKS, FbNetSpace, Place, places


def test_there_are_nine_blocks_for_each_of_22_layers():
    space = FbNetSpace()
    assert space.size == 9**22
    assert len(FBNET_BLOCKS) == 9


def test_text_is_read_back():
    space = FbNetSpace()
    for architecture in space.sample(np.random.default_rng(0), 20):
        assert space.contains(architecture)
        assert space.parse(space.text(architecture)) == architecture
    assert space.text((0,) * 21 + (8,)).endswith("k3_e1|skip")


@pytest.mark.parametrize("text", ["", "k3_e1", "|".join(["k3_e1"] * 21 + ["k7_e1"]), "|".join(["skip"] * 23)])
def test_another_text_is_refused(text):
    with pytest.raises(TableError, match="Expected 22 blocks of k3_e1"):
        FbNetSpace().parse(text)


def test_the_places_are_those_of_the_papers_table():
    imagenet = list(places("imagenet"))
    assert len(imagenet) == 22
    assert imagenet[0] == Place(112, 16, 16, 1)
    assert imagenet[1] == Place(112, 16, 24, 2)
    assert imagenet[5] == Place(56, 24, 32, 2)
    assert imagenet[13] == Place(14, 64, 112, 1)
    assert imagenet[21] == Place(7, 184, 352, 1)
    cifar = list(places("cifar100"))
    assert cifar[1] == Place(32, 16, 24, 1)
    assert cifar[21] == Place(4, 184, 352, 1)


def test_an_image_set_that_it_is_not_laid_out_for_is_said():
    with pytest.raises(SettingsError, match="Did you mean 'cifar100'"):
        list(places("cifar10"))
