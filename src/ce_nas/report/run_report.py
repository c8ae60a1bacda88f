"""A run's report as a page: what it cost, what was saved against what, which network to take, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.recommend import pick
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.core.units import HOUR_S, as_carbon, as_duration, as_energy, as_hours
from ce_nas.report.page import Fact, Page, Section, Table
from ce_nas.report.plotting import run_charts as charts
from ce_nas.report.run_sections import SHOWN, moves_table, used
from ce_nas.report.savings import saved_section, saved_sentences, unsaved_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.analysis.live_grid import GridTold
    from ce_nas.analysis.ranking import Ranking
    from ce_nas.analysis.summary import Summary
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = ["run_page", "run_sections", "run_title"]


def run_page(entries: Sequence[Entry], words: Words, saved: Counterfactual | str | None = None) -> Page:
    """The report of a journal, of a run that has ended or of what there is of it.

    :param saved: what the same work would have cost at other hours, if that was worked out; a sentence: why it cannot.
    """
    summary, begun = summarise(entries), beginning(entries)
    title = run_title(summary, words)
    lead = words(
        "run.lead", start=begun["start"][:16].replace("T", " "), hours=f"{summary.simulated_hours:.1f}",
        gpus=summary.gpus, stop=words.stop(summary.stop),
    )  # fmt: skip
    sections = run_sections(entries, words)
    sections[0] = replace(sections[0], paragraphs=_short(summary, saved, words))
    sections.insert(
        1, unsaved_section(saved, words) if saved is None or isinstance(saved, str) else saved_section(saved, words)
    )
    return Page(title, lead, sections, words)


def run_title(summary: Summary, words: Words) -> str:
    """What was searched, by whom, with which seed."""
    return words(
        "run.title",
        benchmark=summary.benchmark["name"],
        policy=summary.policy,
        searcher=summary.searcher,
        seed=summary.seed,
    )


def run_sections(entries: Sequence[Entry], words: Words) -> list[Section]:
    """The sections of a run's report, each of which can be shown alone."""
    summary, begun = summarise(entries), beginning(entries)
    return [
        _glance(summary, words),
        _answer(summary, words),
        _hours(entries, words),
        _course(entries, summary, words),
        _cost(summary, words),
        _budgets(entries, summary, begun["settings"]["budget"], words),
        _settings(summary, begun["settings"], words),
        _basis(summary, begun["power"], begun["settings"]["cluster"]["pue"], words),
    ]


def _short(summary: Summary, saved: Counterfactual | str | None, words: Words) -> list[str]:
    """The answers to what everyone asks first: how much, saved against what, and which one to take."""
    carbon, energy = as_carbon(summary.carbon_g["full"]), as_energy(summary.energy_j)
    told = [words("short.carbon", carbon=carbon, energy=energy)]
    if not summary.front:
        return [*told, words("no_training")]
    if saved is not None and not isinstance(saved, str):
        told += saved_sentences(saved, words)
    return [*told, *_which(summary, words)]


def _which(summary: Summary, words: Words) -> list[str]:
    """The network to take; nothing before any was trained."""
    chosen = pick(summary)
    if chosen is None:
        return []
    values = words.listed(
        f"{item['name']} {chosen.member.objectives[item['name']]:,.6g} {item['unit']}".strip()
        for item in summary.objectives
    )
    return [words("pick.which", architecture=chosen.member.architecture, values=values)]


def _glance(summary: Summary, words: Words) -> Section:
    share = "" if summary.hypervolume_share is None else words("of_maximum", share=f"{summary.hypervolume_share:.2%}")
    held_s = sum(summary.device_hours_by_activity.values()) * HOUR_S
    functions = words.functions(summary.evaluations, summary.functions)
    hours = words("of_hours", hours=f"{summary.simulated_hours:.1f}", gpus=summary.gpus)
    facts = [
        Fact(words("carbon"), f"{as_carbon(summary.carbon_g['full'])} CO2eq", words("book.full")),
        Fact(words("carbon"), f"{as_carbon(summary.carbon_g['paper'])} CO2eq", words("book.paper")),
        Fact(words("energy"), as_energy(summary.energy_j), words("with_pue")),
        Fact(words("gpu_hours"), as_duration(held_s), hours),
        Fact(words("trainings"), f"{summary.evaluations:,}", functions.strip(" ()")),
        Fact(words("samples"), f"{summary.samples:,}", ""),
        Fact(words("hypervolume"), f"{summary.hypervolume:,.6g}", share),
    ]  # fmt: skip
    if summary.cost:
        facts.append(Fact(words("money"), f"{summary.cost:,.2f}", words("money.note")))
    return Section("glance", words("section.glance"), facts=facts)


