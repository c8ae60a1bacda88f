"""Policies are evaluated on the same scenarios, with ratios to the first."""

import math
from dataclasses import replace

import pytest

from ce_nas.components.registry import POLICIES
from ce_nas.core.errors import CeNasError
from ce_nas.core.records import Allocation
from ce_nas.forecast.oracle import OracleForecaster
from ce_nas.policies.base import Decision
from ce_nas.policies.baselines import SuspendResumePolicy, VanillaPolicy
from ce_nas.rl.evaluate import (
    MISSED_TARGET_PENALTY,
    compare_with_baselines,
    evaluate_policies,
    mean_episode_cost,
    run_episode,
)
from ce_nas.rl.replay_data import CarbonAgnosticPolicy
from ce_nas.rl.scenarios import prepare_inputs


@pytest.fixture(scope="module")
def evaluations():
    return {
        evaluation.policy: evaluation for evaluation in compare_with_baselines(None, None, 1, 0, oracle_forecast=False)
    }


def test_policy_is_compared_with_every_baseline(evaluations):
    assert set(evaluations) == {"learned", *POLICIES.names()} - {"one-shot"}
    assert next(iter(evaluations)) == "learned"
    assert evaluations["learned"].carbon_ratio.median == 1.0
    assert {evaluation.scenario_count for evaluation in evaluations.values()} == {1}


def test_oracle_forecast_changes_no_policy_without_a_forecast(evaluations):
    with_oracle = {
        evaluation.policy: evaluation for evaluation in compare_with_baselines(None, None, 1, 0, oracle_forecast=True)
    }
    assert with_oracle["vanilla"].mean_cost == evaluations["vanilla"].mean_cost


def test_file_without_a_policy_is_refused(tmp_path):
    (tmp_path / "policy.npz").write_bytes(b"no policy")
    with pytest.raises(CeNasError, match=r"policy\.npz"):
        compare_with_baselines(tmp_path / "policy.npz", None, 1, 0, oracle_forecast=False)


def test_episode_ends_at_its_target_or_pays_the_penalty(scenarios):
    unreachable = replace(scenarios[1], target=1e9)
    episodes = [
        run_episode(scenario, policy())
        for scenario in (scenarios[0], unreachable)
        for policy in (CarbonAgnosticPolicy, SuspendResumePolicy)
    ]
    assert {episode.reached_target for episode in episodes} == {True, False}
    for episode in episodes:
        penalty = 0.0 if episode.reached_target else MISSED_TARGET_PENALTY
        assert episode.cost == episode.normalized_carbon + penalty
        assert episode.time_s <= 10 * 3600.0
        assert 0 < episode.normalized_carbon < 1.5


def test_episode_is_deterministic(scenarios):
    assert run_episode(scenarios[1], SuspendResumePolicy()) == run_episode(scenarios[1], SuspendResumePolicy())
    assert run_episode(scenarios[1], SuspendResumePolicy()) != run_episode(scenarios[1], VanillaPolicy())


def test_episode_with_an_oracle_forecast(scenarios):
    with_forecast = run_episode(scenarios[0], VanillaPolicy())
    with_oracle = run_episode(scenarios[0], VanillaPolicy(), OracleForecaster(prepare_inputs(scenarios[0]).intensity))
    assert with_forecast.normalized_carbon == pytest.approx(
        with_oracle.normalized_carbon
    )  # vanilla ignores the forecast


def test_policies_are_evaluated_on_the_same_scenarios(scenarios):
    first, second = evaluate_policies(
        {"carbon-agnostic": CarbonAgnosticPolicy, "vanilla": VanillaPolicy}, scenarios, range(6)
    )
    assert (first.policy, first.scenario_count, first.carbon_ratio.median) == ("carbon-agnostic", 6, 1.0)
    episodes = [run_episode(scenarios[index], VanillaPolicy()) for index in range(6)]
    assert (
        second.mean_cost
        == pytest.approx(sum(episode.cost for episode in episodes) / 6)
        == mean_episode_cost(VanillaPolicy(), scenarios, range(6))
    )
    assert second.success_rate == sum(episode.reached_target for episode in episodes) / 6
    assert second.to_dict()["policy"] == "vanilla"


def test_missed_target_counts_as_infinite_carbon(scenarios):
    class Idle(SuspendResumePolicy):
        def decide(self, state):
            return Decision(Allocation(0, 0, 0, state.cluster.devices), "Never.")

    (evaluation,) = evaluate_policies({"idle": Idle}, scenarios, range(3))
    assert math.isinf(evaluation.normalized_carbon.median)
    assert evaluation.success_rate == 0.0
    assert evaluation.mean_cost == pytest.approx(2.0)
