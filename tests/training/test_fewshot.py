import numpy as np
import pytest
import torch

from ce_nas.search.regional import Listed
from ce_nas.space.cells import NasBench201Space
from ce_nas.space.network.shared import SharedNetwork
from ce_nas.training.fewshot import RegionalSupernets
from ce_nas.training.recipe import Recipe

SPACE = NasBench201Space()
INSIDE, OUTSIDE = [(4, 4, 4, 4, 4, 4), (3, 4, 3, 4, 3, 4)], (1, 3, 1, 2, 0, 4)
RECIPE = Recipe(epochs=4, batch=64, learning_rate=0.1, shift=0, flip=False)


def build():
    torch.manual_seed(0)
    return SharedNetwork(channels=4, cells=1, in_channels=1)


@pytest.fixture(scope="module")
def supernets(digits):
    found = RegionalSupernets(build, SPACE, digits, RECIPE)
    assert found.train()
    before = found.score([*INSIDE, OUTSIDE], digits.validation)
    assert found.add(Listed(INSIDE), RECIPE)
    return found, before


def test_a_regions_architectures_are_scored_by_its_own_weights_and_others_as_before(digits, supernets):
    found, before = supernets
    after = found.score([*INSIDE, OUTSIDE], digits.validation)
    assert after[2] == before[2]
    assert (after[:2] > before[:2]).all()  # two paths alone, trained on: they do better than among 15,625


def test_scores_do_not_depend_on_what_is_asked_with_them(digits, supernets):
    found, _ = supernets
    together = found.score([*INSIDE, OUTSIDE], digits.validation)
    alone = [found.score([one], digits.validation)[0] for one in (*INSIDE, OUTSIDE)]
    np.testing.assert_array_equal(together, alone)


def test_a_region_whose_training_is_left_changes_nothing(digits, supernets):
    found, _ = supernets
    before = found.score([OUTSIDE], digits.validation)
    assert not found.add(Listed([OUTSIDE]), RECIPE, leave=lambda: True)
    assert found.score([OUTSIDE], digits.validation) == before
