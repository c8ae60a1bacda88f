"""A figure as PNG, drawn by matplotlib."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ce_nas.report.plotting.chart import Chart, Curve

__all__ = ["japanese_font", "png"]

#: fonts with Japanese glyphs, as the systems' packages call them
JAPANESE = (
    "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "Hiragino Sans",
    "Yu Gothic", "MS Gothic", "Meiryo",
)  # fmt: skip


@cache
def japanese_font() -> str | None:
    """An installed font with Japanese glyphs; None if there is none."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return next((name for name in JAPANESE if name in installed), None)


def png(chart: Chart) -> bytes:
    """The figure as a PNG; the same chart gives the same bytes."""
    fonts = [name for name in (japanese_font(), "DejaVu Sans") if name]
    style = {"font.size": 9, "font.family": fonts, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style):  # type: ignore[arg-type] # keys as literals would say no more
        figure = Figure(figsize=(7.0, 3.6), layout="constrained")
        axes = figure.subplots()
        for curve in chart.curves:
            _draw(axes, curve, chart)
        if chart.log_x:
            axes.set_xscale("log")
        axes.set(xlabel=chart.x_label, ylabel=chart.y_label, xlim=chart.spread, title=chart.title)
        if not chart.categories:
            axes.set_ylim(*chart.y_range)
        if sum(bool(curve.name) for curve in chart.curves) > 1:
            axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=130, metadata={"Software": None})
    return content.getvalue()


def _draw(axes: Axes, curve: Curve, chart: Chart) -> None:
    line, name = "--" if curve.dashed else "-", curve.name or None
    if curve.kind == "steps":
        axes.stairs(curve.y, curve.x, baseline=None, color=curve.colour, linestyle=line, linewidth=1.5, label=name)
    elif curve.kind == "band":
        axes.stairs(curve.y, curve.x, baseline=curve.low, fill=True, color=curve.colour, linewidth=0, label=name)
    elif curve.kind == "points":
        axes.plot(curve.x, curve.y, "o", color=curve.colour, markersize=4, label=name)
    elif curve.kind == "bars":
        axes.barh(chart.categories, curve.y, color=curve.colour, label=name)
        axes.invert_yaxis()
    elif curve.kind == "level":
        axes.axhline(curve.y[0], color=curve.colour, linestyle=line, linewidth=1, label=name)
    else:
        axes.plot(curve.x, curve.y, color=curve.colour, linestyle=line, linewidth=1.5, label=name)
