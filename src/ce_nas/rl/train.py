"""Training of a policy: behaviour cloning, then PPO, for several seeds; the best policy by validation is kept.

Training, validation and test have different zones, recordings and random streams. A checkpoint is written after each
validation: the same call continues an interrupted training bit by bit.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ce_nas._version import __version__
from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned.learned_policy import LearnedPolicy
from ce_nas.policies.learned.policy_network import read_policy, write_policy
from ce_nas.rl.evaluate import mean_episode_cost
from ce_nas.rl.expert import collect_demonstrations, concatenate_demonstrations
from ce_nas.rl.ppo import PpoSettings, train_ppo
from ce_nas.rl.replay_data import split_recordings
from ce_nas.rl.rewards import REWARDS
from ce_nas.rl.scenarios import VALIDATION_ZONES, ScenarioDistribution, ScenarioSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.policies.learned.policy_network import PolicyNetwork
    from ce_nas.rl.env import SearchEnv
    from ce_nas.rl.ppo import PpoCheckpoint
    from ce_nas.rl.replay_data import RecordedSearch, RecordingSplit

__all__ = ["LearningCurve", "PolicyTrainingSettings", "train_policy"]


@dataclass(frozen=True, slots=True)
class PolicyTrainingSettings:
    """What is trained, and for how long."""

    seed: int = 0
    #: number of policies to train, each with its own seed; the best is kept
    seeds: int = 3
    #: demonstrated scenarios; 0: training starts from random weights
    demonstrations: int = 600
    #: rounds of DAgger: a rule visits the states of the first, the policy cloned so far those of the others
    dagger_rounds: int = 2
    #: environment steps of PPO per seed
    steps: int = 151_552
    #: name of the reward: carbon or paper
    reward: str = "carbon"
    #: continuous shares instead of discrete actions
    continuous: bool = False
    env_count: int = 8
    #: scenarios of a validation
    validation_scenarios: int = 150
    #: validations without an improvement after which a training stops
    patience: int = 20

    @property
    def command(self) -> str:
        """The command line of this training."""
        variant = " --continuous" if self.continuous else ""
        return (
            f"ce-nas policy train --out DIR --seed {self.seed} --seeds {self.seeds} "
            f"--demonstrations {self.demonstrations} --steps {self.steps} --validation {self.validation_scenarios} "
            f"--reward {self.reward}{variant}"
        )


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Validation cost of one seed by training steps; less is better."""

    seed: int
    steps: tuple[int, ...]
    costs: tuple[float, ...]

    @property
    def best_cost(self) -> float:
        """The lowest cost."""
        return min(self.costs)


def train_policy(
    settings: PolicyTrainingSettings,
    recordings: Sequence[RecordedSearch],
    out: Path,
    log: Callable[[str], None],
    ppo: PpoSettings | None = None,
) -> PolicyNetwork:
    """Train, write ``policy.npz``, ``training.json`` and ``checkpoints/`` to ``out``, and return the best policy.

    A training with the same settings that ``out`` holds is continued.

    :param log: called with a sentence after each validation.
    :raises SettingsError: if there is no such reward, or ``out`` holds a training with other settings or
        recordings, or a damaged one.
    """
    if settings.reward not in REWARDS:
        message = f"Expected a reward of {', '.join(sorted(REWARDS))}, got {settings.reward!r}."
        raise SettingsError(message)
    split, ppo = split_recordings(recordings), ppo or PpoSettings()
    trainings = [
        _SeedTraining(replace(settings, seed=settings.seed + offset, seeds=1), ppo, split, out)
        for offset in range(settings.seeds)
    ]
    curves = [training.run(log) for training in trainings]
    best = min(range(len(curves)), key=lambda index: curves[index].best_cost)
    network = trainings[best].best_policy()
    write_policy(out / "policy.npz", network)
    report = {**network.provenance, "settings": asdict(settings), "curves": [asdict(curve) for curve in curves]}
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    return network


