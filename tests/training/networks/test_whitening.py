import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from ce_nas.space.nasbench201_cell import NasBench201Space  # noqa: E402
from ce_nas.training.data.batches import PixelNormaliser  # noqa: E402
from ce_nas.training.data.images import Images, build_image_dataset  # noqa: E402
from ce_nas.training.networks.factory import build_network  # noqa: E402
from ce_nas.training.networks.whitening import WhitenedNetwork, whitening_channels, whitening_filters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402
from ce_nas.training.trainer import NetworkTrainer  # noqa: E402


@pytest.fixture
def data(pixels):
    labels = np.arange(20) % 2
    return build_image_dataset("noise", "noise", Images(pixels, labels), Images(pixels, labels))


def test_filters_by_hand():
    """Rows of (3, 1) or (1, 3): second moments [[5, 3], [3, 5]], eigenvalues 8 and 2 for (1, 1) and (1, -1)."""
    images = np.array([[[[3.0, 1.0], [3.0, 1.0]]], [[[1.0, 3.0], [1.0, 3.0]]]])
    # patches of two by two have the pairs twice: eigenvalues 16 and 4 for (1, 1, 1, 1) / 2 and (1, -1, 1, -1) / 2
    filters = whitening_filters(images, 2, epsilon=0.0001).reshape(4, 4)
    assert filters[0] == pytest.approx(np.full(4, 0.5 / np.sqrt(16.0001)))
    assert np.abs(filters[1]) == pytest.approx(np.full(4, 0.5 / np.sqrt(4.0001)))
    assert filters[1][0] == pytest.approx(-filters[1][1])
    assert filters[2:] @ np.ones(4) == pytest.approx(np.zeros(2), abs=1e-6)  # nothing is there


def test_the_responses_are_white(pixels):
    images = (pixels - 128.0) / 64.0
    filters = whitening_filters(images, 2, epsilon=0.0)
    responses = torch.nn.functional.conv2d(torch.from_numpy(images), torch.from_numpy(filters))
    flat = responses.transpose(0, 1).flatten(1)
    assert torch.allclose(flat @ flat.T / flat.shape[1], torch.eye(12, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("side", [2, 3])
def test_a_whitened_network_is_frozen_in_front_and_keeps_the_size(data, side):
    seen = torch.nn.Conv2d(whitening_channels(3, side), 1, 1)
    network = WhitenedNetwork(seen, data, side)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 1, 32, 32)
    assert {name for name, _ in network.named_parameters()} == {"network.weight", "network.bias"}
    assert torch.equal(network.weight, -network.weight.roll(len(network.weight) // 2, 0))


def test_the_network_sees_whitened_images_of_the_size_that_it_is_given(data):
    """What the layer gives for normalised training images, before GELU, has a second moment of one in the mean."""
    normalised = PixelNormaliser(data, torch.device("cpu"))(torch.from_numpy(data.train.pixels))
    responses = functional.conv2d(normalised, WhitenedNetwork(torch.nn.Identity(), data, 2).weight)
    assert float(responses.square().mean()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.long
def test_a_candidate_is_trained_behind_it_and_its_filters_stay(data):
    recipe = Recipe(epochs=1, batch=10, whitening=2, alternating_flip=True, optimiser="muon", learning_rate=0.05)
    torch.manual_seed(0)
    network = build_network(NasBench201Space(), (4, 1, 3, 2, 0, 4), 4, 1, data, recipe)
    before = network.weight.clone()
    trainer = NetworkTrainer(network, data, recipe)
    assert trainer.advance()
    assert torch.equal(trainer.network.weight, before)
    assert np.isfinite(trainer.evaluate(data.test).loss)
