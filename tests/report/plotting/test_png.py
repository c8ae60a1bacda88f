import pytest

from ce_nas.report.plotting.chart import Chart, Curve
from ce_nas.report.plotting.png import png

CURVES = {
    "line": Curve("a", "line", (1.0, 2.0), (0.0, 1.0), "#123456"),
    "steps": Curve("a", "steps", (1.0, 2.0, 3.0), (0.0, 1.0), "#123456"),
    "band": Curve("a", "band", (1.0, 2.0, 3.0), (0.5, 1.0), "#123456", low=(0.0, 0.2)),
    "points": Curve("a", "points", (1.0, 2.0), (0.0, 1.0), "#123456"),
    "level": Curve("a", "level", (0.0,), (1.0,), "#123456", dashed=True),
}


@pytest.mark.parametrize("kind", CURVES)
def test_every_kind_of_curve_changes_the_picture(kind):
    empty, drawn = (png(Chart("c", "t", "", "x", "y", curves)) for curves in ((), (CURVES[kind],)))
    assert empty.startswith(b"\x89PNG")
    assert drawn != empty
    assert png(Chart("c", "t", "", "x", "y", (CURVES[kind],))) == drawn


def test_bars_are_drawn_longest_first():
    bars = Curve("", "bars", (0, 1), (4.0, 1.0), "#123456")
    assert png(Chart("c", "t", "", "x", "", (bars,), categories=("a", "b"))).startswith(b"\x89PNG")
