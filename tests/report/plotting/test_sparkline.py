import math

from hypothesis import given
from hypothesis import strategies as st

from ce_nas.report.plotting.sparkline import progress_bar, sparkline


def test_sparkline_has_one_character_per_value():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 0, 8) == "▁▂▃▄▅▆▇██"
    assert sparkline([-5, 20], 0, 8) == "▁█"
    assert sparkline([1, math.nan, 1], 1, 1) == "▁·▁"
    assert sparkline([], 0, 1) == ""


def test_progress_bar_is_full_at_one():
    assert progress_bar(0.0, 4) == "    "
    assert progress_bar(0.5, 4) == "██  "
    assert progress_bar(0.53, 4) == "██▏ "
    assert progress_bar(7.0, 4) == "████"


@given(st.floats(-1, 2), st.integers(1, 60))
def test_progress_bar_has_the_requested_width(share, width):
    assert len(progress_bar(share, width)) == width
