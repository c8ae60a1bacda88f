"""The comparison of runs: the cost and results of each, and their ratio to the run selected first."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.apps.dashboard.layout import PageLayout, render_page
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_carbon, format_energy, format_percentage
from ce_nas.experiments.strategies import combine
from ce_nas.experiments.sweep import SweepRun, summarise_sweep, sweep_page
from ce_nas.report.page import ReportSection, ReportTable
from ce_nas.report.plotting.run_comparison import (
    MAX_RUNS,
    ChartedRun,
    compared_carbon_chart,
    compared_fronts_chart,
    compared_trajectory_charts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.apps.dashboard.run_folders import FollowedRun
    from ce_nas.report.i18n.translator import Translator

__all__ = ["MAX_COMPARED_RUNS", "compare_page", "load_compared_runs", "run_label", "selection_page"]

#: runs in one comparison
MAX_COMPARED_RUNS = 60
#: seconds after which a page with unfinished runs asks for an update
REFRESH_INTERVAL_S = 5.0
RUN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def run_label(summary: RunSummary) -> str:
    """A short description of a run: policy, searcher and zone."""
    return f"{summary.policy} + {summary.searcher}, {summary.grid['zone']}"


def load_compared_runs(runs: Sequence[FollowedRun]) -> list[ChartedRun]:
    """Read the selected runs, each with a letter.

    :raises SettingsError: if there are too many.
    :raises StoreError: if one cannot be read.
    """
    if len(runs) > MAX_COMPARED_RUNS:
        message = f"Expected {MAX_COMPARED_RUNS} runs at most to compare, got {len(runs)}; select fewer."
        raise SettingsError(message)
    charted = []
    for index, run in enumerate(runs):
        summary = run.status().summary
        round_number, position = divmod(index, len(RUN_LETTERS))
        letter = RUN_LETTERS[position] + (str(round_number) if round_number else "")
        charted.append(ChartedRun(letter, run_label(summary), summary, build_trajectory(run.entries())))
    return charted


def selection_page(available: Sequence[tuple[str, str]], translate: Translator) -> str:
    """Render the page before any run is selected.

    :param available: name and label of each run.
    """
    layout = PageLayout(translate("board.compare.title"), translate("board.compare.choose"), "compare", "/compare")
    return render_page("compare.html", layout, translate, sections=[], available=available, selected=())


def compare_page(
    names: Sequence[str], runs: Sequence[ChartedRun], available: Sequence[tuple[str, str]], translate: Translator
) -> str:
    """Render the page of the selected runs; the first one is the reference."""
    same_problem = all(_problem_key(run.summary) == _problem_key(runs[0].summary) for run in runs)
    sections = [
        _tables_section(names, runs, translate, same_problem=same_problem),
        _charts_section(runs, translate, same_problem=same_problem),
    ]
    sections += _median_sections(runs, translate) if same_problem else []
    notes = list(_provenance_notes(runs, translate, same_problem=same_problem))
    sections.append(ReportSection("basis", translate("section.basis"), notes=notes))
    address = f"/compare?{urlencode([('run', name) for name in names])}"
    interval_s = REFRESH_INTERVAL_S if any(run.summary.stop == "unfinished" for run in runs) else 0.0
    title, lead = translate("board.compare.title"), translate("board.compare.lead")
    layout = PageLayout(title, lead, "compare", address, interval_s)
    return render_page("compare.html", layout, translate, sections=sections, available=available, selected=tuple(names))


def _problem_key(summary: RunSummary) -> tuple[object, ...]:
    """What hypervolumes have to share to be comparable: the benchmark, objectives and reference point."""
    return (
        summary.benchmark["sha256"],
        tuple((objective["name"], objective["maximise"], objective["reference"]) for objective in summary.objectives),
    )


def _tables_section(
    names: Sequence[str], runs: Sequence[ChartedRun], translate: Translator, *, same_problem: bool
) -> ReportSection:
    labels = [f"**{run.letter}** {name.replace('~', '/')}" for name, run in zip(names, runs, strict=True)]
    unlike = (translate("board.compare.unlike"),) * 2
    cost_rows = [
        (
            label,
            f"{run.summary.policy} + {run.summary.searcher}",
            run.summary.grid["zone"],
            str(run.summary.seed),
            f"{run.summary.simulated_hours:,.1f}",
            format_carbon(run.summary.carbon_g["full"]),
            format_carbon(run.summary.carbon_g["paper"]),
            format_energy(run.summary.energy_j),
        )
        for label, run in zip(labels, runs, strict=True)
    ]
    result_rows = [
        (
            label,
            f"{run.summary.evaluations:,}",
            f"{len(run.summary.front):,}",
            _format_hypervolume(run.summary),
            *(_carbon_to_reach(run, runs[0], translate) if same_problem else unlike),
        )
        for label, run in zip(labels, runs, strict=True)
    ]
    reference = runs[0].letter
    cost_header = (
        translate("board.run"), translate("board.strategy"), translate("board.zone"), translate("seed"),
        translate("board.compare.hours"), translate("co2eq"), translate("accounting.paper"), translate("energy.pue"),
    )  # fmt: skip
    result_header = (
        translate("board.run"), translate("trainings"), translate("chart.front"), translate("hypervolume"),
        translate("board.compare.to_reach", reference=reference), translate("many.times_less"),
    )  # fmt: skip
    result_caption = translate("board.compare.found", reference=reference)
    tables = [
        ReportTable(translate("board.compare.cost"), cost_header, cost_rows, copyable=True, n_text_columns=3),
        ReportTable(result_caption, result_header, result_rows, copyable=True),
    ]
    return ReportSection("runs", translate("board.compare.table"), tables=tables)


def _format_hypervolume(summary: RunSummary) -> str:
    share = summary.hypervolume_share
    return (
        f"{summary.hypervolume:,.6g}"
        if share is None
        else f"{summary.hypervolume:,.6g} ({format_percentage(share, 2)})"
    )


def _carbon_to_reach(run: ChartedRun, reference: ChartedRun, translate: Translator) -> tuple[str, str]:
    """Carbon to the reference's final hypervolume, and the reference's carbon to it divided by that."""
    hypervolume = reference.trajectory.final_hypervolume
    usage, reference_usage = (charted.trajectory.usage_at_hypervolume(hypervolume) for charted in (run, reference))
    if not hypervolume or usage is None or reference_usage is None:
        return translate("board.compare.not_reached"), ""
    ratio = f"{reference_usage.carbon_g / usage.carbon_g:.2f}" if usage.carbon_g else ""
    return format_carbon(usage.carbon_g), ratio


def _charts_section(runs: Sequence[ChartedRun], translate: Translator, *, same_problem: bool) -> ReportSection:
    charts = [compared_carbon_chart(runs, translate)]
    if same_problem and runs[0].summary.objectives:  # the books of a loop of the caller's have no front
        first = runs[:MAX_RUNS]
        charts = [*compared_trajectory_charts(first, translate), compared_fronts_chart(first, translate), *charts]
    paragraphs = [translate("board.compare.first", count=MAX_RUNS)] if len(runs) > MAX_RUNS else []
    return ReportSection("figures", translate("many.figures"), paragraphs=paragraphs, charts=charts)


def _median_sections(runs: Sequence[ChartedRun], translate: Translator) -> list[ReportSection]:
    """Medians over the seeds, if every strategy has the same seeds, at least two, in every zone."""
    compared = [
        SweepRun(
            combine(run.summary.policy, run.summary.searcher), run.summary.grid["zone"], run.summary.seed,
            run.summary, run.trajectory,
        )
        for run in runs
    ]  # fmt: skip
    strategies = list(dict.fromkeys(run.strategy for run in compared))
    zones = list(dict.fromkeys(run.zone for run in compared))
    seeds = [
        sorted(run.seed for run in compared if run.strategy == strategy and run.zone == zone)
        for strategy in strategies
        for zone in zones
    ]
    if len(seeds[0]) < 2 or len(set(seeds[0])) < len(seeds[0]) or any(others != seeds[0] for others in seeds):
        return []
    return list(sweep_page(summarise_sweep(compared, strategies, zones), translate).sections[:-1])


def _provenance_notes(runs: Sequence[ChartedRun], translate: Translator, *, same_problem: bool) -> Iterator[str]:
    if same_problem:
        yield translate("board.compare.how", reference=runs[0].letter)
    else:
        yield translate("board.compare.unlike.why")
    grids = {(run.summary.grid["zone"], run.summary.grid["sha256"]) for run in runs}
    if len(grids) > 1:
        yield translate("board.compare.grids")
    if len({run.summary.seed for run in runs}) < len(runs) and len(grids) == 1:
        yield translate("board.compare.seeds")
    if unfinished := [run.letter for run in runs if run.summary.stop == "unfinished"]:
        yield translate("board.compare.unfinished", runs=translate.join(unfinished))
    if any(run.summary.grid["synthetic"] for run in runs):
        yield translate("basis.synthetic")
    yield translate("many.books")
