"""Times of a run whose clock is faster than real time say which clock they are of."""

import json
from pathlib import Path

import pytest

from ce_nas.analysis.summary import summarise
from ce_nas.report.clock_labels import format_run_hours, label_grid_time, label_real_time
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown
from ce_nas.report.run_report import build_run_report
from ce_nas.store.journal import JournalEntry


def at_scale(entries, scale):
    """The same journal as of a live run at a time scale."""
    header = entries[0].content
    header["settings"]["live"] |= {"enabled": True, "time_scale": scale}
    return [JournalEntry("run_started", 0.0, json.dumps(header)), *entries[1:]]


@pytest.fixture(scope="module")
def entries():
    from ce_nas.api import Search

    return Search(hours=6, gpus=1, zone="wind", policy="vanilla", searcher="random", stop="never").run().entries


def test_a_run_in_real_time_has_no_labels(entries):
    summary, translate = summarise(at_scale(entries, 1.0)), Translator("en")
    assert format_run_hours(summary, translate) == f"{summary.simulated_hours:.1f} h"
    assert label_grid_time("time", summary, translate) == label_real_time("time", summary, translate) == "time"
    assert "real" not in render_markdown(build_run_report(at_scale(entries, 1.0), translate)).partition("##")[0]


@pytest.mark.parametrize(("language", "grid", "real"), [("en", "of the grid", "real"), ("ja", "系統時間", "実時間")])
def test_a_run_on_a_faster_clock_says_both(entries, language, grid, real):
    fast, translate = at_scale(entries, 60.0), Translator(language)
    summary = summarise(fast)
    hours = format_run_hours(summary, translate)
    assert f"{summary.simulated_hours:.1f} h" in hours
    assert f"{summary.simulated_hours:.2f} min" in hours  # an hour of the grid takes a minute
    page = render_markdown(build_run_report(fast, translate))
    assert hours in page
    assert label_grid_time(translate("budget.time"), summary, translate) in page
    assert label_real_time(translate("budget.gpu_hours"), summary, translate) in page
    assert translate("clock.note", scale="60") in page
    assert grid in page
    assert real in page


def test_the_watched_run_says_which_hours(entries):
    from io import StringIO

    from rich.console import Console

    from ce_nas.apps.cli.watch_view import render_run

    console = Console(file=StringIO(), width=120, highlight=False, no_color=True)
    fast = at_scale(entries, 60.0)
    console.print(render_run(fast, Translator("en"), run=Path("run"), width=120))
    assert "time (of the grid)" in console.file.getvalue()
    assert "(of the grid)" in console.file.getvalue().splitlines()[-1]
