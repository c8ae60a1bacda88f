import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig
from ce_nas.experiments.studies.devices import DeviceExperiment


def test_all_known_datasets_and_costs(make_result):
    experiment = DeviceExperiment(ExperimentConfig({"hours": 2}, (0, 1)))
    trials = experiment.trials()
    places = {(one.labels["dataset"], one.labels["cost"]) for one in trials}
    assert places == {(name, "latency") for name in ("cifar10", "cifar100", "imagenet16-120")}
    assert len({one.key for one in trials}) == len(trials) == 3 * 2 * 2
    assert trials[0].settings.problem.objectives == ("accuracy", "latency")
    results = [make_result(points=[(90, 1, 300, 1)], **one.labels) for one in trials]
    report = experiment.build_report(results)
    assert report.tables[0].rows[0][0] == "cifar10, latency"
    assert report.content["missing_datasets"] == []


def test_devices_of_a_table_and_missing_datasets(shared_data, make_result):
    table = shared_data / "nasbench201/nb201.parquet"
    experiment = DeviceExperiment(ExperimentConfig({"table": table, "problem": "hwnasbench"}, (0,)))
    costs = {one.labels["cost"] for one in experiment.trials()}
    assert {"edgegpu_latency", "edgegpu_energy", "fpga_energy", "raspi4_latency", "pixel3_latency"} <= costs
    results = [make_result(points=[(90, 1, 300, 1)], **one.labels) for one in experiment.trials()]
    report = experiment.build_report(results)
    assert report.content["missing_datasets"] == ["imagenet16-120"]
    assert "imagenet16-120" in report.notes[-1]


def test_unknown_cost_is_refused():
    with pytest.raises(SettingsError, match="fpga_power"):
        DeviceExperiment(ExperimentConfig({}, (0,)), costs=("fpga_power",))
