"""The networks of the DARTS space compute what they should, and are as large as was counted without them."""

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import stream  # noqa: E402
from ce_nas.space.darts import DartsSpace, Genotype  # noqa: E402
from ce_nas.space.darts_counts import DartsSizes, stages  # noqa: E402
from ce_nas.training.data.images import DataSet, Images  # noqa: E402
from ce_nas.training.latency import export_onnx  # noqa: E402
from ce_nas.training.networks.darts import DartsCell, DartsNetwork, SharedDartsNetwork  # noqa: E402
from ce_nas.training.networks.nasbench201 import count_parameters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402
from ce_nas.training.trainer import Training  # noqa: E402

SPACE = DartsSpace()
ARCHITECTURES = st.tuples(*(st.integers(0, len(names) - 1) for names in SPACE.choices))
SOME = SPACE.sample(stream(0, "networks"), 1)[0]


def of_one_operation(name, reduce="skip_connect"):
    """Each node takes the two nodes just before it."""
    cells = [[(word, source) for node in range(2, 6) for source in (node - 2, node - 1)] for word in (name, reduce)]
    return SPACE.architecture(Genotype(cells[0], [2, 3, 4, 5], cells[1], [2, 3, 4, 5]))


def images(n=2, size=32, channels=3):
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def tabled_flops(network, size):
    """FLOPs the way the benchmark's tables count, by listening to every module."""
    counts = []

    def listen(module, inputs, out):
        if isinstance(module, torch.nn.Conv2d):
            counts.append(module.weight[0].numel() * out.numel())
        elif isinstance(module, torch.nn.BatchNorm2d):
            counts.append((2 if module.affine else 1) * out.numel())
        elif isinstance(module, torch.nn.ReLU):
            counts.append(out.numel())
        elif isinstance(module, torch.nn.MaxPool2d | torch.nn.AvgPool2d):
            counts.append(9 * out.numel())
        elif isinstance(module, torch.nn.Linear):
            counts.append(module.weight.numel() + 81 * module.in_features)

    for module in network.modules():
        module.register_forward_hook(listen)
    with torch.no_grad():
        network.eval()(torch.empty(1, 3, size, size, device="meta"))
    return sum(counts)


@given(architecture=ARCHITECTURES)
@settings(deadline=None, max_examples=2)
def test_it_is_as_large_as_was_counted_without_it(architecture):
    with torch.device("meta"):
        network = DartsNetwork(architecture, affine=False)
    assert count_parameters(network) == DartsSizes().parameters([architecture])[0]
    assert tabled_flops(network, 32) == DartsSizes().flops([architecture])[0]


def test_other_measures_are_counted_as_well():
    with torch.device("meta"):
        network = DartsNetwork(SOME, channels=16, cells=5, classes=100, affine=False)
    sizes = DartsSizes(channels=16, cells=5, classes=100, image=64)
    assert count_parameters(network) == sizes.parameters([SOME])[0]
    assert tabled_flops(network, 64) == sizes.flops([SOME])[0]


def test_logits_come_from_small_and_from_large_images():
    small = DartsNetwork(SOME, channels=4, cells=3, classes=7, in_channels=1).eval()
    assert small(images(size=8, channels=1)).shape == (2, 7)
    large = DartsNetwork(SOME, channels=4, cells=3, classes=7, large=True).eval()
    assert large(images(size=64)).shape == (2, 7)


@pytest.mark.parametrize(("large", "size"), [(False, 32), (False, 64), (True, 224)])
def test_the_auxiliary_head_has_logits_of_its_own_while_training(large, size):
    network = DartsNetwork(SOME, channels=2, cells=3, classes=5, large=large, auxiliary=True)
    with torch.no_grad():
        logits, auxiliary = network(images(2, size))
        assert logits.shape == auxiliary.shape == (2, 5)
        assert network.eval()(images(2, size)).shape == (2, 5)


