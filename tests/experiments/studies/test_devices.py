import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import Scenario
from ce_nas.experiments.studies.devices import Devices


def test_every_image_set_and_cost_that_there_is(finding):
    experiment = Devices(Scenario({"hours": 2}, (0, 1)))
    cells = experiment.cells()
    places = {(one.labels["dataset"], one.labels["cost"]) for one in cells}
    assert places == {(name, "latency") for name in ("cifar10", "cifar100", "imagenet16-120")}
    assert len({one.key for one in cells}) == len(cells) == 3 * 2 * 2
    assert cells[0].settings.benchmark.objectives == ("accuracy", "latency")
    findings = [finding(marks=[(90, 1, 300, 1)], **one.labels) for one in cells]
    report = experiment.report(findings)
    assert report.tables[0].rows[0][0] == "cifar10, latency"
    assert report.content["missing_image_sets"] == []


def test_of_a_table_all_devices_and_what_it_does_not_hold_is_named(shared_data, finding):
    table = shared_data / "nasbench201/nb201.parquet"
    experiment = Devices(Scenario({"table": table, "benchmark": "hwnasbench"}, (0,)))
    costs = {one.labels["cost"] for one in experiment.cells()}
    assert {"edgegpu_latency", "edgegpu_energy", "fpga_energy", "raspi4_latency", "pixel3_latency"} <= costs
    findings = [finding(marks=[(90, 1, 300, 1)], **one.labels) for one in experiment.cells()]
    report = experiment.report(findings)
    assert report.content["missing_image_sets"] == ["imagenet16-120"]
    assert "imagenet16-120" in report.notes[-1]


def test_a_cost_that_there_is_not_is_said():
    with pytest.raises(SettingsError, match="fpga_power"):
        Devices(Scenario({}, (0,)), costs=("fpga_power",))
