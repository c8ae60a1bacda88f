import math

import pytest

from ce_nas.core.errors import DataError
from ce_nas.experiment.ratios import paired, split_of

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
