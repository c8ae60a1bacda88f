import json
import re

import pytest

from ce_nas.apps.dashboard.pages.explain import Question, why_page
from ce_nas.report.i18n.words import Words
from ce_nas.store.journal import Entry
from ce_nas.store.run_dir import read_run


@pytest.fixture(scope="module")
def entries(folder):
    return read_run(folder / "wind")


def test_the_whole_run_leads_to_each_architecture_of_the_front(entries):
    text = why_page("runs~wind", entries, Question(), Words("en"))
    assert "What became of the candidates" in text
    links = re.findall(r'href="/run/runs~wind/explain\?what=([^"]+)"', text)
    assert links
    one = why_page("runs~wind", entries, Question(what=re.findall(r'<option value="([^"]+)"', text)[0]), Words("ja"))
    assert "フロント上" in one


def test_an_hour_goes_over_an_architecture(entries):
    text = why_page("runs~wind", entries, Question("+", "3"), Words("en"))
    assert "<h1>Why the GPUs were divided so in hour 3</h1>" in text
    assert 'name="hour" value="3"' in text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Question(what="no such cell"), "Expected"),
        (Question(what="+-+-+-+-+-"), "Expected a region of the run"),
        (Question(hour="9000"), "Expected an hour of the run"),
        (Question(hour="soon"), "whole number, got &#39;soon&#39;"),
        (Question(what='"><script>'), "&lt;script&gt;"),
    ],
)
def test_what_is_wrong_with_a_question_is_said_above_the_form(entries, asked, said):
    text = why_page("runs~wind", entries, asked, Words("en"))
    assert re.search(r'role="alert">[^<]*Expected', text)
    assert said in text
    assert "<script>" not in text


def test_nobodys_code_is_run_for_a_page(entries, tmp_path):
    trap = tmp_path / "own.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    begun = entries[0].content
    begun["settings"]["live"].update(on=True, evaluate=str(trap))
    live = [Entry("begun", 0.0, json.dumps(begun)), *entries[1:]]
    text = why_page("runs~wind", live, Question(), Words("en"))
    assert "a page runs nobody&#39;s code" in text
    assert not (tmp_path / "ran").exists()
    assert "divided so in hour 2" in why_page("runs~wind", live, Question(hour="2"), Words("en"))
