"""How fast the training environment goes: steps a second, of a policy that acts at random and of a rule.

    python benchmarks/environment.py [--quick] [--json FILE] [--seed N]

Side by side: searches with LaMOO in the loop, with uniform sampling in the loop, and played from records, as in
training. One process; seconds of the wall clock and of the processor are told apart, since other programs may be at
work. A step is a period of 8 GPUs, with all that happens in it, the view and the observation.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.allocate.menu import MENU
from ce_nas.allocate.observation import FEATURES
from ce_nas.learn.env import SearchEnv
from ce_nas.learn.recording import recorded
from ce_nas.learn.scenario import Range, Scenario, Scenarios

if TYPE_CHECKING:
    from collections.abc import Callable

REST, EVALUATE, SAMPLE = MENU.index((0.0, 0.0)), MENU.index((1.0, 0.0)), MENU.index((0.0, 1.0))
CLEANER = FEATURES.index("cleaner_within_24")


class Live:
    """Scenarios of 8 GPUs and 80 hours without a target, in which the searcher itself searches."""

    def __init__(self, seed: int, searcher: str) -> None:
        self._drawn = Scenarios(seed, "speed", (), Range(gpus=(8,), hours=(80.0,)))
        self._searcher = searcher

    def __getitem__(self, number: int) -> Scenario:
        return replace(self._drawn[number], searcher=self._searcher)


def at_random(rng: np.random.Generator, env: SearchEnv, _: np.ndarray) -> int:
    """Any entry of the menu that makes sense."""
    return int(rng.choice(np.flatnonzero(env.action_masks())))


def by_rule(_: np.random.Generator, env: SearchEnv, seen: np.ndarray) -> int:
    """Work in the cleaner half of the day ahead: sample first, then evaluate."""
    if seen[CLEANER] >= 0.5 and env.action_masks()[REST]:
        return REST
    return SAMPLE if env.view.can_sample else EVALUATE


def measured(env: SearchEnv, choose: Callable[..., int], steps: int, seed: int) -> dict[str, float]:
    """Steps a second over so many steps."""
    rng = np.random.default_rng(seed)
    seen, _ = env.reset()
    evaluations = 0
    began_s, worked_s = time.perf_counter(), time.process_time()
    for _ in range(steps):
        seen, _, over, _, _ = env.step(choose(rng, env, seen))
        if over:
            evaluations += env.view.evaluations
            seen, _ = env.reset()
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - worked_s
    evaluations += env.view.evaluations
    return {"steps_per_s": steps / wall_s, "steps_per_cpu_s": steps / cpu_s, "trainings_per_step": evaluations / steps}


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="80 steps each instead of 800")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    steps = 80 if arguments.quick else 800
    played = Scenarios(arguments.seed, "speed", recorded(), Range(gpus=(8,), hours=(80.0,)))
    kinds = {"lamoo": Live(arguments.seed, "lamoo"), "uniform": Live(arguments.seed, "uniform"), "records": played}
    rows = []
    print(f"{'search':10}{'policy':10}{'steps/s':>10}{'steps/CPU s':>13}{'trainings/step':>16}")
    for kind, scenarios in kinds.items():
        for policy, choose in (("random", at_random), ("rule", by_rule)):
            env = SearchEnv(scenarios)
            measured(env, choose, 4, arguments.seed)  # imports and caches are no part of a step
            found = measured(env, choose, steps, arguments.seed)
            rows.append({"search": kind, "policy": policy, **found})
            figures = f"{found['steps_per_s']:10.0f}{found['steps_per_cpu_s']:13.0f}{found['trainings_per_step']:16.1f}"
            print(f"{kind:10}{policy:10}{figures}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"steps": steps, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
