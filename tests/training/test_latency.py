import io
import warnings

import numpy as np
import pytest
import torch

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter
from ce_nas.training.latency import export_onnx, measure_latency
from ce_nas.training.networks.nasbench201 import NasBench201Network


class Counting(Meter):
    """A meter that counts 3 J a reading."""

    source, origin = Source.COUNTER, "made up"

    def __init__(self):
        self.read = 0

    def mark(self):
        self.read += 1
        return Mark(float(self.read), 3.0 * self.read, float(self.read))


def network():
    torch.manual_seed(0)
    return NasBench201Network((4, 1, 3, 2, 0, 4), channels=4, cells=1, in_channels=1)


def test_latency_says_where_and_how_it_was_measured():
    found = measure_latency(network(), (1, 8, 8), batch=2, passes=12, warm_up=1)
    assert 0 < found.median_s <= found.p95_s
    assert (found.runtime, found.batch, found.passes) == ("eager", 2, 12)
    assert found.device.startswith("cpu")
    assert found.energy_j is None


def test_energy_of_a_pass_comes_with_its_source():
    found = measure_latency(network(), (1, 8, 8), passes=6, warm_up=0, meter=Counting())
    assert found.energy_j == pytest.approx(0.5)
    assert found.energy_source is Source.COUNTER


@pytest.fixture
def exporting():
    pytest.importorskip("onnx", reason="ONNX needs the extra onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its own successor
        yield


def test_an_exported_network_computes_the_same(exporting):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime needs the extra onnx")
    content, images = io.BytesIO(), torch.randn(3, 1, 8, 8)
    export_onnx(network(), (1, 8, 8), content)
    session = onnxruntime.InferenceSession(content.getvalue(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": images.numpy()})[0]
    np.testing.assert_allclose(found, network().eval()(images).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_onnxruntime_is_timed(exporting):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime needs the extra onnx")
    assert measure_latency(network(), (1, 8, 8), runtime="onnxruntime", passes=5, warm_up=1).median_s > 0


def test_tensorrt_that_is_not_there_is_said(exporting):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime needs the extra onnx")
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has TensorRT")
    with pytest.raises(SettingsError, match="TensorrtExecutionProvider"):
        measure_latency(network(), (1, 8, 8), runtime="tensorrt")


@pytest.mark.parametrize("stated", [{"runtime": "abacus"}, {"batch": 0}, {"passes": 0}])
def test_what_is_of_no_use_is_refused(stated):
    with pytest.raises(SettingsError):
        measure_latency(network(), (1, 8, 8), **stated)
