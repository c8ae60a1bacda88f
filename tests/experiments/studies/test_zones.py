from datetime import UTC, datetime

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import Scenario, plain
from ce_nas.experiments.studies.zones import Zones, four_seasons, zones_known

STARTS = [datetime(2021, month, 15, 6, tzinfo=UTC) for month in (1, 7)]


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "two.csv"
    hours = [f"2022-01-{day:02d}T{hour:02d}:00" for day in (1, 2, 3) for hour in range(24)]
    rows = [f"{zone},{hour},{200 + 50 * (zone == 'B')}\n" for zone in "BA" for hour in hours]
    path.write_text("zone,time,intensity\n" + "".join(rows))
    return path


def test_the_zones_are_those_of_the_trace_or_ten_built_in_ones(trace):
    assert zones_known({"trace": trace}) == ["A", "B"]
    assert len(zones_known({})) == 10


def test_four_seasons_of_the_last_whole_year(trace):
    assert [start.isoformat()[:16] for start in four_seasons({"hours": 80}, "solar")] == [
        "2023-01-15T06:00", "2023-04-15T06:00", "2023-07-15T06:00", "2023-10-15T06:00",
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="--starts"):
        four_seasons({"trace": trace}, "A")


def test_all_zones_starts_and_seeds_pool(finding):
    experiment = Zones(Scenario({"hours": 2}, (0, 1)), ["solar", "gas"], STARTS)
    cells = experiment.cells()
    assert len({one.key for one in cells}) == len(cells) == 2 * 2 * 2 * 2
    marks = {"ce-nas": [(99.5, 5, 200, 10)], "vanilla-lamoo": [(99, 40, 300, 80)]}
    short = [(50, 5, 200, 10)]
    findings = []
    for one in cells:
        fails = one.labels["strategy"] == "ce-nas" and one.labels["zone"] == "gas" and one.labels["seed"] == 1
        findings.append(finding(marks=short if fails else marks[one.labels["strategy"]], **one.labels))
    report = experiment.report(findings)
    content = plain(report.content)
    assert content["overall"]["ratio"]["median"] == pytest.approx(12)
    assert content["overall"]["reached"] == 6 / 8
    assert content["cheaper"] == {"pairs": 8, "better": 6, "p_value": pytest.approx(content["cheaper"]["p_value"])}
    assert [(zone["place"], zone["split"]["reached"]) for zone in content["zones"]] == [("solar", 1.0), ("gas", 0.5)]
    assert [start["place"] for start in content["starts"]] == ["2021-01-15", "2021-07-15"]


def test_a_zone_and_a_start_are_needed():
    with pytest.raises(SettingsError, match="0 and 2"):
        Zones(Scenario({}, (0,)), [], STARTS)
