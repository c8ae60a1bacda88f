import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.base import between
from ce_nas.energy.sampling import SampledMeter


class Bench:
    """A clock and a power that the test sets; the thread is kept from sampling by a long interval."""

    def __init__(self, power_w=100.0, every_s=1000.0):
        self.now_s, self.power_w, self.broken = 0.0, power_w, False
        self.meter = SampledMeter(self.read, "a bench", every_s, lambda: self.now_s)

    def read(self):
        if self.broken:
            raise RuntimeError("GPU is lost")  # noqa: TRY003, EM101
        return self.power_w

    def at(self, now_s, power_w):
        self.now_s, self.power_w = now_s, power_w
        return self.meter.mark()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.meter.close()


def test_power_is_integrated_by_trapezoids(bench):
    first, last = bench.meter.mark(), bench.at(10.0, 200.0)
    assert between(first, last).energy_j == pytest.approx(1500.0)
    assert between(first, last).coverage == 1.0
    assert bench.meter.source is Source.INTEGRATED


def test_a_gap_is_bridged_but_not_counted_as_observed(bench):
    first = bench.meter.mark()
    bench.at(1000.0, 100.0)
    last = bench.at(11000.0, 100.0)
    assert between(first, last).energy_j == pytest.approx(1.1e6)
    assert between(first, last).coverage == pytest.approx(1 / 11)


def test_a_device_that_no_longer_answers_is_no_zero(bench):
    bench.broken = True
    with pytest.raises(EnergyError, match="GPU is lost"):
        bench.meter.mark()
    bench.broken = False
    assert bench.at(5.0, 100.0).energy_j == pytest.approx(500.0)


def test_the_thread_samples_by_itself():
    bench = Bench(every_s=0.01)
    bench.now_s = 1.0
    for _ in range(200):
        if bench.meter._last[0] == 1.0:
            break
        bench.meter._over.wait(0.01)
    bench.meter.close()
    assert bench.meter._energy_j == pytest.approx(100.0)
