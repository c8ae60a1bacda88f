import pytest

from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.png import find_japanese_font, render_png

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


@pytest.fixture
def forgetful_cache():
    find_japanese_font.cache_clear()
    yield
    find_japanese_font.cache_clear()


@pytest.mark.usefixtures("forgetful_cache")
@pytest.mark.parametrize(
    ("files", "expected"),
    [(["/f/NotoSansCJK-Regular.ttc", "/broken/ipag.ttf"], "Noto Sans CJK JP"), (["/f/DejaVuSans.ttf"], None)],
)
def test_a_japanese_font_installed_after_the_list_of_fonts_was_made_is_found(monkeypatch, files, expected):
    font_manager = pytest.importorskip("matplotlib.font_manager", reason="needs the extra plots")
    listed = ["DejaVu Sans"]

    class Manager:
        def addfont(self, file):
            if "broken" in file:
                raise RuntimeError(file)
            listed.append("Noto Sans CJK JP")

    monkeypatch.setattr(font_manager, "get_font_names", lambda: listed)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: files)
    monkeypatch.setattr(font_manager, "fontManager", Manager())
    assert find_japanese_font() == expected
    assert len(listed) == 1 + bool(expected)
