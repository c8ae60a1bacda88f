"""Several runs in one figure each, told apart by a letter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.units import G_PER_KG, as_carbon
from ce_nas.report.plotting.chart import Chart, Curve
from ce_nas.report.plotting.run_charts import objective_label, risen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.analysis.trajectory import Track
    from ce_nas.report.i18n.words import Words

__all__ = ["DRAWN", "Beside", "fronts_chart", "grams_chart", "tracks_charts"]

#: told apart also by the colour-blind (Okabe and Ito), and dark enough on white
COLOURS = ("#0072b2", "#b34700", "#007a59", "#a3477a", "#1a1a1a", "#8a6d00", "#3c8dbc", "#757575")
#: how many runs a figure can hold
DRAWN = len(COLOURS)


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """One of several runs."""

    #: a letter
    sign: str
    #: what else tells it from the others, shortly
    label: str
    summary: Summary
    track: Track

    @property
    def name(self) -> str:
        """What a legend calls it."""
        return f"{self.sign}: {self.label}"


def tracks_charts(runs: Sequence[Beside], words: Words) -> tuple[Chart, Chart]:
    """Hypervolume of each run against grams of the full book, and against hours."""

    def chart(name: str, title: str, x_label: str, columns: Sequence[Sequence[float]]) -> Chart:
        curves = tuple(
            risen(run.track, column, run.name, colour, _hints(run, words), dashed=place % 2 == 1)
            for place, (run, column, colour) in enumerate(zip(runs, columns, COLOURS, strict=False))
        )
        alt = f"{title}: " + "; ".join(f"{run.name} {run.track.final:,.6g}" for run in runs)
        return Chart(name, title, alt, x_label, words("hypervolume"), curves, log_x=True)

    by_grams = [[grams / G_PER_KG for grams in run.track.carbon_g] for run in runs]
    by_hours = [run.track.hours for run in runs]
    return (
        chart("beside-grams", words("chart.grams"), f"kg CO2eq, {words('book.full')}", by_grams),
        chart("beside-hours", words("chart.hours"), words("hours_since"), by_hours),
    )


def fronts_chart(runs: Sequence[Beside], words: Words) -> Chart:
    """The front of each run, in the first two objectives."""
    first, second = runs[0].summary.objectives[:2]
    curves = tuple(
        Curve(
            run.name,
            "points",
            tuple(item.objectives[second["name"]] for item in run.summary.front),
            tuple(item.objectives[first["name"]] for item in run.summary.front),
            colour,
            hints=tuple(f"{run.name}\n{item.architecture}" for item in run.summary.front),
        )
        for run, colour in zip(runs, COLOURS, strict=False)
    )
    title = words("board.compare.fronts")
    alt = f"{title}: " + "; ".join(f"{run.name} {len(run.summary.front)}" for run in runs)
    return Chart("beside-fronts", title, alt, objective_label(second), objective_label(first), curves)


def grams_chart(runs: Sequence[Beside], words: Words) -> Chart:
    """Grams of each run by the full book."""
    hints = tuple(f"{run.name}: {as_carbon(run.summary.carbon_g['full'])} CO2eq" for run in runs)
    lengths = tuple(run.summary.carbon_g["full"] / G_PER_KG for run in runs)
    bars = Curve("", "bars", tuple(float(place) for place in range(len(runs))), lengths, COLOURS[0], hints=hints)
    title = words("board.compare.grams")
    return Chart(
        "beside-carbon", title, f"{title}: {'; '.join(hints)}", f"kg CO2eq, {words('book.full')}", "", (bars,),
        categories=tuple(run.sign for run in runs),
    )  # fmt: skip


def _hints(run: Beside, words: Words) -> tuple[str, ...]:
    course = run.track
    return tuple(
        f"{run.name}\n"
        + words(
            "hint.track", hour=f"{hours:.1f}", carbon=as_carbon(grams), hypervolume=f"{found:,.5g}",
            trainings=f"{count:,}",
        )
        for hours, grams, found, count in zip(
            course.hours, course.carbon_g, course.hypervolume, course.evaluations, strict=True
        )
    )  # fmt: skip