def _answer(summary: Summary, words: Words) -> Section:
    chosen = pick(summary)
    if chosen is None:
        return Section("answer", words("section.answer"), paragraphs=[words("no_training")])
    losses = words.listed(words("pick.loss", name=name, share=f"{loss:.0%}") for name, loss in chosen.losses.items())
    same = words.functions(len(summary.front), summary.front_functions)
    rows = [
        (f"`{item.architecture}`", *(f"{value:,.6g}" for value in item.objectives.values())) for item in summary.front
    ]
    head = (words("architecture"), *(charts.objective_label(item) for item in summary.objectives))
    return Section(
        "answer",
        words("section.answer"),
        paragraphs=[
            *_which(summary, words),
            words("pick.why", losses=losses, first=summary.objectives[0]["name"])
            if len(rows) > 1
            else words("pick.only"),
        ],
        charts=[charts.front_chart(summary, words, chosen.member.architecture)],
        tables=[Table(words("front.caption", count=len(rows), same=same), head, rows, copies=True)],
    )


def _hours(entries: Sequence[Entry], words: Words) -> Section:
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    periods = [entry.content for entry in entries if entry.kind == "period"]
    roles = tuple(charts.COLOURS)
    rows = [
        (
            as_duration(period["start_s"]),
            _rounded(period["intensity_g_per_kwh"]),
            _rounded(decision["forecast_g_per_kwh"]),
            *(str(period["allocation"][name]) for name in roles),
            as_carbon(sum(period["carbon_g"].values())),
            f"{period['evaluations']:,}",
            f"{period['hypervolume']:,.6g}",
        )
        for decision, period in zip(decisions, periods, strict=False)
    ]
    head = ("from", "grid", "forecast", *roles, "co2eq", "trainings_so_far", "hypervolume")
    table = Table(words("hours.caption"), tuple(words(name) for name in head), rows, folded=True)
    drawn = [charts.grid_chart(entries, words), charts.division_chart(entries, words)] if rows else []
    return Section(
        "hours",
        words("section.hours"),
        paragraphs=[words("hours.text")],
        charts=drawn,
        stacked=True,
        tables=[one for one in (moves_table(entries, words), table if rows else None) if one],
    )


def _course(entries: Sequence[Entry], summary: Summary, words: Words) -> Section:
    drawn = charts.track_charts(entries, summary, words)
    return Section("course", words("section.course"), paragraphs=[words("course.text")], charts=drawn)


def _cost(summary: Summary, words: Words) -> Section:
    total_h = sum(summary.device_hours_by_activity.values())
    rows = [
        (
            words(f"activity.{name}"),
            as_hours(summary.device_hours_by_activity[name], total_h),
            as_energy(summary.energy_j_by_activity[name]),
            as_carbon(carbon_g),
        )
        for name, carbon_g in summary.carbon_g_by_activity.items()
    ]
    all_told = (as_hours(total_h, total_h), as_energy(summary.energy_j), as_carbon(summary.carbon_g["full"]))
    total = (f"**{words('all')}**", *all_told)
    head = (words("activity"), words("gpu_hours"), words("energy.pue"), words("co2eq"))
    sources = [(words(f"source.{name}"), as_energy(energy_j)) for name, energy_j in summary.energy_j_by_source.items()]
    tables = [Table(words("cost.caption"), head, [*rows, total])]
    if sources:
        tables.append(Table(words("sources.caption"), (words("source"), words("energy.pue")), sources))
    return Section(
        "cost",
        words("section.cost"),
        charts=[charts.activity_chart(summary, words)] if rows else [],
        tables=tables,
        paragraphs=[
            words("cost.books", paper=as_carbon(summary.carbon_g["paper"])),
            words("cost.coverage", share=f"{summary.energy_coverage:.1%}"),
        ],
    )


def _budgets(entries: Sequence[Entry], summary: Summary, budget: Mapping[str, Any], words: Words) -> Section:
    """What was set, and how much of it is used."""
    ended = next((entry.content for entry in entries if entry.kind == "ended"), None)
    unfinished = len(ended["unfinished"]) if ended else None
    paragraphs = [words.stop(summary.stop)]
    if unfinished:
        paragraphs.append(words("unfinished", count=unfinished))
    paragraphs += _failures(entries, words)
    head = (words("budget"), words("limit"), words("used"), words("share"))
    table = Table(words("budgets.caption"), head, list(_used(summary, budget, words)))
    return Section("budgets", words("section.budgets"), paragraphs=paragraphs, tables=[table])


