"""Charts of one run, from its journal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ce_nas.analysis.front_choice import without_poor_ends
from ce_nas.analysis.timeline import allocation_intervals, allocation_totals_h, decided_periods
from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.core.formatting import format_carbon, format_energy, format_percentage
from ce_nas.core.units import G_PER_KG
from ce_nas.report.objective_scale import objective_scales
from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.palette import BAND_COLOURS, BLACK, BLUE, GREY, ORANGE, ROLE_COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.summary import FrontMember, RunSummary
    from ce_nas.analysis.timeline import DecidedPeriod
    from ce_nas.analysis.trajectory import Trajectory
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.objective_scale import ObjectiveScale
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "allocation_chart",
    "carbon_by_activity_chart",
    "front_chart",
    "hypervolume_curve",
    "intensity_chart",
    "trajectory_charts",
    "trajectory_tooltips",
]


def intensity_chart(entries: Sequence[JournalEntry], translate: Translator) -> Chart:
    """Chart the grid's true intensity, and the forecast of each period at its decision."""
    decided = [one for one in decided_periods(entries) if one.period["intensity_g_per_kwh"] is not None]
    edges = (*(one.start_h for one in decided), decided[-1].end_h) if decided else (0.0,)
    true = tuple(one.period["intensity_g_per_kwh"] for one in decided)
    expected = tuple(_nan_if_none(one.decision["forecast_g_per_kwh"]) for one in decided)
    tooltips = tuple(
        translate(
            "hint.hour",
            hour=f"{edge:.0f}",
            true=f"{actual:.0f}",
            forecast=translate("unknown") if math.isnan(forecast) else f"{forecast:.0f}",
        )
        for edge, actual, forecast in zip(edges, true, expected, strict=False)
    )
    curves = [*_quantile_bands(decided, edges, translate)]
    if not all(map(math.isnan, expected)):
        curves.append(ChartCurve(translate("forecast"), "steps", edges, expected, ORANGE, dashed=True))
    curves.append(ChartCurve(translate("true"), "steps", edges, true, BLACK, tooltips=tooltips))
    alt = (
        translate("alt.grid", low=f"{min(true):.0f}", high=f"{max(true):.0f}", hours=f"{edges[-1]:.0f}") if true else ""
    )
    grid = entries[0].content["grid"]
    kind = f" ({translate('synthetic')})" if grid["synthetic"] else ""
    return Chart(
        "grid",
        translate("chart.grid", zone=grid["zone"]) + kind,
        alt or translate("nothing_yet"),
        translate("hours_since"),
        "g CO2eq/kWh",
        tuple(curves),
    )


def allocation_chart(entries: Sequence[JournalEntry], translate: Translator) -> Chart:
    """Chart the number of GPUs in each role over time, stacked."""
    intervals = allocation_intervals(entries)
    edges = (*(interval.start_h for interval in intervals), intervals[-1].end_h) if intervals else (0.0,)
    below, curves = [0.0] * len(intervals), []
    tooltips = tuple(
        translate("hint.division", hour=f"{interval.start_h:.3g}")
        + "\n"
        + "\n".join(f"{translate(role)}: {interval.allocation[role]}" for role in ROLE_COLOURS)
        for interval in intervals
    )
    for role, colour in ROLE_COLOURS.items():
        above = [low + interval.allocation[role] for low, interval in zip(below, intervals, strict=True)]
        last = role == "released"
        curves.append(
            ChartCurve(
                translate(role),
                "band",
                edges,
                tuple(above),
                colour,
                lower=tuple(below),
                tooltips=tooltips if last else (),
            )
        )
        below = above
    totals_h = allocation_totals_h(intervals, tuple(ROLE_COLOURS))
    alt = translate("alt.division", **{role: f"{hours:,.0f}" for role, hours in totals_h.items()})
    return Chart(
        "division",
        translate("chart.division"),
        alt,
        translate("hours_since"),
        translate("gpus"),
        tuple(curves),
        integer_y=True,
    )


def carbon_by_activity_chart(summary: RunSummary, translate: Translator) -> Chart:
    """Chart the carbon of each activity by full accounting, largest first."""
    ordered = sorted(summary.carbon_g_by_activity.items(), key=lambda entry: -entry[1])
    names = tuple(translate(f"activity.{name}") for name, _ in ordered)
    energies = summary.energy_j_by_activity
    tooltips = tuple(
        f"{label}: {format_carbon(grams)} CO2eq, {format_energy(energies[name])}"
        for label, (name, grams) in zip(names, ordered, strict=True)
    )
    unit, size = ("kg", G_PER_KG) if summary.carbon_g["full"] >= G_PER_KG else ("g", 1.0)
    lengths = tuple(grams / size for _, grams in ordered)
    alt = translate("chart.activity") + ": " + "; ".join(tooltips)
    bars = ChartCurve("", "bars", tuple(range(len(names))), lengths, BLUE, tooltips=tooltips)
    return Chart("activity", translate("chart.activity"), alt, f"{unit} CO2eq", "", (bars,), categories=names)