def test_it_is_trained_by_the_loop_with_its_auxiliary_head_and_dropped_paths():
    network = DartsNetwork(SOME, channels=2, cells=3, in_channels=1, auxiliary=True)
    shown = Images(np.random.default_rng(0).integers(0, 256, (40, 1, 32, 32), dtype=np.uint8), np.arange(40) % 10)
    data = DataSet("noise", "a test", shown, shown, 10, np.full(1, 0.5), np.full(1, 0.3))
    training = Training(network, data, Recipe(epochs=1, batch=20, drop_path=0.2, auxiliary=0.4), seed=0)
    before = [one.detach().clone() for one in network.auxiliary.parameters()]
    assert training.advance()
    assert network.drop_path > 0
    assert not all(torch.equal(one, old) for one, old in zip(network.auxiliary.parameters(), before, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter, about itself
def test_it_can_be_exported_to_onnx():
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = DartsNetwork(SOME, channels=4, cells=3).eval()
    target = io.BytesIO()
    export_onnx(network, (3, 32, 32), target)
    session = runtime.InferenceSession(target.getvalue(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images().numpy()})
    assert torch.allclose(torch.from_numpy(found), network(images()), atol=1e-4)


def test_every_parameter_has_a_gradient():
    network = DartsNetwork(SOME, channels=4, cells=3, auxiliary=True)
    logits, auxiliary = network(images())
    (logits.square().sum() + auxiliary.square().sum()).backward()
    used = {int(source) for cell in network.cells for source in cell.sources}
    unused = [name for name, one in network.named_parameters() if one.grad is None]
    assert all(name.split(".")[2] in {"older", "newer"} and not {0, 1} <= used for name in unused)


def plain_cell(name):
    """A cell of four channels whose inputs are handed on as they are."""
    (stage, *_) = stages(4, 4, 8, 8)
    cell = DartsCell(of_one_operation(name), stage)
    cell.older = cell.newer = torch.nn.Identity()
    return cell


def test_a_node_is_the_sum_of_two_operations_and_a_cell_its_four_nodes():
    older, newer = images(2, 8, 4), 2 * images(2, 8, 4)
    nodes = [older, newer]
    for _ in range(4):
        nodes.append(nodes[-2] + nodes[-1])
    assert torch.equal(plain_cell("skip_connect")(older, newer), torch.cat(nodes[2:], dim=1))


def test_the_average_leaves_the_padding_out_and_the_maximum_keeps_its_place():
    ones = torch.ones(1, 4, 8, 8)
    assert torch.equal(plain_cell("avg_pool_3x3")(ones, ones)[:, :4], 2 * ones)
    spot = torch.zeros(1, 4, 8, 8)
    spot[..., 3, 3] = 1.0
    reached = plain_cell("max_pool_3x3")(spot, torch.zeros_like(spot))[0, 0]
    assert reached.nonzero().tolist() == [[row, column] for row in (2, 3, 4) for column in (2, 3, 4)]


def test_dropped_paths_keep_the_mean_and_leave_skips_alone():
    ones = torch.ones(4000, 4, 8, 8)
    torch.manual_seed(0)
    node = plain_cell("avg_pool_3x3")(ones, ones, 0.25)[:, 0, 0, 0]
    assert sorted(set(node.tolist())) == pytest.approx([0.0, 4 / 3, 8 / 3])
    assert node.mean() == pytest.approx(2.0, abs=0.05)
    assert torch.equal(plain_cell("skip_connect")(ones, ones, 0.25)[:, :4], 2 * ones)


def test_paths_are_dropped_while_training_alone():
    network = DartsNetwork(of_one_operation("sep_conv_3x3"), channels=4, cells=3)
    network.drop_path = 0.5
    network.eval()
    assert torch.equal(network(images()), network(images()))
    network.train()
    assert not torch.equal(network(images()), network(images()))


@pytest.mark.parametrize("architecture", [(0, 1, 2), (-1,) + (0,) * 21, (9,) * 22])
def test_what_is_no_architecture_is_refused(architecture):
    with pytest.raises(SettingsError, match="a choice for each of its 22 variables"):
        DartsNetwork(architecture)


def test_a_path_of_the_supernet_computes_what_its_network_alone_would():
    torch.manual_seed(0)
    shared = SharedDartsNetwork(channels=4, cells=3, in_channels=1)
    for path in DartsSpace().sample(np.random.default_rng(3), 2):
        alone, theirs, found = DartsNetwork(path, channels=4, cells=3, in_channels=1), shared.state_dict(), {}
        for name in alone.state_dict():
            parts = name.split(".")
            if "operations" in parts:
                cell, which = alone.cells[int(parts[1])], int(parts[3])
                pairs = DartsSpace().genotype(path)
                pairs = pairs.reduce if shared.cells[int(parts[1])].reduction else pairs.normal
                parts[2:4] = ["edges", f"{which // 2 + 2}_{cell.sources[which]}", pairs[which][0]]
            found[name] = theirs[".".join(parts)]
        alone.load_state_dict(found)
        images, shared.path = torch.randn(3, 1, 8, 8), path
        torch.testing.assert_close(shared.eval()(images), alone.eval()(images))
