import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import usage_between
from ce_nas.energy.sampling import SampledMeter


class FakeDevice:
    """A settable clock and power; a long interval keeps the thread from sampling."""

    def __init__(self, power_w=100.0, interval_s=1000.0):
        self.now_s, self.power_w, self.broken = 0.0, power_w, False
        self.meter = SampledMeter(self.read, "simulated", interval_s, lambda: self.now_s)

    def read(self):
        if self.broken:
            raise RuntimeError("GPU is lost")  # noqa: TRY003, EM101
        return self.power_w

    def advance(self, now_s, power_w):
        self.now_s, self.power_w = now_s, power_w
        return self.meter.snapshot()


@pytest.fixture
def device():
    device = FakeDevice()
    yield device
    device.meter.close()


def test_sampled_power_is_integrated_by_trapezoidal_rule(device):
    first, last = device.meter.snapshot(), device.advance(10.0, 200.0)
    assert usage_between(first, last).energy_j == pytest.approx(1500.0)
    assert usage_between(first, last).coverage == 1.0
    assert device.meter.source is ReadingSource.INTEGRATED


def test_sampling_gap_is_interpolated_but_not_observed(device):
    first = device.meter.snapshot()
    device.advance(1000.0, 100.0)
    last = device.advance(11000.0, 100.0)
    assert usage_between(first, last).energy_j == pytest.approx(1.1e6)
    assert usage_between(first, last).coverage == pytest.approx(1 / 11)


def test_sampling_raises_if_device_fails(device):
    device.broken = True
    with pytest.raises(EnergyError, match="GPU is lost"):
        device.meter.snapshot()
    device.broken = False
    assert device.advance(5.0, 100.0).energy_j == pytest.approx(500.0)


def test_sampling_thread():
    device = FakeDevice(interval_s=0.01)
    device.now_s = 1.0
    for _ in range(200):
        if device.meter._last_sample[0] == 1.0:
            break
        device.meter._stop_event.wait(0.01)
    device.meter.close()
    assert device.meter._energy_j == pytest.approx(100.0)
