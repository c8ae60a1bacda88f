import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.report.plotting.chart import Chart, Curve, log_ticks, ticks, whole_ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_a_few_and_lie_inside(low, span):
    marks = ticks(low, low + span)
    assert len(marks) <= 8
    assert all(low - span * 1e-6 <= mark <= low + span * 1.000001 for mark in marks)
    assert marks == sorted(marks)


def test_ticks_are_round_numbers():
    assert ticks(0.0, 10.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert ticks(0.31, 0.52) == [0.35, 0.4, 0.45, 0.5]
    assert ticks(3.0, 3.0) == [3.0]
    assert log_ticks(0.3, 30.0) == [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    assert log_ticks(1e-3, 1e3) == [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0]
    assert whole_ticks(8.3) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert whole_ticks(1.04) == [0.0, 1.0]


def test_ranges_hold_what_is_known_and_leave_out_what_is_not():
    steps = Curve("", "steps", (0.0, 1.0, 2.0), (3.0, math.nan), "#000")
    chart = Chart("c", "", "", "", "", (steps,))
    assert chart.x_range == chart.spread == (0.0, 2.0)
    low, high = chart.y_range
    assert low < 3.0 < high
    assert Chart("c", "", "", "", "", (steps,), counts=True).y_range[0] == 0.0
    assert Chart("c", "", "", "", "", ()).x_range == (1.0, 2.0)
    points = Chart("c", "", "", "", "", (Curve("", "points", (1.0, 2.0), (1.0, 2.0), "#000"),))
    assert points.spread == pytest.approx((0.97, 2.03))
