"""Reports: pages about runs and experiments, as HTML, Markdown, notebook output and figures.

Everything shown is computed in `ce_nas.analysis`; this package only words, lays out and draws it.

- page: `ReportPage`, `ReportSection`, `ReportTable`, `Fact`: the content of a page
- run_report: the report of a run; savings_section: its section on savings; explanation_pages: pages that explain a run
- clock_labels: times of a run whose clock is faster than real time
- sample_counts: how many candidates were scored, and measured alone
- html, markdown, notebook: the renderers
- files: `write_report`, the report's files in a run's folder
- plotting: charts
- i18n: texts in English and Japanese
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.report.files import write_figures, write_report
    from ce_nas.report.html import render_html, render_section
    from ce_nas.report.markdown import render_markdown
    from ce_nas.report.page import Fact, ReportPage, ReportSection, ReportTable
    from ce_nas.report.run_report import build_run_report

__all__ = [
    "Fact",
    "ReportPage",
    "ReportSection",
    "ReportTable",
    "build_run_report",
    "render_html",
    "render_markdown",
    "render_section",
    "write_figures",
    "write_report",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "files": ["write_figures", "write_report"],
        "html": ["render_html", "render_section"],
        "markdown": ["render_markdown"],
        "page": ["Fact", "ReportPage", "ReportSection", "ReportTable"],
        "run_report": ["build_run_report"],
    },
)
