from dataclasses import replace

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import Scenario, plain
from ce_nas.experiments.studies.noise import JUDGES, Noise
from ce_nas.experiments.trials import run_cell
from ce_nas.report.i18n.words import Words


def test_a_benchmark_without_single_seeds_is_refused():
    with pytest.raises(SettingsError, match="val200_<dataset>_s0"):
        Noise(Scenario({}, (0,)))


def test_each_run_observes_another_seed_and_is_judged_on_more(shared_data, finding):
    flags = {"table": shared_data / "nasbench201/nb201.parquet", "benchmark": "hwnasbench", "hours": 2, "gpus": 2}
    experiment = Noise(Scenario(flags, (0, 1)))
    cells = experiment.cells()
    assert {one.settings.benchmark.objectives for one in cells} == {
        ("accuracy_s0", "edgegpu_energy:min:50.0"), ("accuracy_s1", "edgegpu_energy:min:50.0"),
    }  # fmt: skip
    random = run_cell(cells[-1])[1]
    assert set(random.judged) == set(JUDGES)
    assert random.judged["test accuracy"][-1] != random.judged["mean of seeds"][-1] != random.track.final
    verdicts = {"judged": {judge: [99.0] for judge in JUDGES}, "judged_max": dict.fromkeys(JUDGES, 100.0)}
    findings = [replace(finding(marks=[(90, 1, 300, 1)], **one.labels), **verdicts) for one in cells]
    assert experiment.report(findings, Words("ja")).tables[0].rows[0][0] == "学習時の値:1 シード"
    content = plain(experiment.report(findings).content)
    rows = content["against_vanilla_lamoo"]
    assert [row["log_share"]["median"] for row in rows] == pytest.approx([-1, -2, -2])
    assert len(content["against_vanilla_random"]) == len(JUDGES)