@dataclass
class _SeedTraining:
    """The training of one seed, with its checkpoints."""

    settings: PolicyTrainingSettings
    ppo: PpoSettings
    split: RecordingSplit
    out: Path
    #: steps and cost of each validation so far
    evaluations: list[tuple[int, float]] = field(default_factory=list)
    #: whether its training has ended
    finished: bool = False

    def run(self, log: Callable[[str], None]) -> LearningCurve:
        """Train, or continue from the checkpoint; returns the learning curve."""
        checkpoint = self._load_checkpoint()
        initial_network = self._initial_network()
        if checkpoint is None and initial_network:
            self._evaluate(0, initial_network, {}, log)
        if self.settings.steps and not self.finished:
            train_ppo(
                self._env_factories(),
                initial_network,
                self.settings.steps,
                seed=self.settings.seed,
                settings=self.ppo,
                callback=partial(self._evaluate, log=log),
                checkpoint=checkpoint or None,
            )
        return LearningCurve(self.settings.seed, *zip(*self.evaluations, strict=True))

    def best_policy(self) -> PolicyNetwork:
        """The best policy of this seed, with its provenance."""
        recordings = [search for part in self.split for search in part]
        provenance: dict[str, Any] = {
            "command": self.settings.command,
            "version": __version__,
            "settings": asdict(self.settings),
            "ppo": asdict(self.ppo),
            "recordings": sorted(
                f"{search.dataset} {search.searcher} {search.seed} "
                f"{'informed' if search.with_proxy_scores else 'blind'}"
                for search in recordings
            ),
            "validation_cost": min(cost for _, cost in self.evaluations),
        }
        return replace(read_policy(self._checkpoint_path("best.npz")), provenance=provenance)

    def _evaluate(
        self, steps: int, network: PolicyNetwork, checkpoint: PpoCheckpoint, log: Callable[[str], None]
    ) -> bool:
        """Validate, and write a checkpoint; returns whether to continue."""
        validation = ScenarioSampler(
            0, "validation", self.split.validation, ScenarioDistribution(zones=VALIDATION_ZONES)
        )
        cost = mean_episode_cost(LearnedPolicy(network), validation, range(self.settings.validation_scenarios))
        self.evaluations.append((steps, cost))
        log(f"Seed {self.settings.seed} after {steps:,} steps: validation cost {cost:.4f}.")
        best = min(range(len(self.evaluations)), key=lambda index: self.evaluations[index][1])
        if best == len(self.evaluations) - 1:
            write_policy(self._checkpoint_path("best.npz"), network)
        self.finished = len(self.evaluations) - 1 - best >= self.settings.patience
        self._save_checkpoint(checkpoint)
        return not self.finished

    def _save_checkpoint(self, checkpoint: PpoCheckpoint) -> None:
        """Write the checkpoint, atomically."""
        import torch

        content = {
            "fingerprint": self._fingerprint,
            "evaluations": self.evaluations,
            "finished": self.finished,
            "state": checkpoint,
        }
        path = self._checkpoint_path("state.pt")
        draft = path.with_suffix(".new")
        torch.save(content, draft)
        draft.replace(path)

    def _load_checkpoint(self) -> PpoCheckpoint | None:
        """Read the checkpoint of an earlier call; empty after the demonstrations alone, None if there is none."""
        path = self._checkpoint_path("state.pt")
        if not path.exists():
            return None
        import torch

        try:
            content = torch.load(path, weights_only=True)
            fingerprint = content["fingerprint"]
        except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
            message = f"Expected a training in {str(path)!r}, but {error}; remove the file to train that seed again."
            raise SettingsError(message) from error
        if fingerprint != self._fingerprint:
            message = (
                f"Expected {str(self.out)!r} to be empty or to hold a training with the same settings and recordings, "
                "but it holds one with others; choose another --out."
            )
            raise SettingsError(message)
        self.evaluations, self.finished = [tuple(pair) for pair in content["evaluations"]], content["finished"]
        checkpoint: PpoCheckpoint = content["state"]
        return checkpoint

    def _initial_network(self) -> PolicyNetwork | None:
        """The network cloned from demonstrations; None without any."""
        if not self.settings.demonstrations:
            return None
        path = self._checkpoint_path("initial.npz")
        if not path.exists():
            write_policy(path, self._clone_expert())
        return read_policy(path)

    def _clone_expert(self) -> PolicyNetwork:
        from ce_nas.rl.behavior_cloning import train_behavior_cloning

        settings, scenarios = self.settings, self._scenarios
        rounds = settings.dagger_rounds
        ends = [settings.demonstrations * number // rounds for number in range(rounds + 1)]
        demonstrations = collect_demonstrations(scenarios, range(ends[1]), settings.seed)
        network = train_behavior_cloning(demonstrations, settings.seed)
        for first, end in pairwise(ends[1:]):
            added = collect_demonstrations(scenarios, range(first, end), settings.seed, network)
            demonstrations = concatenate_demonstrations(demonstrations, added)
            network = train_behavior_cloning(demonstrations, settings.seed)
        if settings.continuous:
            return train_behavior_cloning(demonstrations, settings.seed, discrete=False)
        return network

    def _env_factories(self) -> list[Callable[[], SearchEnv]]:
        from ce_nas.rl.env import SearchEnv

        settings = self.settings
        return [
            partial(
                SearchEnv,
                self._scenarios,
                REWARDS[settings.reward](),
                continuous=settings.continuous,
                first_index=settings.demonstrations + number,
                index_stride=settings.env_count,
            )
            for number in range(settings.env_count)
        ]

    @property
    def _scenarios(self) -> ScenarioSampler:
        return ScenarioSampler(self.settings.seed, "training", self.split.training)

    @property
    def _fingerprint(self) -> str:
        """Settings and recordings as a string to compare."""
        digest = hashlib.sha256()
        for search in (search for part in self.split for search in part):
            digest.update(f"{search.dataset} {search.searcher} {search.seed} {search.with_proxy_scores}".encode())
            digest.update(search.architecture_indices.tobytes())
        settings = {"settings": asdict(self.settings), "ppo": asdict(self.ppo), "version": __version__}
        return json.dumps({**settings, "recordings": digest.hexdigest()})

    def _checkpoint_path(self, name: str) -> Path:
        folder = self.out / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"seed-{self.settings.seed}-{name}"
