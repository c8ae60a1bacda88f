"""The figures of a run, described; every number in them is from its journal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.trajectory import track
from ce_nas.core.units import G_PER_KG, HOUR_S, as_carbon, as_energy
from ce_nas.report.plotting.chart import Chart, Curve
from ce_nas.report.plotting.gpu_timeline import stretches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.analysis.trajectory import Track
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = [
    "COLOURS",
    "activity_chart",
    "division_chart",
    "front_chart",
    "grid_chart",
    "objective_label",
    "risen",
    "track_charts",
]

#: of the four roles, told apart also by the colour-blind (Okabe and Ito) and in grey
COLOURS = {"evaluating": "#009e73", "sampling": "#56b4e9", "idle": "#bdbdbd", "released": "#f2f2f2"}
BLUE, ORANGE, BLACK, GREY = "#0072b2", "#b34700", "#1a1a1a", "#757575"
#: of a forecast's bands, the widest first
BANDS = ("#fbe6d8", "#f3c3a3", "#eba679")


def grid_chart(entries: Sequence[Entry], words: Words) -> Chart:
    """The grid's true intensity, and what was expected of each period when it was decided on."""
    pairs = _periods(entries)
    edges = _edges(pairs)
    true = tuple(period["intensity_g_per_kwh"] for _, period in pairs)
    expected = tuple(_number(decision["forecast_g_per_kwh"]) for decision, _ in pairs)
    hints = tuple(
        words(
            "hint.hour",
            hour=f"{edge:.0f}",
            true=f"{one:.0f}",
            forecast=words("unknown") if math.isnan(two) else f"{two:.0f}",
        )
        for edge, one, two in zip(edges, true, expected, strict=False)
    )
    curves = [*_bands(pairs, edges, words)]
    if not all(map(math.isnan, expected)):
        curves.append(Curve(words("forecast"), "steps", edges, expected, ORANGE, dashed=True))
    curves.append(Curve(words("true"), "steps", edges, true, BLACK, hints=hints))
    summary = (
        words("alt.grid", low=f"{min(true):.0f}", high=f"{max(true):.0f}", hours=f"{edges[-1]:.0f}") if true else ""
    )
    grid = entries[0].content["grid"]
    kind = f" ({words('synthetic')})" if grid["synthetic"] else ""
    return Chart(
        "grid", words("chart.grid", zone=grid["zone"]) + kind, summary or words("nothing_yet"), words("hours_since"),
        "g CO2eq/kWh", tuple(curves),
    )  # fmt: skip


def division_chart(entries: Sequence[Entry], words: Words) -> Chart:
    """Which GPUs did what, from each change to the next."""
    times = stretches(entries)
    edges = (*(time.begin_h for time in times), times[-1].end_h) if times else (0.0,)
    below, curves = [0.0] * len(times), []
    hints = tuple(
        words("hint.division", hour=f"{time.begin_h:.3g}")
        + "\n"
        + "\n".join(f"{words(role)}: {time.allocation[role]}" for role in COLOURS)
        for time in times
    )
    for role, colour in COLOURS.items():
        above = [low + time.allocation[role] for low, time in zip(below, times, strict=True)]
        last = role == "released"
        curves.append(
            Curve(words(role), "band", edges, tuple(above), colour, low=tuple(below), hints=hints if last else ())
        )
        below = above
    hours = {role: sum(time.hours * time.allocation[role] for time in times) for role in COLOURS}
    alt = words("alt.division", **{role: f"{count:,.0f}" for role, count in hours.items()})
    return Chart(
        "division", words("chart.division"), alt, words("hours_since"), words("gpus"), tuple(curves), counts=True
    )


def activity_chart(summary: Summary, words: Words) -> Chart:
    """Grams by what they were spent on, by the full book."""
    ordered = sorted(summary.carbon_g_by_activity.items(), key=lambda item: -item[1])
    names = tuple(words(f"activity.{name}") for name, _ in ordered)
    energies = summary.energy_j_by_activity
    hints = tuple(
        f"{label}: {as_carbon(grams)} CO2eq, {as_energy(energies[name])}"
        for label, (name, grams) in zip(names, ordered, strict=True)
    )
    unit, size = ("kg", G_PER_KG) if summary.carbon_g["full"] >= G_PER_KG else ("g", 1.0)
    lengths = tuple(grams / size for _, grams in ordered)
    alt = words("chart.activity") + ": " + "; ".join(hints)
    bars = Curve("", "bars", tuple(range(len(names))), lengths, BLUE, hints=hints)
    return Chart("activity", words("chart.activity"), alt, f"{unit} CO2eq", "", (bars,), categories=names)


