"""Training of the learned policy on replayed searches: behaviour cloning, then reinforcement learning.

- replay_data: recorded searches, and the searcher that replays them
- scenarios: random searches to train on
- expert: the hindsight expert, and its demonstrations
- behavior_cloning: a network from demonstrations
- env: `SearchEnv`, the Gymnasium environment
- rewards: `CarbonReward`, `PaperReward`
- ppo: proximal policy optimisation
- train: the whole training, with checkpoints
- evaluate: episodes, and comparison with the baselines
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.rl.env import SearchEnv
    from ce_nas.rl.evaluate import compare_with_baselines, evaluate_policies, run_episode
    from ce_nas.rl.ppo import PpoSettings
    from ce_nas.rl.rewards import CarbonReward, PaperReward, Reward
    from ce_nas.rl.scenarios import RlScenario, ScenarioDistribution, ScenarioSampler
    from ce_nas.rl.train import PolicyTrainingSettings, train_policy

__all__ = [
    "CarbonReward",
    "PaperReward",
    "PolicyTrainingSettings",
    "PpoSettings",
    "Reward",
    "RlScenario",
    "ScenarioDistribution",
    "ScenarioSampler",
    "SearchEnv",
    "compare_with_baselines",
    "evaluate_policies",
    "run_episode",
    "train_policy",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "env": ["SearchEnv"],
        "evaluate": ["compare_with_baselines", "evaluate_policies", "run_episode"],
        "ppo": ["PpoSettings"],
        "rewards": ["CarbonReward", "PaperReward", "Reward"],
        "scenarios": ["RlScenario", "ScenarioDistribution", "ScenarioSampler"],
        "train": ["PolicyTrainingSettings", "train_policy"],
    },
)
