import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig, to_plain_containers
from ce_nas.experiments.strategies import STRATEGIES
from ce_nas.experiments.studies.carbon_caps import CarbonCapExperiment, parse_caps_kg


def test_parse_caps():
    assert parse_caps_kg("500g, 5kg", None) == (0.5, 5.0)
    assert parse_caps_kg(None, "hwnasbench") == (5.0, 10.0, 30.0, 50.0)
    assert parse_caps_kg(None, "nasbench301") == (25.0, 50.0, 75.0, 100.0)
    for text in ("five", " , "):
        with pytest.raises(SettingsError):
            parse_caps_kg(text, None)


def test_caps_are_budgets_of_the_trials():
    trials = CarbonCapExperiment(ExperimentConfig({"hours": 2}, (0,)), (0.5, 5.0)).trials()
    assert len({one.key for one in trials}) == len(trials) == 2 * len(STRATEGIES)
    assert {(one.labels["cap_kg"], one.settings.budget.carbon) for one in trials} == {(0.5, 500.0), (5.0, 5000.0)}


def test_caps_report_above_every_baseline(make_result):
    results = []
    for cap, ours in ((5.0, 99), (10.0, 95)):
        for one in STRATEGIES:
            points = [(ours if one.name == "ce-nas" else 97, cap / 0.3, 300, 9)]
            results += [make_result(one.name, seed, points, cap_kg=cap) for seed in range(2)]
    report = CarbonCapExperiment(ExperimentConfig({"hours": 2}, (0, 1)), (5.0, 10.0)).build_report(results)
    caps = to_plain_containers(report.content)["caps"]
    assert [cap["above_every_baseline"] for cap in caps] == [True, False]
    assert caps[0]["strategies"][0]["carbon_kg"]["median"] == pytest.approx(5.0)
    assert [table.caption for table in report.tables] == [
        "Up to 5 kg CO2eq, full accounting",
        "Up to 10 kg CO2eq, full accounting",
    ]
    (draw,) = report.figures.values()
    assert len(draw().axes) == 2
