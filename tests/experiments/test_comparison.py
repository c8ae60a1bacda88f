import math
from dataclasses import replace

import pytest

from ce_nas.analysis.trajectory import track
from ce_nas.api import Study
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import DataError
from ce_nas.engine.inputs import Materials
from ce_nas.experiments.comparison import judged, judged_by, paired, split_of, standing, versus, versus_table


@pytest.fixture(scope="module")
def run():
    settings = settings_from_flags(hours=4, gpus=2, searcher="uniform", policy="all-evaluation", zone="gas")
    materials = Materials(settings)
    return materials, Study(settings, materials=materials).run()


def test_judged_by_its_own_objectives_an_answer_is_what_the_run_found(run):
    materials, result = run
    verdict = judged(("accuracy", "latency"), materials, result.entries)
    assert verdict.hypervolume == pytest.approx(track(result.entries).hypervolume)
    assert verdict.hypervolume_max == pytest.approx(materials.hypervolume_max)


def test_judged_by_others_it_counts_the_same_answer(run):
    materials, result = run
    verdict = judged(("accuracy", "params"), materials, result.entries)
    assert len(verdict.hypervolume) == len(track(result.entries).hypervolume)
    assert 0 < verdict.hypervolume[-1] < verdict.hypervolume_max


# by hand: to a hypervolume of 90, theirs takes 40 kWh at 300 g/kWh and 80 trainings, ours 5 kWh at 200 g/kWh and 10
THEIRS = [(50, 10, 280, 20), (90, 40, 300, 80), (90, 60, 310, 120)]
OURS = [(60, 2, 210, 4), (95, 5, 200, 10)]


def test_the_split_is_the_one_reckoned_by_hand(finding):
    (pair,) = paired([finding("ce-nas", 0, OURS).track], [finding("vanilla-lamoo", 0, THEIRS).track])
    assert pair.hypervolume == 90
    assert pair.ratio == pytest.approx(40 * 300 / (5 * 200))  # 12
    assert pair.paper_ratio == pytest.approx(12)
    assert pair.fewer_trainings == pytest.approx(8)
    assert pair.better_hours == pytest.approx(1.5)
    assert pair.training_count_ratio == 8
    assert pair.fewer_trainings * pair.better_hours == pytest.approx(pair.ratio)


def test_a_seed_that_falls_short_counts_as_nothing(finding):
    ours = [finding("ce-nas", 0, OURS).track, finding("ce-nas", 1, OURS[:1]).track]
    theirs = [finding("vanilla-lamoo", seed, THEIRS).track for seed in (0, 1)]
    pairs = paired(ours, theirs)
    assert (pairs[1].ratio, pairs[1].fewer_trainings, pairs[1].better_hours) == (0.0, 0.0, None)
    split = split_of(pairs)
    assert split.reached == 0.5
    assert split.ratio.median == 0.0  # of two, the lower
    assert split.better_hours.median == pytest.approx(1.5)


def test_a_level_that_only_we_reach_is_infinitely_better(finding):
    (pair,) = paired([finding("ce-nas", 0, OURS).track], [finding("vanilla-lamoo", 0, THEIRS).track], 92.0)
    assert pair.ratio == math.inf
    assert pair.better_hours is None


def test_without_a_seed_of_ours_there_are_no_hours_to_compare(finding):
    split = split_of(paired([finding("ce-nas", 0, OURS[:1]).track], [finding("vanilla-lamoo", 0, THEIRS).track]))
    assert (split.better_hours, split.reached) == (None, 0.0)


def test_runs_have_to_pair_up(finding):
    with pytest.raises(DataError, match="1 and 0"):
        paired([finding("ce-nas", 0, OURS).track], [])


def test_a_standing_by_hand(finding):
    findings = [finding("ce-nas", seed, [(99, 10, 300, 5 + seed)], cap=5) for seed in range(3)]
    findings += [finding("vanilla-lamoo", seed, [(90 if seed else 99.9, 20, 400, 50)], cap=5) for seed in range(3)]
    findings += [finding("vanilla-lamoo", seed, [(10, 1, 1, 1)], cap=9) for seed in range(3)]
    ours = standing(findings, "ce-nas", "ce-nas", 100.0, cap=5)
    theirs = standing(findings, "vanilla-lamoo", "ce-nas", 100.0, cap=5)
    assert (ours.hypervolume.median, theirs.hypervolume.median) == (99, 90)
    assert (ours.log_share.median, theirs.log_share.median) == (pytest.approx(-2), pytest.approx(-1))
    assert (ours.carbon_kg.median, theirs.carbon_kg.median) == (3, 8)
    assert ours.evaluations.median == 6
    assert ours.paired is None
    assert (theirs.paired.better, theirs.paired.pairs) == (2, 3)


OURS, THEIRS = [(99.5, 5, 200, 10)], [(99, 40, 300, 80)]


@pytest.fixture
def findings(finding):
    pairs = (("ce-nas", OURS), ("vanilla-lamoo", THEIRS))
    return [finding(name, seed, marks, zone="DE") for name, marks in pairs for seed in (0, 1)]


def test_a_row_by_hand(findings):
    row = versus("Germany", findings, zone="DE")
    assert row.split.ratio.median == pytest.approx(12)
    assert row.reference_log_share.median == pytest.approx(-2)
    assert row.log_share.median < -2
    assert (row.paired.better, row.paired.pairs) == (2, 2)
    assert versus("", findings, "vanilla-lamoo").split.ratio.median == 1.0  # against itself


def test_a_table_has_a_row_a_place(findings):
    table = versus_table("Zones", "zone", [versus("Germany", findings, zone="DE")])
    assert len(table.head) == len(table.rows[0])
    assert table.rows[0][0] == "Germany"


def test_a_judge_takes_the_place_of_the_run(findings):
    judged = judged_by([replace(one, judged={"test": [7.0]}, judged_max={"test": 10.0}) for one in findings], "test")
    assert [one.track.final for one in judged] == [7.0] * 4
    assert judged[0].hypervolume_max == 10.0
    assert versus("", judged).split.ratio.median == pytest.approx(12)  # the same level, the same grams
