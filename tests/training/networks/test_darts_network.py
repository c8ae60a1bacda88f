"""DARTS networks compute their genotype, and have the counted parameters and FLOPs."""

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import random_stream  # noqa: E402
from ce_nas.space.darts import DartsSpace, Genotype  # noqa: E402
from ce_nas.space.darts_counts import DartsCounts, cell_specs  # noqa: E402
from ce_nas.training.data.images import ImageDataset, Images  # noqa: E402
from ce_nas.training.latency import export_onnx  # noqa: E402
from ce_nas.training.networks.darts_network import DartsCell, DartsNetwork, DartsSupernet  # noqa: E402
from ce_nas.training.networks.nasbench201_network import count_parameters  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402
from ce_nas.training.trainer import NetworkTrainer  # noqa: E402

SPACE = DartsSpace()
ARCHITECTURES = st.tuples(*(st.integers(0, len(names) - 1) for names in SPACE.choices))
SOME = SPACE.sample(random_stream(0, "networks"), 1)[0]


def uniform_architecture(name, reduce="skip_connect"):
    """A genotype in which each node takes the two nodes before it."""
    cells = [[(word, source) for node in range(2, 6) for source in (node - 2, node - 1)] for word in (name, reduce)]
    return SPACE.architecture(Genotype(cells[0], [2, 3, 4, 5], cells[1], [2, 3, 4, 5]))


def images(n=2, size=32, channels=3):
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def tabled_flops(network, size):
    """FLOPs as the benchmark's tables count them, by a hook on every module."""
    counts = []

    def record(module, inputs, out):
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
        module.register_forward_hook(record)
    with torch.no_grad():
        network.eval()(torch.empty(1, 3, size, size, device="meta"))
    return sum(counts)


@given(architecture=ARCHITECTURES)
@settings(deadline=None, max_examples=2)
def test_parameters_and_flops_equal_the_counts(architecture):
    with torch.device("meta"):
        network = DartsNetwork(architecture, affine=False)
    assert count_parameters(network) == DartsCounts().parameters([architecture])[0]
    assert tabled_flops(network, 32) == DartsCounts().flops([architecture])[0]


def test_counts_of_other_network_sizes():
    with torch.device("meta"):
        network = DartsNetwork(SOME, channels=16, cells=5, classes=100, affine=False)
    sizes = DartsCounts(channels=16, cells=5, classes=100, image_size=64)
    assert count_parameters(network) == sizes.parameters([SOME])[0]
    assert tabled_flops(network, 64) == sizes.flops([SOME])[0]


def test_logits_of_small_and_large_images():
    small = DartsNetwork(SOME, channels=4, cells=3, classes=7, in_channels=1).eval()
    assert small(images(size=8, channels=1)).shape == (2, 7)
    large = DartsNetwork(SOME, channels=4, cells=3, classes=7, imagenet_stem=True).eval()
    assert large(images(size=64)).shape == (2, 7)


@pytest.mark.parametrize(("large", "size"), [(False, 32), (False, 64), (True, 224)])
def test_the_auxiliary_head_adds_logits_in_training_mode(large, size):
    network = DartsNetwork(SOME, channels=2, cells=3, classes=5, imagenet_stem=large, auxiliary=True)
    with torch.no_grad():
        logits, auxiliary = network(images(2, size))
        assert logits.shape == auxiliary.shape == (2, 5)
        assert network.eval()(images(2, size)).shape == (2, 5)


