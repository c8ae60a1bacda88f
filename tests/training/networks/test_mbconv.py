"""MBConv networks of FBNet's space: shapes, counts and layers."""

import io

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import random_stream  # noqa: E402
from ce_nas.space.fbnet import FBNET_BLOCKS, FbNetBlock, FbNetSpace, LayerShape, layer_shapes, macro_architecture  # noqa: E402
from ce_nas.training.latency import export_onnx  # noqa: E402
from ce_nas.training.networks.mbconv import FbNetNetwork, FbNetSupernet, InvertedResidual  # noqa: E402
from ce_nas.training.networks.nasbench201_network import count_flops, count_parameters  # noqa: E402

SPACE = FbNetSpace()
NAMES = list(FBNET_BLOCKS)
BLOCKS = list(FBNET_BLOCKS.values())
SKIP = NAMES.index("skip")
ARCHITECTURES = st.tuples(*[st.integers(0, len(BLOCKS) - 1)] * 22)
SOME = SPACE.sample(random_stream(0, "fbnet"), 1)[0]


def count_layer(block, layer):
    """Expected parameters and multiply-accumulates; normalisation has two parameters per channel and no FLOPs."""
    after = (layer.input_size // layer.stride) ** 2
    low, high = layer.channels_in, layer.channels_out
    if block is None:
        is_identity = layer.stride == 1 and low == high
        return (0, 0) if is_identity else (low * high + 2 * high, low * high * after)
    inner = low * block.expansion
    first, middle, last = low * inner // block.groups, block.kernel**2 * inner, inner * high // block.groups
    return first + middle + last + 4 * inner + 2 * high, first * layer.input_size**2 + (middle + last) * after


def expected_counts(architecture, name):
    macro = macro_architecture(name)
    layers = [count_layer(BLOCKS[code], layer) for code, layer in zip(architecture, layer_shapes(name), strict=True)]
    before, after = (macro.image_size // macro.stem_stride) ** 2, (macro.image_size // macro.stem_stride // 8) ** 2
    after = after if name == "cifar100" else (macro.image_size // 32) ** 2
    head = macro.head_channels
    parameters = 27 * 16 + 32 + 352 * head + 2 * head + head * macro.classes + macro.classes
    flops = 27 * 16 * before + 352 * head * after + head * macro.classes + macro.classes
    return parameters + sum(count for count, _ in layers), flops + sum(count for _, count in layers)


@given(architecture=ARCHITECTURES)
@settings(deadline=None, max_examples=2)
@pytest.mark.parametrize("dataset", ["cifar100", "imagenet"])
def test_parameters_and_flops_equal_the_expected_counts(dataset, architecture):
    with torch.device("meta"):
        network = FbNetNetwork(architecture, dataset=dataset)
    parameters, flops = expected_counts(architecture, dataset)
    assert count_parameters(network) == parameters
    assert (
        count_flops(network, (3, macro_architecture(dataset).image_size, macro_architecture(dataset).image_size))
        == flops
    )


@pytest.mark.long
def test_every_weight_has_a_gradient():
    network = FbNetNetwork(SOME, classes=7, in_channels=1)
    logits = network(torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 7)
    logits.square().sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_an_inverted_residual_has_a_shortcut_if_shapes_match():
    x = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    for stride, out, adds in ((1, 8, True), (2, 8, False), (1, 12, False)):
        block = InvertedResidual(FbNetBlock(3, 2), LayerShape(6, 8, out, stride)).eval()
        assert block.has_shortcut is adds
        expected = block.body(x) + x if adds else block.body(x)
        assert torch.equal(block(x), expected)
        assert block(x).shape == (2, out, 6 // stride, 6 // stride)


def test_channel_shuffle_connects_groups():
    block = InvertedResidual(FbNetBlock(3, 1, 2), LayerShape(4, 8, 8, 1)).eval()
    for weight in block.parameters():
        weight.data.abs_()  # so that no ReLU blocks the signal
    x = torch.zeros(1, 8, 4, 4)
    x[:, 0] = 1.0  # of the first group
    changed = (block.body(x) - block.body(torch.zeros_like(x))).abs().amax(dim=(0, 2, 3))
    assert (changed[4:] > 0).any()


def test_channel_shuffle_equals_torchs():
    block = InvertedResidual(FbNetBlock(3, 1, 2), LayerShape(4, 8, 8, 1))
    x = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block.body[1](x), torch.nn.ChannelShuffle(2)(x))


def test_a_skip_is_the_identity_unless_shapes_differ():
    network = FbNetNetwork((SKIP,) * 22)
    layer_types = [type(layer).__name__ for layer in network.layers]
    assert layer_types.count("Identity") == 22 - 6  # the first layer of six stages has other channels
    assert [index for index, name in enumerate(layer_types) if name != "Identity"] == [1, 5, 9, 13, 17, 21]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's exporter warns of its deprecation
def test_export_to_onnx():
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = FbNetNetwork(SOME, classes=10).eval()
    target = io.BytesIO()
    export_onnx(network, (3, 32, 32), target)
    session = runtime.InferenceSession(target.getvalue(), providers=["CPUExecutionProvider"])
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    assert torch.allclose(torch.from_numpy(logits), network(images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("architecture", [(0, 1), (9,) * 22, (-1,) * 22])
def test_an_invalid_architecture_is_refused(architecture):
    with pytest.raises(SettingsError, match="from 0 to 8 for each of 22 layers"):
        FbNetNetwork(architecture)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(SettingsError, match="cifar100, imagenet"):
        FbNetNetwork(SOME, dataset="mnist")


@pytest.mark.long
def test_a_supernet_path_computes_the_same_as_its_network():
    torch.manual_seed(0)
    shared = FbNetSupernet(classes=10, in_channels=1)
    (path,) = SPACE.sample(random_stream(3, "paths"), 1)
    alone, shared_weights, weights = FbNetNetwork(path, classes=10, in_channels=1), shared.state_dict(), {}
    for name in alone.state_dict():
        parts = name.split(".")
        if parts[0] == "layers":
            parts.insert(2, str(path[int(parts[1])]))
        weights[name] = shared_weights[".".join(parts)]
    alone.load_state_dict(weights)
    images, shared.path = torch.randn(3, 1, 8, 8), path
    torch.testing.assert_close(shared.eval()(images), alone.eval()(images))
