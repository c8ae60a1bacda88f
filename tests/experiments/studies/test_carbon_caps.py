import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import Scenario, plain
from ce_nas.experiments.strategies import STRATEGIES
from ce_nas.experiments.studies.carbon_caps import Caps, caps_of


def test_caps_as_people_write_them_and_those_of_the_paper():
    assert caps_of("500g, 5kg", None) == (0.5, 5.0)
    assert caps_of(None, "hwnasbench") == (5.0, 10.0, 30.0, 50.0)
    assert caps_of(None, "nasbench301") == (25.0, 50.0, 75.0, 100.0)
    for text in ("five", " , "):
        with pytest.raises(SettingsError):
            caps_of(text, None)


def test_every_cap_is_a_budget_of_its_runs():
    cells = Caps(Scenario({"hours": 2}, (0,)), (0.5, 5.0)).cells()
    assert len({one.key for one in cells}) == len(cells) == 2 * len(STRATEGIES)
    assert {(one.labels["cap_kg"], one.settings.budget.carbon) for one in cells} == {(0.5, 500.0), (5.0, 5000.0)}


def test_a_cap_says_whether_every_baseline_is_below(finding):
    findings = []
    for cap, ours in ((5.0, 99), (10.0, 95)):
        for one in STRATEGIES:
            marks = [(ours if one.name == "ce-nas" else 97, cap / 0.3, 300, 9)]
            findings += [finding(one.name, seed, marks, cap_kg=cap) for seed in range(2)]
    report = Caps(Scenario({"hours": 2}, (0, 1)), (5.0, 10.0)).report(findings)
    caps = plain(report.content)["caps"]
    assert [cap["above_every_baseline"] for cap in caps] == [True, False]
    assert caps[0]["strategies"][0]["carbon_kg"]["median"] == pytest.approx(5.0)
    assert [table.title for table in report.tables] == [
        "Up to 5 kg CO2eq, full book", "Up to 10 kg CO2eq, full book",
    ]  # fmt: skip
    (figure,) = report.figures.values()
    assert len(figure.axes) == 2
