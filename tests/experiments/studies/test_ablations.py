import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import load_embedded_table, nasbench201_order
from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig
from ce_nas.experiments.studies.ablations import AblationExperiment, rank_supernets


def test_variants_override_the_users_flags():
    flags = {"hours": 2, "policy": "hotcarbon", "forecaster": "seasonal-naive", "proxy_scores": "", "searcher": "nsga2"}
    trials = AblationExperiment(ExperimentConfig(flags, (0,)), {"other scores": "none"}).trials()
    settings = {one.labels["strategy"]: one.settings for one in trials}
    full = settings["ce-nas"]
    assert (full.policy.name, full.forecaster.name, full.searcher.name) == ("hotcarbon", "seasonal-naive", "nsga2")
    assert settings["no-forecast"].forecaster.name == "persistence"
    assert settings["no-policy"].policy.name == "fixed"
    assert (settings["no-surrogate"].searcher.name, settings["no-surrogate"].searcher.inner.name) == ("lamoo", "random")
    assert (settings["in-lamoo-regions"].searcher.name, settings["in-lamoo-regions"].searcher.inner.name) == (
        "lamoo",
        "surrogate",
    )
    assert settings["no-proxy-scores"].problem.proxy_scores == settings["scores:none"].problem.proxy_scores == "none"
    assert settings["no-forecast"].policy.name == "hotcarbon"
    assert settings["vanilla-lamoo"].policy.name == "vanilla"


def test_ratios_refer_to_vanilla_lamoo(make_result):
    experiment = AblationExperiment(ExperimentConfig({"hours": 2}, (0, 1)))
    results = []
    for one in experiment.trials():
        points = [(99, 40, 300, 80)] if one.labels["strategy"] == "vanilla-lamoo" else [(99.5, 5, 200, 10)]
        results.append(make_result(points=points, **one.labels))
    report = experiment.build_report(results)
    rows = report.content["against_vanilla_lamoo"]
    assert [row["decomposition"]["carbon_ratio"]["median"] for row in rows] == pytest.approx([12] * 6)
    assert {row["decomposition"]["carbon_ratio"]["median"] for row in report.content["against_ce_nas"]} == {1.0}
    assert any("No candidates are sampled" in note for note in report.notes)


def test_supernets_are_ranked_by_tau(tmp_path):
    accuracy = load_embedded_table().metric("accuracy").values
    by_index = np.empty(len(accuracy))
    by_index[nasbench201_order()] = accuracy
    path = tmp_path / "supernets.npz"
    rng = np.random.default_rng(0)
    noisy = by_index + rng.normal(0, 20, len(by_index))
    np.savez(path, names=["right", "wrong", "noisy"], accuracy=np.stack([by_index, -by_index, noisy]))
    ranked = rank_supernets(path, {}, 3)
    assert [name for name, _ in ranked] == ["wrong", "noisy", "right"]
    assert ranked[0][1] == pytest.approx(-1)
    assert [name for name, _ in rank_supernets(path, {}, 2)] == ["wrong", "right"]
    with pytest.raises(SettingsError):
        rank_supernets(path, {}, 0)
