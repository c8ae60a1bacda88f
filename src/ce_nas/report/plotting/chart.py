"""What a figure shows, before anyone draws it: the same description is drawn as SVG, as PNG, or in a terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["Chart", "Curve", "log_ticks", "ticks", "whole_ticks"]

Kind = Literal["line", "steps", "band", "points", "bars", "level"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One thing that a figure shows."""

    #: what the legend calls it; empty: it is left out of the legend
    name: str
    #: ``steps`` and ``band`` have one more ``x`` than ``y``: a value holds from its ``x`` to the next one
    kind: Kind
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: str
    #: the lower edge of a ``band``, as long as ``y``
    low: tuple[float, ...] = ()
    dashed: bool = False
    #: what is said of each value when a reader points at it; as long as ``y``, or empty
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with one pair of axes."""

    #: file name without ending
    name: str
    title: str
    #: what the figure shows in words and numbers, for who cannot see it
    alt: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    #: names of the bars of a ``bars`` curve, from the top down; its ``y`` are their lengths
    categories: tuple[str, ...] = ()
    #: whether the vertical axis counts things: from 0 on, in whole numbers
    counts: bool = False
    #: whether the horizontal axis is logarithmic; all ``x`` are above 0 then
    log_x: bool = False

    @property
    def x_range(self) -> tuple[float, float]:
        """The ends of the horizontal axis."""
        if self.categories:
            return (0.0, max((max(curve.y, default=0.0) for curve in self.curves), default=0.0) * 1.02 or 1.0)
        return _range([value for curve in self.curves if curve.kind != "level" for value in curve.x], margin=0.0)

    @property
    def y_range(self) -> tuple[float, float]:
        """The ends of the vertical axis."""
        if self.categories:
            return (0.0, float(len(self.categories)))
        values = [value for curve in self.curves for value in (*curve.y, *curve.low)]
        return _range([*values, 0.0] if self.counts else values, margin=0.04, floor=0.0 if self.counts else None)

    @property
    def spread(self) -> tuple[float, float]:
        """The ends of the horizontal axis, with room for points at its ends."""
        low, high = self.x_range
        room = 0.03 * (high - low) if any(curve.kind == "points" for curve in self.curves) else 0.0
        return (low - room, high + room)


def _range(values: list[float], margin: float, floor: float | None = None) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return (1.0, 2.0)
    low, high = min(known), max(known)
    room = (high - low) * margin or (0.0 if high > low else abs(high) * 0.05 or 1.0)
    return (low - room if floor is None else floor, high + room)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def whole_ticks(high: float) -> list[float]:
    """A few whole numbers from 0 up to ``high``."""
    return [float(number) for number in range(0, math.floor(high) + 1, max(math.ceil(high / 5), 1))]


def log_ticks(low: float, high: float) -> list[float]:
    """The powers of ten from ``low`` to ``high``, above 0, with 2 and 5 times each where there is room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1.0, 2.0, 5.0) if len(powers) <= 4 else (1.0,)
    marks = [round(factor * 10.0**power, 12) for power in powers for factor in factors]
    return [mark for mark in marks if low <= mark <= high]
