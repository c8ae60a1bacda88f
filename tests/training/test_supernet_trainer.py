import numpy as np
import pytest
import torch

from ce_nas.core.errors import SettingsError
from ce_nas.space.darts import DartsSpace
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.networks.darts_network import DartsSupernet
from ce_nas.training.networks.supernet import NasBench201Supernet
from ce_nas.training.recipe import Recipe
from ce_nas.training.supernet_trainer import SupernetTrainer, require_path_sampling, score_paths

SPACE = NasBench201Space()
RECIPE = Recipe(epochs=8, batch=64, learning_rate=0.1, warmup=0.1, shift=0, flip=False)
CONVOLUTIONS, NONE = (4, 4, 4, 4, 4, 4), (0, 0, 0, 0, 0, 0)


def supernet(digits, **options):
    torch.manual_seed(0)
    network = NasBench201Supernet(channels=4, cells=1, in_channels=1)
    return network, SupernetTrainer(network, SPACE, digits, RECIPE, **options)


def test_fair_paths_use_every_operation_once_per_edge(digits):
    _, trainer = supernet(digits, path_sampling="fair")
    for step in range(20):
        paths = np.array(trainer.sample_paths(step))
        assert paths.shape == (5, 6)
        assert (np.sort(paths, axis=0) == np.arange(5)[:, None]).all()


def test_uniform_paths_use_operations_equally(digits):
    _, trainer = supernet(digits)
    paths = np.array([trainer.sample_paths(step)[0] for step in range(1000)])
    counts = np.array([np.bincount(edge, minlength=5) for edge in paths.T])
    assert abs(counts - 200).max() < 60


def test_paths_of_a_region_stay_in_the_region(digits):
    region = [CONVOLUTIONS, (3, 3, 3, 3, 3, 3)]
    _, trainer = supernet(digits, region_members=region)
    assert {trainer.sample_paths(step)[0] for step in range(30)} == set(region)
    with pytest.raises(SettingsError, match="uniform paths inside a region"):
        supernet(digits, region_members=region, path_sampling="fair")


def test_load_parent_weights(digits):
    parent, first = supernet(digits)
    first.advance(steps=3)
    child, trainer = supernet(digits, region_members=[CONVOLUTIONS])
    trainer.load_parent_weights(parent)
    pairs = zip(parent.state_dict().values(), child.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.fixture(scope="module")
def trained(digits):
    network, trainer = supernet(digits)
    trainer.advance()
    return network, trainer


def test_a_resumed_supernet_training_is_bitwise_equal(digits, tmp_path):
    uninterrupted, whole = supernet(digits, path_sampling="fair")
    whole.advance(steps=8)
    _, first = supernet(digits, path_sampling="fair")
    first.advance(steps=5)
    first.save(tmp_path / "supernet.pt")
    network, second = supernet(digits, path_sampling="fair")
    second.load(tmp_path / "supernet.pt")
    second.advance(steps=3)
    pairs = zip(network.state_dict().values(), uninterrupted.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_scores_are_meaningful_and_do_not_depend_on_their_order(digits, trained):
    network, trainer = trained
    cells = [CONVOLUTIONS, NONE, (1, 3, 1, 2, 0, 4)]
    scores = score_paths(trainer, network, cells, digits.validation)
    assert scores[0] > scores[1] + 10  # `none` passes no signal, so its score is chance
    reversed_scores = score_paths(trainer, network, cells[::-1], digits.validation)
    np.testing.assert_array_equal(scores, reversed_scores[::-1])


def test_fair_paths_need_equal_numbers_of_choices(digits):
    network = DartsSupernet(channels=4, cells=2, in_channels=1)
    with pytest.raises(SettingsError, match="uniform paths in darts"):
        SupernetTrainer(network, DartsSpace(), digits, RECIPE, path_sampling="fair")


def test_a_sandwich_has_the_largest_and_the_smallest_path(digits):
    from ce_nas.space.efficientnet import EfficientNetSpace
    from ce_nas.training.networks.efficientnet_supernet import EfficientNetSupernet

    space = EfficientNetSpace()
    supernet = EfficientNetSupernet(image_size=(8, 8), large=False, classes=10, in_channels=1)
    trainer = SupernetTrainer(supernet, space, digits, Recipe(epochs=1, compile=True), path_sampling="sandwich")
    paths = trainer.sample_paths(3)
    assert paths[:2] == [tuple(len(names) - 1 for names in space.choices), (0,) * len(space.choices)]
    assert len(paths) == 4
    assert trainer.sample_paths(3) == paths
    assert not trainer.recipe.compile  # its path changes at every step
    with pytest.raises(SettingsError, match="ordered by size"):
        require_path_sampling(NasBench201Space(), "sandwich")
