"""The view of a run in a terminal: its journal so far, fitted to the width."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ce_nas.analysis.front_choice import recommend
from ce_nas.analysis.summary import budget_usage, run_header, summarise, summarise_failures
from ce_nas.apps.cli.display import ROLE_STYLES
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.report.clock_labels import label_grid_time
from ce_nas.report.plotting.sparkline import progress_bar, sparkline
from ce_nas.report.run_report import BUDGET_FORMATTERS, budget_label
from ce_nas.report.sample_counts import describe_samples
from ce_nas.store.journal import has_ended
from ce_nas.store.resumption import find_resumption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.journal import JournalEntry

__all__ = ["render_run"]

#: recent periods over which rates are computed
RATE_PERIODS = 12
#: smallest plotted share of the hypervolume that is missing to the maximum
MIN_MISSING_SHARE = 1e-4
#: width of a bar in a wide terminal, columns
BAR_WIDTH = 20
#: periods of the forecast that are plotted
MAX_FORECAST_PERIODS = 24


def render_run(
    entries: Sequence[JournalEntry], translate: Translator, *, run: Path, width: int, is_locked: bool | None = None
) -> RenderableType:
    """Render the journal of a run so far.

    :param width: columns of the terminal.
    :param is_locked: whether a process holds the run's folder; None: unknown.
    """
    if not entries:
        return Text(translate("watch.nothing"))
    summary, settings = summarise(entries), run_header(entries)["settings"]
    periods = [{**entry.content, "now_s": entry.at_s} for entry in entries if entry.kind == "period"]
    labels = _RowLabels(translate, width)
    rows = [
        *_budget_rows(summary, settings["budget"], labels),
        *_result_rows(entries, summary, labels),
        *_plot_rows(entries, periods, summary, labels),
        *([] if is_locked is False else _budget_end_rows(entries, periods, summary, settings, labels)),
    ]
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, value)
    return Group(_render_title(summary, _describe_state(entries, run, is_locked, translate), run, translate), table)


class _RowLabels:
    """Labels of the first column, and the width of the second."""

    def __init__(self, translate: Translator, width: int) -> None:
        self.translate = translate
        names = ("watch.evaluating", "watch.hypervolume", "watch.sampling", "watch.now", "watch.end")
        self.value_width = max(width - max(cell_len(translate(name)) for name in names) - 2, 12)

    def __call__(self, name: str) -> str:
        return self.translate(f"watch.{name}")


def _describe_state(entries: Sequence[JournalEntry], run: Path, is_locked: bool | None, translate: Translator) -> str:  # noqa: FBT001 - yes, no or unknown
    """Whether an unfinished run is running, and how it is resumed if not."""
    if is_locked is not False:
        return translate("watch.running" if is_locked else "watch.unended")
    resumption = find_resumption(run, run_header(entries))
    return translate(f"watch.idle.{resumption.kind}", call=resumption.call)


def _render_title(summary: RunSummary, state: str, run: Path, translate: Translator) -> Text:
    grid = summary.grid["zone"] + (f" ({translate('synthetic')})" if summary.grid["synthetic"] else "")
    title = Text(run.name, style="bold")
    seed = translate("watch.seed", seed=summary.seed)
    title.append(f"  {summary.policy} + {summary.searcher}, {grid}, {seed}: ", style="not bold")
    text = state if summary.stop == "unfinished" else translate.stop_reason(summary.stop)
    return title.append(text, style="bold")


def _budget_rows(
    summary: RunSummary, budget: dict[str, Any], labels: _RowLabels
) -> Iterator[tuple[str, RenderableType]]:
    """Carbon, energy, and a bar for each budget with a limit."""
    translate = labels.translate
    for name, (used, limit) in budget_usage(summary, budget).items():
        if limit is None and name not in {"carbon", "energy"}:
            continue
        format_amount = BUDGET_FORMATTERS[name]
        text = Text(format_amount(used) + (" CO2eq" if name == "carbon" else ""))
        if limit is not None:
            share = min(used / limit, 1.0)
            bar = f"{progress_bar(share, min(BAR_WIDTH, labels.value_width // 2))}▏"
            text = Text(bar, style="green" if share < 1 else "yellow")
            usage = translate("watch.of", used=format_amount(used), limit=format_amount(limit))
            text.append(f" {usage}", style="default")
        if name == "carbon":
            text.append(f" ({translate('accounting.' + budget['accounting'])})", style="dim")
        yield budget_label(name, summary, translate), text


def _result_rows(
    entries: Sequence[JournalEntry], summary: RunSummary, labels: _RowLabels
) -> Iterator[tuple[str, RenderableType]]:
    translate = labels.translate
    share = "" if summary.hypervolume_share is None else f" ({format_percentage(summary.hypervolume_share, 2)})"
    text = translate(
        "watch.found.text", hypervolume=f"{summary.hypervolume:,.5g}", share=share,
        samples=describe_samples(summary, translate, "short"),
        trainings=f"{summary.evaluations:,}",
    )  # fmt: skip
    yield labels("found"), text
    if recommendation := recommend(summary):
        member = recommendation.member
        values = translate.join(
            f"{objective['name']} {member.objectives[objective['name']]:,.5g} {objective['unit']}".strip()
            for objective in summary.objectives
        )
        yield labels("best"), Text(f"{values}  ").append(member.architecture, style="dim")
    if failures := summarise_failures(entries):
        text = translate("watch.failed.text", count=failures.count, detail=failures.last_detail)
        yield labels("failed"), Text(text, style="red")


def _plot_rows(
    entries: Sequence[JournalEntry], periods: Sequence[dict[str, Any]], summary: RunSummary, labels: _RowLabels
) -> Iterator[tuple[str, RenderableType]]:
    """The current allocation, and over time: the grid with its forecast, the GPUs, and the hypervolume."""
    allocation, is_over = _current_allocation(entries), has_ended(entries)
    if allocation and not is_over:
        yield labels("now"), _render_allocation(allocation, labels)
    known = [period for period in periods if period["intensity_g_per_kwh"] is not None]
    if not known:
        return
    forecast = [] if is_over else _forecast_intensities(entries)[: labels.value_width // 3]
    shown = known[-(labels.value_width - len(forecast) - bool(forecast)) :]
    yield from _grid_rows(shown, forecast, labels, is_over=is_over)
    yield from _allocation_rows(shown, labels)
    yield from _hypervolume_rows(shown, run_header(entries)["hypervolume_max"], summary, labels)


def _forecast_intensities(entries: Sequence[JournalEntry]) -> list[float]:
    """The forecast of the last decision, g CO2eq/kWh."""
    decision = next((entry.content for entry in reversed(entries) if entry.kind == "decided"), None)
    return list(decision["ahead_g_per_kwh"])[:MAX_FORECAST_PERIODS] if decision else []


def _grid_rows(
    periods: Sequence[dict[str, Any]], forecast: Sequence[float], labels: _RowLabels, *, is_over: bool
) -> Iterator[tuple[str, RenderableType]]:
    """The true intensity, and the forecast."""
    true = [period["intensity_g_per_kwh"] for period in periods]
    low, high = min(*true, *forecast, math.inf), max(*true, *forecast, -math.inf)
    line = Text(sparkline(true, low, high))
    if forecast:
        line.append("│", style="dim").append(sparkline(forecast, low, high), style="yellow")
    yield labels("grid"), line
    key = "watch.grid.ahead" if forecast else "watch.grid.ended" if is_over else "watch.grid.text"
    yield "", Text(labels.translate(key, now=f"{true[-1]:.0f}", low=f"{low:.0f}", high=f"{high:.0f}"), style="dim")


def _allocation_rows(periods: Sequence[dict[str, Any]], labels: _RowLabels) -> Iterator[tuple[str, RenderableType]]:
    """The numbers of evaluating and sampling GPUs."""
    for role in ("evaluating", "sampling"):
        counts = [float(period["allocation"][role]) for period in periods]
        symbols = sparkline(counts, 0.0, float(sum(periods[-1]["allocation"].values())))
        line = "".join(symbol if count else " " for symbol, count in zip(symbols, counts, strict=True))
        yield labels(role), Text(line, style=ROLE_STYLES[role][0])


def _hypervolume_rows(
    periods: Sequence[dict[str, Any]], hypervolume_max: float | None, summary: RunSummary, labels: _RowLabels
) -> Iterator[tuple[str, RenderableType]]:
    """The hypervolume, and the hours below all plots."""
    heights = [_plot_height(period["hypervolume"], hypervolume_max) for period in periods]
    yield labels("hypervolume"), Text(sparkline(heights, min(heights), max(heights)), style="blue")
    hours = labels.translate(
        "watch.hours.log" if hypervolume_max else "watch.hours",
        first=f"{periods[0]['start_s'] / HOUR_S:.0f}",
        last=f"{periods[-1]['now_s'] / HOUR_S:.0f}",
    )
    yield "", Text(label_grid_time(hours, summary, labels.translate), style="dim")


def _plot_height(hypervolume: float, hypervolume_max: float | None) -> float:
    """The plotted height of a hypervolume: the negative logarithm of the share missing to the maximum, if known."""
    if not hypervolume_max:
        return hypervolume
    return -math.log10(max(1.0 - hypervolume / hypervolume_max, MIN_MISSING_SHARE))


def _current_allocation(entries: Sequence[JournalEntry]) -> dict[str, int]:
    """The allocation of the last decision or change; empty before the first."""
    last = next((entry for entry in reversed(entries) if entry.kind in {"decided", "allocated", "period"}), None)
    return dict(last.content["allocation"]) if last else {}


def _render_allocation(allocation: dict[str, int], labels: _RowLabels) -> Text:
    """One symbol per GPU, if they fit, and the counts."""
    text = Text()
    if sum(allocation.values()) <= labels.value_width:
        for role, (colour, symbol) in ROLE_STYLES.items():
            text.append(symbol * allocation[role], style=colour)
        text.append("  ")
    counts = (f"{count} {labels.translate(role)}" for role, count in allocation.items() if count)
    return text.append(labels.translate.join(counts))


def _budget_end_rows(
    entries: Sequence[JournalEntry],
    periods: Sequence[dict[str, Any]],
    summary: RunSummary,
    settings: dict[str, Any],
    labels: _RowLabels,
) -> Iterator[tuple[str, RenderableType]]:
    """The budget that will be used up first at the recent rate, and when."""
    if has_ended(entries) or not periods:
        return
    budget = settings["budget"]
    hours_left = {
        name: _hours_left(name, used, limit, periods, budget["accounting"])
        for name, (used, limit) in budget_usage(summary, budget).items()
    }
    name, hours = min(hours_left.items(), key=lambda pair: pair[1])
    translate, live, real = labels.translate, settings["live"], ""
    if live["enabled"]:
        real = translate("watch.real", minutes=f"{60.0 * hours / live['time_scale']:,.0f}")
    yield labels("end"), translate("watch.eta", budget=translate(f"budget.{name}"), hours=f"{hours:,.1f}", real=real)


def _hours_left(
    name: str, used: float, limit: float | None, periods: Sequence[dict[str, Any]], accounting: str
) -> float:
    """Hours of the run until a budget is used up at the rate of the last periods; inf if it never is."""
    if limit is None or name == "target":
        return math.inf
    remaining = max(limit - used, 0.0)
    if name == "time":
        return remaining / HOUR_S
    recent = periods[-RATE_PERIODS:]
    hours = (recent[-1]["now_s"] - recent[0]["start_s"]) / HOUR_S
    recently_used = _used_recently(name, recent, periods, accounting)
    return remaining / (recently_used / hours) if recently_used > 0 and hours > 0 else math.inf


def _used_recently(
    name: str, recent: Sequence[dict[str, Any]], periods: Sequence[dict[str, Any]], accounting: str
) -> float:
    """The amount of a budget that the recent periods used."""
    if name == "evaluations":
        before = periods[-len(recent) - 1]["evaluations"] if len(periods) > len(recent) else 0
        return float(recent[-1]["evaluations"] - before)
    amounts: dict[str, Callable[[dict[str, Any]], float]] = {
        "carbon": lambda period: (
            period["paper_carbon_g"] if accounting == "paper" else sum(period["carbon_g"].values())
        ),
        "energy": lambda period: sum(period["energy_j"].values()),
        "cost": lambda period: period["cost"],
        "gpu_hours": lambda period: sum(period["device_s"].values()) / HOUR_S,
    }
    return sum(amounts[name](period) for period in recent)
