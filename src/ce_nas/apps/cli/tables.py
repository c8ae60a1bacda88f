"""Results as tables in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ce_nas.core.formatting import format_carbon, format_energy, format_hours
from ce_nas.report.i18n.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.analysis.statistics import Interval
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.experiments.sweep import SweepSummary

__all__ = ["print_summary", "print_sweep", "print_table"]

_ENGLISH = Translator("en")


def print_summary(summary: RunSummary, path: Path | None) -> None:
    """Print the result of a run: the front, the cost, and the path of the report."""
    console = Console(highlight=False)
    console.print(_front_table(summary))
    console.print(_cost_table(summary))
    share = "" if summary.hypervolume_share is None else f" ({summary.hypervolume_share:.2%} of the table's maximum)"
    synthetic = " (synthetic typical year)" if summary.grid["synthetic"] else ""
    console.print(
        f"{_ENGLISH.stop_reason(summary.stop)} {summary.simulated_hours:.1f} h on {summary.gpus} GPUs in zone "
        f"{summary.grid['zone']}{synthetic}: {summary.evaluations:,} full trainings"
        f"{_ENGLISH.format_unique_functions(summary.evaluations, summary.unique_functions)}, "
        f"{summary.samples:,} architectures scored, hypervolume {summary.hypervolume:,.6g}{share}."
    )
    if notes := summary.grid.get("notes"):
        console.print(_ENGLISH("basis.grid_notes", notes="; ".join(notes)), markup=False)
    if ranking := summary.proxy_ranking:
        console.print(
            f"Proxy scores rank the {ranking.trainings:,} trainings that were also scored by {ranking.objective} "
            f"with Kendall's tau {ranking.tau:.2f} [{ranking.low:.2f}, {ranking.high:.2f}]."
        )
    if summary.cost:
        console.print(f"Cost: {summary.cost:,.2f} in the currency of your prices.")
    if path:
        console.print(f"Report: {path / 'report.html'}", soft_wrap=True)


def print_sweep(sweep: SweepSummary) -> None:
    """Print one row per strategy and zone: medians over the seeds with 95 % bootstrap intervals."""
    table = Table(title="Medians over seeds [95 % bootstrap interval]", title_justify="left")
    for heading in (
        "zone",
        "strategy",
        "CO2eq kg",
        "paper's accounting kg",
        "hypervolume",
        "trainings",
        "carbon ratio",
        "reached",
    ):
        table.add_column(heading, justify="left" if heading in {"zone", "strategy"} else "right")
    for index, row in enumerate(sweep.rows):
        if index and row.zone != sweep.rows[index - 1].zone:
            table.add_section()
        hypervolume = row.hypervolume_share.scaled(100) if row.hypervolume_share else row.hypervolume
        table.add_row(
            row.zone,
            row.strategy,
            _format_interval(row.carbon_kg),
            _format_interval(row.paper_carbon_kg),
            _format_interval(hypervolume, " %" if row.hypervolume_share else ""),
            _format_interval(row.evaluations),
            _format_interval(row.carbon_ratio),
            f"{row.reached_share:.0%}",
        )
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    console.print(table)
    console.print(
        f"CO2eq: full accounting. Carbon ratio: carbon of {sweep.reference} to its own final hypervolume, divided by "
        "that of the strategy to the same hypervolume; 0 if it was not reached. Reached: share of the seeds."
    )


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of texts: the first column left-aligned, the others right-aligned."""
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, width=None if Console().is_terminal else 160).print(table)


def _front_table(summary: RunSummary) -> Table:
    table = Table(
        title=f"{summary.benchmark['name']}: {len(summary.front)} architectures on the front"
        f"{_ENGLISH.format_unique_functions(len(summary.front), summary.unique_front_functions)}",
        title_justify="left",
    )
    table.add_column("architecture", overflow="fold")
    for objective in summary.objectives:
        table.add_column(f"{objective['name']} {objective['unit']}".strip(), justify="right")
    for member in summary.front[:10]:
        table.add_row(member.architecture, *(f"{value:,.5g}" for value in member.objectives.values()))
    if len(summary.front) > 10:
        table.add_row(f"... and {len(summary.front) - 10} more", *("" for _ in summary.objectives))
    return table


def _cost_table(summary: RunSummary) -> Table:
    table = Table(title=f"Cost of {summary.policy} with {summary.searcher}, seed {summary.seed}", title_justify="left")
    table.add_column("activity")
    for heading in ("GPU-hours", "energy", "CO2eq"):
        table.add_column(heading, justify="right")
    total_h = sum(summary.device_hours_by_activity.values())
    for name, carbon_g in summary.carbon_g_by_activity.items():
        hours, energy_j = summary.device_hours_by_activity[name], summary.energy_j_by_activity[name]
        table.add_row(name, format_hours(hours, total_h), format_energy(energy_j), format_carbon(carbon_g))
    table.add_section()
    table.add_row(
        "full accounting",
        format_hours(total_h, total_h),
        format_energy(summary.energy_j),
        format_carbon(summary.carbon_g["full"]),
    )
    table.add_row("paper's accounting", "", "", format_carbon(summary.carbon_g["paper"]))
    return table


def _format_interval(interval: Interval, unit: str = "") -> str:
    return f"{interval.median:,.4g}{unit} [{interval.low:,.4g}, {interval.high:,.4g}]"
