"""MBConv networks: published settings, stochastic depth, and the elastic supernet."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.space.efficientnet import EfficientNetSpace  # noqa: E402
from ce_nas.training.networks.efficientnet_network import EfficientNetNetwork  # noqa: E402
from ce_nas.training.networks.efficientnet_supernet import EfficientNetSupernet  # noqa: E402

SPACE = EfficientNetSpace()
SMALL = {"image_size": (16, 16), "large": False, "classes": 5}


def images(n=2, side=16):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_normalisation_activation_and_initialisation_are_the_published_ones():
    torch.manual_seed(0)
    network = EfficientNetNetwork(SPACE.b0, **SMALL, dropout=0.2)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}
    assert not any(isinstance(module, torch.nn.ReLU) for module in network.modules())
    assert network.dropout.p == 0.2
    assert float(network.head[0].weight.detach().std()) == pytest.approx(math.sqrt(2 / 1280), rel=0.02)
    depthwise = network.blocks[-1].layers[1][0]
    assert depthwise.groups > 1
    assert float(depthwise.weight.detach().std()) == pytest.approx(math.sqrt(2 / 9), rel=0.05)
    assert float(network.classifier.weight.detach().abs().max()) == pytest.approx(1 / math.sqrt(5), rel=0.01)
    assert not network.classifier.bias.any()


def test_stochastic_depth_grows_with_the_block_and_only_in_training():
    torch.manual_seed(0)
    network = EfficientNetNetwork(SPACE.b0, **SMALL)
    network.drop_path = torch.tensor(0.9)
    network.eval()
    assert torch.equal(network(images()), network(images()))
    network.train()
    torch.manual_seed(1)
    first = network(images(8)).detach()
    torch.manual_seed(2)
    assert not torch.equal(first, network(images(8)))


def test_a_supernet_path_equals_its_network_with_the_sliced_weights():
    """The largest network of the space is the supernet itself."""
    torch.manual_seed(0)
    largest = tuple(len(names) - 1 for names in SPACE.choices)
    supernet = EfficientNetSupernet(**SMALL)
    alone = EfficientNetNetwork(largest, **SMALL)
    sources = [block for stage in supernet.stages for block in stage]
    with torch.no_grad():
        alone.stem[0].weight.copy_(supernet.stem.weight)
        alone.head[0].weight.copy_(supernet.head.weight)
        alone.classifier.load_state_dict(supernet.classifier.state_dict())
        for block, source in zip(alone.blocks, sources, strict=True):
            convs = [module for module in block.modules() if isinstance(module, torch.nn.Conv2d)]
            parts = [source.expand, source.depthwise, source.squeeze, source.excite, source.project]
            for conv, part in zip(convs, parts, strict=True):
                conv.load_state_dict(part.state_dict())
    supernet.path = largest
    torch.testing.assert_close(supernet.eval()(images()), alone.eval()(images()), rtol=1e-3, atol=1e-4)


def test_supernet_paths_of_every_size_run_and_recalibrate():
    torch.manual_seed(0)
    supernet = EfficientNetSupernet(**SMALL)
    for supernet.path in SPACE.sample(np.random.default_rng(0), 2):
        assert supernet.train()(images(3)).shape == (3, 5)
    norm = supernet.stem_norm
    norm.reset_running_stats()
    norm.momentum = None
    values = [supernet.stem(images(2)), supernet.stem(2 * images(2))]
    for value in values:
        norm(value)
    expected = torch.stack([value.mean(dim=(0, 2, 3)) for value in values]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, expected)


def test_an_invalid_architecture_is_refused():
    with pytest.raises(SettingsError, match="36 variables"):
        EfficientNetNetwork((0, 1))
