import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.base import Mark, Meter, between

counts = st.integers(0, 10**12).map(lambda thousandths: thousandths / 1e3)


class Fake(Meter):
    source, origin, closed = Source.COUNTER, "a fake", False

    def mark(self):
        return Mark(0.0, 0.0, 0.0)

    def close(self):
        self.closed = True


@given(at_s=counts, energy_j=counts, passed_s=counts, used_j=counts, share=st.floats(0, 1))
def test_what_lies_between_two_marks(at_s, energy_j, passed_s, used_j, share):
    used = between(Mark(at_s, energy_j, 0.0), Mark(at_s + passed_s, energy_j + used_j, passed_s * share))
    assert used.energy_j == pytest.approx(used_j, abs=1e-3)
    assert 0 <= used.coverage <= 1
    assert used.mean_w * used.duration_s == pytest.approx(used.energy_j, abs=1e-3) or used.duration_s == 0


@pytest.mark.parametrize("last", [Mark(1.0, 1.0, 0.0), Mark(0.0, 9.0, 0.0)])
def test_a_meter_that_goes_back_is_told(last):
    with pytest.raises(EnergyError, match="only counts up"):
        between(Mark(0.5, 5.0, 0.0), last)


def test_a_meter_closes_after_its_block():
    with Fake() as meter:
        assert not meter.closed
    assert meter.closed
