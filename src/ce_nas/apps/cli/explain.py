"""``ce-nas explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.shared_options import (
    HtmlOption,
    JsonOption,
    LangOption,
    QuietOption,
    RunArgument,
    make_folders,
    shows_text,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.page import ReportPage
    from ce_nas.store.journal import JournalEntry

__all__ = ["explain"]

SubjectArgument = Annotated[
    str | None,
    typer.Argument(help="An architecture, or a region such as +-; the whole run by default.", show_default=False),
]
HourOption = Annotated[int | None, typer.Option(help="Explain the GPU allocation in this hour since the start.", min=0)]


def explain(  # noqa: PLR0913 - one parameter per option
    run: RunArgument,
    subject: SubjectArgument = None,
    *,
    hour: HourOption = None,
    html: HtmlOption = None,
    lang: LangOption = None,
    json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Explain why candidates were dropped, how the space was partitioned, and how GPUs were allocated in an hour."""
    from ce_nas.apps.cli.tables import print_page
    from ce_nas.report.html import render_html
    from ce_nas.report.i18n.translator import Translator
    from ce_nas.store.run_dir import read_run_entries, write_atomic

    translate = Translator(lang)
    page = _build_page(read_run_entries(run), subject, hour, translate)
    if html:
        with make_folders(html):
            write_atomic(html, render_html(page))
    write_json(json, _page_content(page))
    if shows_text(json, quiet=quiet):
        print_page(page)


def _build_page(
    entries: Sequence[JournalEntry], subject: str | None, hour: int | None, translate: Translator
) -> ReportPage:
    from ce_nas.analysis.explanation import space_from_journal
    from ce_nas.report import explanation_pages as explanation

    if hour is not None:
        return explanation.build_hour_page(entries, hour, translate)
    space = space_from_journal(entries)
    if subject is None:
        return explanation.build_run_page(entries, space, translate)
    if set(subject) <= {"+", "-"}:
        return explanation.build_region_page(entries, space, subject, translate)
    return explanation.build_architecture_page(entries, space, space.parse(subject), translate)


def _page_content(page: ReportPage) -> dict[str, object]:
    """The texts and tables of the page as plain containers."""
    return {
        "title": page.title,
        "sections": [
            {
                "name": section.name,
                "paragraphs": list(section.paragraphs),
                "notes": list(section.notes),
                "tables": [
                    {"header": list(table.header), "rows": [list(row) for row in table.rows]}
                    for table in section.tables
                ],
            }
            for section in page.sections
        ],
    }
