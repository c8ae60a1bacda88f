"""Builds the report of a run: its cost, savings, recommended network, progress, budgets, settings and data sources."""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.savings import savings
from ce_nas.analysis.summary import (
    budget_usage,
    count_unfinished_tasks,
    run_header,
    summarise,
    summarise_failures,
)
from ce_nas.analysis.timeline import decided_periods, power_changes, site_moves, take_back_times_s
from ce_nas.core.formatting import (
    format_carbon,
    format_duration,
    format_elapsed_hours,
    format_energy,
    format_hours,
    format_percentage,
)
from ce_nas.core.units import HOUR_S
from ce_nas.report.clock_labels import format_run_hours, label_grid_time, label_real_time
from ce_nas.report.estimate_section import estimate_section
from ce_nas.report.front import format_percent, recommendation_section, recommendation_sentences
from ce_nas.report.objective_scale import ObjectiveScale
from ce_nas.report.page import Fact, ReportPage, ReportSection, ReportTable
from ce_nas.report.plotting import run_charts as charts
from ce_nas.report.plotting.palette import ROLE_COLOURS
from ce_nas.report.sample_counts import count_samples
from ce_nas.report.savings_section import replay_section, savings_headline, savings_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.analysis.estimate_outcome import EstimateOutcome
    from ce_nas.analysis.live_grid import LiveGridSummary
    from ce_nas.analysis.proxy_correlation import ProxyRanking
    from ce_nas.analysis.savings import Savings
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.journal import JournalEntry

__all__ = [
    "BUDGET_FORMATTERS",
    "budget_label",
    "build_run_report",
    "build_run_sections",
    "format_run_title",
    "power_table",
    "site_moves_table",
]

#: budget to the function that formats its amounts
BUDGET_FORMATTERS: dict[str, Callable[[float], str]] = {
    "time": format_duration,
    "carbon": format_carbon,
    "energy": format_energy,
    "cost": "{:,.2f}".format,
    "gpu_hours": format_elapsed_hours,
    "evaluations": "{:,.0f}".format,
    "target": "{:,.6g}".format,
}
#: settings of the grid that only a live provider has a use for
LIVE_GRID_SETTINGS = ("grid.fail_when_unavailable", "grid.max_fallback")
#: a duration as the journal's settings hold it
_SECONDS = re.compile(r"(\d+(?:\.\d+)?) s")
#: labels of the numbers of candidates
_SAMPLE_LABELS = {"scored": "samples", "measured": "samples.measured"}
#: data gaps that are listed
MAX_GAPS_SHOWN = 5


def build_run_report(
    entries: Sequence[JournalEntry],
    translate: Translator,
    counterfactual: Counterfactual | str | None = None,
    saved: Savings | None = None,
    outcomes: Sequence[EstimateOutcome] = (),
) -> ReportPage:
    """Build the report of a run, finished or not.

    :param counterfactual: the same work under other policies, or the reason why it is unavailable; None: not computed.
    :param saved: what the run saved; None: computed here.
    :param outcomes: what was estimated before the run, with what it took; empty without an estimate.
    """
    summary, header = summarise(entries), run_header(entries)
    lead = translate(
        "run.lead",
        start=header["start"][:16].replace("T", " "),
        hours=format_run_hours(summary, translate),
        gpus=summary.gpus,
        stop=translate.stop_reason(summary.stop),
    )
    sections = build_run_sections(entries, translate, saved or savings(entries), summary)
    if counterfactual is not None and not isinstance(counterfactual, str):
        place = next(index for index, section in enumerate(sections) if section.name == "cost")
        sections.insert(place, replay_section(counterfactual, translate))
    if outcomes:
        sections.insert(2, estimate_section(outcomes, translate))
    return ReportPage(format_run_title(summary, translate), lead, sections, translate)


def format_run_title(summary: RunSummary, translate: Translator) -> str:
    """Name the problem, policy, searcher and seed of a run."""
    return translate(
        "run.title",
        benchmark=summary.benchmark["name"],
        policy=summary.policy,
        searcher=summary.searcher,
        seed=summary.seed,
    )


