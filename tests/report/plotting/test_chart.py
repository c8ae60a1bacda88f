import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.report.plotting.chart import Chart, ChartCurve, integer_ticks, linear_ticks, log_ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_within_the_range(low, span):
    ticks = linear_ticks(low, low + span)
    assert len(ticks) <= 8
    assert all(low - span * 1e-6 <= tick <= low + span * 1.000001 for tick in ticks)
    assert ticks == sorted(ticks)


def test_ticks_are_round_numbers():
    assert linear_ticks(0.0, 10.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert linear_ticks(0.31, 0.52) == [0.35, 0.4, 0.45, 0.5]
    assert linear_ticks(3.0, 3.0) == [3.0]
    assert log_ticks(0.3, 30.0) == [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    assert log_ticks(1e-3, 1e3) == [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0]
    assert log_ticks(14.1, 19.8) == [16.0, 18.0]  # none of 10, 20 and 50 is in it
    assert log_ticks(4.0, 6.0) == [4.0, 4.5, 5.0, 5.5, 6.0]  # 5 alone would be no scale
    assert integer_ticks(8.3) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert integer_ticks(1.04) == [0.0, 1.0]


def test_axis_ranges_ignore_missing_values():
    steps = ChartCurve("", "steps", (0.0, 1.0, 2.0), (3.0, math.nan), "#000")
    chart = Chart("c", "", "", "", "", (steps,))
    assert chart.x_range == chart.padded_x_range == (0.0, 2.0)
    low, high = chart.y_range
    assert low < 3.0 < high
    assert Chart("c", "", "", "", "", (steps,), integer_y=True).y_range[0] == 0.0
    assert Chart("c", "", "", "", "", ()).x_range == (1.0, 2.0)
    points = Chart("c", "", "", "", "", (ChartCurve("", "points", (1.0, 2.0), (1.0, 2.0), "#000"),))
    assert points.padded_x_range == pytest.approx((0.97, 2.03))
