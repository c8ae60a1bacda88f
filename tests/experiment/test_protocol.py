import math

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.experiment.protocol import Scenario, of_strategy, plain
from ce_nas.experiment.statistics import Interval


def test_a_scenario_has_a_seed():
    with pytest.raises(SettingsError, match="seed"):
        Scenario({}, ())
    assert Scenario({"hours": 2, "gpus": 1}, (0,)).but(hours=3) == {"hours": 3, "gpus": 1}


def test_plain_containers_hold_finite_numbers():
    content = {"a": Interval(1.0, 0.0, math.inf), 2: (math.nan, "text", None), "c": [True, 3]}
    assert plain(content) == {
        "a": {"median": 1.0, "low": 0.0, "high": None}, "2": [None, "text", None], "c": [True, 3],
    }  # fmt: skip


def test_findings_of_a_strategy_come_by_seed(finding):
    marks = [(1, 1, 1, 1)]
    findings = [finding("ce-nas", 1, marks, cap=5), finding("ce-nas", 0, marks, cap=5), finding("ce-nas", 0, marks)]
    assert [one.labels["seed"] for one in of_strategy(findings, "ce-nas", cap=5)] == [0, 1]
    assert of_strategy(findings, "vanilla-lamoo") == []
