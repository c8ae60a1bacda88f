import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import EnergyMeter, MeterSnapshot, usage_between

counts = st.integers(0, 10**12).map(lambda thousandths: thousandths / 1e3)


class FakeMeter(EnergyMeter):
    source, origin, closed = ReadingSource.COUNTER, "simulated", False

    def snapshot(self):
        return MeterSnapshot(0.0, 0.0, 0.0)

    def close(self):
        self.closed = True


@given(at_s=counts, energy_j=counts, elapsed_s=counts, used_j=counts, share=st.floats(0, 1))
def test_usage_between_snapshots(at_s, energy_j, elapsed_s, used_j, share):
    usage = usage_between(
        MeterSnapshot(at_s, energy_j, 0.0), MeterSnapshot(at_s + elapsed_s, energy_j + used_j, elapsed_s * share)
    )
    assert usage.energy_j == pytest.approx(used_j, abs=1e-3)
    assert 0 <= usage.coverage <= 1
    assert usage.mean_power_w * usage.duration_s == pytest.approx(usage.energy_j, abs=1e-3) or usage.duration_s == 0


@pytest.mark.parametrize("last", [MeterSnapshot(1.0, 1.0, 0.0), MeterSnapshot(0.0, 9.0, 0.0)])
def test_usage_refuses_decreasing_meter(last):
    with pytest.raises(EnergyError, match="only increases"):
        usage_between(MeterSnapshot(0.5, 5.0, 0.0), last)


def test_meter_context_manager_closes():
    with FakeMeter() as meter:
        assert not meter.closed
    assert meter.closed