def build_run_sections(
    entries: Sequence[JournalEntry],
    translate: Translator,
    saved: Savings | None = None,
    summary: RunSummary | None = None,
) -> list[ReportSection]:
    """Build the sections of a run's report, each of which can be shown alone."""
    summary, header, saved = summary or summarise(entries), run_header(entries), saved or savings(entries)
    searched = bool(summary.objectives)  # the account of a user's own loop has no objectives
    return [
        _overview_section(summary, saved, translate),
        *([savings_section(saved, translate)] if searched else []),
        *([recommendation_section(summary, translate)] if searched else []),
        _timeline_section(entries, summary, translate),
        *([_trajectory_section(entries, summary, translate)] if searched else []),
        _cost_section(entries, summary, translate),
        _budgets_section(entries, summary, header["settings"]["budget"], translate),
        _settings_section(summary, header["settings"], translate),
        _provenance_section(summary, header["power_origin"], header["settings"]["cluster"]["pue"], translate),
    ]


def _overview_section(summary: RunSummary, saved: Savings, translate: Translator) -> ReportSection:
    """The saving, why the run ended and the recommended network, then the key figures."""
    share = (
        ""
        if summary.hypervolume_share is None
        else translate("of_maximum", share=format_percentage(summary.hypervolume_share, 2))
    )
    held_s = sum(summary.device_hours_by_activity.values()) * HOUR_S
    functions = translate.format_unique_functions(summary.evaluations, summary.unique_functions)
    hours = translate("of_hours", hours=format_run_hours(summary, translate), gpus=summary.gpus)
    labels, counts = _SAMPLE_LABELS, count_samples(summary.samples, summary.measured_samples)
    facts = [
        Fact(translate("carbon"), f"{format_carbon(summary.carbon_g['full'])} CO2eq", translate("carbon.note")),
        Fact(translate("trainings"), f"{summary.evaluations:,}", functions.strip(" ()\uff08\uff09")),
        Fact(translate("hypervolume"), f"{summary.hypervolume:,.6g}", share),
        Fact(translate("energy"), format_energy(summary.energy_j), translate("with_pue")),
        Fact(translate("gpu_hours"), label_real_time(format_duration(held_s), summary, translate), hours),
        *(Fact(translate(labels[kind]), f"{count:,}", "") for kind, count in counts.items()),
    ]  # fmt: skip
    row = saved.headline
    if row is not None and summary.front and 0.0 < (gain := saved.saved_share(row).median) < 1.0:
        facts.insert(0, Fact(translate("saved.fact"), format_percent(gain), translate(f"bar.{row.way}")))
    if not summary.objectives:
        search_alone = {translate("hypervolume"), *map(translate, labels.values())}
        facts = [fact for fact in facts if fact.label not in search_alone]
    if summary.cost:
        facts.append(Fact(translate("money"), f"{summary.cost:,.2f}", translate("money.note")))
    paragraphs = [savings_headline(saved, translate), *recommendation_sentences(summary, translate)]
    if not summary.objectives:
        paragraphs = []
    if not summary.front and summary.objectives:
        paragraphs.append(translate("no_training"))
    return ReportSection("glance", translate("section.glance"), facts=facts, paragraphs=paragraphs, facts_last=True)


def _timeline_section(entries: Sequence[JournalEntry], summary: RunSummary, translate: Translator) -> ReportSection:
    roles = tuple(ROLE_COLOURS)
    rows = [
        (
            format_duration(one.period["start_s"]),
            _format_rounded(one.period["intensity_g_per_kwh"]),
            _format_rounded(one.decision["forecast_g_per_kwh"]),
            *(str(one.period["allocation"][role]) for role in roles),
            format_carbon(one.carbon_g),
            f"{one.period['evaluations']:,}",
            f"{one.period['hypervolume']:,.6g}",
        )
        for one in decided_periods(entries)
    ]
    header = ("from", "grid", "forecast", *roles, "co2eq", "trainings_so_far", "hypervolume")
    table = ReportTable(translate("hours.caption"), tuple(translate(key) for key in header), rows, collapsed=True)
    clock = [] if summary.time_scale == 1.0 else [translate("clock.note", scale=f"{summary.time_scale:,g}")]
    tables = (site_moves_table(entries, translate), power_table(entries, translate), table if rows else None)
    return ReportSection(
        "hours",
        translate("section.hours"),
        paragraphs=[translate("hours.text"), *clock],
        charts=[charts.intensity_chart(entries, translate), charts.allocation_chart(entries, translate)]
        if rows
        else [],
        stacked=True,
        tables=[one for one in tables if one],
    )


