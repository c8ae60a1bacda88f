"""Renders charts as SVG of a few kilobytes, without a library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ce_nas.report.plotting.chart import integer_ticks, linear_ticks, log_ticks
from ce_nas.report.plotting.palette import BLACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.report.plotting.chart import Chart, ChartCurve

__all__ = ["render_svg"]

WIDTH, HEIGHT = 480, 260
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_BOTTOM = 66, 14, 46
#: height of a bar with its distance to the next one
BAR_PITCH = 30
TEXT_COLOUR, AXIS_COLOUR, GRID_COLOUR = BLACK, "#595959", "#e3e3e3"
#: per curve, to limit the size of a page
MAX_TOOLTIPS = 400


@dataclass(frozen=True, slots=True)
class _PlotArea:
    """The area inside the axes, and the mapping from values to pixels."""

    left: float
    top: float
    right: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log_x: bool

    def x(self, value: float) -> float:
        """Pixels from the left."""
        low, high = self.x_range
        if self.log_x:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        span = (high - low) or 1.0  # ends that differ by rounding alone may have the same logarithm
        return self.left + (value - low) / span * (self.right - self.left)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def render_svg(chart: Chart) -> str:
    """Render a chart as one ``<svg>`` element, which is also a valid file; the same chart gives the same text."""
    legend = list(_layout_legend(chart))
    top = 12 + 20 * (1 + max((row for row, _, _, _ in legend), default=-1))
    height = top + BAR_PITCH * len(chart.categories) + MARGIN_BOTTOM if chart.categories else HEIGHT
    left = max([MARGIN_LEFT, *(14 + _text_width(name) for name in chart.categories)])
    area = _PlotArea(
        left, top, WIDTH - MARGIN_RIGHT, height - MARGIN_BOTTOM, chart.padded_x_range, chart.y_range, chart.log_x
    )
    elements = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
            f'aria-label="{escape(chart.alt)}" font-family="system-ui, sans-serif" font-size="13" fill="{TEXT_COLOUR}">'
        ),
        f'<rect width="{WIDTH}" height="{height:g}" fill="#fff"/>',
        *_draw_axes(chart, area),
        *(element for curve in chart.curves for element in _draw_curve(curve, area)),
        *(_draw_legend_entry(*entry) for entry in legend),
        *(element for curve in chart.curves for element in _tooltip_areas(curve, area)),
        "</svg>",
    ]
    return "\n".join(elements)


def _draw_axes(chart: Chart, area: _PlotArea) -> Iterator[str]:
    for value in log_ticks(*area.x_range) if chart.log_x else linear_ticks(*area.x_range):
        x = area.x(value)
        yield f'<path d="M{x:.1f} {area.top:.1f}V{area.bottom:.1f}" stroke="{GRID_COLOUR}"/>'
        yield _draw_text(x, area.bottom + 17, _format_number(value), "middle")
    if chart.categories:
        for index, name in enumerate(chart.categories):
            yield _draw_text(area.left - 8, _bar_top(area, index) + BAR_PITCH / 2 + 1, name, "end")
    else:
        for value in integer_ticks(area.y_range[1]) if chart.integer_y else linear_ticks(*area.y_range, count=4):
            y = area.y(value)
            yield f'<path d="M{area.left:.1f} {y:.1f}H{area.right:.1f}" stroke="{GRID_COLOUR}"/>'
            yield _draw_text(area.left - 6, y + 4, _format_number(value), "end")
    corner = f"M{area.left:.1f} {area.top:.1f}V{area.bottom:.1f}H{area.right:.1f}"
    yield f'<path d="{corner}" stroke="{AXIS_COLOUR}" fill="none"/>'
    yield _draw_text((area.left + area.right) / 2, area.bottom + 37, chart.x_label, "middle")
    if not chart.categories:
        middle = (area.top + area.bottom) / 2
        turned = f'transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle"'
        yield f"<text {turned}>{escape(chart.y_label)}</text>"


def _draw_curve(curve: ChartCurve, area: _PlotArea) -> list[str]:
    dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
    if curve.kind == "points":
        look = f'r="{curve.radius:g}" fill="{curve.colour}" stroke="#fff"'
        return [
            f'<circle cx="{area.x(x):.1f}" cy="{area.y(y):.1f}" {look}/>' for x, y in zip(curve.x, curve.y, strict=True)
        ]
    if curve.kind == "bars":
        return [
            f'<rect x="{area.left:.1f}" y="{_bar_top(area, index) + 4:.1f}" '
            f'width="{area.x(value) - area.left:.1f}" height="{BAR_PITCH - 8}" fill="{curve.colour}"/>'
            for index, value in enumerate(curve.y)
        ]
    if curve.kind == "level":
        path = f"M{area.left:.1f} {area.y(curve.y[0]):.1f}H{area.right:.1f}"
        return [f'<path d="{path}" stroke="{curve.colour}"{dash} fill="none"/>']
    if curve.kind == "band":
        return [f'<path d="{path}" fill="{curve.colour}"/>' for path in _band_paths(curve, area)]
    path = "".join(_step_path(curve, area)) if curve.kind == "steps" else _line_path(curve, area)
    return [f'<path d="{path}" stroke="{curve.colour}" stroke-width="2"{dash} fill="none"/>'] if path else []


def _line_path(curve: ChartCurve, area: _PlotArea) -> str:
    points = [f"{area.x(x):.1f} {area.y(y):.1f}" for x, y in zip(curve.x, curve.y, strict=True)]
    return f"M{'L'.join(points)}" if points else ""


def _step_path(curve: ChartCurve, area: _PlotArea) -> Iterator[str]:
    drawing = False
    for start, end, value in zip(curve.x, curve.x[1:], curve.y, strict=False):
        if math.isnan(value):
            drawing = False
            continue
        yield f"{'V' if drawing else f'M{area.x(start):.1f} '}{area.y(value):.1f}H{area.x(end):.1f}"
        drawing = True


def _band_paths(curve: ChartCurve, area: _PlotArea) -> Iterator[str]:
    """Yield a rectangle for each interval in which both edges are constant."""
    spans = list(zip(curve.x, curve.x[1:], curve.lower, curve.y, strict=False))
    first = 0
    while first < len(spans):
        last = first
        while last + 1 < len(spans) and spans[last + 1][2:] == spans[first][2:]:
            last += 1
        start, end, low, high = spans[first][0], spans[last][1], *spans[first][2:]
        if high > low:
            left, right = f"{area.x(start):.1f}", f"{area.x(end):.1f}"
            yield f"M{left} {area.y(high):.1f}H{right}V{area.y(low):.1f}H{left}Z"
        first = last + 1


def _tooltip_areas(curve: ChartCurve, area: _PlotArea) -> Iterator[str]:
    """Yield the areas that show a tooltip."""
    stride = math.ceil(len(curve.tooltips) / MAX_TOOLTIPS) or 1
    for index, tooltip in list(enumerate(curve.tooltips))[::stride]:
        if curve.kind in {"steps", "band"}:
            x, width = area.x(curve.x[index]), area.x(curve.x[index + 1]) - area.x(curve.x[index])
            box = f'x="{x:.1f}" y="{area.top:.1f}" width="{width:.1f}" height="{area.bottom - area.top:.1f}"'
        elif curve.kind == "bars":
            box = f'x="0" y="{_bar_top(area, index):.1f}" width="{WIDTH}" height="{BAR_PITCH}"'
        else:
            x, y = area.x(curve.x[index]), area.y(curve.y[index])
            box = f'x="{x - 9:.1f}" y="{y - 9:.1f}" width="18" height="18"'
        yield f'<rect {box} fill="transparent" data-hint="{escape(tooltip)}"/>'


def _layout_legend(chart: Chart) -> Iterator[tuple[int, float, ChartCurve, str]]:
    """Yield row, x position, curve and name of each legend entry; nothing if a single curve needs no legend."""
    named = [curve for curve in chart.curves if curve.name]
    if len(named) < 2 and not any(curve.kind == "level" for curve in named):
        return
    row, x = 0, float(MARGIN_LEFT)
    for curve in named:
        width = 28 + _text_width(curve.name)
        if x + width > WIDTH and x > MARGIN_LEFT:
            row, x = row + 1, float(MARGIN_LEFT)
        yield row, x, curve, curve.name
        x += width


def _draw_legend_entry(row: int, x: float, curve: ChartCurve, name: str) -> str:
    y = 14 + 20 * row
    dash = ' stroke-dasharray="5 3"' if curve.dashed else ""
    if curve.kind in {"band", "bars"}:
        box = f'x="{x:.1f}" y="{y - 8}" width="14" height="10"'
        symbol = f'<rect {box} fill="{curve.colour}" stroke="{AXIS_COLOUR}" stroke-width=".5"/>'
    elif curve.kind == "points":
        symbol = f'<circle cx="{x + 7:.1f}" cy="{y - 3}" r="4.5" fill="{curve.colour}"/>'
    else:
        symbol = f'<path d="M{x:.1f} {y - 3}h14" stroke="{curve.colour}" stroke-width="2"{dash}/>'
    return symbol + _draw_text(x + 18, y + 1, name, "start")


def _bar_top(area: _PlotArea, index: int) -> float:
    return area.top + BAR_PITCH * index


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _text_width(text: str) -> float:
    """Estimate the width of a text in pixels; Chinese and Japanese characters are twice as wide as Latin ones."""
    return sum(13.5 if ord(character) > 0x2E80 else 7.2 for character in text)


def _format_number(value: float) -> str:
    return f"{value:,.6g}"
