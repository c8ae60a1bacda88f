"""What a report says, before anyone sets it: the same page becomes HTML or Markdown, whole or section by section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.i18n.words import Words
    from ce_nas.report.plotting.chart import Chart

__all__ = ["Fact", "Page", "Picture", "Section", "Table"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure for who has no time."""

    label: str
    value: str
    #: what it refers to, where that has to be said
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people; the first column names the row."""

    caption: str
    head: Sequence[str]
    #: texts, of which ``**bold**`` and ```code``` are set so
    rows: Sequence[Sequence[str]]
    #: whether the table can be copied with one click
    copies: bool = False
    #: whether the table is folded away on a screen
    folded: bool = False
    #: how many of the first columns hold words and no numbers
    words: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that was drawn already."""

    #: file name without ending
    name: str
    #: what it shows, for who cannot see it
    alt: str
    #: an SVG file
    content: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page, with a heading of its own; it can be shown alone."""

    #: for links: the same in every language
    name: str
    title: str
    facts: Sequence[Fact] = ()
    #: sentences; ``**bold**`` and ```code``` are set so
    paragraphs: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    #: whether its figures share their horizontal axis and stand one under the other
    stacked: bool = False
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    #: whether it begins a new sheet, of a page that is meant for paper
    new_sheet: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A report."""

    title: str
    #: what it is about, in a sentence or two
    lead: str
    sections: Sequence[Section]
    words: Words

    @property
    def charts(self) -> list[Chart]:
        """All figures, in their order."""
        return [chart for section in self.sections for chart in section.charts]
