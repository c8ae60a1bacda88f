"""Measurements of a cost alone are no scores."""

import json

import pytest

from ce_nas.analysis.explanation import explain_run, space_from_journal
from ce_nas.analysis.summary import summarise
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown
from ce_nas.report.run_report import build_run_report
from ce_nas.report.sample_counts import count_samples, describe_samples
from ce_nas.store.journal import JournalEntry


@pytest.fixture(scope="module")
def scored():
    from ce_nas.api import Search

    flags = {"policy": "fixed", "searcher": "random", "stop": "never"}
    return Search(hours=3, gpus=2, zone="wind", **flags).run().entries


@pytest.fixture
def measured(scored):
    """The same journal as of a search whose samples are measurements of the cost alone."""

    def alone(entry):
        if entry.kind != "sampled":
            return entry
        content = entry.content
        content["values"] = [[None, *values[1:]] for values in content["values"]]
        return JournalEntry(entry.kind, entry.at_s, json.dumps(content))

    return [alone(entry) for entry in scored]


def test_scores_are_counted_as_scores(scored):
    summary = summarise(scored)
    assert summary.samples > 0
    assert summary.measured_samples == 0
    assert describe_samples(summary, Translator("en"), "long") == f"{summary.samples:,} candidates scored"
    assert f"Candidates scored: **{summary.samples:,}**" in render_markdown(build_run_report(scored, Translator("en")))


def test_measurements_are_named_so(measured):
    summary, translate = summarise(measured), Translator("en")
    assert summary.measured_samples == summary.samples > 0
    assert describe_samples(summary, translate, "short") == f"{summary.samples:,} measured without a score"
    page = render_markdown(build_run_report(measured, translate))
    assert f"Candidates measured without a score: **{summary.samples:,}**" in page
    assert "Candidates scored" not in page
    counts = explain_run(measured, space_from_journal(measured)).candidates
    assert (counts.scored, counts.measured) == (0, summary.samples)


@pytest.mark.parametrize(
    ("samples", "measured", "counts"),
    [(0, 0, {"scored": 0}), (5, 2, {"scored": 3, "measured": 2}), (5, 5, {"measured": 5})],
)
def test_both_kinds_are_counted(samples, measured, counts):
    assert count_samples(samples, measured) == counts
