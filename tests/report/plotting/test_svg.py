import math
from xml.etree import ElementTree as ET

import pytest

from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.svg import HEIGHT, MARGIN_BOTTOM, MARGIN_LEFT, MARGIN_RIGHT, WIDTH, render_svg

NAMES = "{http://www.w3.org/2000/svg}"


def render(*curves, **options):
    chart = Chart("c", "title", "text <with> brackets", "x", "y", curves, **options)
    return ET.fromstring(render_svg(chart))


def elements(root, tag, **attributes):
    return [item for item in root.iter(NAMES + tag) if all(item.get(key) == value for key, value in attributes.items())]


def test_points_are_at_their_coordinates():
    root = render(ChartCurve("", "points", (0.0, 10.0), (0.0, 1.0), "#123456", tooltips=("a", "b<c>")))
    first, second = elements(root, "circle", fill="#123456")
    span = WIDTH - MARGIN_LEFT - MARGIN_RIGHT
    assert float(second.get("cx")) - float(first.get("cx")) == pytest.approx(span * 10 / 10.6, abs=0.2)
    assert float(first.get("cy")) > float(second.get("cy"))
    assert [box.get("data-hint") for box in root.iter(NAMES + "rect") if box.get("data-hint")] == ["a", "b<c>"]


def test_steps_extend_to_the_next_and_break_at_nan():
    root = render(ChartCurve("", "steps", (0.0, 1.0, 2.0, 3.0), (5.0, math.nan, 7.0), "#123456"))
    (path,) = elements(root, "path", stroke="#123456")
    assert path.get("d").count("M") == 2
    assert path.get("d").startswith(f"M{MARGIN_LEFT:.1f} ")
    assert path.get("d").endswith(f"H{WIDTH - MARGIN_RIGHT:.1f}")


def test_constant_bands_are_merged():
    band = ChartCurve("b", "band", (0.0, 1.0, 2.0, 3.0), (2.0, 2.0, 3.0), "#123456", lower=(0.0, 0.0, 3.0))
    root = render(band, integer_y=True)
    (path,) = elements(root, "path", fill="#123456")  # the third has no height
    assert path.get("d").endswith("Z")
    assert f"{HEIGHT - MARGIN_BOTTOM:.1f}" in path.get("d")


def test_bar_lengths_are_proportional():
    root = render(ChartCurve("", "bars", (0, 1), (4.0, 1.0), "#123456"), categories=("long", "short"))
    long, short = (float(bar.get("width")) for bar in elements(root, "rect", fill="#123456"))
    assert long == pytest.approx(4 * short, rel=0.01)


def test_logarithmic_axis_spacing():
    root = render(ChartCurve("", "line", (1.0, 10.0, 100.0), (0.0, 1.0, 2.0), "#123456"), log_x=True)
    (path,) = elements(root, "path", stroke="#123456")
    first, second, third = (float(point.split()[0]) for point in path.get("d")[1:].split("L"))
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_svg_has_alternative_text_and_legend():
    level = ChartCurve("most", "level", (0.0,), (2.0,), "#123456", dashed=True)
    root = render(ChartCurve("one", "line", (0.0, 1.0), (0.0, 1.0), "#654321"), level)
    assert (root.get("role"), root.get("aria-label")) == ("img", "text <with> brackets")
    texts = [text.text for text in root.iter(NAMES + "text")]
    assert {"one", "most", "x", "y"} <= set(texts)


def test_ends_that_differ_by_rounding_alone_can_be_drawn_on_a_logarithmic_axis():
    low = 1.657474584494818e-08
    curve = ChartCurve("", "points", (low, math.nextafter(low, 1.0)), (1.0, 2.0), "#000")
    ET.fromstring(render_svg(Chart("c", "c", "c", "x", "y", (curve,), log_x=True)))