def site_moves_table(entries: Sequence[JournalEntry], translate: Translator) -> ReportTable | None:
    """List the moves between sites; None if the search stayed at its first site."""
    rows = [
        (
            format_duration(move.arrived_s),
            move.from_site,
            move.to_site,
            format_duration(move.duration_s),
            format_energy(move.energy_j),
            format_carbon(move.carbon_g),
        )
        for move in site_moves(entries)
    ]
    header = ("moves.there", "moves.left", "moves.site", "moves.took", "energy.pue", "co2eq")
    return ReportTable(translate("moves.caption"), tuple(map(translate, header)), rows) if rows else None


def power_table(entries: Sequence[JournalEntry], translate: Translator) -> ReportTable | None:
    """List the changes of the GPUs' power limit and of the site's cap; None if there was neither."""
    rows = [
        (
            format_duration(change.at_s),
            f"{change.limit_w:.0f}",
            format_percentage(change.time_factor - 1.0, 1, signed=True),
            format_percentage(change.energy_factor - 1.0, 1, signed=True),
            "" if change.cap_w is None else f"{change.cap_w:,.0f}",
        )
        for change in power_changes(entries)
    ]
    header = ("from", "power.limit", "power.time", "power.energy", "power.cap")
    caption = translate("power.caption")
    return ReportTable(caption, tuple(map(translate, header)), rows, collapsed=True) if rows else None


def _trajectory_section(entries: Sequence[JournalEntry], summary: RunSummary, translate: Translator) -> ReportSection:
    return ReportSection(
        "course",
        translate("section.course"),
        paragraphs=[translate("course.text")],
        charts=charts.trajectory_charts(entries, summary, translate),
    )


def _cost_section(entries: Sequence[JournalEntry], summary: RunSummary, translate: Translator) -> ReportSection:
    total_h = sum(summary.device_hours_by_activity.values())
    rows = [
        (
            translate(f"activity.{name}"),
            format_hours(summary.device_hours_by_activity[name], total_h),
            format_energy(summary.energy_j_by_activity[name]),
            format_carbon(carbon_g),
        )
        for name, carbon_g in summary.carbon_g_by_activity.items()
    ]
    total = (
        f"**{translate('all')}**",
        format_hours(total_h, total_h),
        format_energy(summary.energy_j),
        format_carbon(summary.carbon_g["full"]),
    )
    held = label_real_time(translate("gpu_hours"), summary, translate)
    header = (translate("activity"), held, translate("energy.pue"), translate("co2eq"))
    sources = [
        (translate(f"source.{name}"), format_energy(energy_j)) for name, energy_j in summary.energy_j_by_source.items()
    ]
    paper = [(translate("accounting.paper"), format_carbon(summary.carbon_g["paper"]))]
    share = format_percentage(summary.energy_coverage, 1)
    tables = [ReportTable(translate("cost.caption"), header, [*rows, total])]
    if sources:
        tables.append(
            ReportTable(translate("sources.caption"), (translate("source"), translate("energy.pue")), sources)
        )
    tables.append(
        ReportTable(translate("cost.paper"), (translate("accounting"), translate("co2eq")), paper, collapsed=True)
    )
    return ReportSection(
        "cost",
        translate("section.cost"),
        charts=[charts.carbon_by_activity_chart(summary, translate)] if rows else [],
        tables=tables,
        paragraphs=[
            translate("cost.books"),
            translate("cost.covered" if share == "100.0 %" else "cost.coverage", share=share),
            *_take_back_sentences(entries, translate),
        ],
    )


