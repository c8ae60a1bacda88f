"""The list of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ce_nas.apps.dashboard.layout import Frame, page
from ce_nas.core.units import as_carbon
from ce_nas.report.run_sections import used

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.apps.dashboard.run_folders import Listing, Standing
    from ce_nas.report.i18n.words import Words

__all__ = ["Row", "overview", "row"]

#: seconds after which the list asks for news
EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """One run in the list: what is shown, and what it is sorted by."""

    name: str
    label: str
    #: ``running``, ``paused`` or ``ended``
    kind: str
    state: str
    strategy: str
    zone: str
    #: share of the budget that is used most, 0 to 1
    progress: float
    share: str
    carbon: str
    trainings: str
    hypervolume: str
    front: str
    changed: str
    #: name of a column to what it is sorted by
    keys: dict[str, float | str | datetime]

    def has(self, query: str) -> bool:
        """Whether every word of a query is in what is shown of it."""
        text = f"{self.name} {self.state} {self.strategy} {self.zone}".casefold()
        return all(word in text for word in query.casefold().split())


def row(standing: Standing, words: Words) -> Row:
    """A run as a row of the list."""
    summary = standing.summary
    kind = "ended" if standing.ended else "running" if standing.running else "paused"
    state = words("board.ended", why=words(f"board.ended.{summary.stop}")) if standing.ended else words(f"board.{kind}")
    progress = _progress(standing)
    found = summary.hypervolume_share
    return Row(
        name=standing.name,
        label=standing.name.replace("~", "/"),
        kind=kind,
        state=state,
        strategy=f"{summary.policy} + {summary.searcher}",
        zone=summary.grid["zone"],
        progress=progress,
        share=f"{progress:.0%}",
        carbon=as_carbon(summary.carbon_g["full"]),
        trainings=f"{summary.evaluations:,}",
        hypervolume=f"{summary.hypervolume:,.5g}" if found is None else f"{found:.2%}",
        front=f"{len(summary.front):,}",
        changed=f"{standing.changed:%Y-%m-%d %H:%M}",
        keys={
            "name": standing.name,
            "state": state,
            "zone": summary.grid["zone"],
            "progress": progress,
            "carbon": summary.carbon_g["full"],
            "trainings": summary.evaluations,
            "hypervolume": summary.hypervolume if found is None else found,
            "front": len(summary.front),
            "changed": standing.changed,
        },
    )


def overview(found: Listing, query: str, sort: str, words: Words) -> str:
    """The page.

    :param query: words that a run must have to be shown.
    :param sort: a column, with ``-`` before it from the greatest down; an unknown one: the latest first.
    """
    known = {"name", "state", "zone", "progress", "carbon", "trainings", "hypervolume", "front", "changed"}
    order, falling = (sort.lstrip("-"), sort.startswith("-")) if sort.lstrip("-") in known else ("changed", True)
    rows = [one for one in (row(standing, words) for standing in found.standings) if one.has(query)]
    rows.sort(key=lambda one: one.name)
    rows.sort(key=lambda one: one.keys[order], reverse=falling)
    running = sum(standing.running for standing in found.standings)
    total_g = sum(standing.summary.carbon_g["full"] for standing in found.standings)
    lead = words("board.runs.lead", count=f"{len(found.standings):,}", running=running, carbon=as_carbon(total_g))
    asked = {name: value for name, value in (("q", query), ("sort", sort)) if value}
    frame = Frame(
        words("board.runs.title"), lead, "runs", f"/?{urlencode(asked)}" if asked else "/",
        every_s=EVERY_S if running or found.left else 0.0,
    )  # fmt: skip
    return page(
        "runs.html", frame, words, rows=rows, query=query, order=order, falling=falling, left=found.left,
        unread=found.unread, sorted_by=_sorting(query, order, falling=falling),
    )  # fmt: skip


def _sorting(query: str, order: str, *, falling: bool) -> Callable[[str], str]:
    """The address of the list sorted by a column: by names and states from the least up, by figures from the most."""

    def address(column: str) -> str:
        down = not falling if column == order else column not in {"name", "state", "zone"}
        asked = {"q": query, "sort": f"{'-' if down else ''}{column}"}
        return f"/?{urlencode({name: value for name, value in asked.items() if value})}"

    return address


def _progress(standing: Standing) -> float:
    """Share of the budget that is used most; 1 of a run that has ended."""
    if standing.ended:
        return 1.0
    spent = used(standing.summary, standing.budget).values()
    return min(max((amount / limit for amount, limit in spent if limit is not None), default=0.0), 1.0)
