from datetime import UTC, datetime

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig, to_plain_containers
from ce_nas.experiments.studies.zones import ZoneExperiment, list_zones, season_starts

STARTS = [datetime(2021, month, 15, 6, tzinfo=UTC) for month in (1, 7)]


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "two.csv"
    hours = [f"2022-01-{day:02d}T{hour:02d}:00" for day in (1, 2, 3) for hour in range(24)]
    rows = [f"{zone},{hour},{200 + 50 * (zone == 'B')}\n" for zone in "BA" for hour in hours]
    path.write_text("zone,time,intensity\n" + "".join(rows))
    return path


def test_zones_of_the_trace_or_built_in(trace):
    assert list_zones({"trace": trace}) == ["A", "B"]
    assert len(list_zones({})) == 10


def test_season_starts_in_the_last_full_year(trace):
    assert [start.isoformat()[:16] for start in season_starts({"hours": 80}, "solar")] == [
        "2023-01-15T06:00", "2023-04-15T06:00", "2023-07-15T06:00", "2023-10-15T06:00",
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="--starts"):
        season_starts({"trace": trace}, "A")


def test_zones_starts_and_seeds_are_pooled(make_result):
    experiment = ZoneExperiment(ExperimentConfig({"hours": 2}, (0, 1)), ["solar", "gas"], STARTS)
    trials = experiment.trials()
    assert len({one.key for one in trials}) == len(trials) == 2 * 2 * 2 * 2
    points = {"ce-nas": [(99.5, 5, 200, 10)], "vanilla-lamoo": [(99, 40, 300, 80)]}
    short = [(50, 5, 200, 10)]
    results = []
    for one in trials:
        fails = one.labels["strategy"] == "ce-nas" and one.labels["zone"] == "gas" and one.labels["seed"] == 1
        results.append(make_result(points=short if fails else points[one.labels["strategy"]], **one.labels))
    report = experiment.build_report(results)
    content = to_plain_containers(report.content)
    assert content["overall"]["carbon_ratio"]["median"] == pytest.approx(12)
    assert content["overall"]["reached_share"] == 6 / 8
    test = content["lower_carbon_test"]
    assert (test["pair_count"], test["win_count"]) == (8, 6)
    assert 0 < test["p_value"] < 1
    assert [(zone["condition"], zone["decomposition"]["reached_share"]) for zone in content["zones"]] == [
        ("solar", 1.0),
        ("gas", 0.5),
    ]
    assert [start["condition"] for start in content["starts"]] == ["2021-01-15", "2021-07-15"]


def test_zone_and_start_are_required():
    with pytest.raises(SettingsError, match="0 and 2"):
        ZoneExperiment(ExperimentConfig({}, (0,)), [], STARTS)