def _take_back_sentences(entries: Sequence[JournalEntry], translate: Translator) -> Iterator[str]:
    """Say how long it took to take released devices back; nothing where none was."""
    if took_s := take_back_times_s(entries):
        median, longest = (f"{seconds:.1f} s" for seconds in (statistics.median(took_s), max(took_s)))
        yield translate("cost.taken_back", count=f"{len(took_s):,}", median=median, longest=longest)


def _budgets_section(
    entries: Sequence[JournalEntry], summary: RunSummary, budget: Mapping[str, Any], translate: Translator
) -> ReportSection:
    """Compare each budget with its use, and say why the run ended."""
    paragraphs = [translate.stop_reason(summary.stop)]
    if unfinished := count_unfinished_tasks(entries):
        paragraphs.append(translate("unfinished", count=unfinished))
    if failures := summarise_failures(entries):
        paragraphs.append(
            translate("failures", count=failures.count, given_up=failures.given_up, detail=failures.last_detail)
        )
    header = (translate("budget"), translate("limit"), translate("used"), translate("share"))
    table = ReportTable(translate("budgets.caption"), header, list(_budget_rows(summary, budget, translate)))
    return ReportSection("budgets", translate("section.budgets"), paragraphs=paragraphs, tables=[table])


def budget_label(name: str, summary: RunSummary, translate: Translator) -> str:
    """The name of a budget; of time, with the clock that counts where there are two."""
    label = translate(f"budget.{name}")
    if name == "time":
        return label_grid_time(label, summary, translate)
    return label_real_time(label, summary, translate) if name == "gpu_hours" else label


def _budget_rows(summary: RunSummary, budget: Mapping[str, Any], translate: Translator) -> Iterator[tuple[str, ...]]:
    for name, (used, limit) in budget_usage(summary, budget).items():
        label, format_amount = budget_label(name, summary, translate), BUDGET_FORMATTERS[name]
        if name == "cost" and limit is None and not used:
            continue  # no price was given, and missing is never zero
        if limit is None:
            yield (label, translate("none"), format_amount(used), "")
        else:
            if name == "carbon":
                label += f" ({translate('accounting.' + budget['accounting'])})"
            yield (label, format_amount(limit), format_amount(used), format_percentage(used / limit, 1))


def _settings_section(summary: RunSummary, settings: Mapping[str, Any], translate: Translator) -> ReportSection:
    is_live = settings["live"]["enabled"]
    rows = [
        (f"`{name}`", value) for name, value in _flatten_settings(settings) if is_live or name not in LIVE_GRID_SETTINGS
    ]
    facts = [
        Fact(translate("seed"), str(summary.seed)),
        Fact(translate("version"), summary.version),
        Fact(translate("policy"), summary.policy),
        Fact(translate("searcher"), summary.searcher),
        Fact(translate("forecaster"), summary.forecaster),
    ]
    table = ReportTable(
        translate("settings.caption"),
        (translate("setting"), translate("value")),
        rows,
        copyable=True,
        collapsed=True,
        n_text_columns=2,
    )
    return ReportSection("settings", translate("section.settings"), facts=facts, tables=[table])


def _flatten_settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each setting with a value, by its full name; of a simulated run none of those of real devices."""
    for name, value in settings.items():
        if isinstance(value, dict):
            if value.get("enabled", True):
                yield from _flatten_settings(value, f"{prefix}{name}.")
        elif value not in (None, "", []):
            yield prefix + name, _format_setting(value)


def _format_setting(value: object) -> str:
    """A setting's value for people: a duration in hours or minutes, a list by commas."""
    if isinstance(value, list):
        return ", ".join(_format_setting(item) for item in value)
    match = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    return format_duration(float(match.group(1))) if match else str(value)


