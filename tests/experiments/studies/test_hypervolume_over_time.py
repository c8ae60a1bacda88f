import pytest

from ce_nas.experiments.base import ExperimentConfig, to_plain_containers
from ce_nas.experiments.strategies import STRATEGIES
from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTimeExperiment

# after 1, 2, ... 8 hours; CE-NAS stops after 4
SLOW = [(90 if hour < 6 else 99, hour, 300, hour) for hour in range(1, 9)]
FAST = [(99.9, 1, 200, 3), (99.9, 2, 200, 3), (99.9, 3, 200, 3), (99.9, 4, 200, 3)]


@pytest.fixture
def report(make_result):
    results = [
        make_result(one.name, seed, FAST if one.name == "ce-nas" else SLOW) for one in STRATEGIES for seed in (0, 1)
    ]
    return HypervolumeOverTimeExperiment(ExperimentConfig({"hours": 8}, (0, 1))).build_report(results)


def test_every_strategy_has_every_seed():
    trials = HypervolumeOverTimeExperiment(ExperimentConfig({"hours": 8}, (0, 1))).trials()
    assert len({one.key for one in trials}) == len(trials) == 2 * len(STRATEGIES)


def test_curves_continue_after_the_end_of_a_run(report):
    content = to_plain_containers(report.content)
    assert content["hours"] == [1.0, 2.0, 4.0, 8.0]
    vanilla, ours = content["curves"]["vanilla-lamoo"], content["curves"]["ce-nas"]
    assert [round(one["median"], 6) for one in vanilla["log_hypervolume_gap"]] == [1.0, 1.0, 1.0, 0.0]
    assert [round(one["median"], 6) for one in ours["log_hypervolume_gap"]] == [-1.0] * 4
    assert [one["median"] for one in ours["carbon_kg"]] == pytest.approx([0.2, 0.4, 0.8, 0.8])
    assert [one["median"] for one in vanilla["evaluations"]] == [1, 2, 4, 8]


def test_final_results_have_a_paired_test(report):
    rows = {row["strategy"]: row for row in to_plain_containers(report.content)["final"]}
    assert rows["ce-nas"]["paired_test"] is None
    assert all(row["paired_test"]["win_count"] == 2 for name, row in rows.items() if name != "ce-nas")


def test_panels_show_every_strategy(report):
    (draw,) = report.figures.values()
    assert [len(axes.lines) for axes in draw().axes] == [len(STRATEGIES)] * 3
