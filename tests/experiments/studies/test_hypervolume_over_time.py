import pytest

from ce_nas.experiments.base import Scenario, plain
from ce_nas.experiments.strategies import STRATEGIES
from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTime

# after 1, 2, ... 8 hours; CE-NAS stops after 4
SLOW = [(90 if hour < 6 else 99, hour, 300, hour) for hour in range(1, 9)]
FAST = [(99.9, 1, 200, 3), (99.9, 2, 200, 3), (99.9, 3, 200, 3), (99.9, 4, 200, 3)]


@pytest.fixture
def report(finding):
    findings = [
        finding(one.name, seed, FAST if one.name == "ce-nas" else SLOW) for one in STRATEGIES for seed in (0, 1)
    ]
    return HypervolumeOverTime(Scenario({"hours": 8}, (0, 1))).report(findings)


def test_every_strategy_runs_with_every_seed():
    cells = HypervolumeOverTime(Scenario({"hours": 8}, (0, 1))).cells()
    assert len({one.key for one in cells}) == len(cells) == 2 * len(STRATEGIES)


def test_courses_hold_what_there_was_at_each_mark_also_after_a_run_has_ended(report):
    content = plain(report.content)
    assert content["hours"] == [1.0, 2.0, 4.0, 8.0]
    vanilla, ours = content["courses"]["vanilla-lamoo"], content["courses"]["ce-nas"]
    assert [round(one["median"], 6) for one in vanilla["log_gap"]] == [1.0, 1.0, 1.0, 0.0]
    assert [round(one["median"], 6) for one in ours["log_gap"]] == [-1.0] * 4
    assert [one["median"] for one in ours["carbon_kg"]] == pytest.approx([0.2, 0.4, 0.8, 0.8])
    assert [one["median"] for one in vanilla["evaluations"]] == [1, 2, 4, 8]


def test_the_end_has_a_paired_test_against_every_other(report):
    rows = {row["strategy"]: row for row in plain(report.content)["final"]}
    assert rows["ce-nas"]["paired"] is None
    assert all(row["paired"]["better"] == 2 for name, row in rows.items() if name != "ce-nas")


def test_three_panels_show_every_strategy(report):
    (figure,) = report.figures.values()
    assert [len(axes.lines) for axes in figure.axes] == [len(STRATEGIES)] * 3