def _provenance_section(summary: RunSummary, power: str, pue: float, translate: Translator) -> ReportSection:
    grid, benchmark = summary.grid, summary.benchmark
    references = translate.join(
        f"{one['name']} {one['reference']:g} {one['unit']}".strip() for one in summary.objectives
    )
    notes = [
        translate(
            "basis.grid",
            zone=grid["zone"],
            origin=grid["origin"],
            factors=translate(f"factors.{grid['factors']}"),
            signal=translate(f"signal.{grid['signal']}"),
            step=format_duration(grid["step_s"]),
            duplicates=grid["duplicates"],
        ),
        *_grid_notes(summary, translate),
        translate("basis.forecaster", forecaster=summary.forecaster, reason=summary.forecaster_reason),
        translate(
            "basis.benchmark",
            name=benchmark["name"],
            count="∞" if benchmark["architectures"] is None else f"{benchmark['architectures']:,}",
            origin=benchmark["origin"],
        ),
        *benchmark["notes"],
        *(
            [translate("basis.input_changes", inputs=translate.join(summary.input_changes))]
            * bool(summary.input_changes)
        ),
        translate("basis.objectives", objectives=_describe_objectives(summary.objectives, translate)),
        translate("basis.scores", scores=benchmark["proxy_scores"]),
        *([translate("basis.ranking", **_ranking_values(summary.proxy_ranking))] if summary.proxy_ranking else []),
        translate("basis.hypervolume", references=references),
        translate("basis.power", power=power, pue=f"{pue:g}"),
        translate("basis.version", version=summary.version, seed=summary.seed, sha=summary.journal_sha256),
    ]
    return ReportSection("basis", translate("section.basis"), notes=[note.strip() for note in notes])


def _describe_objectives(objectives: Sequence[dict[str, Any]], translate: Translator) -> str:
    """Name each objective with its unit, its direction, and whether it is known before a training."""
    descriptions = []
    for one in objectives:
        words = [translate("objective.maximised" if one["maximise"] else "objective.minimised")]
        if "is_known" in one:  # older journals do not say
            words.append(translate("objective.known" if one["is_known"] else "objective.trained"))
        label = ObjectiveScale(one["name"], one["unit"], 1.0).label
        descriptions.append(f"{label} ({', '.join(words)})")
    return "; ".join(descriptions)


def _grid_notes(summary: RunSummary, translate: Translator) -> Iterator[str]:
    """Say that the grid is synthetic or live, how its file was read, and that it has gaps."""
    if summary.grid["synthetic"]:
        yield translate("basis.synthetic")
    if summary.live_grid:
        yield " ".join(_live_grid_sentences(summary.live_grid, translate))
    if notes := summary.grid.get("notes"):  # older journals have none
        yield translate("basis.grid_notes", notes="; ".join(notes))
    if gaps := summary.grid["gaps"]:
        yield translate("basis.gaps", count=len(gaps), gaps="; ".join(gaps[:MAX_GAPS_SHOWN]))


def _live_grid_sentences(live_grid: LiveGridSummary, translate: Translator) -> Iterator[str]:
    """Say how the live grid was read."""
    yield translate("live_grid.read", reads=f"{live_grid.n_reads:,}", values=f"{live_grid.n_values:,}")
    if live_grid.fallbacks:
        levels = translate.join(f"{level} {count}" for level, count in sorted(live_grid.fallbacks.items()))
        yield translate("live_grid.stood_in", levels=levels)
    if live_grid.n_outages:
        yield translate("live_grid.lost", count=f"{live_grid.n_outages:,}")
    yield translate(
        "live_grid.revised",
        steps=f"{live_grid.n_revised_steps:,}",
        carbon=_format_signed_carbon(live_grid.revised_g),
    )
    if live_grid.provisional_g:
        yield translate("live_grid.provisional", carbon=format_carbon(live_grid.provisional_g))


def _format_signed_carbon(carbon_g: float) -> str:
    return f"{'-' if carbon_g < 0 else '+'}{format_carbon(abs(carbon_g))}"


def _ranking_values(ranking: ProxyRanking) -> dict[str, str]:
    correlation = {name: f"{getattr(ranking, name):.2f}" for name in ("tau", "low", "high")}
    return {"objective": ranking.objective, "trainings": f"{ranking.trainings:,}", **correlation}


def _format_rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
