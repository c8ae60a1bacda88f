from dataclasses import replace

import pytest

from ce_nas.rl.evaluate import MISSED
from ce_nas.rl.rewards import REWARDS, AuthorsReward, GramsReward, Period

PERIOD = Period(
    carbon_g=100.0, work_g=4000.0, to_come_before_g=1000.0, to_come_g=940.0, relative_intensity=0.5, busy=0.25,
    hypervolume_before=1.0, hypervolume=1.25, evaluations=3, elapsed=0.5, reached=False, over=False,
)  # fmt: skip


def test_ours_are_the_grams_and_a_fine_for_a_miss():
    assert GramsReward().of(PERIOD) == pytest.approx(-0.01)  # 60 of its 100 g would have been needed in the best hours
    assert GramsReward().of(replace(PERIOD, to_come_g=1000.0)) == pytest.approx(-0.025)  # nothing was done for them
    assert GramsReward().of(replace(PERIOD, over=True)) == pytest.approx(0.225 - MISSED)
    assert GramsReward(missed=3.0).of(replace(PERIOD, over=True)) == pytest.approx(0.225 - 3.0)
    assert GramsReward().of(replace(PERIOD, over=True, reached=True)) == pytest.approx(0.225)


def test_theirs_is_growth_less_carbon_and_a_bonus_a_training():
    assert AuthorsReward().of(PERIOD) == pytest.approx(20 * 1.2 * 0.2 - 2 * 0.5 * 0.25 + 0.15)
    late = AuthorsReward().of(replace(PERIOD, elapsed=1.0))
    assert late > AuthorsReward().of(PERIOD)
    assert AuthorsReward().of(replace(PERIOD, hypervolume_before=0.0, hypervolume=0.0)) == pytest.approx(-0.1)


def test_only_ours_ends_at_the_target():
    assert {name: reward.ends_at_target for name, reward in REWARDS.items()} == {"grams": True, "authors": False}
