import math
import re
from datetime import UTC, datetime

import pytest

from ce_nas.analysis.statistics import Interval
from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import Scenario, of_strategy, plain
from ce_nas.experiments.studies.ablations import Ablations
from ce_nas.experiments.studies.carbon_caps import Caps
from ce_nas.experiments.studies.devices import Devices
from ce_nas.experiments.studies.equal_quality import EqualQuality
from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTime
from ce_nas.experiments.studies.zones import Zones
from ce_nas.report.i18n.words import LANGUAGES, Words

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


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


#: one of each kind, but for noise, which needs a table with the accuracies of single seeds
EXPERIMENTS = {
    "ablations": lambda scenario: Ablations(scenario, {"other scores": "none"}),
    "caps": lambda scenario: Caps(scenario, (5.0,)),
    "devices": lambda scenario: Devices(scenario, ("cifar10",)),
    "equal-quality": EqualQuality,
    "over-time": HypervolumeOverTime,
    "zones": lambda scenario: Zones(scenario, ["solar"], [datetime(2021, 1, 15, tzinfo=UTC)]),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_speaks_japanese_and_finds_the_same(name, finding):
    experiment = EXPERIMENTS[name](Scenario({"hours": 8}, (0, 1)))
    marks = [(91, 1, 200, 2), (99.5, 5, 200, 10)]
    findings = [finding(marks=marks, **one.labels) for one in experiment.cells()]
    english, japanese = (experiment.report(findings, Words(language)) for language in LANGUAGES)
    assert plain(english.content) == plain(japanese.content)
    told = [
        japanese.title,
        *(table.title for table in japanese.tables),
        *(note for note in japanese.notes if not note.startswith("ce-nas ")),
    ]
    told += ["".join(table.head) for table in japanese.tables]
    assert [text for text in told if not JAPANESE.search(text)] == []
    assert not JAPANESE.search("".join([english.title, *english.notes, *(one.title for one in english.tables)]))
