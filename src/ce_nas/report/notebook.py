"""Shows a run and its front in a notebook: self-contained HTML that does not change the notebook's own style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from ce_nas.analysis.front_choice import recommend
from ce_nas.core.formatting import format_carbon, format_count
from ce_nas.report.front import front_table
from ce_nas.report.html import render_fragment
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.plotting.run_charts import front_chart
from ce_nas.report.run_report import build_run_report, format_run_title

if TYPE_CHECKING:
    from ce_nas.analysis.summary import FrontMember, RunSummary
    from ce_nas.store.journal import JournalEntry

__all__ = ["RunFront", "format_run_line", "render_run_html"]

MAX_FRONT_ROWS = 40


def render_run_html(entries: Sequence[JournalEntry], translate: Translator | None = None) -> str:
    """Render a run as a fragment of HTML: what it saved, key figures, recommended network, front, grid and GPUs.

    :param translate: None: the language of the locale.
    """
    translate = translate or Translator()
    page = build_run_report(entries, translate)
    sections = {section.name: section for section in page.sections}
    glance, answer, saved = sections["glance"], sections["answer"], sections["saved"]
    hours, course = sections["hours"], sections["course"]
    return render_fragment(
        "notebook.html",
        translate,
        title=page.title,
        lead=page.lead,
        headline=glance.paragraphs[0],
        facts=glance.facts,
        paragraphs=[*glance.paragraphs[1:], *answer.paragraphs[1:]],
        charts=[*answer.charts, *course.charts[-1:], *hours.charts],
        tables=[*saved.tables, *answer.tables],
        max_rows=MAX_FRONT_ROWS,
    )


def format_run_line(summary: RunSummary) -> str:
    """Describe a run in one line."""
    carbon = format_carbon(summary.carbon_g["full"])
    return (
        f"{summary.stop}: {format_count(summary.evaluations, 'training')}, {carbon} CO2eq (full accounting), "
        f"hypervolume {summary.hypervolume:,.6g}, a front of {len(summary.front)}"
    )


class RunFront(Sequence["FrontMember"]):
    """The architectures on a run's Pareto front, best first by the first objective; a notebook charts them."""

    def __init__(self, summary: RunSummary) -> None:
        self._summary = summary

    def __len__(self) -> int:
        return len(self._summary.front)

    @overload
    def __getitem__(self, index: int) -> FrontMember: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[FrontMember]: ...

    def __getitem__(self, index: Any) -> Any:
        return self._summary.front[index]

    def __repr__(self) -> str:
        names = ", ".join(objective["name"] for objective in self._summary.objectives)
        return f"<RunFront of {format_count(len(self), 'architecture')} by {names}>"

    def _repr_html_(self, translate: Translator | None = None) -> str:
        translate, summary = translate or Translator(), self._summary
        recommendation = recommend(summary)
        recommended = recommendation.member.architecture if recommendation else None
        table = front_table(summary, translate)
        return render_fragment(
            "notebook.html",
            translate,
            title=format_run_title(summary, translate),
            lead="",
            headline="",
            facts=[],
            paragraphs=[] if len(self) else [translate("no_training")],
            charts=[front_chart(summary, translate, recommended)] if len(self) else [],
            tables=[table] if len(self) else [],
            max_rows=MAX_FRONT_ROWS,
        )
