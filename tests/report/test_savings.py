from dataclasses import replace

import pytest

from ce_nas.analysis.counterfactual import (
    REPLAY_POLICIES,
    Counterfactual,
    CounterfactualRow,
    DeferrableWorkload,
    SavingsSpread,
)
from ce_nas.core.formatting import format_carbon
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.savings import missing_savings_section, savings_section


def make_row(policy, grams):
    return CounterfactualRow(policy, grams, 3.6e6, 3600.0, 1 - grams / 1000.0, SavingsSpread(0.1, -0.05, 0.2))


COUNTERFACTUAL = Counterfactual(
    DeferrableWorkload(3600.0, 400.0, 2, 3600.0, 7200.0),
    tuple(map(make_row, ("run", *REPLAY_POLICIES), (900, 1000, 850, 950, 901, 800))),
    15,
    "test",
)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_run_is_compared_with_immediate_start_and_best_policy(language):
    section = savings_section(COUNTERFACTUAL, Translator(language))
    _, at_once, best, oracle = section.paragraphs
    assert format_carbon(1000) in at_once
    assert "10.0%" in at_once
    assert format_carbon(850) in best
    assert "5.9%" in best
    assert format_carbon(800) in oracle
    assert "test" in section.notes[0]


def test_savings_sentences_less_more_and_alike():
    _, less, more, _ = savings_section(COUNTERFACTUAL, Translator("en")).paragraphs
    assert "10.0% less" in less
    assert "5.9% more" in more
    alike = replace(COUNTERFACTUAL, rows=(make_row("run", 851.0), *COUNTERFACTUAL.rows[1:]))
    assert "about as much as" in savings_section(alike, Translator("en")).paragraphs[2]


def test_table_and_chart_have_every_policy():
    section = savings_section(COUNTERFACTUAL, Translator("en"))
    (table,), (chart,) = section.tables, section.charts
    assert [cells[0].strip("*") for cells in table.rows] == list(chart.categories)
    assert table.rows[0][4:] == ("+10.0%", "+10.0% [-5.0%, +20.0%]")
    assert table.rows[1][4:] == ("", "")
    assert chart.curves[0].y == (900, 1000, 850, 950, 901, 800)


def test_missing_savings_section_gives_the_reason():
    assert "ce-nas report" in missing_savings_section(None, Translator("en")).paragraphs[0]
    assert "the file is gone" in missing_savings_section("the file is gone", Translator("en")).paragraphs[0]
