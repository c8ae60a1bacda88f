from dataclasses import replace

import pytest

from ce_nas.rl.evaluate import MISSED_TARGET_PENALTY
from ce_nas.rl.rewards import REWARDS, CarbonReward, PaperReward, PeriodOutcome

PERIOD = PeriodOutcome(
    carbon_g=100.0,
    baseline_g=4000.0,
    optimal_remaining_before_g=1000.0,
    optimal_remaining_g=940.0,
    relative_intensity=0.5,
    busy_share=0.25,
    hypervolume_before=1.0,
    hypervolume=1.25,
    evaluations=3,
    elapsed_share=0.5,
    reached_target=False,
    terminated=False,
)


def test_carbon_reward_is_carbon_above_the_optimum_and_a_penalty():
    reward = CarbonReward().compute
    assert reward(PERIOD) == pytest.approx(-0.01)  # 60 g of its 100 g would also be needed in the best hours
    assert reward(replace(PERIOD, optimal_remaining_g=1000.0)) == pytest.approx(-0.025)  # no work was done
    ended = replace(PERIOD, terminated=True)
    assert reward(ended) == pytest.approx(0.225 - MISSED_TARGET_PENALTY)
    assert CarbonReward(missed_target_penalty=3.0).compute(ended) == pytest.approx(0.225 - 3.0)
    assert reward(replace(ended, reached_target=True)) == pytest.approx(0.225)


def test_paper_reward_is_growth_less_carbon_and_a_bonus_per_training():
    reward = PaperReward().compute
    assert reward(PERIOD) == pytest.approx(20 * 1.2 * 0.2 - 2 * 0.5 * 0.25 + 0.15)
    assert reward(replace(PERIOD, elapsed_share=1.0)) > reward(PERIOD)
    assert reward(replace(PERIOD, hypervolume_before=0.0, hypervolume=0.0)) == pytest.approx(-0.1)


def test_only_the_carbon_reward_ends_at_the_target():
    assert {name: reward.ends_at_target for name, reward in REWARDS.items()} == {"carbon": True, "paper": False}
