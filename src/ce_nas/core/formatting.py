"""Figures of experiments as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ce_nas.analysis.statistics import Interval, Paired
    from ce_nas.report.i18n.words import Words

__all__ = ["better_text", "figure_text", "interval_text", "probability_text"]


def figure_text(value: float) -> str:
    """Three significant digits; a dash for what was never reached."""
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def interval_text(interval: Interval | None) -> str:
    """The median and its 95 % interval; nothing of nothing."""
    if interval is None:
        return ""
    return f"{figure_text(interval.median)} [{figure_text(interval.low)}, {figure_text(interval.high)}]"


def probability_text(p_value: float) -> str:
    """A p value."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def better_text(paired: Paired | None, words: Words) -> str:
    """In how many pairs the first was the better, and whether by chance; nothing of nothing."""
    if paired is None:
        return ""
    probability = probability_text(paired.p_value)
    return words("exp.better_of", better=paired.better, pairs=paired.pairs, probability=probability)
