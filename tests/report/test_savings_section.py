import math
from dataclasses import replace

import pytest

from ce_nas.analysis.counterfactual import (
    Counterfactual,
    CounterfactualRow,
    SavingsSpread,
)
from ce_nas.analysis.policy_replay import REPLAY_POLICIES, DeferrableWorkload
from ce_nas.analysis.savings import Saving, Savings
from ce_nas.analysis.statistics import Interval
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.savings_section import (
    format_carbon_interval,
    format_share,
    replay_section,
    savings_headline,
    savings_rows,
    savings_section,
    savings_span,
)

ENGLISH = Translator("en")
LAMOO = Saving("vanilla-lamoo", Interval(12_100.0, 10_200.0, 14_000.0), "recorded", 20)
RANDOM = Saving("vanilla-random", Interval(math.inf, 40_000.0, math.inf), "recorded", 20, reached_share=0.2)
AT_ONCE = Saving("at-once", Interval(2_500.0, 2_200.0, 2_900.0), "replayed", 15)
BEST = Saving("best-hour", Interval(2_000.0, 2_000.0, 2_000.0), "replayed", 15)
SAVED = Savings(2_300.0, 1.6, 0.999, (RANDOM, LAMOO, AT_ONCE, BEST))


def make_row(policy, grams):
    return CounterfactualRow(policy, grams, 3.6e6, 3600.0, 1 - grams / 1000.0, SavingsSpread(0.1, -0.05, 0.2))


COUNTERFACTUAL = Counterfactual(
    DeferrableWorkload(3600.0, 400.0, 2, 3600.0, 7200.0),
    tuple(map(make_row, ("run", *REPLAY_POLICIES), (900, 1000, 850, 950, 901, 800))),
    15,
    "test",
)


def test_the_headline_says_what_was_saved_and_against_what():
    assert savings_headline(SAVED, ENGLISH) == (
        "Saved **81 % of the carbon**: 2.30 kg used, vanilla NAS (LaMOO, all GPUs at all hours) would have taken "
        "12.1 kg [10.2 to 14.0; 95 %, 20 searches] to the same quality."
    )


def test_brackets_are_named_as_the_range_that_they_are():
    few = replace(LAMOO, count=3)
    assert "[10.2 to 14.0; range of 3 searches]" in savings_headline(Savings(2_300.0, 1.6, 0.999, (few,)), ENGLISH)
    days = Saving("at-once", Interval(2_500.0, 2_000.0, 3_000.0), "replayed", 15)
    assert "[2.00 to 3.00; 95 % of 15 starts]" in savings_headline(Savings(2_300.0, 1.6, 0.999, (days,)), ENGLISH)


@pytest.mark.parametrize(
    ("rows", "used_g", "begins"),
    [
        ((AT_ONCE,), 2_300.0, "Saved **8.0 % of the carbon**: 2.30 kg used, the same work started at once would have"),
        ((AT_ONCE,), 2_750.0, "Used **10 % more carbon** than the same work started at once: 2.75 kg, against 2.50 kg"),
        ((AT_ONCE,), 7_500.0, "Used **3 times as much carbon** as the same work started at once: 7.50 kg, against"),
        ((AT_ONCE,), 2_501.0, "Used **as much carbon** as the same work started at once"),
        ((RANDOM,), 2_300.0, "Used **2.30 kg of carbon** for a quality that vanilla NAS (random search, all GPUs at"),
        ((), 2_300.0, "Used **2.30 kg of carbon**; no saving is stated. No work yet."),
    ],
)
def test_the_headline_claims_no_more_than_is_known(rows, used_g, begins):
    saved = replace(SAVED, carbon_g=used_g, rows=rows, unavailable={} if rows else {"at-once": "No work yet."})
    assert savings_headline(saved, ENGLISH).startswith(begins)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_least_way_is_named_next_to_the_most(language):
    translate = Translator(language)
    text = savings_span(replace(SAVED, rows=(LAMOO, AT_ONCE, BEST)), translate)
    for word in ("81 %", "15 %", translate("way.vanilla-lamoo"), translate("way.best-hour")):
        assert word in text
    assert savings_span(replace(SAVED, rows=(LAMOO,)), translate) == ""


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_section_has_every_way_and_the_run_in_the_order_of_carbon(language):
    translate = Translator(language)
    section = savings_section(replace(SAVED, unavailable={"simple-policy": "Because."}), translate)
    (table,), (chart,) = section.tables, section.charts
    ways = [f"way.{name}" for name in ("vanilla-random", "vanilla-lamoo", "at-once", "run", "best-hour")]
    assert [cells[0].strip("*") for cells in table.rows] == list(map(translate, ways))
    assert list(chart.categories) == [translate(way.replace("way", "bar")) for way in ways[1:3]] + [
        translate("way.run"), translate("bar.best-hour"),
    ]  # fmt: skip
    assert chart.curves[1].y == (0.0, 0.0, 2.3, 0.0)
    assert any("Because." in note for note in section.notes)


def test_rows_give_the_share_with_its_interval_and_what_it_rests_on():
    rows = savings_rows(SAVED, ENGLISH, short=True)
    assert rows[0] == (
        "vanilla, random",
        "not reached",
        "100 % less [94 to 100]",
        "20 recorded searches, 20 % of them reach it",
    )
    assert rows[1] == ("vanilla, LaMOO", "12.1 kg [10.2 to 14.0]", "81 % less [77 to 84]", "20 recorded searches")
    assert rows[3] == ("cleanest hour", "2.00 kg", "15 % more", "15 starts")


def test_an_interval_has_the_unit_of_its_median():
    assert format_carbon_interval(Interval(950.0, 800.0, 1_200.0), ENGLISH) == "950 g [800 to 1,200]"
    assert format_carbon_interval(Interval(2e6, 1.5e6, math.inf), ENGLISH) == "2.00 t [1.50 to not reached]"
    assert format_carbon_interval(Interval(0.0011, 0.001, 0.0015), ENGLISH) == "1.10 mg [1.00 to 1.50]"


def test_a_share_is_words_not_a_sign():
    assert [format_share(share, ENGLISH) for share in (0.81, -0.031, 0.0001, -2.0)] == [
        "81 % less", "3.1 % more", "the same", "3 times as much",
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_replay_has_every_policy_and_its_bound(language):
    section = replay_section(COUNTERFACTUAL, Translator(language))
    (table,) = section.tables
    assert table.collapsed
    assert table.rows[0][4:] == ("+10.0 %", "+10.0 % [-5.0 %, +20.0 %]")
    assert table.rows[1][4:] == ("", "")
    assert "800 g" in section.paragraphs[1]
    assert "20 %" in section.paragraphs[1]
    assert "test" in section.notes[0]