def track_charts(entries: Sequence[Entry], summary: Summary, words: Words) -> tuple[Chart, Chart]:
    """Hypervolume against hours, and against grams by both books."""
    course = track(entries)
    best = _best_known(summary, words)
    hints = tuple(
        words(
            "hint.track",
            hour=f"{hours:.1f}",
            carbon=as_carbon(grams),
            hypervolume=f"{found:,.5g}",
            trainings=f"{count:,}",
        )
        for hours, grams, found, count in zip(
            course.hours, course.carbon_g, course.hypervolume, course.evaluations, strict=True
        )
    )
    alt = words(
        "alt.track", hypervolume=f"{course.final:,.6g}", hours=f"{summary.simulated_hours:.1f}",
        carbon=as_carbon(summary.carbon_g["full"]),
    )  # fmt: skip
    hypervolume = words("hypervolume")
    by_hours = Chart(
        "hours", words("chart.hours"), alt, words("hours_since"), hypervolume,
        (risen(course, course.hours, words("found"), BLUE, hints), *best), log_x=True,
    )  # fmt: skip
    full, paper = ([grams / G_PER_KG for grams in column] for column in (course.carbon_g, course.paper_carbon_g))
    by_grams = Chart(
        "grams", words("chart.grams"), alt, "kg CO2eq", hypervolume,
        (
            risen(course, paper, words("book.paper"), GREY, dashed=True),
            risen(course, full, words("book.full"), BLUE, hints),
            *best,
        ),
        log_x=True,
    )  # fmt: skip
    return by_hours, by_grams


def front_chart(summary: Summary, words: Words, picked: str | None = None) -> Chart:
    """The front in its first two objectives; of more, the others are in the hints."""
    first, second = summary.objectives[:2]
    members = summary.front

    def curve(name: str, chosen: Sequence[Any], colour: str) -> Curve:
        x = tuple(item.objectives[second["name"]] for item in chosen)
        y = tuple(item.objectives[first["name"]] for item in chosen)
        return Curve(name, "points", x, y, colour, hints=tuple(_member_hint(item, summary) for item in chosen))

    others = [item for item in members if item.architecture != picked]
    curves = [curve(words("on_front"), others, BLUE)]
    if len(others) < len(members):
        curves.append(curve(words("picked"), [item for item in members if item.architecture == picked], ORANGE))
    ends = (members[0], members[-1]) if members else ()
    alt = words("alt.front", count=f"{len(members)}") + " " + "; ".join(_member_hint(item, summary) for item in ends)
    return Chart(
        "front", words("chart.front"), alt.strip(), objective_label(second), objective_label(first), tuple(curves)
    )


def objective_label(objective: dict[str, Any]) -> str:
    """An objective with its unit."""
    return f"{objective['name']} [{objective['unit']}]" if objective["unit"] else str(objective["name"])


def _member_hint(member: Any, summary: Summary) -> str:  # noqa: ANN401 - a member of the front
    values = ", ".join(
        f"{item['name']} {member.objectives[item['name']]:,.5g} {item['unit']}".strip() for item in summary.objectives
    )
    return f"{member.architecture}\n{values}"


def risen(  # noqa: PLR0913 - what rises, over what, and how it looks
    course: Track,
    amounts: Sequence[float],
    name: str,
    colour: str,
    hints: tuple[str, ...] = (),
    *,
    dashed: bool = False,
) -> Curve:
    """The hypervolume over what was spent, from the first gain on: it stays until the next one."""
    gains = [at for at, found in enumerate(course.hypervolume) if found > 0 and amounts[at] > 0]
    edges = (*(amounts[at] for at in gains), amounts[gains[-1]]) if gains else (1.0,)
    told = tuple(hints[at] for at in gains) if hints else ()
    return Curve(name, "steps", edges, tuple(course.hypervolume[at] for at in gains), colour, dashed=dashed, hints=told)


def _best_known(summary: Summary, words: Words) -> list[Curve]:
    """The table's maximum as a line, where it is known and something was found."""
    if not summary.hypervolume_share:
        return []
    top = summary.hypervolume / summary.hypervolume_share
    return [Curve(words("maximum"), "level", (0.0,), (top,), GREY, dashed=True)]


def _bands(
    pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], edges: tuple[float, ...], words: Words
) -> list[Curve]:
    """What lies between a low and a high quantile of the forecasts, the widest pair of levels first."""
    levels = sorted({level for decision, _ in pairs for level in decision.get("quantiles_g_per_kwh", {})}, key=float)
    curves = []
    for low, high, colour in zip(levels[: len(levels) // 2], levels[::-1], BANDS, strict=False):
        edge = [[_number(decision["quantiles_g_per_kwh"].get(level)) for decision, _ in pairs] for level in (low, high)]
        share = f"{(float(high) - float(low)):.0%}"
        curves.append(Curve(words("band", share=share), "band", edges, tuple(edge[1]), colour, low=tuple(edge[0])))
    return curves


def _periods(entries: Sequence[Entry]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each period with the decision that it was lived through under; those without a length are left out."""
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    periods = [{**entry.content, "end_s": entry.at_s} for entry in entries if entry.kind == "period"]
    return [pair for pair in zip(decisions, periods, strict=False) if pair[1]["intensity_g_per_kwh"] is not None]


def _edges(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[float, ...]:
    starts = [period["start_s"] / HOUR_S for _, period in pairs]
    return (*starts, pairs[-1][1]["end_s"] / HOUR_S) if pairs else (0.0,)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
