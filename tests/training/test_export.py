"""Exported networks compute what the trained ones do, without this package."""

import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.core.rng import random_stream  # noqa: E402
from ce_nas.training.data.images import ImageDataset, Images  # noqa: E402
from ce_nas.training.export import export_network, export_python  # noqa: E402
from ce_nas.training.networks.factory import NETWORK_SPACES, build_network  # noqa: E402
from ce_nas.training.recipe import Recipe  # noqa: E402

SHAPE, MEAN, STD = (3, 32, 32), np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.3, 0.1])


def network(name):
    images = Images(np.zeros((4, *SHAPE), dtype=np.uint8), np.arange(4))
    data = ImageDataset("synthetic", "a test", images, images, 4, MEAN, STD)
    space = NETWORK_SPACES[name]()
    (architecture,) = space.sample(random_stream(0, "export"), 1)
    torch.manual_seed(0)
    recipe = Recipe(auxiliary=0.4, drop_path=0.1) if name in {"darts", "nasnet"} else Recipe()
    built = build_network(space, architecture, 4, 3, data, recipe)
    built(torch.randn(8, *SHAPE))  # statistics of the normalisations other than the initial ones
    return built.eval()


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORK_SPACES)
def test_the_python_file_needs_torch_alone(name, tmp_path):
    built = network(name)
    files = export_network(
        built, tmp_path, ("python",), image_shape=SHAPE, mean=MEAN, std=STD, title=f"A network of {name}."
    )
    assert [file.name for file in files] == ["network.py", "network.pt"]
    images = torch.randn(2, *SHAPE)
    torch.save((images, built(images).detach()), tmp_path / "expected.pt")
    code = (
        "import sys, torch, network\n"
        "images, expected = torch.load('expected.pt')\n"
        "assert torch.allclose(network.load()(images), expected, atol=1e-5, rtol=1e-4)\n"
        "pixels = torch.full((1, 3, 1, 1), 127.5)\n"
        "assert torch.allclose(network.prepare(pixels).flatten(), torch.tensor([0.0, 1 / 3, 2.0]), atol=1e-5)\n"
        "assert not [name for name in sys.modules if name.startswith('ce_nas')]\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_torch_export_takes_any_batch_and_the_network_stays_as_it_is(tmp_path):
    built = network("nb201")
    before = {name: value.clone() for name, value in built.state_dict().items()}
    export_network(built, tmp_path, ("torch",), image_shape=SHAPE, mean=MEAN, std=STD, title="One.")
    program, images = torch.export.load(tmp_path / "network.pt2").module(), torch.randn(5, *SHAPE)
    torch.testing.assert_close(program(images), built(images))
    assert all(torch.equal(value, before[name]) for name, value in built.state_dict().items())


def test_onnx_runs(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    built = network("nb201")
    (path,) = export_network(built, tmp_path, ("onnx",), image_shape=SHAPE, mean=MEAN, std=STD, title="One.")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = torch.randn(3, *SHAPE)
    (logits,) = session.run(None, {"images": images.numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), built(images).detach(), atol=1e-4, rtol=1e-3)


def test_a_network_with_loose_weights_is_refused(tmp_path):
    class Loose(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, images):
            return images.flatten(1) * self.weight

    with pytest.raises(SettingsError, match="weights of its own"):
        export_python(Loose(), tmp_path / "network.py", SHAPE, MEAN, STD, "Loose.")
