"""A policy against the rules: all of them on the same scenarios, ratios by the policy."""

import math
from dataclasses import replace

import pytest

from ce_nas.config.registry import POLICIES
from ce_nas.core.errors import CeNasError
from ce_nas.forecast.oracle import Truth
from ce_nas.policies.baselines import AllEvaluation, SuspendResume
from ce_nas.rl.evaluate import MISSED, contest, judge, mean_cost, play
from ce_nas.rl.replay_data import Unwaiting
from ce_nas.rl.scenarios import prepared


@pytest.fixture(scope="module")
def verdicts():
    return {verdict.policy: verdict for verdict in contest(None, None, 1, 0, truth=False)}


def test_every_rule_is_judged_beside_the_policy(verdicts):
    assert set(verdicts) == {"learned", *POLICIES} - {"all-sampling"}
    assert next(iter(verdicts)) == "learned"
    assert verdicts["learned"].ratio.median == 1.0
    assert {verdict.scenarios for verdict in verdicts.values()} == {1}


def test_no_rule_looks_at_the_truth_and_so_those_without_a_forecast_do_as_before(verdicts):
    seeing = {verdict.policy: verdict for verdict in contest(None, None, 1, 0, truth=True)}
    assert seeing["all-evaluation"].cost == verdicts["all-evaluation"].cost


def test_a_file_that_is_no_policy_is_refused(tmp_path):
    (tmp_path / "policy.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(CeNasError, match=r"policy\.npz"):
        contest(tmp_path / "policy.npz", None, 1, 0, truth=False)


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
            from ce_nas.core.records import Allocation
            from ce_nas.policies.base import Decision

            return Decision(Allocation(0, 0, 0, view.devices), "never")

    (verdict,) = judge({"never": Never}, scenarios, range(3))
    assert math.isinf(verdict.carbon_share.median)
    assert verdict.reached == 0.0
    assert verdict.cost == pytest.approx(2.0)
