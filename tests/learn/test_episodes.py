from dataclasses import replace

import pytest

from ce_nas.allocate.rules import AllEvaluation, SuspendResume
from ce_nas.experiment.truth import Truth
from ce_nas.learn.episodes import MISSED, play
from ce_nas.learn.recording import Unwaiting
from ce_nas.learn.scenario import prepared


def test_a_scenario_ends_at_its_target_or_pays_for_the_miss(scenarios):
    out_of_reach = replace(scenarios[1], target=1e9)
    played = [play(one, policy()) for one in (scenarios[0], out_of_reach) for policy in (Unwaiting, SuspendResume)]
    assert {one.reached for one in played} == {True, False}
    for one in played:
        assert one.cost == one.carbon_share + (0.0 if one.reached else MISSED)
        assert one.time_s <= 10 * 3600.0
        assert 0 < one.carbon_share < 1.5


def test_the_same_policy_plays_the_same_scenario_the_same(scenarios):
    assert play(scenarios[1], SuspendResume()) == play(scenarios[1], SuspendResume())
    assert play(scenarios[1], SuspendResume()) != play(scenarios[1], AllEvaluation())


def test_a_policy_can_be_shown_the_truth(scenarios):
    blind = play(scenarios[0], AllEvaluation())
    seeing = play(scenarios[0], AllEvaluation(), Truth(prepared(scenarios[0]).intensity))
    assert blind.carbon_share == pytest.approx(seeing.carbon_share)  # it looks at no forecast
