"""A run and a front in a notebook."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ce_nas.analysis.summary import FrontMember
from ce_nas.api import Result
from ce_nas.report.i18n.words import LANGUAGES, Words
from ce_nas.report.notebook import RunFront, run_html, run_line

VOID = {"br", "img", "meta", "link"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, and in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_shows_its_figures_its_answer_and_nothing_from_outside(result, language):
    words = Words(language)
    text = run_html(result.entries, words)
    assert result.front[0].architecture in text
    assert words("chart.front") in text
    assert text.count("<svg") == 4
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)
    assert "<script" not in text
    assert "<style" not in text  # it would change the notebook's own looks
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []


def test_a_result_shows_itself(result, tmp_path):
    assert result._repr_html_() == run_html(result.entries)
    assert repr(result) == f"<Result {run_line(result.summary)}>"
    assert len(repr(result)) < 200
    assert "kg CO2eq" in repr(result)


def test_a_front_is_a_sequence_that_shows_itself(result):
    front = result.front
    assert isinstance(front, RunFront)
    assert list(front) == result.summary.front
    assert front[-1] == result.summary.front[-1]
    assert len(front[:2]) == min(2, len(front))
    assert repr(front) == f"<RunFront of {len(front)} architectures by accuracy, latency>"
    text = front._repr_html_()
    assert text.count("<svg") == 1
    assert text.count("<tr") == len(front) + 1


def test_names_are_escaped_and_long_fronts_are_cut(result):
    value = dict(result.summary.front[0].objectives)
    members = [FrontMember(f"<script>{at}</script>", value) for at in range(60)]
    text = RunFront(replace(result.summary, front=members))._repr_html_(Words("en"))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "and 20 more" in text


def test_without_a_training_there_is_no_front_yet(result):
    text = RunFront(replace(result.summary, front=[]))._repr_html_(Words("en"))
    assert "no answer yet" in text
    assert "<svg" not in text
    assert "no answer yet" in run_html(result.entries[:1], Words("en"))


def test_a_run_on_file_is_read(result, tmp_path):
    from ce_nas.store.run_dir import RunFolder

    with RunFolder.create(tmp_path / "run") as folder:
        journal = folder.journal()
        for entry in result.entries:
            journal.append(entry.kind, entry.at_s, entry.content)
    found = Result.read(str(tmp_path / "run"))
    assert found.summary == result.summary
    assert found.path == tmp_path / "run"
