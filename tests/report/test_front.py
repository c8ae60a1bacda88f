import re
from dataclasses import replace

import pytest

from ce_nas.analysis.front_choice import choose
from ce_nas.analysis.summary import FrontMember
from ce_nas.report.front import (
    abbreviate,
    explain_choice,
    format_metric,
    format_objectives,
    format_percent,
    is_cell,
    recommendation_section,
)
from ce_nas.report.i18n.translator import Translator

CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"


def test_a_cell_is_written_by_letters():
    assert is_cell(CELL)
    assert abbreviate(CELL) == "3 -1 sp3"
    assert not is_cell(CELL.replace("none", "other"))


@pytest.mark.parametrize("text", [CELL.replace("none", "other"), "k3_e1|" * 21 + "skip", "a=1 b=2"])
def test_other_architectures_keep_their_ends(text):
    short = abbreviate(text, width=20)
    assert len(short) <= 20
    head, _, tail = short.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)


def test_two_cells_never_share_a_code(finished_run):
    front = finished_run.summary.front
    assert len({abbreviate(member.architecture) for member in front}) == len(front)


def test_small_seconds_are_milliseconds():
    assert format_metric(0.01394, "s") == "13.94 ms"
    assert format_metric(2.5, "s") == "2.5 s"
    assert format_metric(91.0, "%") == "91 %"
    assert format_metric(0.2, "J") == "200 mJ"
    assert format_percent(-0.031) == "3.1 %"
    assert format_percent(0.0999) == "10 %"


def summary_of(finished_run, *points):
    front = [FrontMember(f"n{at}", {"accuracy": y, "latency": x}) for at, (y, x) in enumerate(points)]
    return replace(finished_run.summary, front=front)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("knee", ["knee of the front", "3 architectures", "accuracy 17 %, latency 25 %", "Next comes `n0`"]),
        ("accuracy>=90", ["best by latency of the 2 architectures with accuracy>=90 %.", "Next comes `n0`"]),
        ("accuracy>=85, latency<=15ms", ["of the 1 architecture with accuracy>=85 %, latency<=15ms."]),
        ("latency<=12", ["of the 3 architectures with latency<=12 s. The whole front keeps latency<=12 s: nothing"]),
        ("accuracy=1,latency=3", ["with the weights accuracy=1,latency=3"]),
    ],
)
def test_the_reason_is_in_words(finished_run, rule, words):
    summary = summary_of(finished_run, (92.0, 0.018), (90.0, 0.012), (80.0, 0.010))
    text = explain_choice(choose(summary, rule), summary, Translator("en"))
    for word in words:
        assert word in text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_section_names_the_way_to_another_choice(finished_run, language):
    section = recommendation_section(finished_run.summary, Translator(language))
    text = " ".join(section.paragraphs)
    rule = re.search(r"--rule '([^']+)'", text).group(1)
    assert choose(finished_run.summary, rule).kind == "bounds"
    only = summary_of(finished_run, (90.0, 1.0))
    assert "ce-nas choose" not in " ".join(recommendation_section(only, Translator(language)).paragraphs)
    assert format_objectives(only.front[0].objectives, only.objectives, Translator(language)) in " ".join(
        recommendation_section(only, Translator(language)).paragraphs
    )
