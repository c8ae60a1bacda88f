"""How fast the training environment goes: steps a second, of a policy that acts at random and of a rule.

    python benchmarks/environment.py [--quick] [--json FILE] [--seed N]

Side by side: searches with LaMOO in the loop, with random search in the loop, and played from records, as in
training. A step is a period of 8 GPUs with all that happens in it: the engine's loop, cluster, books and guard, every
training and scoring that ends, the searcher's answers, the forecast, the view and the observation. By one process, and
by two side by side, whose steps are added up. Seconds of the wall clock and of the processor are told apart, since
other programs may be at work: where they differ, what a core is able to is the second figure.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: a process is to use one core

import numpy as np

from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.rl.env import SearchEnv
from ce_nas.rl.replay_data import load_recordings
from ce_nas.rl.scenarios import RlScenario, ScenarioDistribution, ScenarioSampler, prepare_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCHES, POLICIES = ("lamoo", "random", "records"), ("random", "rule")
#: scenarios that are made ready before the clock runs: tables and typical years are read once in a training
READY = 40
#: steps before the clock runs, in which the first trainings end and the first boundaries are learned
WARM_UP = 20
EIGHT = ScenarioDistribution(gpus=(8,), hours=(80.0,), budgeted_share=0.0)
REST, EVALUATE, SAMPLE = ACTIONS.index((0.0, 0.0)), ACTIONS.index((1.0, 0.0)), ACTIONS.index((0.0, 1.0))
CLEANER = FEATURE_NAMES.index("cleaner_within_24")


class Live:
    """Scenarios of 8 GPUs and 80 hours without a target, in which the searcher itself searches."""

    def __init__(self, seed: int, searcher: str) -> None:
        self._drawn = ScenarioSampler(seed, "speed", (), EIGHT)
        self._searcher = searcher

    def __getitem__(self, number: int) -> RlScenario:
        return replace(self._drawn[number], searcher=self._searcher)


def at_random(rng: np.random.Generator, env: SearchEnv, _: np.ndarray) -> int:
    """Any entry of the menu that makes sense."""
    return int(rng.choice(np.flatnonzero(env.action_masks())))


def by_rule(_: np.random.Generator, env: SearchEnv, seen: np.ndarray) -> int:
    """Work in the cleaner half of the day ahead: sample first, then evaluate."""
    if seen[CLEANER] >= 0.5 and env.action_masks()[REST]:
        return REST
    return SAMPLE if env.state.search.can_sample else EVALUATE


def measured(search: str, policy: str, steps: int, seed: int, process: int = 0) -> dict[str, float]:
    """Steps a second over so many steps, in scenarios of the process's own."""
    scenarios = ScenarioSampler(seed, "speed", load_recordings(), EIGHT) if search == "records" else Live(seed, search)
    first = process * 1000
    env, choose = SearchEnv(scenarios, first_index=first), {"random": at_random, "rule": by_rule}[policy]
    for number in range(READY):
        prepare_inputs(scenarios[first + number])
    played(env, choose, WARM_UP, seed)  # imports and caches are no part of a step
    env.reset(options={"scenario_index": first})
    return played(env, choose, steps, seed)


def played(env: SearchEnv, choose: Callable[..., int], steps: int, seed: int) -> dict[str, float]:
    """Steps a second of an environment."""
    rng = np.random.default_rng(seed)
    seen, _ = env.reset()
    evaluations = 0
    began_s, worked_s = time.perf_counter(), time.process_time()
    for _ in range(steps):
        seen, _, over, _, _ = env.step(choose(rng, env, seen))
        if over:
            evaluations += env.state.search.evaluations
            seen, _ = env.reset()
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - worked_s
    evaluations += env.state.search.evaluations
    return {"steps_per_s": steps / wall_s, "steps_per_cpu_s": steps / cpu_s, "trainings_per_step": evaluations / steps}


def side_by_side(search: str, policy: str, steps: int, seed: int) -> dict[str, float]:
    """The same by two processes at once, their steps a second added up."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit(measured, search, policy, steps, seed, process) for process in range(2)]
        rows = [future.result() for future in futures]
    return {
        "steps_per_s": sum(row["steps_per_s"] for row in rows),
        "steps_per_cpu_s": float(np.mean([row["steps_per_cpu_s"] for row in rows])),
        "trainings_per_step": float(np.mean([row["trainings_per_step"] for row in rows])),
    }


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="80 steps each instead of 800")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    steps = 80 if arguments.quick else 800
    rows = []
    print(f"{'in the loop':12}{'policy':8}{'processes':>10}{'steps/s':>9}{'steps/CPU s':>13}{'trainings/step':>16}")
    for search, policy, processes in itertools.product(SEARCHES, POLICIES, (1, 2)):
        found = (measured if processes == 1 else side_by_side)(search, policy, steps, arguments.seed)
        rows.append({"search": search, "policy": policy, "processes": processes, **found})
        figures = f"{found['steps_per_s']:9.0f}{found['steps_per_cpu_s']:13.0f}{found['trainings_per_step']:16.1f}"
        print(f"{search:12}{policy:8}{processes:10}{figures}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"steps": steps, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
