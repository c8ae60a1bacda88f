import math

from hypothesis import given
from hypothesis import strategies as st

from ce_nas.report.plotting.sparkline import meter, sparkline


def test_a_sign_a_value_from_the_lowest_to_the_highest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 0, 8) == "▁▂▃▄▅▆▇██"
    assert sparkline([-5, 20], 0, 8) == "▁█"
    assert sparkline([1, math.nan, 1], 1, 1) == "▁·▁"
    assert sparkline([], 0, 1) == ""


def test_a_meter_is_full_at_one():
    assert meter(0.0, 4) == "    "
    assert meter(0.5, 4) == "██  "
    assert meter(0.53, 4) == "██▏ "
    assert meter(7.0, 4) == "████"


@given(st.floats(-1, 2), st.integers(1, 60))
def test_a_meter_is_as_wide_as_it_was_asked_to_be(share, width):
    assert len(meter(share, width)) == width
