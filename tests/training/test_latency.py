import io
import warnings

import numpy as np
import pytest
import torch

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot
from ce_nas.training import latency as latency_module
from ce_nas.training.latency import export_onnx, measure_latency, median_interval
from ce_nas.training.networks.nasbench201_network import NasBench201Network


@pytest.fixture(autouse=True)
def an_idle_device(monkeypatch):
    """Timing waits for an idle device, which the tests beside it prevent."""
    monkeypatch.setattr("ce_nas.training.latency.wait_until_idle", lambda *_: 0.0)


class CountingMeter(EnergyMeter):
    """A meter that advances by 3 J per reading."""

    source, origin = ReadingSource.COUNTER, "synthetic"

    def __init__(self):
        self.readings = 0

    def snapshot(self):
        self.readings += 1
        return MeterSnapshot(float(self.readings), 3.0 * self.readings, float(self.readings))


def network():
    torch.manual_seed(0)
    return NasBench201Network((4, 1, 3, 2, 0, 4), channels=4, cells=1, in_channels=1)


def test_latency_records_how_it_was_measured():
    latency = measure_latency(network(), (1, 8, 8), batch=2, passes=12, warm_up=1)
    assert 0 < latency.median_s <= latency.p95_s
    assert (latency.runtime, latency.batch, latency.passes) == ("eager", 2, 12)
    assert latency.device.startswith("cpu")
    assert latency.energy_j is None


def test_latency_says_how_busy_its_device_was(monkeypatch):
    monkeypatch.setattr(latency_module, "wait_until_idle", {"cpu": 0.25}.get)
    assert measure_latency(network(), (1, 8, 8), passes=6, warm_up=0).busy_share == 0.25


def test_energy_per_pass_comes_with_its_source():
    latency = measure_latency(network(), (1, 8, 8), passes=6, warm_up=0, meter=CountingMeter())
    assert latency.energy_j == pytest.approx(0.5)
    assert latency.energy_source is ReadingSource.COUNTER


@pytest.fixture
def exporting():
    pytest.importorskip("onnx", reason="ONNX needs the extra onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its deprecation
        yield


def test_an_exported_network_computes_the_same(exporting):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime needs the extra onnx")
    content, images = io.BytesIO(), torch.randn(3, 1, 8, 8)
    export_onnx(network(), (1, 8, 8), content)
    session = onnxruntime.InferenceSession(content.getvalue(), providers=["CPUExecutionProvider"])
    logits = session.run(None, {"images": images.numpy()})[0]
    np.testing.assert_allclose(logits, network().eval()(images).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_onnxruntime_is_timed(exporting):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime needs the extra onnx")
    assert measure_latency(network(), (1, 8, 8), runtime="onnxruntime", passes=5, warm_up=1).median_s > 0


def test_missing_tensorrt_is_refused(exporting):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime needs the extra onnx")
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has TensorRT")
    with pytest.raises(SettingsError, match="TensorrtExecutionProvider"):
        measure_latency(network(), (1, 8, 8), runtime="tensorrt")


@pytest.mark.parametrize("options", [{"runtime": "abacus"}, {"batch": 0}, {"passes": 0}])
def test_invalid_options_are_refused(options):
    with pytest.raises(SettingsError):
        measure_latency(network(), (1, 8, 8), **options)


def test_the_interval_of_a_median_by_hand():
    """Of 30 values: n / 2 -+ 1.96 sqrt(n) / 2 is 9.6 and 20.4, so the 9th and the 22nd [Conover]."""
    assert median_interval(np.arange(30.0, 0.0, -1.0)) == (9.0, 22.0)
    assert median_interval(np.array([3.0, 1.0, 2.0])) == (1.0, 3.0)
    latency = measure_latency(network(), (1, 8, 8), passes=30, warm_up=2)
    assert latency.low_s <= latency.median_s <= latency.high_s
    assert latency.precision == "float32"
