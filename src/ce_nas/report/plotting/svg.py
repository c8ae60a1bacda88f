"""A figure as SVG: a few kilobytes, sharp on every screen and on paper, without a library to load."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ce_nas.report.plotting.chart import log_ticks, ticks, whole_ticks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.report.plotting.chart import Chart, Curve

__all__ = ["svg"]

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, BOTTOM = 66, 14, 46
#: a bar with its distance to the next one
BAR = 30
INK, GREY, PALE = "#1a1a1a", "#595959", "#e3e3e3"
#: how many hints a curve has at most: a page stays light
HINTS = 400


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the axes lie, and the way from numbers to pixels."""

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
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        low, high = self.y_range
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def svg(chart: Chart) -> str:
    """The figure as one ``<svg>`` element, which is a whole file too; the same chart gives the same text."""
    legend = list(_legend(chart))
    top = 12 + 20 * (1 + max((row for row, _, _, _ in legend), default=-1))
    height = top + BAR * len(chart.categories) + BOTTOM if chart.categories else HEIGHT
    left = max([LEFT, *(14 + _width(name) for name in chart.categories)])
    frame = _Frame(left, top, WIDTH - RIGHT, height - BOTTOM, chart.spread, chart.y_range, chart.log_x)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
            f'aria-label="{escape(chart.alt)}" font-family="system-ui, sans-serif" font-size="13" fill="{INK}">'
        ),
        f'<rect width="{WIDTH}" height="{height:g}" fill="#fff"/>',
        *_axes(chart, frame),
        *(piece for curve in chart.curves for piece in _drawn(curve, frame)),
        *(_legend_entry(*entry) for entry in legend),
        *(piece for curve in chart.curves for piece in _hints(curve, frame)),
        "</svg>",
    ]
    return "\n".join(parts)


def _axes(chart: Chart, frame: _Frame) -> Iterator[str]:
    for value in log_ticks(*frame.x_range) if chart.log_x else ticks(*frame.x_range):
        x = frame.x(value)
        yield f'<path d="M{x:.1f} {frame.top:.1f}V{frame.bottom:.1f}" stroke="{PALE}"/>'
        yield _text(x, frame.bottom + 17, _number(value), "middle")
    if chart.categories:
        for place, name in enumerate(chart.categories):
            yield _text(frame.left - 8, _bar_top(frame, place) + BAR / 2 + 1, name, "end")
    else:
        for value in whole_ticks(frame.y_range[1]) if chart.counts else ticks(*frame.y_range, count=4):
            y = frame.y(value)
            yield f'<path d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}" stroke="{PALE}"/>'
            yield _text(frame.left - 6, y + 4, _number(value), "end")
    corner = f"M{frame.left:.1f} {frame.top:.1f}V{frame.bottom:.1f}H{frame.right:.1f}"
    yield f'<path d="{corner}" stroke="{GREY}" fill="none"/>'
    yield _text((frame.left + frame.right) / 2, frame.bottom + 37, chart.x_label, "middle")
    if not chart.categories:
        middle = (frame.top + frame.bottom) / 2
        turned = f'transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle"'
        yield f"<text {turned}>{escape(chart.y_label)}</text>"


def _drawn(curve: Curve, frame: _Frame) -> list[str]:
    dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
    if curve.kind == "points":
        return [
            f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="4.5" fill="{curve.colour}" stroke="#fff"/>'
            for x, y in zip(curve.x, curve.y, strict=True)
        ]
    if curve.kind == "bars":
        return [
            f'<rect x="{frame.left:.1f}" y="{_bar_top(frame, place) + 4:.1f}" '
            f'width="{frame.x(value) - frame.left:.1f}" height="{BAR - 8}" fill="{curve.colour}"/>'
            for place, value in enumerate(curve.y)
        ]
    if curve.kind == "level":
        path = f"M{frame.left:.1f} {frame.y(curve.y[0]):.1f}H{frame.right:.1f}"
        return [f'<path d="{path}" stroke="{curve.colour}"{dash} fill="none"/>']
    if curve.kind == "band":
        return [f'<path d="{path}" fill="{curve.colour}"/>' for path in _bands(curve, frame)]
    path = "".join(_steps(curve, frame)) if curve.kind == "steps" else _line(curve, frame)
    return [f'<path d="{path}" stroke="{curve.colour}" stroke-width="2"{dash} fill="none"/>'] if path else []


