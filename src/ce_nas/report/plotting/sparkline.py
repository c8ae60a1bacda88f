"""Curves and bars as a line of text, for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["progress_bar", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_MISSING_MARK = "·"
_PARTIAL_BLOCKS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Draw one character per value: the lowest bar at ``low`` and below, the highest from ``high``, a dot for NaN."""
    span = high - low
    return "".join(_MISSING_MARK if math.isnan(value) else _BARS[_bar_index(value, low, span)] for value in values)


def _bar_index(value: float, low: float, span: float) -> int:
    share = (value - low) / span if span > 0 else 0.0
    return min(max(int(share * len(_BARS)), 0), len(_BARS) - 1)


def progress_bar(share: float, width: int) -> str:
    """Draw a bar of ``width`` characters that is full at 1 and above, padded with spaces."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    bar = "█" * (eighths // 8) + (_PARTIAL_BLOCKS[eighths % 8] if eighths % 8 else "")
    return bar.ljust(width)
