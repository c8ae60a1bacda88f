"""Many runs beside one another as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.report.chart import Chart, Curve
from ce_nas.report.page import Page, Picture, Section, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.experiment.compare import Comparison, Row
    from ce_nas.experiment.protocol import Report
    from ce_nas.experiment.statistics import Interval
    from ce_nas.report.words import Words

__all__ = ["comparison_page", "experiment_page"]

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
