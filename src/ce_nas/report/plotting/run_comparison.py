"""Charts that compare several runs, each named by a letter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.formatting import format_carbon
from ce_nas.core.units import G_PER_KG
from ce_nas.report.objective_scale import objective_scales
from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.palette import BLUE, RUN_COLOURS
from ce_nas.report.plotting.run_charts import hypervolume_curve, trajectory_tooltips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.analysis.trajectory import Trajectory
    from ce_nas.report.i18n.translator import Translator

__all__ = ["MAX_RUNS", "ChartedRun", "compared_carbon_chart", "compared_fronts_chart", "compared_trajectory_charts"]

#: how many runs a chart can show
MAX_RUNS = len(RUN_COLOURS)


@dataclass(frozen=True, slots=True, eq=False)
class ChartedRun:
    """One of several compared runs."""

    letter: str
    #: what distinguishes it from the others
    label: str
    summary: RunSummary
    trajectory: Trajectory

    @property
    def name(self) -> str:
        """Name in a legend."""
        return f"{self.letter}: {self.label}"


def compared_trajectory_charts(runs: Sequence[ChartedRun], translate: Translator) -> tuple[Chart, Chart]:
    """Chart the hypervolume of each run against carbon by full accounting, and against hours."""

    def chart(name: str, title: str, x_label: str, columns: Sequence[Sequence[float]]) -> Chart:
        curves = tuple(
            hypervolume_curve(
                run.trajectory,
                column,
                run.name,
                colour,
                trajectory_tooltips(run.trajectory, translate, f"{run.name}\n"),
                dashed=index % 2 == 1,
            )
            for index, (run, column, colour) in enumerate(zip(runs, columns, RUN_COLOURS, strict=False))
        )
        alt = f"{title}: " + "; ".join(f"{run.name} {run.trajectory.final_hypervolume:,.6g}" for run in runs)
        return Chart(name, title, alt, x_label, translate("hypervolume"), curves, log_x=True)

    by_carbon = [[grams / G_PER_KG for grams in run.trajectory.carbon_g] for run in runs]
    by_hours = [run.trajectory.hours for run in runs]
    return (
        chart("compared-carbon", translate("chart.grams"), f"kg CO2eq, {translate('accounting.full')}", by_carbon),
        chart("compared-hours", translate("chart.hours"), translate("hours_since"), by_hours),
    )


def compared_fronts_chart(runs: Sequence[ChartedRun], translate: Translator) -> Chart:
    """Chart the front of each run, in the first two objectives; what several have is shown as rings."""
    members = [member for run in runs for member in run.summary.front]
    first, second = objective_scales(runs[0].summary.objectives[:2], members)
    count = min(len(runs), MAX_RUNS)
    step = min(2.5, 8.0 / max(count - 1, 1))
    curves = tuple(
        ChartCurve(
            run.name,
            "points",
            tuple(map(second.value, run.summary.front)),
            tuple(map(first.value, run.summary.front)),
            colour,
            radius=4.5 + step * (count - 1 - index),  # a later run is drawn over the earlier ones
            tooltips=tuple(f"{run.name}\n{member.architecture}" for member in run.summary.front),
        )
        for index, (run, colour) in enumerate(zip(runs, RUN_COLOURS, strict=False))
    )
    title = translate("board.compare.fronts")
    alt = f"{title}: " + "; ".join(f"{run.name} {len(run.summary.front)}" for run in runs)
    return Chart("compared-fronts", title, alt, second.label, first.label, curves)


def compared_carbon_chart(runs: Sequence[ChartedRun], translate: Translator) -> Chart:
    """Chart the carbon of each run by full accounting."""
    tooltips = tuple(f"{run.name}: {format_carbon(run.summary.carbon_g['full'])} CO2eq" for run in runs)
    lengths = tuple(run.summary.carbon_g["full"] / G_PER_KG for run in runs)
    positions = tuple(float(index) for index in range(len(runs)))
    bars = ChartCurve("", "bars", positions, lengths, BLUE, tooltips=tooltips)
    title = translate("board.compare.grams")
    return Chart(
        "compared-total-carbon",
        title,
        f"{title}: {'; '.join(tooltips)}",
        f"kg CO2eq, {translate('accounting.full')}",
        "",
        (bars,),
        categories=tuple(run.letter for run in runs),
    )
