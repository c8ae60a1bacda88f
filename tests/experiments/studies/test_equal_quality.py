import pytest

from ce_nas.experiments.base import ExperimentConfig, to_plain_containers
from ce_nas.experiments.studies.equal_quality import REFERENCE_STRATEGIES, EqualQualityExperiment

# to a hypervolume of 99: CE-NAS 5 kWh at 200 g/kWh, the others 40 kWh at 300 g/kWh, in every seed but the last
OURS = [(91, 1, 200, 2), (99.5, 5, 200, 10)]
THEIRS = [(91, 10, 300, 20), (99, 40, 300, 80)]


@pytest.fixture
def report(make_result):
    experiment = EqualQualityExperiment(ExperimentConfig({"hours": 2}, (0, 1, 2)))
    results = [make_result("ce-nas", seed, OURS if seed < 2 else OURS[:1]) for seed in range(3)]
    results += [make_result(name, seed, THEIRS) for name in REFERENCE_STRATEGIES for seed in range(3)]
    return experiment.build_report(results)


def test_every_strategy_has_every_seed():
    trials = EqualQualityExperiment(ExperimentConfig({"hours": 2}, (4, 5))).trials()
    assert len({one.key for one in trials}) == len(trials) == 2 * (1 + len(REFERENCE_STRATEGIES))
    assert {one.labels["seed"] for one in trials} == {4, 5}


def test_ratios_and_decomposition_by_hand(report):
    content = to_plain_containers(report.content)
    full = content["ratio_vs_vanilla_lamoo_full"]
    assert (full["median"], full["low"], full["high"]) == (pytest.approx(12), 0, pytest.approx(12))
    assert content["ratio_vs_vanilla_lamoo_paper"]["median"] == pytest.approx(12)
    assert content["ratio_vs_vanilla_random_full"]["median"] == pytest.approx(12)
    assert content["energy_ratio"]["median"] == full["energy_ratio"]["median"] == pytest.approx(8)
    assert content["intensity_ratio"]["median"] == full["intensity_ratio"]["median"] == pytest.approx(1.5)
    assert content["references"]["vanilla-lamoo"]["at_final"]["reached_share"] == pytest.approx(2 / 3)


def test_best_level_has_the_largest_ratio(report):
    details = report.content["references"]["vanilla-lamoo"]
    assert details["best_level"]["carbon_ratio"]["median"] == pytest.approx(10 * 300 / 200)  # at 90 %, in every seed
    assert details["best_level"]["log_missing_share"] == -1.0
    assert min(level["log_missing_share"] for level in details["levels"]) == pytest.approx(-2.0)


def test_tables_and_figure_show_all_strategies(report):
    final, levels = report.tables
    assert [row[0] for row in final.rows][:2] == ["vanilla LaMOO", "vanilla random"]
    assert len(levels.rows) == 1 + len(REFERENCE_STRATEGIES)
    (draw,) = report.figures.values()
    assert len(draw().axes[0].lines) == 1 + len(REFERENCE_STRATEGIES)
