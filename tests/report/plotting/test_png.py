import pytest

from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.png import render_png

CURVES = {
    "line": ChartCurve("a", "line", (1.0, 2.0), (0.0, 1.0), "#123456"),
    "steps": ChartCurve("a", "steps", (1.0, 2.0, 3.0), (0.0, 1.0), "#123456"),
    "band": ChartCurve("a", "band", (1.0, 2.0, 3.0), (0.5, 1.0), "#123456", lower=(0.0, 0.2)),
    "points": ChartCurve("a", "points", (1.0, 2.0), (0.0, 1.0), "#123456"),
    "level": ChartCurve("a", "level", (0.0,), (1.0,), "#123456", dashed=True),
}


@pytest.mark.parametrize("kind", CURVES)
def test_every_kind_of_curve_is_drawn(kind):
    empty, drawn = (render_png(Chart("c", "t", "", "x", "y", curves)) for curves in ((), (CURVES[kind],)))
    assert empty.startswith(b"\x89PNG")
    assert drawn != empty
    assert render_png(Chart("c", "t", "", "x", "y", (CURVES[kind],))) == drawn


def test_bars_are_drawn():
    bars = ChartCurve("", "bars", (0, 1), (4.0, 1.0), "#123456")
    assert render_png(Chart("c", "t", "", "x", "", (bars,), categories=("a", "b"))).startswith(b"\x89PNG")
