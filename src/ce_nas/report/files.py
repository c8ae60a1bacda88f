"""The files of a report, written beside the journal that they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.analysis.summary import summarise
from ce_nas.report.html import html
from ce_nas.report.i18n.words import Words
from ce_nas.report.markdown import markdown
from ce_nas.report.plotting.overview import overview
from ce_nas.report.plotting.svg import svg
from ce_nas.report.run_report import run_page
from ce_nas.store.run_dir import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.store.journal import Entry

__all__ = ["FIGURES", "write_figures", "write_report"]

#: the folder of a report's figures, beside it
FIGURES = "figures"


def write_report(
    folder: Path, entries: Sequence[Entry], language: str | None = None, saved: Counterfactual | str | None = None
) -> None:
    """Write ``summary.json``, ``report.html``, ``report.md`` and ``report.png``.

    The same journal gives the same bytes in the same language. Where :func:`write_figures` was called before, the
    Markdown shows the figures.

    :param language: ``en`` or ``ja``; None: that of the locale.
    :param saved: see :func:`~ce_nas.report.run_report.run_page`.
    :raises StoreError: if a file cannot be written; the others, and the journal, are whole.
    """
    page = run_page(entries, Words(language), saved)
    write_whole(folder / "summary.json", summarise(entries).to_json())
    write_whole(folder / "report.html", html(page))
    write_whole(folder / "report.md", markdown(page, FIGURES if (folder / FIGURES).is_dir() else None))
    write_whole(folder / "report.png", overview(entries))


def write_figures(
    folder: Path, entries: Sequence[Entry], words: Words, saved: Counterfactual | str | None = None
) -> bool:
    """Write each figure of a report as SVG and PNG into ``figures`` in the folder; ``report.md`` shows them then.

    :returns: whether the PNGs are in the language of ``words``; without a font that has its glyphs they are in English.
    :raises StoreError: if a file cannot be written.
    """
    from ce_nas.report.plotting.png import japanese_font, png

    page = run_page(entries, words, saved)
    legible = words.language == "en" or japanese_font() is not None
    drawn = page if legible else run_page(entries, Words("en"), saved)
    (folder / FIGURES).mkdir(exist_ok=True)
    for chart, legible_chart in zip(page.charts, drawn.charts, strict=True):
        write_whole(folder / FIGURES / f"{chart.name}.svg", svg(chart))
        write_whole(folder / FIGURES / f"{chart.name}.png", png(legible_chart))
    return legible
