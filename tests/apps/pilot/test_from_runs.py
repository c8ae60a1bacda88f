"""A pilot from runs: against runs of the current method, or against an immediate start."""

import pytest

from ce_nas.api import Search
from ce_nas.apps.pilot.from_runs import pilot_from_runs
from ce_nas.apps.pilot.paper import decision_html, decision_page
from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.translator import LANGUAGES, Translator
from ce_nas.store.run_dir import RunDirectory

pytestmark = pytest.mark.slow

FLAGS = {"hours": 10, "gpus": 3, "zone": "wind"}
BASELINE = {**FLAGS, "policy": "vanilla", "searcher": "random", "proxy_scores": "none"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        Search(**FLAGS, policy="threshold", searcher="nsga2", seed=seed).run(folder / f"ours-{seed}")
        Search(**BASELINE, seed=seed, evaluations=30).run(folder / f"baseline-{seed}")
    return folder


@pytest.mark.long
def test_without_baseline_runs_the_work_starts_immediately(runs):
    result = pilot_from_runs(PilotInputs(), [runs / "ours-0", runs / "ours-1"])
    assert result.is_measured
    assert result.full_baseline is None
    assert not result.has_baseline_runs
    for (baseline,), (ours,) in zip(result.baseline.costs, result.ce_nas.costs, strict=True):
        assert baseline.trainings == ours.trainings
        assert baseline.end_s <= ours.end_s
    assert {rule.name for rule in result.rules} == {"run", "threshold", "hotcarbon", "look-ahead", "oracle"}
    assert result.metered_share == 0.0  # from a power model
    assert result.provenance.gpus == 3
    assert "by construction" in " ".join(decision_page(result, Translator("en")).sections[1].paragraphs)


def test_baseline_runs_are_compared_at_equal_quality(runs):
    ours, theirs = ([runs / f"{name}-{seed}" for seed in (0, 1)] for name in ("ours", "baseline"))
    result = pilot_from_runs(PilotInputs.from_mapping({"electricity_price": 0.3}), ours, theirs)
    assert result.has_baseline_runs
    for (reached,), (full,) in zip(result.baseline.costs, result.full_baseline.costs, strict=True):
        assert reached.carbon_g <= full.carbon_g
    for language in LANGUAGES:
        translate = Translator(language)
        text = decision_html(result, translate)
        assert "ours-0" in text
        assert "baseline-1" in text
        assert translate("pilot.rule.own_start").split("'")[0] in text
    assert result.to_dict()["metered_share"] == 0.0
    assert "Too few runs for a conclusion" in decision_page(result, Translator("en")).sections[0].paragraphs[0]


def test_incomparable_runs_are_refused(runs, tmp_path):
    with pytest.raises(SettingsError, match="one baseline run for each run of CE-NAS"):
        pilot_from_runs(PilotInputs(), [runs / "ours-0"], [runs / "baseline-0", runs / "baseline-1"])
    Search(**BASELINE, objectives="accuracy,flops", evaluations=3).run(tmp_path / "other")
    with pytest.raises(SettingsError, match="same objectives"):
        pilot_from_runs(PilotInputs(), [runs / "ours-0"], [tmp_path / "other"])
    with RunDirectory.create(tmp_path / "unfinished") as folder:
        folder.open_journal().append("run_started", 0.0, {})
    hint = r"a run that has ended in .*; resume it with: ce-nas resume .*/unfinished$"
    with pytest.raises(SettingsError, match=hint):
        pilot_from_runs(PilotInputs(), [tmp_path / "unfinished"])
