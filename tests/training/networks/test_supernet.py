import pytest

torch = pytest.importorskip("torch", reason="networks need the extra torch")

from ce_nas.space.nasbench201_cell import NB201_OPERATIONS  # noqa: E402
from ce_nas.training.networks.nasbench201_network import NasBench201Network  # noqa: E402
from ce_nas.training.networks.supernet import NasBench201Supernet  # noqa: E402


def renamed(alone, shared, cell):
    """The shared weights of the network of ``cell``, under that network's names."""
    weights, shared_weights = {}, shared.state_dict()
    for name in alone.state_dict():
        parts = name.split(".")
        if "operations" in parts:
            index = parts.index("operations")
            edge = int(parts[index + 1])
            parts[index : index + 2] = ["edges", str(edge), NB201_OPERATIONS[cell[edge]]]
        weights[name] = shared_weights[".".join(parts)]
    return weights


@pytest.mark.long
@pytest.mark.parametrize("cell", [(4, 1, 3, 2, 0, 4), (3, 3, 3, 3, 3, 3), (0, 1, 2, 0, 0, 1)])
def test_a_path_computes_the_same_as_its_network(cell):
    torch.manual_seed(0)
    shared = NasBench201Supernet(channels=4, cells=2, in_channels=1)
    alone = NasBench201Network(cell, channels=4, cells=2, in_channels=1)
    alone.load_state_dict(renamed(alone, shared, cell))
    images = torch.randn(3, 1, 8, 8)
    shared.path = cell
    torch.testing.assert_close(shared.eval()(images), alone.eval()(images))


def test_a_path_of_none_gives_the_classifiers_bias():
    shared = NasBench201Supernet(channels=4, cells=1, in_channels=1).eval()
    shared.path = (0,) * 6
    first, second = shared(torch.randn(2, 1, 8, 8))
    torch.testing.assert_close(first, second)


@pytest.mark.long
def test_only_weights_of_the_path_have_gradients():
    shared = NasBench201Supernet(channels=4, cells=1, in_channels=1)
    shared.path = (4, 4, 4, 4, 4, 4)
    shared(torch.randn(2, 1, 8, 8)).sum().backward()
    trained = {name for name, weight in shared.named_parameters() if weight.grad is not None}
    assert any("nor_conv_3x3" in name for name in trained)
    assert not any("nor_conv_1x1" in name for name in trained)
