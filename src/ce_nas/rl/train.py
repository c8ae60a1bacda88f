"""Training a policy: demonstrations first, then trial and error, several seeds, and the best by validation is kept.

Zones of training, validation and test are different ones, and so are their searches on record and random streams. What
was done is kept, seed by seed and look by look: the same command goes on from there, to the bit.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ce_nas import __version__
from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned.network import read_policy, write_policy
from ce_nas.policies.learned.policy import Learned
from ce_nas.rl.evaluate import mean_cost
from ce_nas.rl.expert import demonstrate, together
from ce_nas.rl.ppo import PpoSettings, improve
from ce_nas.rl.replay_data import split
from ce_nas.rl.rewards import REWARDS
from ce_nas.rl.scenarios import VALIDATION_ZONES, Range, Scenarios

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ce_nas.policies.learned.network import PolicyNetwork
    from ce_nas.rl.env import SearchEnv
    from ce_nas.rl.ppo import State
    from ce_nas.rl.replay_data import Parts, Recording

__all__ = ["Curve", "TrainingSettings", "train"]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What is trained, and for how long."""

    seed: int = 0
    #: policies that are trained, each with a seed of its own; the best is kept
    seeds: int = 3
    #: scenarios that are demonstrated; 0 to begin from nothing
    demonstrations: int = 600
    #: of how many lots they are: the first where a rule gets to, the others where the policy of those before gets to
    rounds: int = 2
    #: periods of trial and error, each seed
    steps: int = 151_552
    #: grams or authors
    reward: str = "grams"
    #: shares of one's own instead of a menu
    continuous: bool = False
    environments: int = 8
    #: scenarios that tell how good a policy is
    validation: int = 150
    #: looks at a policy without an improvement after which its training ends
    patience: int = 20

    @property
    def command(self) -> str:
        """What trains such a policy on the command line."""
        variant = " --continuous" if self.continuous else ""
        return (
            f"ce-nas policy train --out DIR --seed {self.seed} --seeds {self.seeds} "
            f"--demonstrations {self.demonstrations} --steps {self.steps} --validation {self.validation} "
            f"--reward {self.reward}{variant}"
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """How one seed went: what validation cost after so many steps; less is better."""

    seed: int
    steps: tuple[int, ...]
    costs: tuple[float, ...]

    @property
    def best(self) -> float:
        """The least cost."""
        return min(self.costs)


def train(
    settings: TrainingSettings,
    recordings: Sequence[Recording],
    out: Path,
    say: Callable[[str], None],
    ppo: PpoSettings | None = None,
) -> PolicyNetwork:
    """Train, and write ``policy.npz``, ``training.json`` and ``checkpoints/`` to ``out``; returns the policy kept.

    What is found there of a training with the same settings is gone on from.

    :param say: told what was reached, a sentence at a time.
    :raises SettingsError: if there is no such reward, or ``out`` holds a training with other settings or
        recordings, or a damaged one.
    """
    if settings.reward not in REWARDS:
        message = f"Expected a reward of {', '.join(sorted(REWARDS))}, got {settings.reward!r}."
        raise SettingsError(message)
    parts, how = split(recordings), ppo or PpoSettings()
    runs = [_Run(replace(settings, seed=settings.seed + at, seeds=1), how, parts, out) for at in range(settings.seeds)]
    curves = [run.go(say) for run in runs]
    best = min(range(len(curves)), key=lambda at: curves[at].best)
    network = runs[best].kept()
    write_policy(out / "policy.npz", network)
    report = {**network.made_by, "settings": asdict(settings), "curves": [asdict(curve) for curve in curves]}
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    return network


@dataclass
class _Run:
    """The training of one seed, and where it is kept."""

    settings: TrainingSettings
    ppo: PpoSettings
    parts: Parts
    out: Path
    #: steps and costs of the looks so far
    looks: list[tuple[int, float]] = field(default_factory=list)
    #: whether its training has ended
    over: bool = False

    def go(self, say: Callable[[str], None]) -> Curve:
        """Train, from where it was left; returns how it went."""
        state = self._found()
        begin = self._begun()
        if state is None and begin:
            self._look(0, begin, {}, say)
        if self.settings.steps and not self.over:
            improve(
                self._makers(),
                begin,
                self.settings.steps,
                seed=self.settings.seed,
                settings=self.ppo,
                look=partial(self._look, say=say),
                state=state or None,
            )
        return Curve(self.settings.seed, *zip(*self.looks, strict=True))

    def kept(self) -> PolicyNetwork:
        """The best policy of this seed, with what made it."""
        recordings = [item for part in self.parts for item in part]
        made_by: dict[str, Any] = {
            "command": self.settings.command,
            "version": __version__,
            "settings": asdict(self.settings),
            "ppo": asdict(self.ppo),
            "recordings": sorted(
                f"{r.dataset} {r.searcher} {r.seed} {'informed' if r.informed else 'blind'}" for r in recordings
            ),
            "validation_cost": min(cost for _, cost in self.looks),
        }
        return replace(read_policy(self._path("best.npz")), made_by=made_by)

    def _look(self, steps: int, network: PolicyNetwork, state: State, say: Callable[[str], None]) -> bool:
        """Validate, and keep all that is needed to go on; returns whether to."""
        validation = Scenarios(0, "validation", self.parts.validation, Range(zones=VALIDATION_ZONES))
        cost = mean_cost(Learned(network), validation, range(self.settings.validation))
        self.looks.append((steps, cost))
        say(f"Seed {self.settings.seed} after {steps:,} steps: validation cost {cost:.4f}.")
        best_at = min(range(len(self.looks)), key=lambda at: self.looks[at][1])
        if best_at == len(self.looks) - 1:
            write_policy(self._path("best.npz"), network)
        self.over = len(self.looks) - 1 - best_at >= self.settings.patience
        self._keep(state)
        return not self.over

    def _keep(self, state: State) -> None:
        """In one move, so that what is kept is whole."""
        import torch

        content = {"asked": self._asked, "looks": self.looks, "over": self.over, "state": state}
        path = self._path("state.pt")
        draft = path.with_suffix(".new")
        torch.save(content, draft)
        draft.replace(path)

    def _found(self) -> State | None:
        """What an earlier call has left; empty after the demonstrations alone, None where there was none."""
        path = self._path("state.pt")
        if not path.exists():
            return None
        import torch

        try:
            content = torch.load(path, weights_only=True)
            asked = content["asked"]
        except (OSError, EOFError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
            message = f"Expected a training in {str(path)!r}, but {error}; remove the file to begin that seed anew."
            raise SettingsError(message) from error
        if asked != self._asked:
            message = (
                f"Expected {str(self.out)!r} to be empty or to hold a training with the same settings and recordings, "
                "but it holds one with others; choose another --out."
            )
            raise SettingsError(message)
        self.looks, self.over = [tuple(look) for look in content["looks"]], content["over"]
        state: State = content["state"]
        return state

    def _begun(self) -> PolicyNetwork | None:
        """The network that demonstrations make, if any are wanted."""
        if not self.settings.demonstrations:
            return None
        path = self._path("begun.npz")
        if not path.exists():
            write_policy(path, self._imitated())
        return read_policy(path)

    def _imitated(self) -> PolicyNetwork:
        from ce_nas.rl.behavior_cloning import imitate

        settings, scenarios = self.settings, self._scenarios
        ends = [settings.demonstrations * at // settings.rounds for at in range(settings.rounds + 1)]
        shown = demonstrate(scenarios, range(ends[1]), settings.seed)
        network = imitate(shown, settings.seed)
        for first, end in pairwise(ends[1:]):
            shown = together(shown, demonstrate(scenarios, range(first, end), settings.seed, network))
            network = imitate(shown, settings.seed)
        return network if not settings.continuous else imitate(shown, settings.seed, discrete=False)

    def _makers(self) -> list[Callable[[], SearchEnv]]:
        from ce_nas.rl.env import SearchEnv

        settings = self.settings
        return [
            partial(
                SearchEnv,
                self._scenarios,
                REWARDS[settings.reward](),
                continuous=settings.continuous,
                first=settings.demonstrations + at,
                every=settings.environments,
            )
            for at in range(settings.environments)
        ]

    @property
    def _scenarios(self) -> Scenarios:
        return Scenarios(self.settings.seed, "training", self.parts.training)

    @property
    def _asked(self) -> str:
        """What was asked for, as a text that can be compared."""
        searches = hashlib.sha256()
        for item in (item for part in self.parts for item in part):
            searches.update(f"{item.dataset} {item.searcher} {item.seed} {item.informed}".encode())
            searches.update(item.rows.tobytes())
        asked = {"settings": asdict(self.settings), "ppo": asdict(self.ppo), "version": __version__}
        return json.dumps({**asked, "recordings": searches.hexdigest()})

    def _path(self, name: str) -> Path:
        folder = self.out / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"seed-{self.settings.seed}-{name}"
