import pytest

torch = pytest.importorskip("torch", reason="networks need the extra torch")

from ce_nas.space.nasbench201 import NB201_OPERATIONS  # noqa: E402
from ce_nas.training.networks.nasbench201 import NasBench201Network  # noqa: E402
from ce_nas.training.networks.supernet import SharedNetwork  # noqa: E402


def renamed(alone, shared, cell):
    """The shared weights that the network of ``cell`` alone would have, under its own names."""
    found, theirs = {}, shared.state_dict()
    for name in alone.state_dict():
        parts = name.split(".")
        if "operations" in parts:
            at = parts.index("operations")
            edge = int(parts[at + 1])
            parts[at : at + 2] = ["edges", str(edge), NB201_OPERATIONS[cell[edge]]]
        found[name] = theirs[".".join(parts)]
    return found


@pytest.mark.parametrize("cell", [(4, 1, 3, 2, 0, 4), (3, 3, 3, 3, 3, 3), (0, 1, 2, 0, 0, 1)])
def test_a_path_computes_what_its_network_alone_would(cell):
    torch.manual_seed(0)
    shared = SharedNetwork(channels=4, cells=2, in_channels=1)
    alone = NasBench201Network(cell, channels=4, cells=2, in_channels=1)
    alone.load_state_dict(renamed(alone, shared, cell))
    images = torch.randn(3, 1, 8, 8)
    shared.path = cell
    torch.testing.assert_close(shared.eval()(images), alone.eval()(images))


def test_a_cell_that_passes_nothing_on_gives_the_classifiers_bias():
    shared = SharedNetwork(channels=4, cells=1, in_channels=1).eval()
    shared.path = (0,) * 6
    one, other = shared(torch.randn(2, 1, 8, 8))
    torch.testing.assert_close(one, other)


def test_only_the_weights_of_the_path_learn():
    shared = SharedNetwork(channels=4, cells=1, in_channels=1)
    shared.path = (4, 4, 4, 4, 4, 4)
    shared(torch.randn(2, 1, 8, 8)).sum().backward()
    learnt = {name for name, weight in shared.named_parameters() if weight.grad is not None}
    assert any("nor_conv_3x3" in name for name in learnt)
    assert not any("nor_conv_1x1" in name for name in learnt)
