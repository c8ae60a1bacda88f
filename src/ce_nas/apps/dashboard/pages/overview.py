"""The list of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ce_nas.analysis.summary import budget_usage
from ce_nas.apps.dashboard.layout import PageLayout, render_page
from ce_nas.core.formatting import format_carbon, format_percentage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.apps.dashboard.run_folders import RunListing, RunStatus
    from ce_nas.report.i18n.translator import Translator

__all__ = ["RunListRow", "build_run_row", "overview_page"]

#: seconds after which the list asks for an update
REFRESH_INTERVAL_S = 5.0


@dataclass(frozen=True, slots=True)
class RunListRow:
    """One run of the list: its texts, and its sort keys."""

    name: str
    label: str
    #: ``running``, ``paused`` or ``ended``
    status: str
    status_text: str
    strategy: str
    zone: str
    #: largest share used of any budget, 0 to 1
    progress: float
    progress_text: str
    carbon: str
    trainings: str
    hypervolume: str
    front: str
    changed: str
    #: name of a column to its sort key
    sort_keys: dict[str, float | str | datetime]

    def matches(self, query: str) -> bool:
        """Whether every word of a query occurs in the row."""
        text = f"{self.name} {self.status_text} {self.strategy} {self.zone}".casefold()
        return all(word in text for word in query.casefold().split())


def build_run_row(run: RunStatus, translate: Translator) -> RunListRow:
    """A run as a row of the list."""
    summary = run.summary
    status = "ended" if run.has_ended else "running" if run.is_running else "paused"
    stop = translate(f"board.ended.{summary.stop}") if run.has_ended else ""
    status_text = translate("board.ended", why=stop) if run.has_ended else translate(f"board.{status}")
    progress = _largest_budget_share(run)
    share = summary.hypervolume_share
    return RunListRow(
        name=run.name,
        label=run.name.replace("~", "/"),
        status=status,
        status_text=status_text,
        strategy=f"{summary.policy} + {summary.searcher}",
        zone=summary.grid["zone"],
        progress=progress,
        progress_text=format_percentage(progress),
        carbon=format_carbon(summary.carbon_g["full"]),
        trainings=f"{summary.evaluations:,}",
        hypervolume=f"{summary.hypervolume:,.5g}" if share is None else format_percentage(share, 2),
        front=f"{len(summary.front):,}",
        changed=f"{run.modified_at:%Y-%m-%d %H:%M}",
        sort_keys={
            "name": run.name,
            "state": status_text,
            "zone": summary.grid["zone"],
            "progress": progress,
            "carbon": summary.carbon_g["full"],
            "trainings": summary.evaluations,
            "hypervolume": summary.hypervolume if share is None else share,
            "front": len(summary.front),
            "changed": run.modified_at,
        },
    )


def overview_page(listing: RunListing, query: str, sort: str, translate: Translator) -> str:
    """Render the page.

    :param query: words that must occur in a run's row.
    :param sort: a column, with ``-`` before it for descending order; an unknown one: the last changed run first.
    """
    columns = {"name", "state", "zone", "progress", "carbon", "trainings", "hypervolume", "front", "changed"}
    is_known = sort.lstrip("-") in columns
    column, descending = (sort.lstrip("-"), sort.startswith("-")) if is_known else ("changed", True)
    rows = [row for row in (build_run_row(status, translate) for status in listing.statuses) if row.matches(query)]
    rows.sort(key=lambda row: row.name)
    rows.sort(key=lambda row: row.sort_keys[column], reverse=descending)
    running = sum(status.is_running for status in listing.statuses)
    total_g = sum(status.summary.carbon_g["full"] for status in listing.statuses)
    lead = translate(
        "board.runs.lead", count=f"{len(listing.statuses):,}", running=running, carbon=format_carbon(total_g)
    )
    parameters = {name: value for name, value in (("q", query), ("sort", sort)) if value}
    layout = PageLayout(
        translate("board.runs.title"), lead, "runs", f"/?{urlencode(parameters)}" if parameters else "/",
        refresh_interval_s=REFRESH_INTERVAL_S if running or listing.pending_count else 0.0,
    )  # fmt: skip
    return render_page(
        "runs.html", layout, translate, rows=rows, query=query, sort_column=column, descending=descending,
        pending_count=listing.pending_count, unreadable=listing.unreadable,
        sort_address=_sort_address_builder(query, column, descending=descending),
    )  # fmt: skip


def _sort_address_builder(query: str, sort_column: str, *, descending: bool) -> Callable[[str], str]:
    """Build the address of the list sorted by a column: at first texts ascending and numbers descending."""

    def address(column: str) -> str:
        down = not descending if column == sort_column else column not in {"name", "state", "zone"}
        parameters = {"q": query, "sort": f"{'-' if down else ''}{column}"}
        return f"/?{urlencode({name: value for name, value in parameters.items() if value})}"

    return address


def _largest_budget_share(run: RunStatus) -> float:
    """Largest share used of any budget; 1 for a run that has ended."""
    if run.has_ended:
        return 1.0
    usage = budget_usage(run.summary, run.budget).values()
    return min(max((amount / limit for amount, limit in usage if limit is not None), default=0.0), 1.0)
