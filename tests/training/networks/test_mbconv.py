"""The networks of FBNet's space: their shapes, their sizes, and what a layer does."""

import io

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import stream  # noqa: E402
from ce_nas.space.fbnet import FBNET_BLOCKS, Block, FbNetSpace, Place, frame_of, places  # noqa: E402
from ce_nas.training.latency import export_onnx  # noqa: E402
from ce_nas.training.networks.mbconv import FbNetNetwork, InvertedResidual, SharedFbNetNetwork  # noqa: E402
from ce_nas.training.networks.nasbench201 import count_flops, count_parameters  # noqa: E402

SPACE = FbNetSpace()
NAMES = list(FBNET_BLOCKS)
BLOCKS = list(FBNET_BLOCKS.values())
SKIP = NAMES.index("skip")
ARCHITECTURES = st.tuples(*[st.integers(0, len(BLOCKS) - 1)] * 22)
SOME = SPACE.sample(stream(0, "fbnet"), 1)[0]


def layer_sizes(block, place):
    """Parameters and multiply-accumulates by hand; normalisation has two numbers a channel and costs nothing."""
    after = (place.side // place.stride) ** 2
    low, high = place.channels_in, place.channels_out
    if block is None:
        moved = place.stride == 1 and low == high
        return (0, 0) if moved else (low * high + 2 * high, low * high * after)
    inner = low * block.expansion
    first, middle, last = low * inner // block.groups, block.kernel**2 * inner, inner * high // block.groups
    return first + middle + last + 4 * inner + 2 * high, first * place.side**2 + (middle + last) * after


def sizes(architecture, name):
    frame = frame_of(name)
    layers = [layer_sizes(BLOCKS[code], place) for code, place in zip(architecture, places(name), strict=True)]
    before, after = (frame.side // frame.stem_stride) ** 2, (frame.side // frame.stem_stride // 8) ** 2
    after = after if name == "cifar100" else (frame.side // 32) ** 2
    head = frame.head_channels
    parameters = 27 * 16 + 32 + 352 * head + 2 * head + head * frame.classes + frame.classes
    flops = 27 * 16 * before + 352 * head * after + head * frame.classes + frame.classes
    return parameters + sum(one for one, _ in layers), flops + sum(one for _, one in layers)


@given(architecture=ARCHITECTURES)
@settings(deadline=None, max_examples=2)
@pytest.mark.parametrize("frame", ["cifar100", "imagenet"])
def test_parameters_and_flops_are_those_counted_by_hand(frame, architecture):
    with torch.device("meta"):
        network = FbNetNetwork(architecture, frame=frame)
    parameters, flops = sizes(architecture, frame)
    assert count_parameters(network) == parameters
    assert count_flops(network, (3, frame_of(frame).side, frame_of(frame).side)) == flops


def test_logits_have_a_gradient_in_every_weight():
    network = FbNetNetwork(SOME, classes=7, in_channels=1)
    logits = network(torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 7)
    logits.square().sum().backward()
    assert all(one.grad is not None for one in network.parameters())


def test_an_inverted_residual_adds_its_input_where_shapes_allow():
    x = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    for stride, out, adds in ((1, 8, True), (2, 8, False), (1, 12, False)):
        block = InvertedResidual(Block(3, 2), Place(6, 8, out, stride)).eval()
        assert block.shortcut is adds
        expected = block.body(x) + x if adds else block.body(x)
        assert torch.equal(block(x), expected)
        assert block(x).shape == (2, out, 6 // stride, 6 // stride)


def test_groups_see_one_another():
    block = InvertedResidual(Block(3, 1, 2), Place(4, 8, 8, 1)).eval()
    for weight in block.parameters():
        weight.data.abs_()  # so that no ReLU is in the way
    x = torch.zeros(1, 8, 4, 4)
    x[:, 0] = 1.0  # of the first group
    changed = (block.body(x) - block.body(torch.zeros_like(x))).abs().amax(dim=(0, 2, 3))
    assert (changed[4:] > 0).any()


def test_channels_are_shuffled_as_torch_does():
    block = InvertedResidual(Block(3, 1, 2), Place(4, 8, 8, 1))
    x = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block.body[1](x), torch.nn.ChannelShuffle(2)(x))


def test_a_skip_hands_on_what_fits_and_reshapes_what_does_not():
    network = FbNetNetwork((SKIP,) * 22)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("Identity") == 22 - 6  # the first layer of six stages has other channels
    assert [place for place, kind in enumerate(kinds) if kind != "Identity"] == [1, 5, 9, 13, 17, 21]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter, about itself
def test_it_can_be_exported_to_onnx():
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = FbNetNetwork(SOME, classes=10).eval()
    target = io.BytesIO()
    export_onnx(network, (3, 32, 32), target)
    session = runtime.InferenceSession(target.getvalue(), providers=["CPUExecutionProvider"])
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    assert torch.allclose(torch.from_numpy(found), network(images), atol=1e-4)


@pytest.mark.parametrize("architecture", [(0, 1), (9,) * 22, (-1,) * 22])
def test_what_is_no_architecture_is_refused(architecture):
    with pytest.raises(SettingsError, match="from 0 to 8 for each of 22 layers"):
        FbNetNetwork(architecture)


def test_a_frame_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="cifar100, imagenet"):
        FbNetNetwork(SOME, frame="mnist")


def test_a_path_of_the_supernet_computes_what_its_network_alone_would():
    torch.manual_seed(0)
    shared = SharedFbNetNetwork(classes=10, in_channels=1)
    (path,) = SPACE.sample(stream(3, "paths"), 1)
    alone, theirs, found = FbNetNetwork(path, classes=10, in_channels=1), shared.state_dict(), {}
    for name in alone.state_dict():
        parts = name.split(".")
        if parts[0] == "layers":
            parts.insert(2, str(path[int(parts[1])]))
        found[name] = theirs[".".join(parts)]
    alone.load_state_dict(found)
    images, shared.path = torch.randn(3, 1, 8, 8), path
    torch.testing.assert_close(shared.eval()(images), alone.eval()(images))
