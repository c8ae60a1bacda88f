"""Renders pages as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ce_nas.report.page import ReportPage, ReportSection

__all__ = ["render_markdown", "render_table"]


def render_markdown(page: ReportPage, figures: str | None = None) -> str:
    """Render a page as Markdown; the same page gives the same text.

    :param figures: folder of its figures relative to the file; None: figures are left out.
    """
    blocks = [f"# {page.title}", page.lead]
    for section in page.sections:
        blocks += _section_blocks(section, figures)
    return "\n\n".join(blocks) + "\n"


def _section_blocks(section: ReportSection, figures: str | None) -> Iterator[str]:
    yield f"## {section.title}"
    if section.facts_last:
        yield from section.paragraphs
    if section.facts:
        facts = (
            f"- {fact.label}: **{fact.value}**{f' ({fact.note.strip()})' if fact.note else ''}"
            for fact in section.facts
        )
        yield "\n".join(facts)
    if not section.facts_last:
        yield from section.paragraphs
    if figures is not None:
        for chart in section.charts:
            alt = chart.alt.replace("\n", ", ").replace("|", "\\|").replace("[", "(").replace("]", ")")
            yield f"![{alt}]({figures}/{chart.name}.svg)"
        yield from (f"![{picture.alt}]({figures}/{picture.name}.svg)" for picture in section.pictures)
    for table in section.tables:
        yield f"{table.caption}:"
        yield render_table(table.header, table.rows)
    if section.notes:
        yield "\n".join(f"- {note}" for note in section.notes)


def render_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
