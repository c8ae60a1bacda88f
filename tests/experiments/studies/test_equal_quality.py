import pytest

from ce_nas.experiments.base import Scenario, plain
from ce_nas.experiments.studies.equal_quality import REFERENCES, EqualQuality

# to a hypervolume of 99: CE-NAS 5 kWh at 200 g/kWh, the others 40 kWh at 300 g/kWh, in every seed but the last
OURS = [(91, 1, 200, 2), (99.5, 5, 200, 10)]
THEIRS = [(91, 10, 300, 20), (99, 40, 300, 80)]


@pytest.fixture
def report(finding):
    experiment = EqualQuality(Scenario({"hours": 2}, (0, 1, 2)))
    findings = [finding("ce-nas", seed, OURS if seed < 2 else OURS[:1]) for seed in range(3)]
    findings += [finding(name, seed, THEIRS) for name in REFERENCES for seed in range(3)]
    return experiment.report(findings)


def test_every_strategy_runs_with_every_seed():
    cells = EqualQuality(Scenario({"hours": 2}, (4, 5))).cells()
    assert len({one.key for one in cells}) == len(cells) == 2 * (1 + len(REFERENCES))
    assert {one.labels["seed"] for one in cells} == {4, 5}


def test_the_ratios_and_their_split_are_those_reckoned_by_hand(report):
    content = plain(report.content)
    full = content["ratio_vs_vanilla_lamoo_full"]
    assert (full["median"], full["low"], full["high"]) == (pytest.approx(12), 0, pytest.approx(12))
    assert content["ratio_vs_vanilla_lamoo_paper"]["median"] == pytest.approx(12)
    assert content["ratio_vs_vanilla_random_full"]["median"] == pytest.approx(12)
    assert content["fewer_trainings"]["median"] == full["fewer_trainings"]["median"] == pytest.approx(8)
    assert content["better_hours"]["median"] == full["better_hours"]["median"] == pytest.approx(1.5)
    assert content["references"]["vanilla-lamoo"]["at_final"]["reached"] == pytest.approx(2 / 3)


def test_the_largest_ratio_is_that_of_a_level(report):
    details = report.content["references"]["vanilla-lamoo"]
    assert details["at_most"]["ratio"]["median"] == pytest.approx(10 * 300 / 200)  # at 90 %, in every seed
    assert details["at_most"]["log_share"] == -1.0
    assert min(level["log_share"] for level in details["levels"]) == pytest.approx(-2.0)


def test_the_tables_and_the_figure_show_all_strategies(report):
    final, levels = report.tables
    assert [row[0] for row in final.rows][:2] == ["vanilla LaMOO", "vanilla random"]
    assert len(levels.rows) == 1 + len(REFERENCES)
    (figure,) = report.figures.values()
    assert len(figure.axes[0].lines) == 1 + len(REFERENCES)
