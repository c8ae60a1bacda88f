"""Results as tables in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ce_nas.core.units import as_carbon, as_energy, as_hours
from ce_nas.report.markdown import same_functions, stop_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.analysis.statistics import Interval
    from ce_nas.analysis.summary import Summary
    from ce_nas.experiments.compare import Comparison

__all__ = ["print_comparison", "print_summary", "print_table"]


def print_summary(summary: Summary, path: Path | None) -> None:
    """The result of a run: the front, the cost, and where the rest is."""
    console = Console(highlight=False)
    console.print(_front_table(summary))
    console.print(_cost_table(summary))
    share = "" if summary.hypervolume_share is None else f" ({summary.hypervolume_share:.2%} of the table's maximum)"
    synthetic = " (synthetic typical year)" if summary.grid["synthetic"] else ""
    console.print(
        f"{stop_sentence(summary.stop)} {summary.simulated_hours:.1f} h on {summary.gpus} GPUs in zone "
        f"{summary.grid['zone']}{synthetic}: {summary.evaluations:,} full trainings"
        f"{same_functions(summary.evaluations, summary.functions)}, {summary.samples:,} architectures "
        f"scored cheaply, hypervolume {summary.hypervolume:,.6g}{share}."
    )
    if found := summary.cheap_ranking:
        console.print(
            f"The cheap scores order the {found.trainings:,} trainings that were scored too by {found.objective} "
            f"with Kendall's tau {found.tau:.2f} [{found.low:.2f}, {found.high:.2f}]."
        )
    if summary.cost:
        console.print(f"Money: {summary.cost:,.2f} in the currency of your prices.")
    if path:
        console.print(f"Report: {path / 'report.html'}", soft_wrap=True)


def print_comparison(comparison: Comparison) -> None:
    """A row a strategy and zone: medians over the seeds with 95 % bootstrap intervals."""
    table = Table(title="Medians over seeds [95 % bootstrap interval]", title_justify="left")
    for head in (
        "zone",
        "strategy",
        "CO2eq kg",
        "paper's book kg",
        "hypervolume",
        "trainings",
        "times less",
        "reached",
    ):
        table.add_column(head, justify="left" if head in {"zone", "strategy"} else "right")
    for at, row in enumerate(comparison.rows):
        if at and row.zone != comparison.rows[at - 1].zone:
            table.add_section()
        found = row.hypervolume_share.scaled(100) if row.hypervolume_share else row.hypervolume
        table.add_row(
            row.zone,
            row.strategy,
            _interval(row.carbon_kg),
            _interval(row.paper_carbon_kg),
            _interval(found, " %" if row.hypervolume_share else ""),
            _interval(row.evaluations),
            _interval(row.carbon_ratio),
            f"{row.reached:.0%}",
        )
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    console.print(table)
    console.print(
        f"CO2eq: full book. Times less: grams of {comparison.reference} to its own final hypervolume, per gram of the "
        "strategy to the same hypervolume; 0 where it was not reached. Reached: share of the seeds that reached it."
    )


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of texts, the first column to the left and the others to the right."""
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, width=None if Console().is_terminal else 160).print(table)


def _front_table(summary: Summary) -> Table:
    table = Table(
        title=f"{summary.benchmark['name']}: {len(summary.front)} architectures on the front"
        f"{same_functions(len(summary.front), summary.front_functions)}",
        title_justify="left",
    )
    table.add_column("architecture", overflow="fold")
    for item in summary.objectives:
        table.add_column(f"{item['name']} {item['unit']}".strip(), justify="right")
    for member in summary.front[:10]:
        table.add_row(member.architecture, *(f"{value:,.5g}" for value in member.objectives.values()))
    if len(summary.front) > 10:
        table.add_row(f"... and {len(summary.front) - 10} more", *("" for _ in summary.objectives))
    return table


def _cost_table(summary: Summary) -> Table:
    table = Table(title=f"Cost of {summary.policy} with {summary.searcher}, seed {summary.seed}", title_justify="left")
    table.add_column("activity")
    for head in ("GPU-hours", "energy", "CO2eq"):
        table.add_column(head, justify="right")
    total_h = sum(summary.device_hours_by_activity.values())
    for name, carbon_g in summary.carbon_g_by_activity.items():
        hours, energy_j = summary.device_hours_by_activity[name], summary.energy_j_by_activity[name]
        table.add_row(name, as_hours(hours, total_h), as_energy(energy_j), as_carbon(carbon_g))
    table.add_section()
    table.add_row(
        "full book", as_hours(total_h, total_h), as_energy(summary.energy_j), as_carbon(summary.carbon_g["full"])
    )
    table.add_row("paper's book", "", "", as_carbon(summary.carbon_g["paper"]))
    return table


def _interval(interval: Interval, unit: str = "") -> str:
    return f"{interval.median:,.4g}{unit} [{interval.low:,.4g}, {interval.high:,.4g}]"
