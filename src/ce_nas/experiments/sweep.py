"""Sweep of ``ce-nas compare``: every strategy in every zone with every seed, summarised by medians over the seeds."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis.carbon_ratio import pair_runs
from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import G_PER_KG, J_PER_KWH
from ce_nas.experiments.parallel import run_in_parallel
from ce_nas.report.page import ReportPage, ReportSection, ReportTable
from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.palette import BLUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.analysis.trajectory import Trajectory
    from ce_nas.config.schema import Settings
    from ce_nas.experiments.strategies import Strategy
    from ce_nas.report.i18n.translator import Translator

__all__ = ["SweepRow", "SweepRun", "SweepSummary", "run_sweep", "summarise_sweep", "sweep_page"]

SweepJob = tuple["Strategy", str | None, int, dict[str, object]]


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run of a sweep."""

    strategy: Strategy
    zone: str | None
    seed: int
    summary: RunSummary
    trajectory: Trajectory


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One strategy in one zone: medians over the seeds with 95 % bootstrap intervals."""

    strategy: str
    zone: str
    run_count: int
    #: full accounting
    carbon_kg: Interval
    #: paper's accounting
    paper_carbon_kg: Interval
    energy_kwh: Interval
    hypervolume: Interval
    #: share of the table's maximum; None if that is unknown
    hypervolume_share: Interval | None
    evaluations: Interval
    #: carbon of the reference strategy to its own final hypervolume, divided by that of this strategy to the same
    #: hypervolume; 0 if it was not reached
    carbon_ratio: Interval
    #: share of the seeds in which the reference's final hypervolume was reached
    reached_share: float


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """All rows of a sweep, and the strategy that its ratios refer to."""

    reference: str
    rows: tuple[SweepRow, ...]

    def to_dict(self) -> dict[str, object]:
        """Convert to plain containers."""
        return asdict(self)


def run_sweep(  # noqa: PLR0913 - three axes, shared flags, and how to run
    strategies: Sequence[Strategy],
    zones: Sequence[str | None],
    seeds: Sequence[int],
    flags: Mapping[str, object],
    *,
    processes: int,
    on_run_finished: Callable[[SweepRun], None] | None = None,
) -> SweepSummary:
    """Run every strategy in every zone with every seed; the ratios refer to the first strategy.

    :param flags: shared by all runs, as the flags of ``ce-nas search``.
    :param on_run_finished: called with every finished run.
    :raises CeNasError: if a setting is invalid; then nothing has run.
    """
    if not (strategies and zones and seeds):
        message = (
            f"Expected at least one strategy, zone and seed, got {len(strategies)}, {len(zones)} and {len(seeds)}."
        )
        raise SettingsError(message)
    jobs = [(strategy, zone, seed, dict(flags)) for strategy, zone, seed in itertools.product(strategies, zones, seeds)]
    for job in jobs[:: len(seeds)]:
        _validate_inputs(job)
    runs = []
    for run in run_in_parallel(_run_job, jobs, processes):
        runs.append(run)
        if on_run_finished:
            on_run_finished(run)
    return summarise_sweep(runs, strategies, zones)


def summarise_sweep(
    runs: Sequence[SweepRun], strategies: Sequence[Strategy], zones: Sequence[str | None]
) -> SweepSummary:
    """Summarise runs by a row per strategy and zone; in a zone, every strategy has the same seeds.

    :param strategies: the ratios refer to the first.
    """
    ordered = sorted(runs, key=lambda run: run.seed)  # the bootstrap depends on the order
    rows = [_build_row(strategy, zone, ordered, strategies[0]) for zone in zones for strategy in strategies]
    return SweepSummary(strategies[0].title, tuple(rows))


def sweep_page(summary: SweepSummary, translate: Translator) -> ReportPage:
    """Build the page of a sweep, with a section per zone."""
    zones = list(dict.fromkeys(row.zone for row in summary.rows))
    sections = [
        _zone_section(zone, [row for row in summary.rows if row.zone == zone], index, translate)
        for index, zone in enumerate(zones)
    ]
    basis = ReportSection(
        "basis",
        translate("section.basis"),
        notes=[
            translate("many.ratio", reference=summary.reference),
            translate("many.reached"),
            translate("many.books"),
        ],
    )
    return ReportPage(translate("many.title"), translate("many.lead"), [*sections, basis], translate)


def _validate_inputs(job: SweepJob) -> None:
    from ce_nas.engine.inputs import RunInputs

    RunInputs(_build_settings(job)).validate()


def _build_settings(job: SweepJob) -> Settings:
    strategy, zone, seed, flags = job
    shared = {name: value for name, value in flags.items() if name not in strategy.fixed_flags}
    return settings_from_flags(strategy.settings, **{**shared, "zone": zone, "seed": seed})


def _run_job(job: SweepJob) -> SweepRun:
    from ce_nas.analysis.trajectory import build_trajectory
    from ce_nas.api import Search

    strategy, zone, seed, _ = job
    result = Search.from_settings(_build_settings(job)).run()
    return SweepRun(strategy, zone, seed, result.summary, build_trajectory(result.entries))


def _build_row(strategy: Strategy, zone: str | None, runs: Sequence[SweepRun], reference: Strategy) -> SweepRow:
    own = [run for run in runs if run.strategy == strategy and run.zone == zone]
    references = {run.seed: run for run in runs if run.strategy == reference and run.zone == zone}
    ratios = [_carbon_ratio(run, references[run.seed]) for run in own]
    summaries = [run.summary for run in own]
    shares = [summary.hypervolume_share for summary in summaries if summary.hypervolume_share is not None]
    return SweepRow(
        strategy=strategy.title,
        zone=summaries[0].grid["zone"],
        run_count=len(own),
        carbon_kg=bootstrap_median([summary.carbon_g["full"] for summary in summaries]).scaled(1 / G_PER_KG),
        paper_carbon_kg=bootstrap_median([summary.carbon_g["paper"] for summary in summaries]).scaled(1 / G_PER_KG),
        energy_kwh=bootstrap_median([summary.energy_j for summary in summaries]).scaled(1 / J_PER_KWH),
        hypervolume=bootstrap_median([summary.hypervolume for summary in summaries]),
        hypervolume_share=bootstrap_median(shares) if len(shares) == len(own) else None,
        evaluations=bootstrap_median([summary.evaluations for summary in summaries]),
        carbon_ratio=bootstrap_median(ratios),
        reached_share=sum(ratio > 0 for ratio in ratios) / len(ratios),
    )


def _carbon_ratio(run: SweepRun, reference: SweepRun) -> float:
    """Carbon of the reference to its final hypervolume over that of the run to it; 0 if the run did not reach it."""
    (pair,) = pair_runs([run.trajectory], [reference.trajectory], reference.summary.hypervolume)
    return pair.carbon_ratio if pair.ours and pair.theirs and pair.ours.carbon_g else 0.0


def _zone_section(zone: str, rows: Sequence[SweepRow], index: int, translate: Translator) -> ReportSection:
    full, paper = (f"kg CO2eq, {translate(f'accounting.{name}')}" for name in ("full", "paper"))
    header = (
        translate("many.strategy"),
        translate("many.runs"),
        full,
        paper,
        "kWh",
        translate("hypervolume"),
        translate("trainings"),
        translate("many.times_less"),
        translate("many.reached.head"),
    )
    cells = [
        (
            row.strategy,
            str(row.run_count),
            _format_interval(row.carbon_kg),
            _format_interval(row.paper_carbon_kg),
            _format_interval(row.energy_kwh),
            _format_hypervolume(row),
            _format_interval(row.evaluations),
            _format_interval(row.carbon_ratio),
            format_percentage(row.reached_share),
        )
        for row in rows
    ]
    return ReportSection(
        f"zone-{index}",
        translate("many.zone", zone=zone),
        charts=[_carbon_chart(zone, rows, index, translate)],
        tables=[ReportTable(translate("many.caption"), header, cells, copyable=True)],
    )


def _format_hypervolume(row: SweepRow) -> str:
    """Format the hypervolume, as a share of the maximum if that is known."""
    share = row.hypervolume_share
    return _format_interval(row.hypervolume) if share is None else f"{_format_interval(share.scaled(100))} %"


def _format_interval(interval: Interval) -> str:
    return f"{interval.median:,.4g} [{interval.low:,.4g}, {interval.high:,.4g}]"


def _carbon_chart(zone: str, rows: Sequence[SweepRow], index: int, translate: Translator) -> Chart:
    """Chart the median carbon of each strategy."""
    names = tuple(row.strategy for row in rows)
    tooltips = tuple(f"{row.strategy}: {_format_interval(row.carbon_kg)} kg CO2eq" for row in rows)
    positions = tuple(float(position) for position in range(len(rows)))
    bars = ChartCurve("", "bars", positions, tuple(row.carbon_kg.median for row in rows), BLUE, tooltips=tooltips)
    title = translate("many.grams", zone=zone)
    return Chart(
        f"carbon-{index}",
        title,
        f"{title}: {'; '.join(tooltips)}",
        f"kg CO2eq, {translate('accounting.full')}",
        "",
        (bars,),
        categories=names,
    )