def test_the_trainer_uses_auxiliary_head_and_drop_path():
    network = DartsNetwork(SOME, channels=2, cells=3, in_channels=1, auxiliary=True)
    noise = Images(np.random.default_rng(0).integers(0, 256, (40, 1, 32, 32), dtype=np.uint8), np.arange(40) % 10)
    data = ImageDataset("noise", "a test", noise, noise, 10, np.full(1, 0.5), np.full(1, 0.3))
    training = NetworkTrainer(network, data, Recipe(epochs=1, batch=20, drop_path=0.2, auxiliary=0.4), seed=0)
    before = [weight.detach().clone() for weight in network.auxiliary.parameters()]
    assert training.advance()
    assert network.drop_path > 0
    assert not all(torch.equal(new, old) for new, old in zip(network.auxiliary.parameters(), before, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's exporter warns of its deprecation
def test_export_to_onnx():
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = DartsNetwork(SOME, channels=4, cells=3).eval()
    target = io.BytesIO()
    export_onnx(network, (3, 32, 32), target)
    session = runtime.InferenceSession(target.getvalue(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: images().numpy()})
    assert torch.allclose(torch.from_numpy(logits), network(images()), atol=1e-4)


def test_every_parameter_has_a_gradient():
    network = DartsNetwork(SOME, channels=4, cells=3, auxiliary=True)
    logits, auxiliary = network(images())
    (logits.square().sum() + auxiliary.square().sum()).backward()
    used = {int(source) for cell in network.cells for source in cell.input_nodes}
    unused = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert all(name.split(".")[2] in {"preprocess0", "preprocess1"} and not {0, 1} <= used for name in unused)


def plain_cell(name):
    """A cell of four channels without preprocessing."""
    (spec, *_) = cell_specs(4, 4, 8, 8)
    cell = DartsCell(uniform_architecture(name), spec)
    cell.preprocess0 = cell.preprocess1 = torch.nn.Identity()
    return cell


def test_a_cell_concatenates_four_sums_of_two_operations():
    older, newer = images(2, 8, 4), 2 * images(2, 8, 4)
    nodes = [older, newer]
    for _ in range(4):
        nodes.append(nodes[-2] + nodes[-1])
    assert torch.equal(plain_cell("skip_connect")(older, newer), torch.cat(nodes[2:], dim=1))


def test_pooling_ignores_the_padding():
    ones = torch.ones(1, 4, 8, 8)
    assert torch.equal(plain_cell("avg_pool_3x3")(ones, ones)[:, :4], 2 * ones)
    spot = torch.zeros(1, 4, 8, 8)
    spot[..., 3, 3] = 1.0
    reached = plain_cell("max_pool_3x3")(spot, torch.zeros_like(spot))[0, 0]
    assert reached.nonzero().tolist() == [[row, column] for row in (2, 3, 4) for column in (2, 3, 4)]


def test_drop_path_keeps_the_mean_and_skips():
    ones = torch.ones(4000, 4, 8, 8)
    torch.manual_seed(0)
    node = plain_cell("avg_pool_3x3")(ones, ones, 0.25)[:, 0, 0, 0]
    assert sorted(set(node.tolist())) == pytest.approx([0.0, 4 / 3, 8 / 3])
    assert node.mean() == pytest.approx(2.0, abs=0.05)
    assert torch.equal(plain_cell("skip_connect")(ones, ones, 0.25)[:, :4], 2 * ones)


def test_drop_path_applies_in_training_mode_only():
    network = DartsNetwork(uniform_architecture("sep_conv_3x3"), channels=4, cells=3)
    network.drop_path = torch.tensor(0.5)
    network.eval()
    assert torch.equal(network(images()), network(images()))
    network.train()
    assert not torch.equal(network(images()), network(images()))


@pytest.mark.parametrize("architecture", [(0, 1, 2), (-1,) + (0,) * 21, (9,) * 22])
def test_an_invalid_architecture_is_refused(architecture):
    with pytest.raises(SettingsError, match="a choice for each of its 22 variables"):
        DartsNetwork(architecture)


def test_a_supernet_path_computes_the_same_as_its_network():
    torch.manual_seed(0)
    shared = DartsSupernet(channels=4, cells=3, in_channels=1)
    for path in DartsSpace().sample(np.random.default_rng(3), 2):
        alone, shared_weights, weights = DartsNetwork(path, channels=4, cells=3, in_channels=1), shared.state_dict(), {}
        for name in alone.state_dict():
            parts = name.split(".")
            if "operations" in parts:
                cell, index = alone.cells[int(parts[1])], int(parts[3])
                pairs = DartsSpace().genotype(path)
                pairs = pairs.reduce if shared.cells[int(parts[1])].is_reduction else pairs.normal
                parts[2:4] = ["edges", f"{index // 2 + 2}_{cell.input_nodes[index]}", pairs[index][0]]
            weights[name] = shared_weights[".".join(parts)]
        alone.load_state_dict(weights)
        images, shared.path = torch.randn(3, 1, 8, 8), path
        torch.testing.assert_close(shared.eval()(images), alone.eval()(images))
