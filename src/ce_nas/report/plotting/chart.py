"""Description of a chart, independent of its renderer: the same one is drawn as SVG and as PNG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Chart", "ChartCurve", "CurveKind", "integer_ticks", "linear_ticks", "log_ticks"]

CurveKind = Literal["line", "steps", "band", "points", "bars", "level"]


@dataclass(frozen=True, slots=True)
class ChartCurve:
    """A curve, or a set of points or bars, of a chart."""

    #: name in the legend; empty: left out of the legend
    name: str
    #: ``steps`` and ``band`` have one more ``x`` than ``y``: a value extends from its ``x`` to the next one
    kind: CurveKind
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: str
    #: the lower edge of a ``band``, as long as ``y``
    lower: tuple[float, ...] = ()
    dashed: bool = False
    #: radius of ``points``, px of the SVG
    radius: float = 4.5
    #: text shown when a reader points at each value; as long as ``y``, or empty
    tooltips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with one pair of axes.

    Example:
        >>> curve = ChartCurve("front", "points", (0.01, 0.02), (91.0, 93.5), "#0072b2")
        >>> chart = Chart("front", "Pareto front", "Two architectures.", "latency [s]", "accuracy [%]", (curve,))
        >>> chart.x_range
        (0.01, 0.02)
    """

    #: file name without ending
    name: str
    title: str
    #: what the chart shows, as alternative text for screen readers
    alt: str
    x_label: str
    y_label: str
    curves: tuple[ChartCurve, ...]
    #: names of the bars of a ``bars`` curve, from top to bottom; its ``y`` are their lengths
    categories: tuple[str, ...] = ()
    #: whether the vertical axis starts at 0 and has whole numbers
    integer_y: bool = False
    #: whether the horizontal axis is logarithmic; then all ``x`` are above 0
    log_x: bool = False

    @property
    def x_range(self) -> tuple[float, float]:
        """The ends of the horizontal axis."""
        if self.categories:
            return (0.0, max((max(curve.y, default=0.0) for curve in self.curves), default=0.0) * 1.02 or 1.0)
        return _axis_range([value for curve in self.curves if curve.kind != "level" for value in curve.x], margin=0.0)

    @property
    def y_range(self) -> tuple[float, float]:
        """The ends of the vertical axis."""
        if self.categories:
            return (0.0, float(len(self.categories)))
        values = [value for curve in self.curves for value in (*curve.y, *curve.lower)]
        return _axis_range(
            [*values, 0.0] if self.integer_y else values, margin=0.04, floor=0.0 if self.integer_y else None
        )

    @property
    def padded_x_range(self) -> tuple[float, float]:
        """The ends of the horizontal axis, padded if there are points."""
        low, high = self.x_range
        padding = 0.03 * (high - low) if any(curve.kind == "points" for curve in self.curves) else 0.0
        return (low - padding, high + padding)


def _axis_range(values: list[float], margin: float, floor: float | None = None) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return (1.0, 2.0)
    low, high = min(finite), max(finite)
    padding = (high - low) * margin or (0.0 if high > low else abs(high) * 0.05 or 1.0)
    return (low - padding if floor is None else floor, high + padding)


def linear_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about ``count`` round numbers from ``low`` to ``high``."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def integer_ticks(high: float) -> list[float]:
    """Return a few whole numbers from 0 to ``high``."""
    return [float(number) for number in range(0, math.floor(high) + 1, max(math.ceil(high / 5), 1))]


def log_ticks(low: float, high: float) -> list[float]:
    """Return the powers of ten from ``low`` to ``high`` (both above 0), and 2 and 5 times each if there are few.

    Where at most one of these is in the range, a few round numbers.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1.0, 2.0, 5.0) if len(powers) <= 4 else (1.0,)
    ticks = [round(factor * 10.0**power, 12) for power in powers for factor in factors]
    inside = [tick for tick in ticks if low <= tick <= high]
    return inside if len(inside) > 1 else linear_ticks(low, high)
