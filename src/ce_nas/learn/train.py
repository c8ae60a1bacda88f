"""Training a policy: demonstrations first, then trial and error, several seeds, and the best by validation is kept.

Zones of training, validation and test are different ones, and so are their random streams.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ce_nas import __version__
from ce_nas.allocate.learned import Learned
from ce_nas.allocate.policy_file import read_policy, write_policy
from ce_nas.core.errors import SettingsError
from ce_nas.learn.hindsight import demonstrate
from ce_nas.learn.judge import mean_cost
from ce_nas.learn.ppo import PpoSettings, improve
from ce_nas.learn.recording import split
from ce_nas.learn.reward import REWARDS
from ce_nas.learn.scenario import VALIDATION_ZONES, Range, Scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.allocate.policy_file import PolicyNetwork
    from ce_nas.learn.recording import Recording

__all__ = ["Curve", "TrainingSettings", "train"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What is trained, and for how long."""

    seed: int = 0
    #: policies that are trained, each with a seed of its own; the best is kept
    seeds: int = 3
    #: scenarios that are demonstrated; 0 to begin from nothing
    demonstrations: int = 120
    #: periods of trial and error, each seed
    steps: int = 40_000
    #: grams or authors
    reward: str = "grams"
    #: shares of one's own instead of a menu
    continuous: bool = False
    environments: int = 4
    #: scenarios that tell how good a policy is
    validation: int = 48
    #: looks at a policy without an improvement after which its training ends
    patience: int = 4

    @property
    def command(self) -> str:
        """What trains such a policy on the command line."""
        variant = " --continuous" if self.continuous else ""
        return (
            f"ce-nas policy train --out DIR --seed {self.seed} --seeds {self.seeds} "
            f"--demonstrations {self.demonstrations} --steps {self.steps} --reward {self.reward}{variant}"
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """How one seed went: what validation cost after so many steps; less is better."""

    seed: int
    steps: tuple[int, ...]
    costs: tuple[float, ...]


def train(
    settings: TrainingSettings,
    recordings: Sequence[Recording],
    out: Path,
    say: Callable[[str], None],
    ppo: PpoSettings | None = None,
) -> PolicyNetwork:
    """Train, and write ``policy.npz``, ``training.json`` and ``checkpoints/`` to ``out``; returns the policy kept.

    :param say: told what was reached, a sentence at a time.
    """
    if settings.reward not in REWARDS:
        message = f"Expected a reward of {', '.join(sorted(REWARDS))}, got {settings.reward!r}."
        raise SettingsError(message)
    runs = [_one(replace(settings, seed=settings.seed + at), recordings, out, say, ppo) for at in range(settings.seeds)]
    best_cost, best, _ = min(runs, key=lambda run: run[0])
    curves = [curve for _, _, curve in runs]
    made_by: dict[str, Any] = {
        "command": settings.command,
        "version": __version__,
        "settings": asdict(settings),
        "ppo": asdict(ppo or PpoSettings()),
        "recordings": sorted(
            f"{r.dataset} {r.searcher} {r.seed} {'informed' if r.informed else 'blind'}" for r in recordings
        ),
        "validation_cost": best_cost,
    }
    network = replace(best, made_by=made_by)
    write_policy(out / "policy.npz", network)
    report = {**made_by, "curves": [asdict(curve) for curve in curves]}
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    return network


def _one(
    settings: TrainingSettings,
    recordings: Sequence[Recording],
    out: Path,
    say: Callable[[str], None],
    ppo: PpoSettings | None,
) -> tuple[float, PolicyNetwork, Curve]:
    """One seed: the lowest validation cost, the policy that had it, and how it went."""
    from ce_nas.learn.env import SearchEnv

    learned_from, kept_back = split(recordings)
    scenarios = Scenarios(settings.seed, "training", learned_from)
    validation = Scenarios(0, "validation", kept_back, Range(zones=VALIDATION_ZONES))
    looks: list[tuple[int, float]] = []

    def look(steps: int, network: PolicyNetwork) -> bool:
        cost = mean_cost(Learned(network), validation, range(settings.validation))
        looks.append((steps, cost))
        say(f"Seed {settings.seed} after {steps:,} steps: validation cost {cost:.4f}.")
        if cost <= min(past for _, past in looks):
            write_policy(out / "checkpoints" / f"seed-{settings.seed}.npz", network)
        best_at = min(range(len(looks)), key=lambda at: looks[at][1])
        return len(looks) - 1 - best_at < settings.patience

    begin = _begin(settings, scenarios)
    if begin:
        look(0, begin)
    makers = [
        partial(
            SearchEnv,
            scenarios,
            REWARDS[settings.reward](),
            continuous=settings.continuous,
            first=settings.demonstrations + at,
            every=settings.environments,
        )
        for at in range(settings.environments)
    ]
    if settings.steps:
        improve(makers, begin, settings.steps, seed=settings.seed, settings=ppo or PpoSettings(), look=look)
    steps, costs = zip(*looks, strict=True)
    return (
        min(costs),
        read_policy(out / "checkpoints" / f"seed-{settings.seed}.npz"),
        Curve(settings.seed, steps, costs),
    )


def _begin(settings: TrainingSettings, scenarios: Scenarios) -> PolicyNetwork | None:
    """The network that demonstrations make, if any are wanted."""
    if not settings.demonstrations:
        return None
    from ce_nas.learn.imitation import imitate

    shown = demonstrate(scenarios, range(settings.demonstrations), settings.seed)
    return imitate(shown, settings.seed, discrete=not settings.continuous)
