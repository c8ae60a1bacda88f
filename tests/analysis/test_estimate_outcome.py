"""An estimate before a run, set against what the run took: file, report and terminal."""

from __future__ import annotations

import json

import pytest

from ce_nas.analysis.estimate_outcome import ESTIMATE_FILENAME, compare_estimate, read_estimate
from ce_nas.api import Result, Search
from ce_nas.core.errors import DataError
from ce_nas.report.i18n.translator import LANGUAGES

SMALL = {"policy": "vanilla", "searcher": "random", "forecaster": "persistence", "gpus": 2, "hours": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    search = Search(**SMALL)
    search.estimate(searches=3)
    search.run(path)
    return path


def test_a_run_keeps_the_estimate_that_its_search_made(folder):
    outcomes = compare_estimate(read_estimate(folder / ESTIMATE_FILENAME), Result.read(folder).summary)
    assert [one.quantity for one in outcomes] == ["carbon_g", "energy_j", "hours", "trainings"]  # no price, no money
    by_name = {one.quantity: one for one in outcomes}
    assert by_name["hours"].is_inside
    assert by_name["trainings"].actual == Result.read(folder).summary.evaluations


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_sets_the_estimate_against_the_outcome(folder, language):
    from ce_nas.report.files import write_report

    write_report(folder, Result.read(folder).entries, language)
    text = (folder / "report.md").read_text()
    title = {"en": "Estimate and outcome", "ja": "見積もりと結果"}[language]
    assert title in text
    assert title in (folder / "report.html").read_text()


def test_a_quantity_outside_its_interval_is_said_to_be(folder):
    content = json.loads((folder / ESTIMATE_FILENAME).read_text())
    content["rows"][0]["carbon_g"] = {"median": 1.0, "low": 0.5, "high": 2.0}
    outcome = compare_estimate(content, Result.read(folder).summary)[0]
    assert not outcome.is_inside


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text("{}")
    with pytest.raises(DataError, match="Expected the JSON of 'ce-nas estimate"):
        read_estimate(path)
