import numpy as np
import pytest

from ce_nas.benchmarks.nasbench201 import embedded_table, nasbench201_order
from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import Scenario
from ce_nas.experiments.studies.ablations import Ablations, supernets_by_rank


def test_each_variant_lacks_one_part_whatever_the_flags_say():
    flags = {"hours": 2, "policy": "heuristic", "forecaster": "seasonal-naive", "cheap_scores": "", "searcher": "nsga2"}
    cells = Ablations(Scenario(flags, (0,)), {"other scores": "none"}).cells()
    told = {one.labels["strategy"]: one.settings for one in cells}
    full = told["ce-nas"]
    assert (full.policy.name, full.forecaster, full.searcher.name) == ("heuristic", "seasonal-naive", "nsga2")
    assert told["no-forecast"].forecaster == "persistence"
    assert told["no-agent"].policy.name == "fixed"
    assert (told["no-surrogate"].searcher.name, told["no-surrogate"].searcher.inner) == ("lamoo", "uniform")
    assert (told["in-partition"].searcher.name, told["in-partition"].searcher.inner) == ("lamoo", "surrogate")
    assert told["no-scores"].benchmark.cheap_scores == told["scores:none"].benchmark.cheap_scores == "none"
    assert told["no-forecast"].policy.name == "heuristic"
    assert told["vanilla-lamoo"].policy.name == "all-evaluation"


def test_ratios_refer_to_vanilla_lamoo(finding):
    experiment = Ablations(Scenario({"hours": 2}, (0, 1)))
    findings = []
    for one in experiment.cells():
        marks = [(99, 40, 300, 80)] if one.labels["strategy"] == "vanilla-lamoo" else [(99.5, 5, 200, 10)]
        findings.append(finding(marks=marks, **one.labels))
    report = experiment.report(findings)
    rows = report.content["against_vanilla_lamoo"]
    assert [row["split"]["ratio"]["median"] for row in rows] == pytest.approx([12] * 6)
    assert {row["split"]["ratio"]["median"] for row in report.content["against_ce_nas"]} == {1.0}
    assert any("Nothing is sampled" in note for note in report.notes)


def test_supernets_from_the_worst_to_the_best(tmp_path):
    accuracy = embedded_table().metric("accuracy").values
    by_index = np.empty(len(accuracy))
    by_index[nasbench201_order()] = accuracy
    path = tmp_path / "supernets.npz"
    rng = np.random.default_rng(0)
    noisy = by_index + rng.normal(0, 20, len(by_index))
    np.savez(path, names=["right", "wrong", "noisy"], accuracy=np.stack([by_index, -by_index, noisy]))
    ranked = supernets_by_rank(path, {}, 3)
    assert [name for name, _ in ranked] == ["wrong", "noisy", "right"]
    assert ranked[0][1] == pytest.approx(-1)
    assert [name for name, _ in supernets_by_rank(path, {}, 2)] == ["wrong", "right"]
    with pytest.raises(SettingsError):
        supernets_by_rank(path, {}, 0)