def _line(curve: Curve, frame: _Frame) -> str:
    places = [f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in zip(curve.x, curve.y, strict=True)]
    return f"M{'L'.join(places)}" if places else ""


def _steps(curve: Curve, frame: _Frame) -> Iterator[str]:
    drawing = False
    for start, end, value in zip(curve.x, curve.x[1:], curve.y, strict=False):
        if math.isnan(value):
            drawing = False
            continue
        yield f"{'V' if drawing else f'M{frame.x(start):.1f} '}{frame.y(value):.1f}H{frame.x(end):.1f}"
        drawing = True


def _bands(curve: Curve, frame: _Frame) -> Iterator[str]:
    """A rectangle for each stretch in which neither edge moves."""
    spans = list(zip(curve.x, curve.x[1:], curve.low, curve.y, strict=False))
    at = 0
    while at < len(spans):
        until = at
        while until + 1 < len(spans) and spans[until + 1][2:] == spans[at][2:]:
            until += 1
        start, end, low, high = spans[at][0], spans[until][1], *spans[at][2:]
        if high > low:
            left, right = f"{frame.x(start):.1f}", f"{frame.x(end):.1f}"
            yield f"M{left} {frame.y(high):.1f}H{right}V{frame.y(low):.1f}H{left}Z"
        at = until + 1


def _hints(curve: Curve, frame: _Frame) -> Iterator[str]:
    """What a reader can point at, each with its words."""
    every = math.ceil(len(curve.hints) / HINTS) or 1
    for place, hint in list(enumerate(curve.hints))[::every]:
        if curve.kind in {"steps", "band"}:
            x, wide = frame.x(curve.x[place]), frame.x(curve.x[place + 1]) - frame.x(curve.x[place])
            box = f'x="{x:.1f}" y="{frame.top:.1f}" width="{wide:.1f}" height="{frame.bottom - frame.top:.1f}"'
        elif curve.kind == "bars":
            box = f'x="0" y="{_bar_top(frame, place):.1f}" width="{WIDTH}" height="{BAR}"'
        else:
            x, y = frame.x(curve.x[place]), frame.y(curve.y[place])
            box = f'x="{x - 9:.1f}" y="{y - 9:.1f}" width="18" height="18"'
        yield f'<rect {box} fill="transparent" data-hint="{escape(hint)}"/>'


def _legend(chart: Chart) -> Iterator[tuple[int, float, Curve, str]]:
    """Row and place of each name that the legend holds, where there is more than one thing to tell apart."""
    named = [curve for curve in chart.curves if curve.name]
    if len(named) < 2 and not any(curve.kind == "level" for curve in named):
        return
    row, x = 0, float(LEFT)
    for curve in named:
        wide = 28 + _width(curve.name)
        if x + wide > WIDTH and x > LEFT:
            row, x = row + 1, float(LEFT)
        yield row, x, curve, curve.name
        x += wide


def _legend_entry(row: int, x: float, curve: Curve, name: str) -> str:
    y = 14 + 20 * row
    dash = ' stroke-dasharray="5 3"' if curve.dashed else ""
    if curve.kind in {"band", "bars"}:
        box = f'x="{x:.1f}" y="{y - 8}" width="14" height="10"'
        sign = f'<rect {box} fill="{curve.colour}" stroke="{GREY}" stroke-width=".5"/>'
    elif curve.kind == "points":
        sign = f'<circle cx="{x + 7:.1f}" cy="{y - 3}" r="4.5" fill="{curve.colour}"/>'
    else:
        sign = f'<path d="M{x:.1f} {y - 3}h14" stroke="{curve.colour}" stroke-width="2"{dash}/>'
    return sign + _text(x + 18, y + 1, name, "start")


def _bar_top(frame: _Frame, place: int) -> float:
    return frame.top + BAR * place


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _width(text: str) -> float:
    """About how wide a text is, pixels: Chinese and Japanese signs are twice as wide as Latin ones."""
    return sum(13.5 if ord(sign) > 0x2E80 else 7.2 for sign in text)


def _number(value: float) -> str:
    return f"{value:,.6g}"
