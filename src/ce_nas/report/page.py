"""Content of a page, independent of its renderer: rendered as HTML or Markdown, whole or section by section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.i18n.translator import Translator
    from ce_nas.report.plotting.chart import Chart

__all__ = ["Fact", "Picture", "ReportPage", "ReportSection", "ReportTable"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A key figure."""

    label: str
    value: str
    #: what it refers to, if that is not obvious
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table; the first column names the row.

    Example:
        >>> ReportTable("Cost", ("activity", "CO2eq"), [("training", "1.20 kg")]).rows[0]
        ('training', '1.20 kg')
    """

    caption: str
    header: Sequence[str]
    #: texts; ``**bold**`` and ```code``` are rendered
    rows: Sequence[Sequence[str]]
    #: whether the table can be copied with one click
    copyable: bool = False
    #: whether the table is collapsed on a screen
    collapsed: bool = False
    #: number of leading columns that hold text, not numbers
    n_text_columns: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that is already rendered."""

    #: file name without extension
    name: str
    #: alternative text for screen readers
    alt: str
    #: an SVG file
    content: bytes


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of a page with its own heading; it can be shown alone."""

    #: identifier for links, the same in every language
    name: str
    title: str
    facts: Sequence[Fact] = ()
    #: sentences; ``**bold**`` and ```code``` are rendered
    paragraphs: Sequence[str] = ()
    #: whether the key figures come after the sentences
    facts_last: bool = False
    charts: Sequence[Chart] = ()
    #: whether its charts share their horizontal axis and are stacked
    stacked: bool = False
    pictures: Sequence[Picture] = ()
    tables: Sequence[ReportTable] = ()
    notes: Sequence[str] = ()
    #: whether it starts a new sheet when printed
    page_break_before: bool = False


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A page."""

    title: str
    #: summary in a sentence or two
    lead: str
    sections: Sequence[ReportSection]
    translate: Translator

    @property
    def charts(self) -> list[Chart]:
        """All charts in order."""
        return [chart for section in self.sections for chart in section.charts]