def trajectory_charts(
    entries: Sequence[JournalEntry], summary: RunSummary, translate: Translator
) -> tuple[Chart, Chart]:
    """Chart the hypervolume against hours, and against carbon."""
    trajectory = build_trajectory(entries)
    maximum = _maximum_line(summary, translate)
    tooltips = trajectory_tooltips(trajectory, translate)
    alt = translate(
        "alt.track", hypervolume=f"{trajectory.final_hypervolume:,.6g}", hours=f"{summary.simulated_hours:.1f}",
        carbon=format_carbon(summary.carbon_g["full"]),
    )  # fmt: skip
    hypervolume = translate("hypervolume")
    by_hours = Chart(
        "hours", translate("chart.hours"), alt, translate("hours_since"), hypervolume,
        (hypervolume_curve(trajectory, trajectory.hours, translate("found"), BLUE, tooltips), *maximum), log_x=True,
    )  # fmt: skip
    carbon_kg = [grams / G_PER_KG for grams in trajectory.carbon_g]
    by_grams = Chart(
        "grams", translate("chart.grams"), alt, "kg CO2eq", hypervolume,
        (hypervolume_curve(trajectory, carbon_kg, translate("found"), BLUE, tooltips), *maximum), log_x=True,
    )  # fmt: skip
    return by_hours, by_grams


def front_chart(summary: RunSummary, translate: Translator, recommended: str | None = None) -> Chart:
    """Chart the front in its first two objectives, without a far end of poor values; tooltips show all objectives."""
    scales = objective_scales(summary.objectives, summary.front)
    first, second = scales[:2]
    members = without_poor_ends(summary.front, summary.objectives, [first.name])
    left_out = len(summary.front) - len(members)
    title = translate("chart.front.cut", count=left_out) if left_out else translate("chart.front")

    def curve(name: str, chosen: Sequence[FrontMember], colour: str) -> ChartCurve:
        x, y = tuple(map(second.value, chosen)), tuple(map(first.value, chosen))
        tooltips = tuple(_member_tooltip(member, scales) for member in chosen)
        return ChartCurve(name, "points", x, y, colour, tooltips=tooltips)

    others = [member for member in members if member.architecture != recommended]
    curves = [curve(translate("on_front"), others, BLUE)]
    if len(others) < len(members):
        curves.append(
            curve(translate("picked"), [member for member in members if member.architecture == recommended], ORANGE)
        )
    ends = (members[0], members[-1]) if members else ()
    alt = (
        translate("alt.front", count=f"{len(summary.front)}")
        + " "
        + "; ".join(_member_tooltip(member, scales) for member in ends)
    )
    return Chart("front", title, alt.strip(), second.label, first.label, tuple(curves))


def _member_tooltip(member: FrontMember, scales: Sequence[ObjectiveScale]) -> str:
    values = ", ".join(f"{scale.name} {scale.value(member):,.5g} {scale.unit}".strip() for scale in scales)
    return f"{member.architecture}\n{values}"


def hypervolume_curve(  # noqa: PLR0913 - data and looks of one curve
    trajectory: Trajectory,
    x_values: Sequence[float],
    name: str,
    colour: str,
    tooltips: tuple[str, ...] = (),
    *,
    dashed: bool = False,
) -> ChartCurve:
    """Return the hypervolume over ``x_values`` (time or carbon) as steps, from the first gain on."""
    gains = [index for index, value in enumerate(trajectory.hypervolume) if value > 0 and x_values[index] > 0]
    edges = (*(x_values[index] for index in gains), x_values[gains[-1]]) if gains else (1.0,)
    return ChartCurve(
        name,
        "steps",
        edges,
        tuple(trajectory.hypervolume[index] for index in gains),
        colour,
        dashed=dashed,
        tooltips=tuple(tooltips[index] for index in gains) if tooltips else (),
    )


def trajectory_tooltips(trajectory: Trajectory, translate: Translator, prefix: str = "") -> tuple[str, ...]:
    """Describe each point of a trajectory: hours, carbon, hypervolume and trainings."""
    points = zip(trajectory.hours, trajectory.carbon_g, trajectory.hypervolume, trajectory.evaluations, strict=True)
    return tuple(
        prefix
        + translate(
            "hint.track",
            hour=f"{hours:.1f}",
            carbon=format_carbon(carbon_g),
            hypervolume=f"{hypervolume:,.5g}",
            trainings=f"{evaluations:,}",
        )
        for hours, carbon_g, hypervolume, evaluations in points
    )


def _maximum_line(summary: RunSummary, translate: Translator) -> list[ChartCurve]:
    """Return the table's maximum as a horizontal line; nothing if it is unknown or the hypervolume is zero."""
    if not summary.hypervolume_share:
        return []
    maximum = summary.hypervolume / summary.hypervolume_share
    return [ChartCurve(translate("maximum"), "level", (0.0,), (maximum,), GREY, dashed=True)]


def _quantile_bands(
    decided: Sequence[DecidedPeriod], edges: tuple[float, ...], translate: Translator
) -> list[ChartCurve]:
    """Return the forecasts' central intervals as bands, the widest first."""
    quantiles = [one.decision.get("quantiles_g_per_kwh", {}) for one in decided]
    levels = sorted({level for by_level in quantiles for level in by_level}, key=float)
    curves = []
    for low, high, colour in zip(levels[: len(levels) // 2], levels[::-1], BAND_COLOURS, strict=False):
        lower, upper = (tuple(_nan_if_none(by_level.get(level)) for by_level in quantiles) for level in (low, high))
        share = format_percentage(float(high) - float(low))
        curves.append(ChartCurve(translate("band", share=share), "band", edges, upper, colour, lower=lower))
    return curves


def _nan_if_none(value: float | None) -> float:
    return math.nan if value is None else value
