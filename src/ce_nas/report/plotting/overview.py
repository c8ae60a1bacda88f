"""A run at a glance: the grid and the division of the GPUs, what was found for which grams, and the front."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from ce_nas.analysis.summary import summarise
from ce_nas.analysis.trajectory import track
from ce_nas.core.units import G_PER_KG, HOUR_S
from ce_nas.report.plotting.gpu_timeline import stretches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ce_nas.analysis.summary import Summary
    from ce_nas.analysis.trajectory import Track
    from ce_nas.store.journal import Entry

__all__ = ["overview"]

#: of the four roles, told apart also by the colour-blind (Okabe and Ito) and in grey
COLOURS = {"evaluating": "#009e73", "sampling": "#56b4e9", "idle": "#dddddd", "released": "#f7f7f7"}
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "ce-nas"}


def overview(entries: Sequence[Entry]) -> bytes:
    """The figure as a PNG; the same journal gives the same bytes."""
    summary, course = summarise(entries), track(entries)
    with mpl.rc_context(STYLE):  # type: ignore[arg-type] # keys as literals would say no more
        figure = Figure(figsize=(11, 7), layout="constrained")
        axes = figure.subplot_mosaic(
            [["grid", "grid"], ["division", "division"], ["grams", "front"]], height_ratios=(1, 0.7, 1.4)
        )
        _draw_grid(axes["grid"], entries, summary)
        _draw_division(axes["division"], entries)
        axes["division"].sharex(axes["grid"])
        _draw_grams(axes["grams"], course, summary)
        _draw_front(axes["front"], summary)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()


def _periods(entries: Sequence[Entry]) -> list[tuple[dict, dict]]:  # type: ignore[type-arg] # entries are JSON
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    periods = [entry.content for entry in entries if entry.kind == "period"]
    return [pair for pair in zip(decisions, periods, strict=False) if pair[1]["intensity_g_per_kwh"] is not None]


def _draw_grid(axes: Axes, entries: Sequence[Entry], summary: Summary) -> None:
    pairs = _periods(entries)
    hours = [period["start_s"] / HOUR_S for _, period in pairs]
    axes.step(hours, [period["intensity_g_per_kwh"] for _, period in pairs], where="post", color="black", label="true")
    known = [
        (hour, decision["forecast_g_per_kwh"])
        for hour, (decision, _) in zip(hours, pairs, strict=True)
        if decision["forecast_g_per_kwh"] is not None
    ]
    if known:
        axes.step(*zip(*known, strict=True), where="post", color="#d55e00", linestyle=":", label="forecast")
    kind = "synthetic typical year" if summary.grid["synthetic"] else summary.grid["origin"]
    axes.set(ylabel="g CO2eq/kWh", title=f"Grid: {summary.grid['zone']} ({kind})")
    axes.legend(loc="upper right", frameon=False, ncols=2)


def _draw_division(axes: Axes, entries: Sequence[Entry]) -> None:
    times = stretches(entries)
    hours = [time.begin_h for time in times] + [time.end_h for time in times[-1:]]
    counts = [[time.allocation[role] for time in [*times, *times[-1:]]] for role in COLOURS]
    axes.stackplot(hours, counts, labels=list(COLOURS), colors=list(COLOURS.values()), step="post")
    axes.set(ylabel="GPUs", xlabel="hours since the start")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8, frameon=False)


def _draw_grams(axes: Axes, course: Track, summary: Summary) -> None:
    axes.step([grams / G_PER_KG for grams in course.carbon_g], course.hypervolume, where="post", color="#0072b2")
    share = summary.hypervolume_share
    if share:
        axes.axhline(summary.hypervolume / share, color="grey", linewidth=0.8, linestyle="--")
        axes.annotate("maximum of the table", (0, summary.hypervolume / share), va="bottom", fontsize=8, color="grey")
    axes.set(xlabel="kg CO2eq, full book", ylabel="hypervolume", title="Found for which grams")


def _draw_front(axes: Axes, summary: Summary) -> None:
    first, second = summary.objectives[:2]
    points = [(item.objectives[second["name"]], item.objectives[first["name"]]) for item in summary.front]
    axes.plot([x for x, _ in points], [y for _, y in points], "o", color="#0072b2", markersize=4)
    axes.set(xlabel=_label(second), ylabel=_label(first), title=f"The front: {len(points)} architectures")


def _label(objective: dict) -> str:  # type: ignore[type-arg] # entries are JSON
    return f"{objective['name']} [{objective['unit']}]" if objective["unit"] else str(objective["name"])
