"""What the experiments' figures share: a colour and a line for each strategy, bands, and the paper's mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ce_nas.experiment.statistics import Interval

__all__ = ["PAPER_RATIO", "STYLE", "band", "colour_of", "panels"]

#: the method's best figure in the paper, counted in the paper's book
PAPER_RATIO = 7.22
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "ce-nas"}
#: told apart also by the colour-blind (Okabe and Ito)
COLOURS = {
    "ce-nas": "#d55e00",
    "vanilla-lamoo": "#0072b2",
    "vanilla-random": "#999999",
    "one-shot-lamoo": "#cc79a7",
    "heuristic-lamoo": "#009e73",
    "vanilla-surrogate": "#e69f00",
}
OTHERS = ("#56b4e9", "#000000", "#f0e442", "#8c564b", "#17becf", "#7f7f7f")


def colour_of(name: str, place: int = 0) -> str:
    """The colour of a strategy, or, for one that has none of its own, of its place."""
    return COLOURS.get(name, OTHERS[place % len(OTHERS)])


def panels(count: int, width: float = 5.5, height: float = 4.0) -> tuple[Figure, Sequence[Axes]]:
    """A figure with ``count`` panels side by side."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type] # keys as literals would say no more
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def band(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], name: str, title: str) -> None:
    """A median over ``x`` as a line with its interval about it.

    What is not finite is left out; a band without an upper end is drawn up to the highest that is known.
    """
    medians = np.array([one.median for one in intervals], dtype=float)
    low = np.array([one.low for one in intervals], dtype=float)
    high = np.array([one.high for one in intervals], dtype=float)
    known = np.isfinite(medians)
    top = max(medians[known].max(initial=-np.inf), high[np.isfinite(high)].max(initial=-np.inf))
    places = np.asarray(x, dtype=float)[known]
    axes.plot(places, medians[known], color=colour_of(name), label=title, linewidth=1.6)
    axes.fill_between(places, low[known], np.minimum(high[known], top), color=colour_of(name), alpha=0.18, linewidth=0)