def _failures(entries: Sequence[Entry], words: Words) -> list[str]:
    """How many tasks failed, how often each was given up, and the last one's own words; nothing where none did."""
    failures = [entry.content for entry in entries if entry.kind == "failed"]
    if not failures:
        return []
    last = str(failures[-1]["words"] or failures[-1]["failure"])
    given_up = sum(not one["again"] for one in failures)
    return [words("failures", count=len(failures), given_up=given_up, words=last)]


def _used(summary: Summary, budget: Mapping[str, Any], words: Words) -> Iterator[tuple[str, ...]]:
    for name, (spent, limit) in used(summary, budget).items():
        label = words(f"budget.{name}")
        if name == "carbon" and limit is not None:
            label += f" ({words('book.' + budget['book'])})"
        yield (
            (label, words("none"), SHOWN[name](spent), "")
            if limit is None
            else (label, SHOWN[name](limit), SHOWN[name](spent), f"{spent / limit:.1%}")
        )


def _settings(summary: Summary, settings: Mapping[str, Any], words: Words) -> Section:
    rows = [(f"`{name}`", value) for name, value in _flat(settings)]
    facts = [
        Fact(words("seed"), str(summary.seed)),
        Fact(words("version"), summary.version),
        Fact(words("policy"), summary.policy),
        Fact(words("searcher"), summary.searcher),
        Fact(words("forecaster"), summary.forecaster),
    ]
    table = Table(
        words("settings.caption"), (words("setting"), words("value")), rows, copies=True, folded=True, words=2
    )
    return Section("settings", words("section.settings"), facts=facts, tables=[table])


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif value not in (None, "", []):
            yield before + name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _basis(summary: Summary, power: str, pue: float, words: Words) -> Section:
    grid, benchmark = summary.grid, summary.benchmark
    references = words.listed(
        f"{item['name']} {item['reference']:g} {item['unit']}".strip() for item in summary.objectives
    )
    notes = [
        words(
            "basis.grid", zone=grid["zone"], origin=grid["origin"], factors=words(f"factors.{grid['factors']}"),
            signal=words(f"signal.{grid['signal']}"), step=as_duration(grid["step_s"]), duplicates=grid["duplicates"],
        ),
        *([words("basis.synthetic")] if grid["synthetic"] else []),
        *([_live_grid(summary.grid_told, words)] if summary.grid_told else []),
        *([words("basis.gaps", count=len(grid["gaps"]), gaps="; ".join(grid["gaps"][:5]))] if grid["gaps"] else []),
        words("basis.forecaster", forecaster=summary.forecaster, reason=summary.forecaster_reason),
        words(
            "basis.benchmark", name=benchmark["name"], count=f"{benchmark['architectures']:,}",
            origin=benchmark["origin"],
        ),
        *benchmark["notes"],
        words("basis.scores", scores=benchmark["cheap_scores"]),
        *([words("basis.ranking", **_ranking(summary.cheap_ranking))] if summary.cheap_ranking else []),
        words("basis.hypervolume", references=references),
        words("basis.power", power=power, pue=f"{pue:g}"),
        words("basis.version", version=summary.version, seed=summary.seed, sha=summary.journal_sha256),
    ]  # fmt: skip
    return Section("basis", words("section.basis"), notes=[note.strip() for note in notes])


def _live_grid(told: GridTold, words: Words) -> str:
    """How a live grid was known, in a few sentences."""
    stood_in = words.listed(f"{step} {count}" for step, count in sorted(told.stood_in.items()))
    sentences = [
        words("live_grid.read", looks=f"{told.looks:,}", values=f"{told.values:,}"),
        words("live_grid.stood_in", steps=stood_in) if stood_in else "",
        words("live_grid.lost", count=f"{told.lost:,}") if told.lost else "",
        words("live_grid.revised", steps=f"{told.revised:,}", carbon=_signed(told.revised_g)),
        words("live_grid.provisional", carbon=as_carbon(told.provisional_g)) if told.provisional_g else "",
    ]
    return " ".join(filter(None, sentences))


def _signed(carbon_g: float) -> str:
    return f"{'-' if carbon_g < 0 else '+'}{as_carbon(abs(carbon_g))}"


def _ranking(found: Ranking) -> dict[str, str]:
    shown = {name: f"{getattr(found, name):.2f}" for name in ("tau", "low", "high")}
    return {"objective": found.objective, "trainings": f"{found.trainings:,}", **shown}


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
