"""Output of an experiment: its page, and its files as JSON, Markdown, HTML, JSON lines and figures."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from ce_nas.experiments.base import to_plain_containers
from ce_nas.experiments.figures import encode_figure
from ce_nas.report.html import render_html
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_table
from ce_nas.report.page import Picture, ReportPage, ReportSection
from ce_nas.report.plotting.plots_extra import has_plots
from ce_nas.store.run_dir import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.experiments.base import ExperimentReport
    from ce_nas.experiments.trials import TrialResult

__all__ = ["experiment_page", "write_experiment_report"]


def write_experiment_report(
    folder: Path, name: str, report: ExperimentReport, results: Sequence[TrialResult], language: str | None = None
) -> None:
    """Write ``NAME.json``, ``NAME.md``, ``NAME.html``, ``NAME.jsonl`` and each figure as PNG and SVG.

    Without the extra ``plots`` figures are left out, and a note says so.

    :param language: of the headings around the report's content, ``en`` or ``ja``; None: that of the locale.
    :raises StoreError: if a file cannot be written; the finished trials stay intact.
    """
    translate = Translator(language)
    if report.figures and not has_plots():
        report = replace(report, figures={}, notes=[*report.notes, translate("exp.no_figures")])
    write_atomic(folder / f"{name}.json", json.dumps(to_plain_containers(report.content), indent=2) + "\n")
    write_atomic(folder / f"{name}.md", _render_markdown(report, translate))
    write_atomic(folder / f"{name}.jsonl", _encode_trials(results))
    figures = {title: draw() for title, draw in report.figures.items()}
    svgs = {title: encode_figure(figure, "svg") for title, figure in figures.items()}
    for title, figure in figures.items():
        write_atomic(folder / f"{title}.png", encode_figure(figure, "png"))
        write_atomic(folder / f"{title}.svg", svgs[title])
    write_atomic(folder / f"{name}.html", render_html(experiment_page(report, svgs, translate)))


def experiment_page(report: ExperimentReport, svgs: Mapping[str, bytes], translate: Translator) -> ReportPage:
    """Build the page of an experiment.

    :param svgs: name of each figure to its SVG.
    :param translate: of the headings; the report is in the language that it was built with.
    """
    tables = [
        ReportSection(f"table-{index}", table.caption, tables=[table]) for index, table in enumerate(report.tables)
    ]
    pictures = [Picture(name, f"{report.title}: {name}", content) for name, content in svgs.items()]
    figures = [ReportSection("figures", translate("many.figures"), pictures=pictures)] if pictures else []
    basis = ReportSection("basis", translate("section.basis"), notes=report.notes)
    return ReportPage(report.title, translate("many.lead"), [*tables, *figures, basis], translate)


def _render_markdown(report: ExperimentReport, translate: Translator) -> str:
    blocks = [f"# {report.title}"]
    for table in report.tables:
        blocks += [f"## {table.caption}", render_table(table.header, table.rows)]
    blocks += [f"![{title}]({title}.png)" for title in report.figures]
    blocks += [f"## {translate('section.basis')}", "\n".join(f"- {note}" for note in report.notes)]
    return "\n\n".join(blocks) + "\n"


def _encode_trials(results: Sequence[TrialResult]) -> str:
    """Encode one line per trial: its labels, its final values, and its trajectory as lists."""
    rows = [
        {
            **result.labels,
            "stop": result.stop,
            "hypervolume": result.trajectory.final_hypervolume,
            "hypervolume_max": result.hypervolume_max,
            "samples": result.samples,
            **{f"{activity}_g": carbon_g for activity, carbon_g in result.carbon_g_by_activity.items()},
            **{f"trajectory_{column}": values for column, values in asdict(result.trajectory).items()},
            **{f"trajectory_hypervolume_{name}": values for name, values in result.reevaluated_hypervolume.items()},
        }
        for result in results
    ]
    return "".join(json.dumps(to_plain_containers(row)) + "\n" for row in rows)
