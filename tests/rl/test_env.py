import gymnasium
import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

from gymnasium.utils.env_checker import check_env

from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.learned.actions import MENU, division
from ce_nas.policies.learned.features import observe
from ce_nas.rl.env import SearchEnv
from ce_nas.rl.evaluate import MISSED
from ce_nas.rl.expert import Hindsight
from ce_nas.rl.rewards import AuthorsReward
from ce_nas.rl.scenarios import engine_of

EVALUATE, SAMPLE = MENU.index((1.0, 0.0)), MENU.index((0.0, 1.0))


def lived(env, number, seed):
    """One episode at random: what was seen and rewarded, and the actions."""
    rng = np.random.default_rng(seed)
    seen, _ = env.reset(options={"number": number})
    track, actions, over = [seen], [], False
    while not over:
        actions.append(int(rng.choice(np.flatnonzero(env.action_masks()))))
        seen, reward, over, _, _ = env.step(actions[-1])
        track += [seen, reward]
    return track, actions


@pytest.mark.parametrize("continuous", [False, True])
def test_it_passes_gymnasiums_checker(scenarios, continuous):
    check_env(SearchEnv(scenarios, continuous=continuous), skip_render_check=True)


def test_a_step_is_the_engines_own(scenarios):
    """The same divisions lead to the same books, whether the environment takes them or an allocator in the engine."""
    env = SearchEnv(scenarios)
    track, actions = lived(env, 5, 0)

    class Same(Allocator):
        name = "same"

        def decide(self, view):
            seen.append(observe(view))
            return Decision(division(actions.pop(0), view.devices), "the same")

    seen = []
    engine = engine_of(scenarios[5], Same())
    engine.run()
    assert engine.parts.ledger.total.carbon_g == env.engine.parts.ledger.total.carbon_g
    assert engine.progress.course == env.engine.progress.course
    assert engine.stop is env.engine.stop
    ours = [item for item in track if isinstance(item, np.ndarray)]
    assert len(ours) == len(seen) + 1
    assert all(np.array_equal(one, other) for one, other in zip(ours, seen, strict=False))


def test_the_same_number_and_actions_give_the_same_bits_and_another_another(scenarios):
    first, again, other = (
        lived(SearchEnv(scenarios), 3, 1),
        lived(SearchEnv(scenarios), 3, 1),
        lived(SearchEnv(scenarios), 4, 1),
    )
    assert all(np.array_equal(one, two) for one, two in zip(first[0], again[0], strict=True))
    assert len(first[0]) != len(other[0]) or not np.array_equal(first[0][0], other[0][0])


@pytest.mark.parametrize("action", [EVALUATE, SAMPLE])
def test_rewards_add_up_to_the_grams_until_the_target_less_the_least_that_it_takes(scenarios, action):
    env = SearchEnv(scenarios)
    env.reset(options={"number": 2})
    least_g = Hindsight(env.scenario, 3600.0).to_come_g(env.view)
    total, over = 0.0, False
    while not over:
        _, reward, over, _, info = env.step(action if env.action_masks()[action] else EVALUATE)
        total += reward
    missed = 0.0 if info["reached"] else MISSED
    assert -total == pytest.approx((info["carbon_g"] - least_g) / env.scenario.work_g + missed)


def test_under_the_authors_reward_the_search_goes_on_to_its_budget(scenarios):
    env = SearchEnv(scenarios, AuthorsReward())
    env.reset(options={"number": 2})
    steps, over = 0, False
    while not over:
        _, _, over, _, info = env.step(EVALUATE)
        steps += 1
    assert steps == 10
    assert not info["reached"]


def test_several_environments_share_a_list_without_meeting(scenarios):
    numbers = []
    for first in (7, 8):
        env = SearchEnv(scenarios, first=first, every=2)
        numbers += [env.reset()[1]["number"] for _ in range(3)]
    assert sorted(numbers) == [7, 8, 9, 10, 11, 12]


def test_many_run_side_by_side(scenarios):
    vector = gymnasium.vector.SyncVectorEnv([lambda at=at: SearchEnv(scenarios, first=at, every=2) for at in range(2)])
    seen, _ = vector.reset()
    seen, rewards, *_ = vector.step(np.array([EVALUATE, SAMPLE]))
    assert seen.shape == (2, *vector.single_observation_space.shape)
    assert (rewards < 0).all()
