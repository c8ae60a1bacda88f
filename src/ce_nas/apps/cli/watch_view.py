"""A run in a terminal: what is on record of it, in as many columns as there are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ce_nas.analysis.recommend import pick
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.core.units import HOUR_S
from ce_nas.report.plotting.sparkline import meter, sparkline
from ce_nas.report.run_sections import SHOWN, used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from ce_nas.analysis.summary import Summary
    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = ["run_view"]

#: colour and sign of a GPU that does this
ROLES = {
    "evaluating": ("green", "█"),
    "sampling": ("cyan", "▓"),
    "idle": ("bright_black", "░"),
    "released": ("bright_black", "·"),
}
#: periods over which a rate is taken
RATE_PERIODS = 12
#: share of the largest hypervolume below which what is missing looks alike
LEAST_MISSING = 1e-4
#: columns of a bar, where there is room
BAR = 20
#: coming periods of the forecast that are shown at most
AHEAD = 24


def run_view(
    entries: Sequence[Entry], words: Words, *, run: Path, width: int, held: bool | None = None
) -> RenderableType:
    """What is on record of a run.

    :param width: columns of the terminal.
    :param held: whether a process is at the run; None: not known.
    """
    if not entries:
        return Text(words("watch.nothing"))
    summary, begun = summarise(entries), beginning(entries)
    periods = [{**entry.content, "now_s": entry.at_s} for entry in entries if entry.kind == "period"]
    labels = _Labels(words, width)
    rows = [
        *_budget_rows(summary, begun["settings"]["budget"], labels),
        *_found_rows(entries, summary, labels),
        *_plots(entries, periods, labels),
        *([] if held is False else _end_rows(entries, periods, summary, begun["settings"], labels)),
    ]
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, shown in rows:
        table.add_row(label, shown)
    return Group(_title(summary, run, held, words), table)


class _Labels:
    """Words for the first column, and how many columns that leaves."""

    def __init__(self, words: Words, width: int) -> None:
        self.words = words
        names = ("watch.evaluating", "watch.hypervolume", "watch.sampling", "watch.now", "watch.end")
        self.room = max(width - max(cell_len(words(name)) for name in names) - 2, 12)

    def __call__(self, name: str) -> str:
        return self.words(f"watch.{name}")


def _title(summary: Summary, run: Path, held: bool | None, words: Words) -> Text:  # noqa: FBT001 - yes, no, not known
    grid = summary.grid["zone"] + (f" ({words('synthetic')})" if summary.grid["synthetic"] else "")
    title = Text(run.name, style="bold")
    seed = words("watch.seed", seed=summary.seed)
    title.append(f"  {summary.policy} + {summary.searcher}, {grid}, {seed}: ", style="not bold")
    if summary.stop != "unfinished":
        return title.append(words.stop(summary.stop), style="bold")
    state = {True: "running", False: "idle", None: "unended"}[held]
    return title.append(words(f"watch.{state}", **({"run": run} if state == "idle" else {})), style="bold")


def _budget_rows(summary: Summary, stated: dict[str, Any], labels: _Labels) -> Iterator[tuple[str, RenderableType]]:
    """Carbon and energy always, and a bar for each budget that was set."""
    words = labels.words
    for name, (spent, limit) in used(summary, stated).items():
        if limit is None and name not in {"carbon", "energy"}:
            continue
        shown = SHOWN[name]
        text = Text(shown(spent) + (" CO2eq" if name == "carbon" else ""))
        if limit is not None:
            told = words("watch.of", used=shown(spent), limit=shown(limit))
            share = min(spent / limit, 1.0)
            text = Text(f"{meter(share, min(BAR, labels.room // 2))}▏", style="green" if share < 1 else "yellow")
            text.append(f" {told}", style="default")
        if name == "carbon":
            text.append(f" ({words('book.' + stated['book'])})", style="dim")
        yield words(f"budget.{name}"), text


def _found_rows(entries: Sequence[Entry], summary: Summary, labels: _Labels) -> Iterator[tuple[str, RenderableType]]:
    words = labels.words
    share = "" if summary.hypervolume_share is None else f" ({summary.hypervolume_share:.2%})"
    text = words(
        "watch.found.text", hypervolume=f"{summary.hypervolume:,.5g}", share=share, samples=f"{summary.samples:,}",
        trainings=f"{summary.evaluations:,}",
    )  # fmt: skip
    yield labels("found"), text
    if chosen := pick(summary):
        values = words.listed(
            f"{item['name']} {chosen.member.objectives[item['name']]:,.5g} {item['unit']}".strip()
            for item in summary.objectives
        )
        yield labels("best"), Text(f"{values}  ").append(chosen.member.architecture, style="dim")
    failures = [entry.content for entry in entries if entry.kind == "failed"]
    if failures:
        last = str(failures[-1]["words"] or failures[-1]["failure"])
        yield labels("failed"), Text(labels.words("watch.failed.text", count=len(failures), words=last), style="red")


def _plots(
    entries: Sequence[Entry], periods: Sequence[dict[str, Any]], labels: _Labels
) -> Iterator[tuple[str, RenderableType]]:
    """The GPUs now and over the hours, the grid with its forecast, and the hypervolume."""
    division, ended = _division(entries), entries[-1].kind == "ended"
    if division and not ended:
        yield labels("now"), _roles(division, labels)
    lived = [period for period in periods if period["intensity_g_per_kwh"] is not None]
    if not lived:
        return
    ahead = [] if ended else _ahead(entries)[: labels.room // 3]
    shown = lived[-(labels.room - len(ahead) - bool(ahead)) :]
    yield from _grid(shown, ahead, labels, ended=ended)
    yield from _work(shown, labels)
    yield from _found(shown, beginning(entries)["hypervolume_max"], labels)


def _ahead(entries: Sequence[Entry]) -> list[float]:
    """The intensities that the last decision expected, g CO2eq/kWh."""
    decided = next((entry.content for entry in reversed(entries) if entry.kind == "decided"), None)
    return list(decided["ahead_g_per_kwh"])[:AHEAD] if decided else []


def _grid(
    shown: Sequence[dict[str, Any]], ahead: Sequence[float], labels: _Labels, *, ended: bool
) -> Iterator[tuple[str, RenderableType]]:
    """The grid as it was, and as it is expected."""
    true = [period["intensity_g_per_kwh"] for period in shown]
    low, high = min(*true, *ahead, math.inf), max(*true, *ahead, -math.inf)
    line = Text(sparkline(true, low, high))
    if ahead:
        line.append("│", style="dim").append(sparkline(ahead, low, high), style="yellow")
    yield labels("grid"), line
    key = "watch.grid.ahead" if ahead else "watch.grid.ended" if ended else "watch.grid.text"
    yield "", Text(labels.words(key, now=f"{true[-1]:.0f}", low=f"{low:.0f}", high=f"{high:.0f}"), style="dim")


def _work(shown: Sequence[dict[str, Any]], labels: _Labels) -> Iterator[tuple[str, RenderableType]]:
    """How many GPUs evaluated and sampled."""
    for role in ("evaluating", "sampling"):
        counts = [float(period["allocation"][role]) for period in shown]
        signs = sparkline(counts, 0.0, float(sum(shown[-1]["allocation"].values())))
        drawn = "".join(sign if count else " " for sign, count in zip(signs, counts, strict=True))
        yield labels(role), Text(drawn, style=ROLES[role][0])


def _found(shown: Sequence[dict[str, Any]], top: float | None, labels: _Labels) -> Iterator[tuple[str, RenderableType]]:
    """The hypervolume, and the hours under all of the plots."""
    found = [_height(period["hypervolume"], top) for period in shown]
    yield labels("hypervolume"), Text(sparkline(found, min(found), max(found)), style="blue")
    hours = labels.words(
        "watch.hours.log" if top else "watch.hours",
        first=f"{shown[0]['start_s'] / HOUR_S:.0f}",
        last=f"{shown[-1]['now_s'] / HOUR_S:.0f}",
    )
    yield "", Text(hours, style="dim")


def _height(hypervolume: float, top: float | None) -> float:
    """A hypervolume as it is drawn: by how little is missing, logarithmic, where the most that there is is known."""
    return hypervolume if not top else -math.log10(max(1.0 - hypervolume / top, LEAST_MISSING))


def _division(entries: Sequence[Entry]) -> dict[str, int]:
    """What the GPUs do, by the last decision or change; nothing before the first."""
    last = next((entry for entry in reversed(entries) if entry.kind in {"decided", "divided", "period"}), None)
    return dict(last.content["allocation"]) if last else {}


def _roles(division: dict[str, int], labels: _Labels) -> Text:
    """A sign a GPU, if there is room, and the counts in words."""
    text = Text()
    if sum(division.values()) <= labels.room:
        for role, (colour, sign) in ROLES.items():
            text.append(sign * division[role], style=colour)
        text.append("  ")
    told = (f"{count} {labels.words(role)}" for role, count in division.items() if count)
    return text.append(labels.words.listed(told))


def _end_rows(
    entries: Sequence[Entry],
    periods: Sequence[dict[str, Any]],
    summary: Summary,
    settings: dict[str, Any],
    labels: _Labels,
) -> Iterator[tuple[str, RenderableType]]:
    """Which budget will be used up first at the rate of late, and when."""
    if entries[-1].kind == "ended" or not periods:
        return
    budget = settings["budget"]
    left = {name: _hours_left(name, *pair, periods, budget["book"]) for name, pair in used(summary, budget).items()}
    name = min(left, key=lambda one: left[one])
    live = settings["live"]
    minutes = f"{60.0 * left[name] / live['time_scale']:,.0f}" if live["on"] else ""
    real = labels.words("watch.real", minutes=minutes) if minutes else ""
    told = labels.words(f"budget.{name}")
    yield labels("end"), labels.words("watch.eta", budget=told, hours=f"{left[name]:,.1f}", real=real)


def _hours_left(name: str, spent: float, limit: float | None, periods: Sequence[dict[str, Any]], book: str) -> float:
    """Hours of the run until a budget is used up, at the rate of the last periods; infinite if it never is."""
    if limit is None or name == "target":
        return math.inf
    left = max(limit - spent, 0.0)
    if name == "time":
        return left / HOUR_S
    late = periods[-RATE_PERIODS:]
    hours = (late[-1]["now_s"] - late[0]["start_s"]) / HOUR_S
    lately = _spent_in(name, late, periods, book)
    return left / (lately / hours) if lately > 0 and hours > 0 else math.inf


def _spent_in(name: str, late: Sequence[dict[str, Any]], periods: Sequence[dict[str, Any]], book: str) -> float:
    """What the last periods took of a budget."""
    if name == "evaluations":
        before = periods[-len(late) - 1]["evaluations"] if len(periods) > len(late) else 0
        return float(late[-1]["evaluations"] - before)
    amounts: dict[str, Callable[[dict[str, Any]], float]] = {
        "carbon": lambda one: one["paper_carbon_g"] if book == "paper" else sum(one["carbon_g"].values()),
        "energy": lambda one: sum(one["energy_j"].values()),
        "cost": lambda one: one["cost"],
        "gpu_hours": lambda one: sum(one["device_s"].values()) / HOUR_S,
    }
    return sum(amounts[name](one) for one in late)
