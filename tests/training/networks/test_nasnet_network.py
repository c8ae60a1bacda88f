"""Networks and supernet of NASNet's space."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.space.nasnet import NASNET_OPERATIONS, NasNetSpace, loose_ends  # noqa: E402
from ce_nas.training.networks.nasnet_network import (  # noqa: E402
    NasNetNetwork,
    NasNetSupernet,
    build_nasnet_operation,
)

SPACE = NasNetSpace()
SOME, OTHER = SPACE.sample(np.random.default_rng(2), 2)


def images(n=2, side=8):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NASNET_OPERATIONS)
@pytest.mark.parametrize("stride", [1, 2])
def test_every_operation_keeps_channels_and_halves_by_its_stride(name, stride):
    assert build_nasnet_operation(name, 4, stride)(torch.ones(1, 4, 8, 8)).shape == (1, 4, 8 // stride, 8 // stride)


def test_a_cell_concatenates_its_loose_ends():
    network = NasNetNetwork(SOME, channels=4, cells=3)
    for index, cell in enumerate(network.cells):
        kind = 1 if index in {1, 2} else 0
        assert cell.ends == loose_ends(SPACE.cell(SOME, kind))
    width = len(loose_ends(SPACE.cell(SOME, 1))) * 16
    assert network.classifier.in_features == width
    assert network(images()).shape == (2, 10)


def test_the_auxiliary_head_adds_logits_in_training_mode():
    network = NasNetNetwork(SOME, channels=4, cells=3, auxiliary=True)
    logits, auxiliary = network(images(2, 32))
    assert logits.shape == auxiliary.shape == (2, 10)
    assert network.eval()(images(2, 32)).shape == (2, 10)


def test_drop_path_applies_in_training_mode_only():
    network = NasNetNetwork(SOME, channels=4, cells=3)
    network.drop_path = torch.tensor(0.5)
    network.eval()
    assert torch.equal(network(images()), network(images()))
    network.train()
    assert not torch.equal(network(images()), network(images()))


def test_a_supernet_path_uses_its_operations_alone():
    supernet = NasNetSupernet(channels=2, cells=3)
    supernet.path = SOME
    supernet(images(4)).sum().backward()
    used = {name for name, weight in supernet.named_parameters() if weight.grad is not None}
    first = next(node for node in SPACE.cell(SOME, 0))
    wanted = f"cells.0.edges.2_0_{first.first_input}.{NASNET_OPERATIONS[first.first_operation]}"
    has_weights = any(name.startswith(wanted + ".") for name in dict(supernet.named_parameters()))
    assert any(name.startswith(wanted) for name in used) == has_weights
    assert len(used) < sum(1 for _ in supernet.parameters()) / 4
    before = supernet(images(4)).detach()
    supernet.path = OTHER
    assert not torch.equal(before, supernet(images(4)))


def test_an_invalid_architecture_is_refused():
    with pytest.raises(SettingsError, match="40 variables"):
        NasNetNetwork((0, 1))
