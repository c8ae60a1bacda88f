import math
import re

import pytest

from ce_nas.analysis.statistics import Interval
from ce_nas.core.errors import SettingsError
from ce_nas.experiments.base import ExperimentConfig, results_of_strategy, to_plain_containers
from ce_nas.experiments.protocol import HALVES
from ce_nas.experiments.studies.ablations import AblationExperiment
from ce_nas.experiments.studies.carbon_caps import CarbonCapExperiment
from ce_nas.experiments.studies.equal_quality import EqualQualityExperiment
from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTimeExperiment
from ce_nas.experiments.studies.suite import SuiteExperiment, SuiteOptions
from ce_nas.report.i18n.translator import LANGUAGES, Translator

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def test_config_needs_a_seed():
    with pytest.raises(SettingsError, match="seed"):
        ExperimentConfig({}, ())
    assert ExperimentConfig({"hours": 2, "gpus": 1}, (0,)).merge_flags(hours=3) == {"hours": 3, "gpus": 1}


def test_plain_containers_have_finite_numbers():
    content = {"a": Interval(1.0, 0.0, math.inf), 2: (math.nan, "text", None), "c": [True, 3]}
    assert to_plain_containers(content) == {
        "a": {"median": 1.0, "low": 0.0, "high": None}, "2": [None, "text", None], "c": [True, 3],
    }  # fmt: skip


def test_results_of_a_strategy_are_sorted_by_seed(make_result):
    points = [(1, 1, 1, 1)]
    results = [
        make_result("ce-nas", 1, points, cap=5),
        make_result("ce-nas", 0, points, cap=5),
        make_result("ce-nas", 0, points),
    ]
    assert [one.labels["seed"] for one in results_of_strategy(results, "ce-nas", cap=5)] == [0, 1]
    assert results_of_strategy(results, "vanilla-lamoo") == []


#: all studies except noise, which needs a table with the accuracies of single seeds
EXPERIMENTS = {
    "ablations": lambda config: AblationExperiment(config, {"other scores": "none"}),
    "caps": lambda config: CarbonCapExperiment(config, (5.0,)),
    "equal-quality": EqualQualityExperiment,
    "over-time": HypervolumeOverTimeExperiment,
    "suite": lambda config: SuiteExperiment(
        config, SuiteOptions(HALVES["tuning"], ("params",), ("vanilla-lamoo", "vanilla-surrogate"))
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_reports_in_both_languages(name, make_result):
    experiment = EXPERIMENTS[name](ExperimentConfig({"hours": 8}, (0, 1)))
    points = [(91, 1, 200, 2), (99.5, 5, 200, 10)]
    results = [make_result(points=points, **one.labels) for one in experiment.trials()]
    english, japanese = (experiment.build_report(results, Translator(language)) for language in LANGUAGES)
    assert to_plain_containers(english.content) == to_plain_containers(japanese.content)
    texts = [
        japanese.title,
        *(table.caption for table in japanese.tables),
        *(note for note in japanese.notes if not note.startswith("ce-nas ")),
    ]
    texts += ["".join(table.header) for table in japanese.tables]
    assert [text for text in texts if not JAPANESE.search(text)] == []
    assert not JAPANESE.search("".join([english.title, *english.notes, *(table.caption for table in english.tables)]))
