"""A run's report as Markdown: what it cost, what it found, and what all of it is based on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.records import Stop
from ce_nas.core.units import as_carbon, as_duration, as_energy
from ce_nas.report.summary import beginning, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ce_nas.report.summary import Summary
    from ce_nas.store.journal import Entry

__all__ = ["markdown", "same_functions", "stop_sentence", "table_lines"]


def markdown(entries: Sequence[Entry]) -> str:
    """The report of a journal, of a run that has ended or of what there is of it."""
    summary, begun = summarise(entries), beginning(entries)
    parts = [
        f"# {summary.benchmark['name']}: {summary.policy} with {summary.searcher}, seed {summary.seed}",
        _opening(summary, begun["start"]),
        "## Cost",
        _cost(summary),
        "## Answer",
        _answer(summary),
        "## Hours",
        _hours(entries),
        "## What this is based on",
        _basis(summary, begun["power"], begun["settings"]["cluster"]["pue"]),
    ]
    return "\n\n".join(parts) + "\n"


def stop_sentence(stop: str) -> str:
    """Why a run ended, for people."""
    return str(Stop[stop.upper()]) if stop.upper() in Stop.__members__ else "The run has not ended."


def same_functions(architectures: int, functions: int) -> str:
    """How many different functions so many architectures compute, in brackets; nothing where each has its own."""
    return "" if functions == architectures else f" ({functions:,} different functions)"


def _opening(summary: Summary, start: str) -> str:
    share = "" if summary.hypervolume_share is None else f", {summary.hypervolume_share:.2%} of the table's maximum"
    return (
        f"From {start[:16].replace('T', ' ')} UTC, {summary.simulated_hours:.1f} h on {summary.gpus} "
        f"GPUs. {stop_sentence(summary.stop)} {summary.evaluations:,} full trainings"
        f"{same_functions(summary.evaluations, summary.functions)}, {summary.samples:,} "
        f"architectures scored cheaply. Hypervolume {summary.hypervolume:,.6g}{share}."
    )


def _cost(summary: Summary) -> str:
    rows = [
        (
            name,
            f"{summary.device_hours_by_activity[name]:,.1f}",
            as_energy(summary.energy_j_by_activity[name]),
            as_carbon(carbon_g),
        )
        for name, carbon_g in summary.carbon_g_by_activity.items()
    ]
    total_h = sum(summary.device_hours_by_activity.values())
    rows.append(("**all**", f"{total_h:,.1f}", as_energy(summary.energy_j), as_carbon(summary.carbon_g["full"])))
    cost = f" Money: {summary.cost:,.2f}." if summary.cost else ""
    return (
        table_lines(("activity", "GPU-hours", "energy with PUE", "CO2eq"), rows)
        + "\n\nFull book: every activity of every GPU held, times PUE, with the grid's true intensity of each moment; "
        + "a GPU that is released, to others or off, is not held. "
        + f"By the paper's book (1 kW a training GPU, nothing else): {as_carbon(summary.carbon_g['paper'])}.{cost}"
    )


def _answer(summary: Summary) -> str:
    names = [f"{item['name']} [{item['unit']}]" if item["unit"] else item["name"] for item in summary.objectives]
    rows = [
        (f"`{item.architecture}`", *(f"{value:,.6g}" for value in item.objectives.values())) for item in summary.front
    ]
    same = same_functions(len(summary.front), summary.front_functions)
    title = f"{len(summary.front)} evaluated architectures{same} that no other one beats in everything:\n\n"
    return title + table_lines(("architecture", *names), rows) if rows else "No training was finished."


def _hours(entries: Sequence[Entry]) -> str:
    decisions = [entry.content for entry in entries if entry.kind == "decided"]
    periods = [entry.content for entry in entries if entry.kind == "period"]
    rows = [
        (
            as_duration(period["start_s"]),
            "" if period["intensity_g_per_kwh"] is None else f"{period['intensity_g_per_kwh']:.0f}",
            "" if decision["forecast_g_per_kwh"] is None else f"{decision['forecast_g_per_kwh']:.0f}",
            *(str(period["allocation"][name]) for name in ("evaluating", "sampling", "idle", "released")),
            as_carbon(sum(period["carbon_g"].values())),
            f"{period['evaluations']:,}",
            f"{period['hypervolume']:,.6g}",
        )
        for decision, period in zip(decisions, periods, strict=False)
    ]
    head = (
        "from",
        "grid g/kWh",
        "forecast",
        "evaluating",
        "sampling",
        "idle",
        "released",
        "CO2eq",
        "trainings so far",
        "hypervolume",
    )
    return table_lines(head, rows)


def _basis(summary: Summary, power: str, pue: float) -> str:
    grid, benchmark = summary.grid, summary.benchmark
    sources = ", ".join(f"{as_energy(energy_j)} {name}" for name, energy_j in summary.energy_j_by_source.items())
    references = ", ".join(f"{item['name']} {item['reference']:g} {item['unit']}" for item in summary.objectives)
    lines = [
        _grid_line(grid),
        f"Forecaster: {summary.forecaster} ({summary.forecaster_reason}).",
        "Decisions see the past and its forecast, the books the true intensity.",
        f"Benchmark: {benchmark['name']}, {benchmark['architectures']:,} architectures, from {benchmark['origin']}.",
        *benchmark["notes"],
        f"Cheap scores: {benchmark['cheap_scores']}.",
        f"Hypervolume against the reference {references}.",
        f"Power: {power}; PUE {pue:g}.",
        f"Energy by source: {sources or 'none'}; {summary.energy_coverage:.1%} of the time observed.",
        f"ce-nas {summary.version}, seed {summary.seed}, journal sha256 `{summary.journal_sha256}`.",
    ]
    return "\n".join(f"- {line.strip()}" for line in lines)


def _grid_line(grid: Mapping[str, Any]) -> str:
    """The grid, and what a reader must know before believing a saving on it."""
    line = (
        f"Grid: zone {grid['zone']}, {grid['origin']}; {grid['factors']} factors, {grid['signal']} signal, "
        f"steps of {as_duration(grid['step_s'])}, {grid['duplicates']} duplicate rows dropped."
    )
    if grid["synthetic"]:
        line += (
            " **It is synthetic**: a typical year made after the statistics of a real grid. Its days swing 5 to 19 % "
            "wider than the real ones, so that better hours look a little better than they are."
        )
    if grid["gaps"]:
        line += f" It has {len(grid['gaps'])} gaps, none of them touched: {'; '.join(grid['gaps'][:5])}."
    return line


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
