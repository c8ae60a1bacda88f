"""The view of a run: narrow and wide, in both languages, running and ended."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from ce_nas.api import Search
from ce_nas.apps.cli.watch_view import render_run
from ce_nas.report.i18n.translator import Translator
from ce_nas.store.journal import JournalEntry


@pytest.fixture(scope="module")
def entries():
    flags = {"policy": "hotcarbon", "searcher": "lamoo", "stop": "never", "carbon_budget": "4kg", "seed": 1}
    return Search(hours=30, gpus=4, zone="wind", **flags).run().entries


def render(entries, width=100, language="en", is_locked=True, run="runs/0001"):
    console = Console(file=StringIO(), width=width, highlight=False, no_color=True)
    console.print(render_run(entries, Translator(language), run=Path(run), width=width, is_locked=is_locked))
    return console.file.getvalue()


def first_share(entries, share):
    return entries[: int(len(entries) * share)]


def test_a_running_run_shows_its_state_and_expected_end(entries):
    text = render(first_share(entries, 0.5))
    assert "0001  hotcarbon + lamoo, wind (synthetic typical year), seed 1: running" in text
    assert " of 30.0 h" in text
    assert " of 4.00 kg (full accounting)" in text
    assert "trainings" in text
    assert "right of │ the forecast" in text
    assert "GPUs now" in text
    assert "used up in about" in text
    assert "recommended" in text
    assert "▁" in text


def test_an_ended_run_shows_its_stop_reason(entries):
    text = render(entries, 160)
    assert "Nothing more could be finished within" in text
    for absent in ("GPUs now", "used up in about", "│"):
        assert absent not in text
    assert "at the end" in text


def test_an_interrupted_run_names_the_resume_command(entries):
    assert "ce-nas resume runs/0001" in " ".join(render(first_share(entries, 0.5), is_locked=False).split())
    assert "ce-nas resume 'a run'" in " ".join(render(entries[:-1], is_locked=False, run="a run").split())
    assert "not finished" in render(first_share(entries, 0.5), is_locked=None)


@pytest.mark.parametrize(("language", "text"), [("en", "its Python program again"), ("ja", "元の Python プログラム")])
def test_an_interrupted_run_of_a_program_names_the_program(entries, language, text):
    header = entries[0].content
    header["settings"]["live"]["devices"] = ["caller"]
    start = JournalEntry("run_started", 0.0, json.dumps(header))
    shown = " ".join(render([start, *entries[1:-1]], 200, language, is_locked=False).split())
    assert text in shown
    assert "out='runs/0001'" in shown
    assert "ce-nas resume" not in shown


def test_a_run_whose_books_are_settled_after_its_end_has_ended(entries):
    body = '{"carbon_g": {}, "paper_carbon_g": 0.0, "provisional_g": 0.0, "steps": []}'
    shown = render([*entries, JournalEntry("carbon_settled", entries[-1].at_s, body)], 160)
    assert shown == render(entries, 160)


def test_views_of_the_first_entries(entries):
    assert "nothing is recorded yet" in render([])
    text = render(entries[:1])
    assert "0 trainings" in text
    assert "grid" not in text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_terminal(entries, width, language):
    for text in (render(entries, width, language), render(first_share(entries, 0.4), width, language)):
        assert max(cell_len(line) for line in text.splitlines()) <= width


def test_failed_tasks_are_counted(entries):
    failed = '{"detail":"out of memory","device":0,"failure":"memory","task":3,"will_retry":true}'
    text = render([*first_share(entries, 0.5), JournalEntry("task_failed", entries[len(entries) // 2].at_s, failed)])
    assert "1 task; the last: out of memory" in text
