"""Draws charts as PNG with matplotlib, of the extra ``plots``."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.report.plotting.chart import log_ticks
from ce_nas.report.plotting.palette import MATPLOTLIB_STYLE
from ce_nas.report.plotting.plots_extra import require_plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ce_nas.report.plotting.chart import Chart, ChartCurve

__all__ = ["draw_chart", "encode_png", "find_japanese_font", "render_png"]

#: fonts with Japanese glyphs, by the names in common distributions
JAPANESE_FONTS = (
    "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "Hiragino Sans",
    "Yu Gothic", "MS Gothic", "Meiryo",
)  # fmt: skip
#: names of files of such fonts
JAPANESE_FONT_FILES = re.compile(
    r"(noto ?sans(cjk|jp)|ipaex?g|takao|vl-gothic|hiragino|yugoth|msgothic|meiryo)", re.IGNORECASE
)


@cache
def find_japanese_font() -> str | None:
    """Return the name of an installed font with Japanese glyphs; None if there is none.

    :raises MissingExtraError: without the extra ``plots``.
    """
    require_plots("A figure as PNG")
    from matplotlib import font_manager

    if not set(JAPANESE_FONTS) & set(font_manager.get_font_names()):
        # matplotlib keeps its list of fonts: those installed since it was made are missing in it
        for file in font_manager.findSystemFonts():
            if JAPANESE_FONT_FILES.match(Path(file).name):
                with suppress(OSError, RuntimeError):  # a file that is no font
                    font_manager.fontManager.addfont(file)
    installed = set(font_manager.get_font_names())
    return next((name for name in JAPANESE_FONTS if name in installed), None)


def render_png(chart: Chart) -> bytes:
    """Render a chart as PNG; the same chart gives the same bytes.

    :raises MissingExtraError: without the extra ``plots``.
    """
    require_plots("A figure as PNG")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    fonts = [name for name in (find_japanese_font(), "DejaVu Sans") if name]
    style = {**MATPLOTLIB_STYLE, "font.family": fonts}
    with mpl.rc_context(style):  # type: ignore[arg-type] # matplotlib types its keys as literals
        figure = Figure(figsize=(7.0, 3.6), layout="constrained")
        axes = figure.subplots()
        draw_chart(axes, chart)
        if sum(bool(curve.name) for curve in chart.curves) > 1:
            axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        return encode_png(figure, dpi=130)


def encode_png(figure: Figure, dpi: int = 110) -> bytes:
    """Encode a matplotlib figure; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, metadata={"Software": None})
    return content.getvalue()


def draw_chart(axes: Axes, chart: Chart) -> None:
    """Draw a chart, without its legend, into matplotlib axes."""
    for curve in chart.curves:
        if curve.y:
            _draw_curve(axes, curve, chart)
    if chart.log_x:
        ticks = log_ticks(*chart.x_range)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    axes.set(xlabel=chart.x_label, ylabel=chart.y_label, xlim=chart.padded_x_range)
    axes.set_title(chart.title, loc="left")
    if not chart.categories:
        axes.set_ylim(*chart.y_range)


def _draw_curve(axes: Axes, curve: ChartCurve, chart: Chart) -> None:
    line, name = "--" if curve.dashed else "-", curve.name or None
    if curve.kind == "steps":
        axes.stairs(curve.y, curve.x, baseline=None, color=curve.colour, linestyle=line, linewidth=1.5, label=name)
    elif curve.kind == "band":
        axes.stairs(curve.y, curve.x, baseline=curve.lower, fill=True, color=curve.colour, linewidth=0, label=name)
    elif curve.kind == "points":
        axes.plot(curve.x, curve.y, "o", color=curve.colour, markersize=4 * curve.radius / 4.5, label=name)
    elif curve.kind == "bars":
        axes.barh(chart.categories, curve.y, color=curve.colour, label=name)
        axes.invert_yaxis()
    elif curve.kind == "level":
        axes.axhline(curve.y[0], color=curve.colour, linestyle=line, linewidth=1, label=name)
    else:
        axes.plot(curve.x, curve.y, color=curve.colour, linestyle=line, linewidth=1.5, label=name)
