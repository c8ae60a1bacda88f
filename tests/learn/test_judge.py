import math

import pytest

from ce_nas.allocate.rules import AllEvaluation, SuspendResume
from ce_nas.learn.episodes import play
from ce_nas.learn.judge import judge, mean_cost
from ce_nas.learn.recording import Unwaiting


def test_policies_are_judged_on_the_same_scenarios(scenarios):
    first, second = judge({"unwaiting": Unwaiting, "vanilla": AllEvaluation}, scenarios, range(6))
    assert (first.policy, first.scenarios, first.ratio.median) == ("unwaiting", 6, 1.0)
    played = [play(scenarios[at], AllEvaluation()) for at in range(6)]
    assert (
        second.cost
        == pytest.approx(sum(one.cost for one in played) / 6)
        == mean_cost(AllEvaluation(), scenarios, range(6))
    )
    assert second.reached == sum(one.reached for one in played) / 6
    assert second.to_dict()["policy"] == "vanilla"


def test_a_target_that_is_missed_counts_as_infinitely_many_grams(scenarios):
    class Never(SuspendResume):
        def decide(self, view):
            from ce_nas.allocate.allocator import Decision
            from ce_nas.core.records import Allocation

            return Decision(Allocation(0, 0, 0, view.devices), "never")

    (verdict,) = judge({"never": Never}, scenarios, range(3))
    assert math.isinf(verdict.carbon_share.median)
    assert verdict.reached == 0.0
    assert verdict.cost == pytest.approx(2.0)
