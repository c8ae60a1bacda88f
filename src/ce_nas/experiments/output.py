"""An experiment's files: JSON, Markdown, Parquet and figures.

Many runs beside one another as a page.

What the experiments' figures share: a colour and a line for each strategy, bands, and the paper's mark.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ce_nas.experiments.base import plain
from ce_nas.report.html import html
from ce_nas.report.i18n.words import Words
from ce_nas.report.markdown import table_lines
from ce_nas.report.page import Page, Picture, Section, Table
from ce_nas.report.plotting.chart import Chart, Curve
from ce_nas.store.run_dir import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from ce_nas.analysis.statistics import Interval
    from ce_nas.experiments.base import Report
    from ce_nas.experiments.compare import Comparison, Row
    from ce_nas.experiments.trials import Finding

__all__ = ["PAPER_RATIO", "STYLE", "band", "colour_of", "comparison_page", "experiment_page", "panels", "write_report"]


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


BLUE = "#0072b2"


def experiment_page(report: Report, drawn: Mapping[str, bytes], words: Words) -> Page:
    """An experiment's report, in the words that it was made with.

    :param drawn: name of each figure to its SVG.
    """
    tables = [
        Section(f"table-{at}", one.title, tables=[Table(one.title, one.head, one.rows, copies=True)])
        for at, one in enumerate(report.tables)
    ]
    pictures = [Picture(name, f"{report.title}: {name}", content) for name, content in drawn.items()]
    figures = [Section("figures", words("many.figures"), pictures=pictures)] if pictures else []
    basis = Section("basis", words("section.basis"), notes=report.notes)
    return Page(report.title, words("many.lead"), [*tables, *figures, basis], words)


def comparison_page(comparison: Comparison, words: Words) -> Page:
    """Policies and searchers beside one another, a section a zone."""
    zones = list(dict.fromkeys(row.zone for row in comparison.rows))
    sections = [
        _zone(zone, [row for row in comparison.rows if row.zone == zone], at, words) for at, zone in enumerate(zones)
    ]
    basis = Section(
        "basis",
        words("section.basis"),
        notes=[words("many.ratio", reference=comparison.reference), words("many.reached"), words("many.books")],
    )
    return Page(words("many.title"), words("many.lead"), [*sections, basis], words)


def _zone(zone: str, rows: Sequence[Row], at: int, words: Words) -> Section:
    full, paper = (f"kg CO2eq, {words(f'book.{book}')}" for book in ("full", "paper"))
    head = (
        words("many.strategy"), words("many.runs"), full, paper, "kWh", words("hypervolume"), words("trainings"),
        words("many.times_less"), words("many.reached.head"),
    )  # fmt: skip
    cells = [
        (
            row.strategy,
            str(row.runs),
            _interval(row.carbon_kg),
            _interval(row.paper_carbon_kg),
            _interval(row.energy_kwh),
            _found(row),
            _interval(row.evaluations),
            _interval(row.carbon_ratio),
            f"{row.reached:.0%}",
        )
        for row in rows
    ]
    table = Table(words("many.caption"), head, cells, copies=True)
    return Section(f"zone-{at}", words("many.zone", zone=zone), charts=[_grams(zone, rows, at, words)], tables=[table])


def _found(row: Row) -> str:
    """The hypervolume, as a share of the maximum where that is known."""
    share = row.hypervolume_share
    return _interval(row.hypervolume) if share is None else f"{_interval(share.scaled(100))} %"


def _grams(zone: str, rows: Sequence[Row], at: int, words: Words) -> Chart:
    """The median grams of each strategy."""
    names = tuple(row.strategy for row in rows)
    hints = tuple(f"{row.strategy}: {_interval(row.carbon_kg)} kg CO2eq" for row in rows)
    places = tuple(float(place) for place in range(len(rows)))
    bars = Curve("", "bars", places, tuple(row.carbon_kg.median for row in rows), BLUE, hints=hints)
    title = words("many.grams", zone=zone)
    return Chart(
        f"carbon-{at}", title, f"{title}: {'; '.join(hints)}", f"kg CO2eq, {words('book.full')}", "", (bars,),
        categories=names,
    )  # fmt: skip


def _interval(one: Interval) -> str:
    return f"{one.median:,.4g} [{one.low:,.4g}, {one.high:,.4g}]"


#: the method's best figure in the paper, counted in the paper's book
PAPER_RATIO = 7.22
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "ce-nas"}
#: told apart also by the colour-blind (Okabe and Ito)
COLOURS = {
    "ce-nas": "#d55e00",
    "vanilla-lamoo": "#0072b2",
    "vanilla-random": "#999999",
    "one-shot-lamoo": "#cc79a7",
    "heuristic-lamoo": "#009e73",
    "vanilla-surrogate": "#e69f00",
}
OTHERS = ("#56b4e9", "#000000", "#f0e442", "#8c564b", "#17becf", "#7f7f7f")


def colour_of(name: str, place: int = 0) -> str:
    """The colour of a strategy, or, for one that has none of its own, of its place."""
    return COLOURS.get(name, OTHERS[place % len(OTHERS)])


def panels(count: int, width: float = 5.5, height: float = 4.0) -> tuple[Figure, Sequence[Axes]]:
    """A figure with ``count`` panels side by side."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type] # keys as literals would say no more
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def band(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], name: str, title: str) -> None:
    """A median over ``x`` as a line with its interval about it.

    What is not finite is left out; a band without an upper end is drawn up to the highest that is known.
    """
    medians = np.array([one.median for one in intervals], dtype=float)
    low = np.array([one.low for one in intervals], dtype=float)
    high = np.array([one.high for one in intervals], dtype=float)
    known = np.isfinite(medians)
    top = max(medians[known].max(initial=-np.inf), high[np.isfinite(high)].max(initial=-np.inf))
    places = np.asarray(x, dtype=float)[known]
    axes.plot(places, medians[known], color=colour_of(name), label=title, linewidth=1.6)
    axes.fill_between(places, low[known], np.minimum(high[known], top), color=colour_of(name), alpha=0.18, linewidth=0)
