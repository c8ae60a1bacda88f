import math
from xml.etree import ElementTree as ET

import pytest

from ce_nas.report.plotting.chart import Chart, Curve
from ce_nas.report.plotting.svg import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, svg

NAMES = "{http://www.w3.org/2000/svg}"


def drawn(*curves, **more):
    chart = Chart("c", "title", "told <in> words", "x", "y", curves, **more)
    return ET.fromstring(svg(chart))


def found(root, tag, **attributes):
    return [item for item in root.iter(NAMES + tag) if all(item.get(key) == value for key, value in attributes.items())]


def test_points_lie_where_their_numbers_say():
    root = drawn(Curve("", "points", (0.0, 10.0), (0.0, 1.0), "#123456", hints=("a", "b<c>")))
    first, second = found(root, "circle", fill="#123456")
    span = WIDTH - LEFT - RIGHT
    assert float(second.get("cx")) - float(first.get("cx")) == pytest.approx(span * 10 / 10.6, abs=0.2)
    assert float(first.get("cy")) > float(second.get("cy"))
    assert [box.get("data-hint") for box in root.iter(NAMES + "rect") if box.get("data-hint")] == ["a", "b<c>"]


def test_steps_hold_until_the_next_one_and_break_where_nothing_is_known():
    root = drawn(Curve("", "steps", (0.0, 1.0, 2.0, 3.0), (5.0, math.nan, 7.0), "#123456"))
    (path,) = found(root, "path", stroke="#123456")
    assert path.get("d").count("M") == 2
    assert path.get("d").startswith(f"M{LEFT:.1f} ")
    assert path.get("d").endswith(f"H{WIDTH - RIGHT:.1f}")


def test_bands_are_merged_where_neither_edge_moves():
    band = Curve("b", "band", (0.0, 1.0, 2.0, 3.0), (2.0, 2.0, 3.0), "#123456", low=(0.0, 0.0, 3.0))
    root = drawn(band, counts=True)
    (path,) = found(root, "path", fill="#123456")  # the third has no height
    assert path.get("d").endswith("Z")
    assert f"{HEIGHT - BOTTOM:.1f}" in path.get("d")


def test_bars_are_as_long_as_their_numbers():
    root = drawn(Curve("", "bars", (0, 1), (4.0, 1.0), "#123456"), categories=("long", "short"))
    long, short = (float(bar.get("width")) for bar in found(root, "rect", fill="#123456"))
    assert long == pytest.approx(4 * short, rel=0.01)


def test_a_logarithmic_axis_gives_each_factor_the_same_room():
    root = drawn(Curve("", "line", (1.0, 10.0, 100.0), (0.0, 1.0, 2.0), "#123456"), log_x=True)
    (path,) = found(root, "path", stroke="#123456")
    first, second, third = (float(place.split()[0]) for place in path.get("d")[1:].split("L"))
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_the_figure_tells_itself_and_names_what_is_to_be_told_apart():
    level = Curve("most", "level", (0.0,), (2.0,), "#123456", dashed=True)
    root = drawn(Curve("one", "line", (0.0, 1.0), (0.0, 1.0), "#654321"), level)
    assert (root.get("role"), root.get("aria-label")) == ("img", "told <in> words")
    texts = [text.text for text in root.iter(NAMES + "text")]
    assert {"one", "most", "x", "y"} <= set(texts)
