from dataclasses import replace

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig, to_plain_containers
from ce_nas.experiments.studies.noise import REEVALUATION_METRICS, NoiseExperiment
from ce_nas.experiments.trials import run_trial
from ce_nas.report.i18n.translator import Translator


def test_problem_without_single_seeds_is_refused():
    with pytest.raises(SettingsError, match="val200_<dataset>_s0"):
        NoiseExperiment(ExperimentConfig({}, (0,)))


@pytest.mark.long
def test_runs_observe_single_seeds_and_are_reevaluated(shared_data, make_result):
    flags = {"table": shared_data / "nasbench201/nb201.parquet", "problem": "hwnasbench", "hours": 2, "gpus": 2}
    experiment = NoiseExperiment(ExperimentConfig(flags, (0, 1)))
    trials = experiment.trials()
    assert {one.settings.problem.objectives for one in trials} == {
        ("accuracy_s0", "edgegpu_energy:min:50.0"), ("accuracy_s1", "edgegpu_energy:min:50.0"),
    }  # fmt: skip
    random = run_trial(trials[-1])[1]
    assert set(random.reevaluated_hypervolume) == set(REEVALUATION_METRICS)
    assert (
        random.reevaluated_hypervolume["test accuracy"][-1]
        != random.reevaluated_hypervolume["mean of seeds"][-1]
        != random.trajectory.final_hypervolume
    )
    reevaluated = {
        "reevaluated_hypervolume": {name: [99.0] for name in REEVALUATION_METRICS},
        "reevaluated_hypervolume_max": dict.fromkeys(REEVALUATION_METRICS, 100.0),
    }
    results = [replace(make_result(points=[(90, 1, 300, 1)], **one.labels), **reevaluated) for one in trials]
    assert experiment.build_report(results, Translator("ja")).tables[0].rows[0][0].startswith("学習時の値")
    content = to_plain_containers(experiment.build_report(results).content)
    rows = content["against_vanilla_lamoo"]
    assert [row["log_missing_share"]["median"] for row in rows] == pytest.approx([-1, -2, -2])
    assert len(content["against_vanilla_random"]) == len(REEVALUATION_METRICS)
