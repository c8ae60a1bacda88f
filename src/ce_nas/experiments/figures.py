"""Figures of experiments, drawn with matplotlib (extra ``plots``).

Panels, bands of medians with intervals, bars of carbon ratios.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.experiments.strategies import CE_NAS
from ce_nas.report.plotting.palette import MATPLOTLIB_STYLE, strategy_colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ce_nas.analysis.statistics import Interval
    from ce_nas.experiments.comparison import ReferenceComparison

__all__ = ["PAPER_CARBON_RATIO", "create_panels", "draw_band", "draw_ratios", "encode_figure"]

#: the best carbon ratio of the method's paper, in its own accounting
PAPER_CARBON_RATIO = 7.22


def create_panels(count: int, width: float = 5.5, height: float = 4.0) -> tuple[Figure, Sequence[Axes]]:
    """Create a figure with ``count`` panels side by side, each of that size in inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(MATPLOTLIB_STYLE):  # type: ignore[arg-type] # matplotlib types its keys as literals
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def draw_band(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], name: str, title: str) -> None:
    """Draw medians over ``x`` as a line with their intervals as a band.

    Infinite medians are left out; an infinite upper bound is drawn at the highest finite value.

    :param name: strategy, for the colour.
    """
    medians = np.array([interval.median for interval in intervals], dtype=float)
    low = np.array([interval.low for interval in intervals], dtype=float)
    high = np.array([interval.high for interval in intervals], dtype=float)
    finite = np.isfinite(medians)
    top = max(medians[finite].max(initial=-np.inf), high[np.isfinite(high)].max(initial=-np.inf))
    points, colour = np.asarray(x, dtype=float)[finite], strategy_colour(name)
    axes.plot(points, medians[finite], color=colour, label=title, linewidth=1.6)
    axes.fill_between(points, low[finite], np.minimum(high[finite], top), color=colour, alpha=0.18, linewidth=0)


def draw_ratios(rows: Sequence[ReferenceComparison], title: str) -> Figure:
    """Draw a bar per condition: the median carbon ratio with its interval."""
    figure, (axes,) = create_panels(1, width=7.0, height=1.2 + 0.28 * len(rows))
    for position, row in enumerate(rows):
        ratio = row.decomposition.carbon_ratio
        axes.barh(position, ratio.median, color=strategy_colour(CE_NAS.name), alpha=0.8)
        axes.plot([ratio.low, ratio.high], [position, position], color="black", linewidth=1.0)
    axes.axvline(1.0, color="grey", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), [row.condition for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="carbon ratio to vanilla LaMOO's final hypervolume, full accounting", title=title)
    return figure


def encode_figure(figure: Figure, file_format: str) -> bytes:
    """Encode a figure as ``png`` or ``svg``; the same results give the same bytes."""
    import matplotlib as mpl

    content = io.BytesIO()
    metadata = {"Software": None} if file_format == "png" else {"Date": None}
    with mpl.rc_context(MATPLOTLIB_STYLE):  # type: ignore[arg-type] # matplotlib types its keys as literals
        figure.savefig(content, format=file_format, dpi=110, metadata=metadata)
    return content.getvalue()
