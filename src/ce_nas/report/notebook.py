"""A run, and a front, in a notebook: HTML that needs nothing beside it and leaves the notebook's own looks alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from ce_nas.analysis.recommend import pick
from ce_nas.core.units import as_carbon
from ce_nas.report.html import fragment
from ce_nas.report.i18n.words import Words
from ce_nas.report.page import Table
from ce_nas.report.plotting.run_charts import front_chart, objective_label
from ce_nas.report.run_report import run_page, run_title

if TYPE_CHECKING:
    from ce_nas.analysis.summary import FrontMember, Summary
    from ce_nas.store.journal import Entry

__all__ = ["RunFront", "run_html", "run_line"]

#: rows of a front that are shown
MOST = 40


def run_html(entries: Sequence[Entry], words: Words | None = None) -> str:
    """A run as a fragment of HTML: its figures, which network to take, the front, the grid and the GPUs.

    :param words: in the locale's language if None.
    """
    words = words or Words()
    page = run_page(entries, words)
    parts = {section.name: section for section in page.sections}
    answer, hours, course = parts["answer"], parts["hours"], parts["course"]
    return fragment(
        "notebook.html",
        words,
        title=page.title,
        lead=page.lead,
        facts=parts["glance"].facts,
        paragraphs=answer.paragraphs,
        charts=[*answer.charts, *course.charts[-1:], *hours.charts],
        tables=answer.tables,
        most=MOST,
    )


def run_line(summary: Summary) -> str:
    """A run in a line."""
    return (
        f"{summary.stop}: {summary.evaluations:,} trainings, {as_carbon(summary.carbon_g['full'])} CO2eq (full book), "
        f"hypervolume {summary.hypervolume:,.6g}, a front of {len(summary.front)}"
    )


class RunFront(Sequence["FrontMember"]):
    """The architectures of a run's answer, best first by its first objective; a notebook shows them as a figure."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def __len__(self) -> int:
        return len(self._summary.front)

    @overload
    def __getitem__(self, place: int) -> FrontMember: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[FrontMember]: ...

    def __getitem__(self, place: Any) -> Any:
        return self._summary.front[place]

    def __repr__(self) -> str:
        names = ", ".join(item["name"] for item in self._summary.objectives)
        return f"<RunFront of {len(self)} architectures by {names}>"

    def _repr_html_(self, words: Words | None = None) -> str:
        words, summary = words or Words(), self._summary
        chosen = pick(summary)
        taken = chosen.member.architecture if chosen else None
        rows = [(f"`{item.architecture}`", *(f"{value:,.6g}" for value in item.objectives.values())) for item in self]
        head = (words("architecture"), *(objective_label(item) for item in summary.objectives))
        return fragment(
            "notebook.html",
            words,
            title=run_title(summary, words),
            lead="",
            facts=[],
            paragraphs=[] if rows else [words("no_training")],
            charts=[front_chart(summary, words, taken)] if rows else [],
            tables=[Table(words("front.caption", count=len(rows), same=""), head, rows)] if rows else [],
            most=MOST,
        )
