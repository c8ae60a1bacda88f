"""A pilot from runs on file: beside runs of today's way, or beside the same work at once."""

import pytest

from ce_nas.api import Study
from ce_nas.apps.pilot.first_page import decision_html, decision_page
from ce_nas.apps.pilot.from_runs import measured_pilot
from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.words import LANGUAGES, Words
from ce_nas.store.run_dir import RunFolder

FLAGS = {"hours": 10, "gpus": 3, "zone": "wind"}
TODAY = {**FLAGS, "policy": "vanilla", "searcher": "uniform", "cheap_scores": "none"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        Study.of(**FLAGS, policy="threshold", searcher="nsga2", seed=seed).run(folder / f"ours-{seed}")
        Study.of(**TODAY, seed=seed, evaluations=30).run(folder / f"today-{seed}")
    return folder


def test_without_runs_of_today_it_is_the_same_work_at_once(runs):
    result = measured_pilot(PilotFigures(), [runs / "ours-0", runs / "ours-1"])
    assert result.measured
    assert result.billed is None
    assert not result.paired
    for (today,), (ours,) in zip(result.today.outlays, result.ce_nas.outlays, strict=True):
        assert today.trainings == ours.trainings
        assert today.end_s <= ours.end_s
    assert {rule.name for rule in result.rules} == {"run", "threshold", "heuristic", "look-ahead", "oracle"}
    assert result.metered == 0.0  # a power model's
    assert result.facts.gpus == 3
    assert "by construction" in " ".join(decision_page(result, Words("en")).sections[1].paragraphs)


def test_beside_runs_of_today_both_are_charged_to_the_same_quality(runs):
    ours, today = ([runs / f"{name}-{seed}" for seed in (0, 1)] for name in ("ours", "today"))
    result = measured_pilot(PilotFigures.of({"electricity_price": 0.3}), ours, today)
    assert result.paired
    for (until,), (whole,) in zip(result.today.outlays, result.billed.outlays, strict=True):
        assert until.carbon_g <= whole.carbon_g
    for language in LANGUAGES:
        words = Words(language)
        text = decision_html(result, words)
        assert "ours-0" in text
        assert "today-1" in text
        assert words("pilot.rule.own_start").split("'")[0] in text
    assert result.to_dict()["metered_share"] == 0.0
    assert "Too few runs to tell" in decision_page(result, Words("en")).sections[0].paragraphs[0]


def test_runs_that_cannot_be_compared_are_refused(runs, tmp_path):
    with pytest.raises(SettingsError, match="as many runs of today"):
        measured_pilot(PilotFigures(), [runs / "ours-0"], [runs / "today-0", runs / "today-1"])
    Study.of(**TODAY, objectives="accuracy,flops", evaluations=3).run(tmp_path / "other")
    with pytest.raises(SettingsError, match="same objectives"):
        measured_pilot(PilotFigures(), [runs / "ours-0"], [tmp_path / "other"])
    with RunFolder.create(tmp_path / "begun") as folder:
        folder.journal().append("begun", 0.0, {})
    with pytest.raises(SettingsError, match="a run that has ended"):
        measured_pilot(PilotFigures(), [tmp_path / "begun"])
