"""Writes the files of a report into a run's folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ce_nas.analysis.estimate_outcome import ESTIMATE_FILENAME, compare_estimate, read_estimate
from ce_nas.analysis.savings import savings
from ce_nas.analysis.summary import summarise
from ce_nas.report.html import render_html
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown
from ce_nas.report.plotting.plots_extra import has_plots
from ce_nas.report.plotting.svg import render_svg
from ce_nas.report.run_report import build_run_report
from ce_nas.report.savings_section import savings_headline
from ce_nas.store.run_dir import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.analysis.estimate_outcome import EstimateOutcome
    from ce_nas.analysis.savings import Savings
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.store.journal import JournalEntry

__all__ = ["FIGURES_FOLDER", "estimate_outcomes", "render_summary_json", "write_figures", "write_report"]

#: folder of a report's figures, within that of the report
FIGURES_FOLDER = "figures"


def write_report(
    folder: Path,
    entries: Sequence[JournalEntry],
    language: str | None = None,
    counterfactual: Counterfactual | str | None = None,
    saved: Savings | None = None,
) -> None:
    """Write ``summary.json``, ``report.html``, ``report.md`` and, with the extra ``plots``, ``report.png``.

    The same journal and language give the same bytes. The Markdown shows the figures if :func:`write_figures` was
    called before.

    :param language: ``en`` or ``ja``; None: the language of the locale.
    :param counterfactual: see :func:`~ce_nas.report.run_report.build_run_report`.
    :param saved: what the run saved; None: computed here.
    :raises StoreError: if a file cannot be written; the other files and the journal stay intact.
    """
    saved = saved or savings(entries)
    page = build_run_report(entries, Translator(language), counterfactual, saved, estimate_outcomes(folder, entries))
    write_atomic(folder / "summary.json", render_summary_json(summarise(entries), saved))
    write_atomic(folder / "report.html", render_html(page))
    write_atomic(
        folder / "report.md", render_markdown(page, FIGURES_FOLDER if (folder / FIGURES_FOLDER).is_dir() else None)
    )
    if has_plots():
        from ce_nas.report.plotting.run_overview import draw_overview

        write_atomic(folder / "report.png", draw_overview(entries))


def estimate_outcomes(folder: Path, entries: Sequence[JournalEntry]) -> tuple[EstimateOutcome, ...]:
    """What was estimated before the run in ``folder``, with what it took; empty without an estimate.

    :raises DataError: if the file of the estimate is not one.
    """
    path = folder / ESTIMATE_FILENAME
    return compare_estimate(read_estimate(path), summarise(entries)) if path.exists() else ()


def render_summary_json(summary: RunSummary, saved: Savings) -> str:
    """Render the summary of a run as JSON text: first what it saved, in a sentence and in figures."""
    headline = savings_headline(saved, Translator("en")).replace("**", "")
    return json.dumps({"headline": headline, "savings": saved.to_dict(), **asdict(summary)}, indent=2) + "\n"


def write_figures(
    folder: Path,
    entries: Sequence[JournalEntry],
    translate: Translator,
    counterfactual: Counterfactual | str | None = None,
    saved: Savings | None = None,
) -> bool:
    """Write each figure of a report into the subfolder ``figures``; ``report.md`` shows them afterwards.

    As SVG, and with the extra ``plots`` as PNG.

    :returns: whether the PNGs are in the language of ``translate``; without a font for it they are in English.
    :raises StoreError: if a file cannot be written.
    """
    saved = saved or savings(entries)
    page = build_run_report(entries, translate, counterfactual, saved)
    (folder / FIGURES_FOLDER).mkdir(exist_ok=True)
    for chart in page.charts:
        write_atomic(folder / FIGURES_FOLDER / f"{chart.name}.svg", render_svg(chart))
    if not has_plots():
        return True
    from ce_nas.report.plotting.png import find_japanese_font, render_png

    legible = translate.language == "en" or find_japanese_font() is not None
    legible_page = page if legible else build_run_report(entries, Translator("en"), counterfactual, saved)
    for chart in legible_page.charts:
        write_atomic(folder / FIGURES_FOLDER / f"{chart.name}.png", render_png(chart))
    return legible
