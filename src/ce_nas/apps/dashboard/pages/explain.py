"""The page that explains a run: one architecture, one region, one hour, or the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis.explanation import space_from_journal
from ce_nas.analysis.summary import run_header, summarise
from ce_nas.apps.dashboard.layout import PageLayout, render_page, run_address
from ce_nas.core.errors import CeNasError, SettingsError
from ce_nas.report import explanation_pages as explanation
from ce_nas.report.page import ReportPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.journal import JournalEntry

__all__ = ["ExplanationQuestion", "explain_page"]


@dataclass(frozen=True, slots=True)
class ExplanationQuestion:
    """What to explain, as it was typed."""

    #: an architecture, or a region such as ``+-``; empty: the whole run
    subject: str = ""
    #: an hour since the start; takes precedence over ``subject``
    hour: str = ""


def explain_page(
    name: str, entries: Sequence[JournalEntry], question: ExplanationQuestion, translate: Translator
) -> str:
    """Render the page; an invalid question is answered above the form, with no explanation below it."""
    problem = ""
    try:
        page = _build_explanation(entries, question, translate)
    except CeNasError as error:
        problem, page = str(error), ReportPage(translate("why.run.title"), "", [], translate)
    query = {key: value for key, value in (("what", question.subject), ("hour", question.hour)) if value}
    layout = PageLayout(page.title, page.lead, "runs", run_address(name, "explain", **query))
    summary = summarise(entries)
    return render_page(
        "explain.html", layout, translate, sections=page.sections, name=name, question=question, problem=problem,
        front=[member.architecture for member in summary.front], last_hour=max(int(summary.simulated_hours) - 1, 0),
    )  # fmt: skip


def _build_explanation(
    entries: Sequence[JournalEntry], question: ExplanationQuestion, translate: Translator
) -> ReportPage:
    if question.hour:
        return explanation.build_hour_page(entries, _parse_hour(question.hour), translate)
    if run_header(entries)["settings"]["live"]["evaluate"]:
        message = (
            "Expected a run over a space of the package, but this run's space is in a Python file of the user, which "
            "the dashboard does not execute; ask for an hour here, or use: ce-nas explain RUN."
        )
        raise SettingsError(message)
    space = space_from_journal(entries)
    if not question.subject:
        return explanation.build_run_page(entries, space, translate)
    if set(question.subject) <= {"+", "-"}:
        return explanation.build_region_page(entries, space, question.subject, translate)
    return explanation.build_architecture_page(entries, space, space.parse(question.subject), translate)


def _parse_hour(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        message = f"Expected an hour of the run as a whole number, got {text!r}."
        raise SettingsError(message) from error
