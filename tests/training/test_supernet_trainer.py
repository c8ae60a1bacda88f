import numpy as np
import pytest
import torch

from ce_nas.core.errors import SettingsError
from ce_nas.space.darts import DartsSpace
from ce_nas.space.nasbench201 import NasBench201Space
from ce_nas.training.networks.darts import SharedDartsNetwork
from ce_nas.training.networks.supernet import SharedNetwork
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import SupernetTraining, score_paths

SPACE = NasBench201Space()
RECIPE = Recipe(epochs=8, batch=64, learning_rate=0.1, warmup=0.1, shift=0, flip=False)
CONVOLUTIONS, NOTHING = (4, 4, 4, 4, 4, 4), (0, 0, 0, 0, 0, 0)


def supernet(digits, **stated):
    torch.manual_seed(0)
    network = SharedNetwork(channels=4, cells=1, in_channels=1)
    return network, SupernetTraining(network, SPACE, digits, RECIPE, **stated)


def test_fair_paths_use_every_operation_of_every_edge_once(digits):
    _, training = supernet(digits, paths="fair")
    for step in range(20):
        paths = np.array(training.paths_of(step))
        assert paths.shape == (5, 6)
        assert (np.sort(paths, axis=0) == np.arange(5)[:, None]).all()


def test_uniform_paths_use_every_operation_alike(digits):
    _, training = supernet(digits)
    paths = np.array([training.paths_of(step)[0] for step in range(1000)])
    counts = np.array([np.bincount(edge, minlength=5) for edge in paths.T])
    assert abs(counts - 200).max() < 60


def test_a_regions_supernet_stays_in_its_region(digits):
    region = [CONVOLUTIONS, (3, 3, 3, 3, 3, 3)]
    _, training = supernet(digits, within=region)
    assert {training.paths_of(step)[0] for step in range(30)} == set(region)
    with pytest.raises(SettingsError, match="uniform paths inside a region"):
        supernet(digits, within=region, paths="fair")


def test_a_child_begins_with_its_parents_weights(digits):
    parent, first = supernet(digits)
    first.advance(steps=3)
    child, training = supernet(digits, within=[CONVOLUTIONS])
    training.inherit(parent)
    pairs = zip(parent.state_dict().values(), child.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.fixture(scope="module")
def trained(digits):
    network, training = supernet(digits)
    training.advance()
    return network, training


def test_suspended_it_ends_bit_for_bit_alike(digits, tmp_path):
    straight, whole = supernet(digits, paths="fair")
    whole.advance(steps=8)
    _, first = supernet(digits, paths="fair")
    first.advance(steps=5)
    first.save(tmp_path / "supernet.pt")
    network, second = supernet(digits, paths="fair")
    second.load(tmp_path / "supernet.pt")
    second.advance(steps=3)
    pairs = zip(network.state_dict().values(), straight.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_scores_tell_a_network_from_none_and_do_not_depend_on_their_order(digits, trained):
    network, training = trained
    cells = [CONVOLUTIONS, NOTHING, (1, 3, 1, 2, 0, 4)]
    scores = score_paths(training, network, cells, digits.validation)
    assert scores[0] > scores[1] + 10  # none passes nothing on: it can but guess
    again = score_paths(training, network, cells[::-1], digits.validation)
    np.testing.assert_array_equal(scores, again[::-1])


def test_fair_paths_need_as_many_choices_everywhere(digits):
    network = SharedDartsNetwork(channels=4, cells=2, in_channels=1)
    with pytest.raises(SettingsError, match="uniform paths in darts"):
        SupernetTraining(network, DartsSpace(), digits, RECIPE, paths="fair")
