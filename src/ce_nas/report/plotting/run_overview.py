"""Overview of a run in one PNG: grid, GPU allocation, hypervolume against carbon, and the front; in English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.analysis.summary import summarise
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.plotting.palette import MATPLOTLIB_STYLE
from ce_nas.report.plotting.plots_extra import require_plots
from ce_nas.report.plotting.png import draw_chart, encode_png
from ce_nas.report.plotting.run_charts import allocation_chart, front_chart, intensity_chart, trajectory_charts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.store.journal import JournalEntry

__all__ = ["draw_overview"]


def draw_overview(entries: Sequence[JournalEntry]) -> bytes:
    """Draw the overview as PNG; the same journal gives the same bytes.

    :raises MissingExtraError: without the extra ``plots``.
    """
    require_plots("The overview of a run as PNG")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    summary, translate = summarise(entries), Translator("en")
    charts = {
        "grid": intensity_chart(entries, translate),
        "allocation": allocation_chart(entries, translate),
    }
    rows, heights = [["grid", "grid"], ["allocation", "allocation"]], [1, 0.7]
    if summary.objectives:  # the books of a loop of the caller's have none
        charts |= {
            "carbon": trajectory_charts(entries, summary, translate)[1],
            "front": front_chart(summary, translate),
        }
        rows, heights = [*rows, ["carbon", "front"]], [*heights, 1.4]
    with mpl.rc_context(MATPLOTLIB_STYLE):  # type: ignore[arg-type] # matplotlib types its keys as literals
        figure = Figure(figsize=(11, 7), layout="constrained")
        axes = figure.subplot_mosaic(rows, height_ratios=heights)  # type: ignore[arg-type] # an invariant list
        for name, chart in charts.items():
            draw_chart(axes[name], chart)
            if name != "front" and axes[name].get_legend_handles_labels()[0]:
                above = {} if name == "carbon" else {"ncols": 4, "bbox_to_anchor": (1, 1)}
                axes[name].legend(frameon=False, fontsize=8, loc="lower right", **above)
        return encode_png(figure)
