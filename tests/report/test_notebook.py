import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ce_nas.analysis.summary import FrontMember
from ce_nas.api import Result
from ce_nas.report.i18n.translator import LANGUAGES, Translator
from ce_nas.report.notebook import RunFront, format_run_line, render_run_html

VOID = {"br", "img", "meta", "link"}


class Balanced(HTMLParser):
    """Checks that every end tag matches its start tag."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", LANGUAGES)
def test_run_html_is_self_contained(finished_run, language):
    translate = Translator(language)
    text = render_run_html(finished_run.entries, translate)
    assert finished_run.front[0].architecture in text
    assert translate("chart.front") in text
    assert text.count("<svg") == 4
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)
    assert "<script" not in text
    assert "<style" not in text  # would change the style of the notebook
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []


def test_search_result_repr(finished_run, tmp_path):
    assert finished_run._repr_html_() == render_run_html(finished_run.entries)
    assert repr(finished_run) == f"<Result {format_run_line(finished_run.summary)}>"
    assert len(repr(finished_run)) < 200
    assert "kg CO2eq" in repr(finished_run)


def test_front_is_a_sequence_with_html_repr(finished_run):
    front = finished_run.front
    assert isinstance(front, RunFront)
    assert list(front) == finished_run.summary.front
    assert front[-1] == finished_run.summary.front[-1]
    assert len(front[:2]) == min(2, len(front))
    assert repr(front) == f"<RunFront of {len(front)} architectures by accuracy, latency>"
    text = front._repr_html_()
    assert text.count("<svg") == 1
    assert text.count("<tr") == len(front) + 1


def test_names_are_escaped_and_long_fronts_truncated(finished_run):
    value = dict(finished_run.summary.front[0].objectives)
    members = [FrontMember(f"<script>{at}</script>", value) for at in range(60)]
    text = RunFront(replace(finished_run.summary, front=members))._repr_html_(Translator("en"))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "and 20 more" in text


def test_empty_front_has_no_chart(finished_run):
    text = RunFront(replace(finished_run.summary, front=[]))._repr_html_(Translator("en"))
    assert "no recommendation yet" in text
    assert "<svg" not in text
    assert "no recommendation yet" in render_run_html(finished_run.entries[:1], Translator("en"))


def test_saved_run_is_read(finished_run, tmp_path):
    from ce_nas.store.run_dir import RunDirectory

    with RunDirectory.create(tmp_path / "run") as folder:
        journal = folder.open_journal()
        for entry in finished_run.entries:
            journal.append(entry.kind, entry.at_s, entry.content)
    result = Result.read(str(tmp_path / "run"))
    assert result.summary == finished_run.summary
    assert result.path == tmp_path / "run"
