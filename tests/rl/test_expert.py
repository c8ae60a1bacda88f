import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra rl")

from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.rl.behavior_cloning import train_behavior_cloning
from ce_nas.rl.evaluate import MISSED_TARGET_PENALTY
from ce_nas.rl.expert import (
    EVALUATE_ALL,
    RELEASE_ALL,
    SAMPLE_ALL,
    HindsightExpert,
    collect_demonstrations,
    concatenate_demonstrations,
)
from ce_nas.rl.scenarios import ScenarioDistribution, ScenarioSampler, build_scenario_engine
from ce_nas.testing import replace_state


@pytest.fixture(scope="module")
def demonstrations(recordings):
    """Of searches with much time, and of some with little."""
    ample, short = (
        collect_demonstrations(
            ScenarioSampler(0, "test", recordings, ScenarioDistribution(zones=("solar",), gpus=(8,), hours=(hours,))),
            range(count),
            0,
        )
        for hours, count in ((120.0, 6), (30.0, 3))
    )
    return concatenate_demonstrations(ample, short)


def test_demonstrations_have_features_masks_actions_and_weights(demonstrations):
    assert demonstrations.observations.shape == (len(demonstrations.actions), len(FEATURE_NAMES))
    assert demonstrations.masks.shape == (len(demonstrations.actions), len(ACTIONS))
    assert {RELEASE_ALL, EVALUATE_ALL, SAMPLE_ALL} == set(demonstrations.actions.tolist())
    assert demonstrations.masks[np.arange(len(demonstrations.actions)), demonstrations.actions].all()
    assert (demonstrations.weights >= 0).all()


def test_expert_works_in_clean_hours_and_waits_in_dirty_ones(demonstrations):
    cleaner = demonstrations.observations[:, FEATURE_NAMES.index("cleaner_within_24")]
    may_wait = demonstrations.masks[:, RELEASE_ALL]
    waits = demonstrations.actions == RELEASE_ALL
    assert cleaner[may_wait & waits].mean() > cleaner[may_wait & ~waits].mean() + 0.1


def test_expert_samples_first(demonstrations):
    can_sample = demonstrations.observations[:, FEATURE_NAMES.index("can_sample")] > 0
    none_yet = demonstrations.observations[:, FEATURE_NAMES.index("samples")] == 0
    assert not (can_sample & none_yet & (demonstrations.actions == EVALUATE_ALL)).any()
    assert not (~can_sample & (demonstrations.actions == SAMPLE_ALL)).any()


def test_same_seed_gives_the_same_demonstrations(scenarios):
    first, second = (collect_demonstrations(scenarios, range(3), 5) for _ in range(2))
    assert np.array_equal(first.observations, second.observations)
    assert np.array_equal(first.actions, second.actions)


def test_later_rounds_visit_the_states_of_the_policy(scenarios, demonstrations):
    policy = train_behavior_cloning(demonstrations, 0)
    visited = collect_demonstrations(scenarios, range(3), 5, policy)
    assert not np.array_equal(visited.observations, collect_demonstrations(scenarios, range(3), 5).observations)
    both = concatenate_demonstrations(demonstrations, visited)
    assert len(both.actions) == len(both.observations) == len(demonstrations.actions) + len(visited.actions)
    assert np.array_equal(both.weights[-len(visited.weights) :], visited.weights)


def test_optimal_remaining_carbon_falls_with_work_and_rises_with_waiting(recordings):
    sampler = ScenarioSampler(0, "test", recordings)
    scenario = next(scenario for scenario in map(sampler.__getitem__, range(9)) if scenario.trainings_to_target)
    engine = build_scenario_engine(scenario, None)
    initial = engine.build_state()
    expert = HindsightExpert(scenario, initial.period_s)
    assert expert.periods_needed(initial) == pytest.approx(
        scenario.trainings_to_target / scenario.max_trainings * scenario.hours
    )
    idle, works = (
        replace_state(initial, now_s=3600.0, trained_s=trained_s) for trained_s in (0.0, scenario.gpus * 3600.0)
    )
    assert expert.optimal_remaining_g(works) < expert.optimal_remaining_g(idle)
    assert expert.optimal_remaining_g(initial) <= expert.optimal_remaining_g(idle)
    late = replace_state(initial, now_s=(scenario.hours - 1) * 3600.0)
    assert expert.optimal_remaining_g(late) > MISSED_TARGET_PENALTY * scenario.baseline_g
    assert expert.optimal_remaining_g(replace_state(late, hypervolume=scenario.target)) == 0.0
