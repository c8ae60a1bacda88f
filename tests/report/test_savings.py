from dataclasses import replace

import pytest

from ce_nas.analysis.counterfactual import RULES, Counterfactual, Row, Spread, Work
from ce_nas.core.units import as_carbon
from ce_nas.report.i18n.words import Words
from ce_nas.report.savings import saved_section, unsaved_section


def row(rule, grams):
    return Row(rule, grams, 3.6e6, 3600.0, 1 - grams / 1000.0, Spread(0.1, -0.05, 0.2))


FOUND = Counterfactual(
    Work(3600.0, 400.0, 2, 3600.0, 7200.0),
    tuple(row(rule, grams) for rule, grams in zip(("run", *RULES), (900, 1000, 850, 950, 901, 800), strict=True)),
    15, "made",
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_run_is_held_against_starting_at_once_and_the_best_simple_rule(language):
    section = saved_section(FOUND, Words(language))
    _, at_once, best, oracle = section.paragraphs
    assert as_carbon(1000) in at_once
    assert "10.0%" in at_once
    assert as_carbon(850) in best
    assert "5.9%" in best
    assert as_carbon(800) in oracle
    assert "made" in section.notes[0]


def test_more_is_called_more_and_alike_alike():
    _, less, more, _ = saved_section(FOUND, Words("en")).paragraphs
    assert "10.0% less" in less
    assert "5.9% more" in more
    alike = replace(FOUND, rows=(row("run", 851.0), *FOUND.rows[1:]))
    assert "no difference" in saved_section(alike, Words("en")).paragraphs[2]


def test_the_table_and_the_figure_hold_every_rule():
    section = saved_section(FOUND, Words("en"))
    (table,), (chart,) = section.tables, section.charts
    assert [cells[0].strip("*") for cells in table.rows] == list(chart.categories)
    assert table.rows[0][4:] == ("+10.0%", "+10.0% [-5.0%, +20.0%]")
    assert table.rows[1][4:] == ("", "")
    assert chart.curves[0].y == (900, 1000, 850, 950, 901, 800)


def test_why_it_cannot_be_told_is_said():
    assert "ce-nas report" in unsaved_section(None, Words("en")).paragraphs[0]
    assert "the file is gone" in unsaved_section("the file is gone", Words("en")).paragraphs[0]
