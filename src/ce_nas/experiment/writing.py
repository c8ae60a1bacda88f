"""An experiment's files: JSON, Markdown, Parquet and figures."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import matplotlib as mpl

from ce_nas.experiment.drawing import STYLE
from ce_nas.experiment.page import experiment_page
from ce_nas.experiment.protocol import plain
from ce_nas.report.html import html
from ce_nas.report.markdown import table_lines
from ce_nas.report.words import Words
from ce_nas.store.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from ce_nas.experiment.cells import Finding
    from ce_nas.experiment.protocol import Report

__all__ = ["write_report"]


def write_report(
    folder: Path, name: str, report: Report, findings: Sequence[Finding], language: str | None = None
) -> None:
    """Write ``NAME.json``, ``NAME.md``, ``NAME.html``, ``NAME.parquet`` and each figure as PNG and SVG.

    :param language: of what stands around the report's own words: ``en`` or ``ja``; None: that of the locale.
    :raises StoreError: if a file cannot be written; the finished cells are whole.
    """
    write_whole(folder / f"{name}.json", json.dumps(plain(report.content), indent=2) + "\n")
    write_whole(folder / f"{name}.md", _markdown(report, Words(language)))
    write_whole(folder / f"{name}.parquet", _parquet(findings))
    drawn = {title: _drawn(figure, "svg") for title, figure in report.figures.items()}
    for title, figure in report.figures.items():
        write_whole(folder / f"{title}.png", _drawn(figure, "png"))
        write_whole(folder / f"{title}.svg", drawn[title])
    write_whole(folder / f"{name}.html", html(experiment_page(report, drawn, Words(language))))


def _markdown(report: Report, words: Words) -> str:
    parts = [f"# {report.title}"]
    for table in report.tables:
        parts += [f"## {table.title}", table_lines(table.head, table.rows)]
    parts += [f"![{title}]({title}.png)" for title in report.figures]
    parts += [f"## {words('section.basis')}", "\n".join(f"- {note}" for note in report.notes)]
    return "\n\n".join(parts) + "\n"


def _parquet(findings: Sequence[Finding]) -> bytes:
    """A row a cell: its labels, its figures, and its course as lists."""
    import pandas as pd

    rows = [
        {
            **one.labels,
            "stop": one.stop,
            "hypervolume": one.track.final,
            "hypervolume_max": one.hypervolume_max,
            "samples": one.samples,
            **{f"{activity}_g": carbon_g for activity, carbon_g in one.carbon_g_by_activity.items()},
            **{f"course_{column}": amounts for column, amounts in asdict(one.track).items()},
            **{f"course_hypervolume_{judge}": amounts for judge, amounts in one.judged.items()},
        }
        for one in findings
    ]
    content = io.BytesIO()
    pd.DataFrame(rows).to_parquet(content, index=False)
    return content.getvalue()


def _drawn(figure: Figure, ending: str) -> bytes:
    """The figure's file; the same findings give the same bytes."""
    content = io.BytesIO()
    metadata = {"Software": None} if ending == "png" else {"Date": None}
    with mpl.rc_context(STYLE):  # type: ignore[arg-type] # keys as literals would say no more
        figure.savefig(content, format=ending, dpi=110, metadata=metadata)
    return content.getvalue()
