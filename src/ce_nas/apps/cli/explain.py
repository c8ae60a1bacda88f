"""``ce-nas explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ce_nas.apps.cli.flags import Json, Lang, Quiet, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.i18n.words import Words
    from ce_nas.report.page import Page
    from ce_nas.store.journal import Entry

__all__ = ["explain"]

Run = Annotated[Path, typer.Argument(help="The folder of a run.")]
What = Annotated[
    str | None,
    typer.Argument(help="An architecture, or a region such as +-; the whole run by default.", show_default=False),
]
Hour = Annotated[int | None, typer.Option(help="Why the GPUs were divided so in this hour since the start.", min=0)]
Html = Annotated[Path | None, typer.Option("--html", help="Also write a page.")]


def explain(  # noqa: PLR0913 - what to explain, and where and how to say it
    run: Run,
    what: What = None,
    *,
    hour: Hour = None,
    html: Html = None,
    lang: Lang = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Say why candidates were dropped, where the space was cut, and why the GPUs were divided so in an hour."""
    from ce_nas.report.html import html as as_html
    from ce_nas.report.i18n.words import Words
    from ce_nas.report.markdown import markdown
    from ce_nas.store.run_dir import read_run, write_whole

    words = Words(lang)
    page = _page(read_run(run), what, hour, words)
    if html:
        write_whole(html, as_html(page))
    write_json(json, _plain(page))
    if not quiet:
        typer.echo(markdown(page))


def _page(entries: Sequence[Entry], what: str | None, hour: int | None, words: Words) -> Page:
    from ce_nas.analysis import explanation as why
    from ce_nas.analysis.replay_inputs import space_of

    if hour is not None:
        return why.explain_hour(entries, hour, words)
    space = space_of(entries)
    if what is None:
        return why.explain_run(entries, space, words)
    if set(what) <= {"+", "-"}:
        return why.explain_regions(entries, space, what, words)
    return why.explain_architecture(entries, space, space.parse(what), words)


def _plain(page: Page) -> dict[str, object]:
    """The page for programs: what each section says."""
    return {
        "title": page.title,
        "sections": [
            {
                "name": one.name,
                "paragraphs": list(one.paragraphs),
                "notes": list(one.notes),
                "tables": [
                    {"head": list(table.head), "rows": [list(row) for row in table.rows]} for table in one.tables
                ],
            }
            for one in page.sections
        ],
    }
