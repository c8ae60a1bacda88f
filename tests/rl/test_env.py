import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import gymnasium
from gymnasium.utils.env_checker import check_env

from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.learned.actions import ACTIONS, allocation_from_action
from ce_nas.policies.learned.observation import extract_features
from ce_nas.rl.env import SearchEnv
from ce_nas.rl.evaluate import MISSED_TARGET_PENALTY
from ce_nas.rl.expert import HindsightExpert
from ce_nas.rl.rewards import PaperReward
from ce_nas.rl.scenarios import build_scenario_engine

EVALUATE, SAMPLE = ACTIONS.index((1.0, 0.0)), ACTIONS.index((0.0, 1.0))


def run_random_episode(env, index, seed):
    """Observations and rewards of an episode with random actions, and the actions."""
    rng = np.random.default_rng(seed)
    observation, _ = env.reset(options={"scenario_index": index})
    history, actions, terminated = [observation], [], False
    while not terminated:
        actions.append(int(rng.choice(np.flatnonzero(env.action_masks()))))
        observation, reward, terminated, _, _ = env.step(actions[-1])
        history += [observation, reward]
    return history, actions


@pytest.mark.parametrize("continuous", [False, True])
def test_env_passes_the_gymnasium_checker(scenarios, continuous):
    check_env(SearchEnv(scenarios, continuous=continuous), skip_render_check=True)


def test_env_steps_are_engine_periods(scenarios):
    """The same allocations give the same ledger in the environment and under a policy in the engine."""
    env = SearchEnv(scenarios)
    history, actions = run_random_episode(env, 5, 0)

    class SameActions(Policy):
        name = "same-actions"

        def decide(self, state):
            observations.append(extract_features(state))
            return Decision(allocation_from_action(actions.pop(0), state.cluster.devices), "The same action.")

    observations = []
    engine = build_scenario_engine(scenarios[5], SameActions())
    engine.run()
    assert engine.components.ledger.totals.carbon_g == env.engine.components.ledger.totals.carbon_g
    assert engine.progress.hypervolume_by_evaluation == env.engine.progress.hypervolume_by_evaluation
    assert engine.stop_reason is env.engine.stop_reason
    in_env = [value for value in history if isinstance(value, np.ndarray)]
    assert len(in_env) == len(observations) + 1
    assert all(np.array_equal(first, second) for first, second in zip(in_env, observations, strict=False))


def test_same_index_and_actions_give_the_same_episode(scenarios):
    first, again, other = (
        run_random_episode(SearchEnv(scenarios), 3, 1),
        run_random_episode(SearchEnv(scenarios), 3, 1),
        run_random_episode(SearchEnv(scenarios), 4, 1),
    )
    assert all(np.array_equal(value, same) for value, same in zip(first[0], again[0], strict=True))
    assert len(first[0]) != len(other[0]) or not np.array_equal(first[0][0], other[0][0])


@pytest.mark.parametrize("action", [EVALUATE, SAMPLE])
def test_rewards_sum_to_the_carbon_above_the_optimum(scenarios, action):
    env = SearchEnv(scenarios)
    env.reset(options={"scenario_index": 2})
    least_g = HindsightExpert(env.scenario, 3600.0).optimal_remaining_g(env.state)
    total, terminated = 0.0, False
    while not terminated:
        _, reward, terminated, _, info = env.step(action if env.action_masks()[action] else EVALUATE)
        total += reward
    missed = 0.0 if info["reached"] else MISSED_TARGET_PENALTY
    assert -total == pytest.approx((info["carbon_g"] - least_g) / env.scenario.baseline_g + missed)


def test_paper_reward_ends_at_the_time_budget(scenarios):
    env = SearchEnv(scenarios, PaperReward())
    env.reset(options={"scenario_index": 2})
    steps, terminated = 0, False
    while not terminated:
        _, _, terminated, _, info = env.step(EVALUATE)
        steps += 1
    assert steps == 10
    assert not info["reached"]


def test_environments_share_a_list_of_scenarios(scenarios):
    indices = []
    for first in (7, 8):
        env = SearchEnv(scenarios, first_index=first, index_stride=2)
        indices += [env.reset()[1]["scenario_index"] for _ in range(3)]
    assert sorted(indices) == [7, 8, 9, 10, 11, 12]


def test_vectorised_environments(scenarios):
    vector = gymnasium.vector.SyncVectorEnv(
        [lambda first=first: SearchEnv(scenarios, first_index=first, index_stride=2) for first in range(2)]
    )
    vector.reset()
    observations, rewards, *_ = vector.step(np.array([EVALUATE, SAMPLE]))
    assert observations.shape == (2, *vector.single_observation_space.shape)
    assert (rewards < 0).all()
