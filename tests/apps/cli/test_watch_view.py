"""A run in a terminal, narrow or wide, in both languages, going on or over."""

from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from ce_nas.api import Study
from ce_nas.apps.cli.watch_view import run_view
from ce_nas.report.i18n.words import Words
from ce_nas.store.journal import Entry


@pytest.fixture(scope="module")
def entries():
    return Study.of(hours=30, gpus=4, zone="wind", policy="heuristic", carbon_budget="4kg", seed=1).run().entries


def shown(entries, width=100, language="en", held=True):
    console = Console(file=StringIO(), width=width, highlight=False, no_color=True)
    console.print(run_view(entries, Words(language), run=Path("runs/0001"), width=width, held=held))
    return console.file.getvalue()


def part(entries, share):
    return entries[: int(len(entries) * share)]


def test_a_run_that_goes_on_shows_where_it_is_and_when_it_will_end(entries):
    text = shown(part(entries, 0.5))
    assert "0001  heuristic + lamoo, wind (synthetic typical year), seed 1: goes on" in text
    assert " of 30.0 h" in text
    assert " of 4.00 kg (full book)" in text
    assert "trainings" in text
    assert "right of │ the forecast" in text
    assert "GPUs now" in text
    assert "used up in about" in text
    assert "take" in text
    assert "▁" in text


def test_what_has_ended_says_why_and_forecasts_nothing(entries):
    text = shown(entries, 160)
    assert "Nothing more could be finished within" in text
    for gone in ("GPUs now", "used up in about", "│"):
        assert gone not in text
    assert "at the end" in text


def test_a_run_that_nobody_is_at_says_how_to_go_on(entries):
    assert "ce-nas resume runs/0001" in " ".join(shown(part(entries, 0.5), held=False).split())
    assert "not ended" in shown(part(entries, 0.5), held=None)


def test_before_anything_happened(entries):
    assert "nothing is on record yet" in shown([])
    text = shown(entries[:1])
    assert "0 trainings" in text
    assert "grid" not in text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(entries, width, language):
    for text in (shown(entries, width, language), shown(part(entries, 0.4), width, language)):
        assert max(cell_len(line) for line in text.splitlines()) <= width


def test_failed_tasks_are_told_of(entries):
    failed = '{"again":true,"device":0,"failure":"memory","task":3,"words":"out of memory"}'
    text = shown([*part(entries, 0.5), Entry("failed", entries[len(entries) // 2].at_s, failed)])
    assert "1 tasks; the last: out of memory" in text
