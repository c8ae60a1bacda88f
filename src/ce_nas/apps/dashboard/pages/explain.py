"""Why a run did what it did: one architecture, one region or one hour of it, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis import explanation as explain
from ce_nas.analysis.replay_inputs import space_of
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.apps.dashboard.layout import Frame, page, run_address
from ce_nas.core.errors import CeNasError, SettingsError
from ce_nas.report.page import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.i18n.words import Words
    from ce_nas.store.journal import Entry

__all__ = ["Question", "why_page"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader wants to know."""

    #: an architecture, or a region such as ``+-``; empty: the whole run
    what: str = ""
    #: an hour since the start, as it was typed; it goes over ``what``
    hour: str = ""


def why_page(name: str, entries: Sequence[Entry], asked: Question, words: Words) -> str:
    """The page; what is wrong with a question is said above the form, and the whole run is explained below it."""
    problem = ""
    try:
        found = _answered(entries, asked, words)
    except CeNasError as error:
        problem, found = str(error), Page(words("why.run.title"), "", [], words)
    query = {key: value for key, value in (("what", asked.what), ("hour", asked.hour)) if value}
    frame = Frame(found.title, found.lead, "runs", run_address(name, "explain", **query))
    summary = summarise(entries)
    return page(
        "explain.html", frame, words, sections=found.sections, name=name, asked=asked, problem=problem,
        front=[member.architecture for member in summary.front], hours=max(int(summary.simulated_hours) - 1, 0),
    )  # fmt: skip


def _answered(entries: Sequence[Entry], asked: Question, words: Words) -> Page:
    if asked.hour:
        return explain.explain_hour(entries, _hour(asked.hour), words)
    if beginning(entries)["settings"]["live"]["evaluate"]:
        message = (
            "This run searched a space that a Python file of its user describes, and a page runs nobody's code; hours "
            "can be asked for here, the rest with: ce-nas explain RUN."
        )
        raise SettingsError(message)
    space = space_of(entries)
    if not asked.what:
        return explain.explain_run(entries, space, words)
    if set(asked.what) <= {"+", "-"}:
        return explain.explain_regions(entries, space, asked.what, words)
    return explain.explain_architecture(entries, space, space.parse(asked.what), words)


def _hour(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        message = f"Expected an hour of the run as a whole number, got {text!r}."
        raise SettingsError(message) from error
