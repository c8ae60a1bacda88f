"""The second sheet of a decision paper: how sure it is, what is not known, the plan, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.apps.pilot.costs import measure, percent, share_saved
from ce_nas.core.formatting import interval_text
from ce_nas.core.units import as_duration
from ce_nas.report.page import Section, Table

if TYPE_CHECKING:
    from ce_nas.apps.pilot.inputs import PilotFigures
    from ce_nas.apps.pilot.result import PilotResult, Place
    from ce_nas.report.i18n.words import Words

__all__ = ["plan_section", "rests_on_section", "sensitivity_section", "unknown_section"]

#: figures that the paper names, as far as they count
NAMED = (
    "gpus", "gpu_power_w", "idle_power_w", "pue", "zone", "trace", "gpu_hours", "trainings", "deadline_s",
    "searches_per_year", "electricity_price", "gpu_hour_price", "carbon_price", "adoption_hours", "engineer_price",
)  # fmt: skip
#: those that measured runs tell by themselves
MEASURED = ("gpus", "gpu_power_w", "idle_power_w", "pue", "zone", "trace", "gpu_hours", "trainings", "deadline_s")


def sensitivity_section(result: PilotResult, words: Words) -> Section:
    """What changes with zone, season, deadline and scores; of measured runs, with other rules and days."""
    table = _rules(result, words) if result.measured else _places(result, words)
    return Section("sensitivity", words("pilot.section.sensitivity"), tables=[table], new_sheet=True)


def _places(result: PilotResult, words: Words) -> Table:
    head = (
        words("pilot.condition"), words("pilot.intensity"), words("pilot.today.kg"), words("pilot.ce_nas.kg"),
        words("pilot.saved"), words("pilot.saved_by_hours"), words("pilot.reached"),
    )  # fmt: skip
    amount = measure("carbon", result.figures)
    rows = [
        (
            _place(one, words),
            f"{one.intensity_g_per_kwh:.0f}",
            interval_text(one.today.over(amount)),
            interval_text(one.ce_nas.over(amount)),
            percent(one.saved),
            percent(one.saved_by_hours),
            f"{one.ce_nas.reached:.0%}",
        )
        for one in result.places
    ]
    few = result.on("zone")[0].today.outlays
    return Table(words("pilot.sensitivity.caption", seeds=len(few), starts=len(few[0])), head, rows)


def _place(place: Place, words: Words) -> str:
    if place.axis == "season":
        return words(f"pilot.place.season.{place.name}")
    label = words(f"pilot.place.{place.axis}", name=place.name)
    return words("pilot.place.own", place=label) if place.own else label


def _rules(result: PilotResult, words: Words) -> Table:
    head = (words("pilot.rule"), words("pilot.rule.own_start"), words("pilot.rule.other_days"))
    rows = []
    for one in result.rules:
        middle, low, high = one.other_days
        name = words("pilot.rule.run" if one.name == "run" else f"rule.{one.name}")
        rows.append((name, f"{one.saved:+.1%}", f"{middle:+.1%} [{low:+.1%}, {high:+.1%}]"))
    return Table(words("pilot.rules.paired" if result.paired else "pilot.rules.caption"), head, rows)


def unknown_section(result: PilotResult, words: Words) -> Section:
    """What is not known."""
    figures, facts = result.figures, result.facts
    synthetic = words("pilot.unknown.synthetic") if facts.synthetic else ""
    grid = words("pilot.unknown.grid", origin=f"{facts.zone} ({facts.grid_origin})", synthetic=synthetic)
    released = words("pilot.unknown.released", idle=f"{facts.idle_w:.0f}")
    if result.measured:
        power = words("pilot.unknown.metered", share=f"{result.metered:.0%}")
        notes = [power, words("pilot.unknown.days"), released, grid]
    else:
        how = words("pilot.as_stated" if "gpu_power_w" in figures.stated else "pilot.as_assumed")
        (without,) = result.on("scores")
        notes = [
            words(
                "pilot.unknown.stand_in", benchmark=facts.benchmark, factor=f"{facts.factor:.2g}",
                without=percent(without.saved),
            ),
            words("pilot.unknown.today"),
            words("pilot.unknown.power", power=f"{figures.gpu_power_w:g}", how=how),
            released,
            grid,
        ]  # fmt: skip
    return Section("unknown", words("pilot.section.unknown"), notes=notes)


def plan_section(result: PilotResult, words: Words) -> Section:
    """Pilot, one team, all; what has to hold before the next."""
    figures = result.figures
    least = max(share_saved(result.today, result.ce_nas, lambda one: one.carbon_g).low, 0.0)
    values = {
        "pilot.stage.1.gate": {"low": f"{least:.0%}"},
        "pilot.stage.2.what": {"count": f"{max(round(figures.searches_per_year / 4), 1):,}"},
        "pilot.stage.2.gate": {"hours": f"{figures.adoption_hours:g}"},
    }
    rows = [
        tuple(words(key, **values.get(key, {})) for key in (stage, f"{stage}.what", f"{stage}.gate"))
        for stage in ("pilot.stage.1", "pilot.stage.2", "pilot.stage.3")
    ]
    head = (words("pilot.stage"), words("pilot.what"), words("pilot.gate"))
    title = words("pilot.section.plan")
    return Section("plan", title, tables=[Table(words("pilot.plan.caption"), head, rows, words=3)])


def rests_on_section(result: PilotResult, words: Words) -> Section:
    """The team's figures, what was assumed, and what was run."""
    facts = result.facts
    left_out = {*(MEASURED if result.measured else ()), *(() if result.figures.trace else ("trace",))}
    names = [name for name in NAMED if name not in left_out]
    stated = [_figure(name, result.figures, words) for name in names if name in result.figures.stated]
    assumed = [_figure(name, result.figures, words) for name in names if name not in result.figures.stated]
    notes = [words("pilot.stated", parts=words.listed(stated))] if stated else []
    if assumed:
        notes.append(words("pilot.assumed", parts=words.listed(assumed)))
    starts, seeds = ", ".join(facts.starts), ", ".join(map(str, facts.seeds))
    if result.measured:
        notes.append(
            words(
                "pilot.basis.measured", runs=facts.benchmark, seeds=seeds, starts=starts, policy=facts.policy,
                searcher=facts.searcher, forecaster=facts.forecaster,
            )
        )  # fmt: skip
    else:
        notes.append(words("pilot.basis.runs", forecaster=facts.forecaster, seeds=seeds, starts=starts))
    return Section("basis", words("pilot.section.basis"), notes=notes)


def _figure(name: str, figures: PilotFigures, words: Words) -> str:
    return f"{words(f'pilot.name.{name}')} {_shown(name, figures, words)}"


def _shown(name: str, figures: PilotFigures, words: Words) -> str:
    value: Any = getattr(figures, name)
    if name == "deadline_s":
        return as_duration(figures.limit_s)
    if name in {"gpu_power_w", "idle_power_w"}:
        return f"{figures.gpu_power_w if name == 'gpu_power_w' else figures.idle_w:,.0f} W"
    if name == "trace":
        return str(value.name)
    if name == "zone":
        return value or "solar"
    if value is None:
        return words("pilot.no_price")
    unit = f" {figures.currency}" if name.endswith("_price") else ""
    return f"{value:,g}{unit}"
