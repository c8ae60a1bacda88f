"""A page as Markdown, and the pieces of it that others use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.records import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ce_nas.report.page import Page, Section

__all__ = ["markdown", "same_functions", "stop_sentence", "table_lines"]


def markdown(page: Page, figures: str | None = None) -> str:
    """The page as Markdown; the same page gives the same text.

    :param figures: the folder of its figures as seen from the file, where they were drawn; None: they are left out.
    """
    blocks = [f"# {page.title}", page.lead]
    for section in page.sections:
        blocks += _blocks(section, figures)
    return "\n\n".join(blocks) + "\n"


def _blocks(section: Section, figures: str | None) -> Iterator[str]:
    yield f"## {section.title}"
    if section.facts:
        facts = (
            f"- {one.label}: **{one.value}**{f' ({one.note.strip()})' if one.note else ''}" for one in section.facts
        )
        yield "\n".join(facts)
    yield from section.paragraphs
    if figures is not None:
        for chart in section.charts:
            alt = chart.alt.replace("\n", ", ").replace("|", "\\|").replace("[", "(").replace("]", ")")
            yield f"![{alt}]({figures}/{chart.name}.svg)"
        yield from (f"![{picture.alt}]({figures}/{picture.name}.svg)" for picture in section.pictures)
    for table in section.tables:
        yield f"{table.caption}:"
        yield table_lines(table.head, table.rows)
    if section.notes:
        yield "\n".join(f"- {note}" for note in section.notes)


def stop_sentence(stop: str) -> str:
    """Why a run ended, for people."""
    return str(Stop[stop.upper()]) if stop.upper() in Stop.__members__ else "The run has not ended."


def same_functions(architectures: int, functions: int) -> str:
    """How many different functions so many architectures compute, in brackets; nothing where each has its own."""
    return "" if functions == architectures else f" ({functions:,} different functions)"


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
