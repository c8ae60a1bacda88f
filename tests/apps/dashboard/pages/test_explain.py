import json
import re

import pytest

from ce_nas.apps.dashboard.pages.explain import ExplanationQuestion, explain_page
from ce_nas.report.i18n.translator import Translator
from ce_nas.store.journal import JournalEntry
from ce_nas.store.run_dir import read_run_entries


@pytest.fixture(scope="module")
def entries(run_root):
    return read_run_entries(run_root / "wind")


def test_the_run_page_links_to_each_architecture_of_the_front(entries):
    text = explain_page("runs~wind", entries, ExplanationQuestion(), Translator("en"))
    assert "What happened to all candidates" in text
    links = re.findall(r'href="/run/runs~wind/explain\?what=([^"]+)"', text)
    assert links
    question = ExplanationQuestion(subject=re.findall(r'<option value="([^"]+)"', text)[0])
    assert "フロント上" in explain_page("runs~wind", entries, question, Translator("ja"))


def test_an_hour_takes_precedence_over_a_subject(entries):
    text = explain_page("runs~wind", entries, ExplanationQuestion("+", "3"), Translator("en"))
    assert "<h1>GPU allocation in hour 3</h1>" in text
    assert 'name="hour" value="3"' in text


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (ExplanationQuestion(subject="no such cell"), "Expected"),
        (ExplanationQuestion(subject="+-+-+-+-+-"), "Expected a region of the run"),
        (ExplanationQuestion(hour="9000"), "Expected an hour of the run"),
        (ExplanationQuestion(hour="soon"), "whole number, got &#39;soon&#39;"),
        (ExplanationQuestion(subject='"><script>'), "&lt;script&gt;"),
    ],
)
def test_an_invalid_question_is_answered_above_the_form(entries, question, message):
    text = explain_page("runs~wind", entries, question, Translator("en"))
    assert re.search(r'role="alert">[^<]*Expected', text)
    assert message in text
    assert "<script>" not in text


def test_no_user_code_is_run_for_a_page(entries, tmp_path):
    user_file = tmp_path / "user.py"
    user_file.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    header = entries[0].content
    header["settings"]["live"].update(enabled=True, evaluate=str(user_file))
    live = [JournalEntry("run_started", 0.0, json.dumps(header)), *entries[1:]]
    text = explain_page("runs~wind", live, ExplanationQuestion(), Translator("en"))
    assert "the dashboard does not execute" in text
    assert not (tmp_path / "ran").exists()
    assert "GPU allocation in hour 2" in explain_page(
        "runs~wind", live, ExplanationQuestion(hour="2"), Translator("en")
    )
