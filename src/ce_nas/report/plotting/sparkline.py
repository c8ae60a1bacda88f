"""Curves as a line of text: for a terminal, or wherever there is no room for more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["meter", "sparkline"]

_STEPS = "▁▂▃▄▅▆▇█"
#: what stands where nothing is known
_UNKNOWN = "·"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """A sign a value: the lowest bar at ``low`` and below, the highest at ``high`` and above, a dot for NaN."""
    span = high - low
    return "".join(_UNKNOWN if math.isnan(value) else _STEPS[_step(value, low, span)] for value in values)


def _step(value: float, low: float, span: float) -> int:
    share = (value - low) / span if span > 0 else 0.0
    return min(max(int(share * len(_STEPS)), 0), len(_STEPS) - 1)


def meter(share: float, width: int) -> str:
    """A bar of so many signs that is full at 1, padded with spaces; what is above 1 is 1."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return bar.ljust(width)
