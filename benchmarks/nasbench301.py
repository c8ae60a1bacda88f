"""How few trainings each searcher needs in the DARTS space: NAS-Bench-301, every searcher on the same budget.

    python benchmarks/nasbench301.py SURROGATE.onnx [--quick] [--json FILE] [--seed N] [--seeds N] [--jobs N]
                                     [--cost params|flops] [--only NAME ...]

Accuracy is searched against parameters, or FLOPs, both of which are known without a training. The figure is
log10(1 - HV/HV_top) after 50, 100 and 200 full trainings, where HV_top is 0.01 % above the largest hypervolume that any
of the runs found: the true one is not known. Smaller is better. Medians over the seeds with 95 % bootstrap intervals.
Every searcher is asked for 8 architectures at a time; an architecture that was trained before counts nothing.

Optuna and pymoo see the variables of the same space. The surrogates know how to count the cost; the scores of
``surrogate, scores`` are those of 2,000 architectures, drawn at random and known beforehand, with the noise of a
one-shot supernet.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the times are of one core

import numpy as np

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.benchmarks.base import parse_objective
from ce_nas.benchmarks.nasbench301 import NasBench301, NasBench301Surrogate
from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores, read_noise_model
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher

MARKS = (50, 100, 200)
BATCH = 8


class Problem:
    """Accuracy against a cost."""

    def __init__(self, file: Path, cost: str) -> None:
        self.benchmark = NasBench301(NasBench301Surrogate(file))
        self.space = self.benchmark.space
        self.cost = cost
        chosen = [parse_objective(self.benchmark, name) for name in ("accuracy", cost)]
        self.reference = [item.sign * item.reference for item in chosen]

    def train(self, architectures: list[Architecture]) -> list[Observation]:
        """What full trainings find."""
        costs = self.benchmark.training_free_values(self.cost, architectures).tolist()
        accuracies = [self.benchmark.training_result(item)[0] for item in architectures]
        return [
            Observation(item, (-accuracy, cost))
            for item, accuracy, cost in zip(architectures, accuracies, costs, strict=True)
        ]

    def scored(self, seed: int) -> list[Observation]:
        """Cheap scores of architectures drawn at random."""
        it = self.benchmark
        noise = SimulatedSupernetScores(
            read_noise_model(), it.space, it.reference_sample, it.normal_scores, epoch_s=it.mean_epoch_s, seed=seed
        )
        drawn = it.space.sample(random_stream(seed, "scored"), 2000)
        scores, votes = noise.score(drawn)
        rows = zip(
            drawn, votes.tolist(), it.training_free_values(self.cost, drawn).tolist(), scores.tolist(), strict=True
        )
        return [Observation(item, (-vote, cost), 0.0, tuple(score)) for item, vote, cost, score in rows]


@cache
def problem(file: Path, cost: str) -> Problem:
    """One of them, read once a process."""
    return Problem(file, cost)


def surrogate(it: Problem, rng: np.random.Generator) -> SurrogateSearcher:
    """The surrogate that knows the cost."""
    known = [None, partial(it.benchmark.training_free_values, it.cost)]
    return SurrogateSearcher(it.space, rng, it.reference, known_objectives=known)


def _scored(it: Problem, rng: np.random.Generator) -> SurrogateSearcher:
    searcher = surrogate(it, rng)
    searcher.tell(it.scored(int(rng.integers(1 << 30))))
    return searcher


def _lamoo(it: Problem, rng: np.random.Generator, inner: Callable | None = None) -> LamooSearcher:  # type: ignore[type-arg] # of any kind
    return LamooSearcher(it.space, rng, it.reference, inner=inner and inner(it, rng))


SEARCHERS: dict[str, Callable[[Problem, np.random.Generator], Searcher]] = {
    "random": lambda it, rng: RandomSearcher(it.space, rng),
    "nsga2": lambda it, rng: Nsga2Searcher(it.space, rng),
    "lamoo (random)": _lamoo,
    "lamoo (nsga2)": partial(_lamoo, inner=lambda it, rng: Nsga2Searcher(it.space, rng)),
    "lamoo (surrogate)": partial(_lamoo, inner=surrogate),
    "surrogate": surrogate,
    "surrogate, scores": _scored,
}


def asked(it: Problem, name: str, seed: int) -> Iterator[list[Observation]]:
    """What one of our searchers finds, batch after batch."""
    searcher = SEARCHERS[name](it, random_stream(seed, "searcher"))
    known: set[Architecture] = set()
    while True:
        proposals = searcher.ask(BATCH, known)
        known.update(proposals)
        found = it.train(proposals)
        yield found
        searcher.tell(found)


def optuna_asked(sampler: str, it: Problem, _: str, seed: int) -> Iterator[list[Observation]]:
    """What a sampler of Optuna finds."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = {"n_startup_trials": 10} if sampler == "TPESampler" else {"population_size": 20}
    made = getattr(optuna.samplers, sampler)(seed=seed, **options)
    study = optuna.create_study(sampler=made, directions=["minimize", "minimize"])
    choices = {
        variable: optuna.distributions.CategoricalDistribution(list(range(len(names))))
        for variable, names in zip(it.space.variables, it.space.choices, strict=True)
    }
    while True:
        trials = [study.ask(choices) for _ in range(BATCH)]
        found = it.train([tuple(trial.params[variable] for variable in it.space.variables) for trial in trials])
        yield found
        for trial, item in zip(trials, found, strict=True):
            study.tell(trial, item.values)


def pymoo_asked(it: Problem, _: str, seed: int) -> Iterator[list[Observation]]:
    """What pymoo's NSGA-II finds, a generation of 20 at a time."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem as Posed
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    highest = np.array([len(names) - 1 for names in it.space.choices])
    posed = Posed(n_var=len(highest), n_obj=2, xl=0, xu=highest, vtype=int)
    repair = {"vtype": float, "repair": RoundingRepair()}
    algorithm = NSGA2(20, sampling=IntegerRandomSampling(), crossover=SBX(**repair), mutation=PM(**repair))
    algorithm.setup(posed, seed=seed, termination=("n_gen", 10_000), verbose=False)
    while True:
        offspring = algorithm.ask()
        found = it.train([tuple(map(int, x)) for x in offspring.get("X")])
        yield found
        offspring.set("F", np.array([item.values for item in found]))
        algorithm.evaluator.eval(posed, offspring, skip_already_evaluated=True)
        algorithm.tell(infills=offspring)


OTHERS: dict[str, tuple[str, Callable[[Problem, str, int], Iterator[list[Observation]]]]] = {
    "optuna TPE": ("optuna", partial(optuna_asked, "TPESampler")),
    "optuna NSGA-II": ("optuna", partial(optuna_asked, "NSGAIISampler")),
    "pymoo NSGA-II": ("pymoo", pymoo_asked),
}


def one_run(job: tuple[Path, str, str, int, int]) -> list[float]:
    """The hypervolume at each mark of one searcher with one seed."""
    file, cost, name, seed, most = job
    it = problem(file, cost)
    source = OTHERS[name][1] if name in OTHERS else asked
    trained: dict[Architecture, tuple[float, ...]] = {}
    for batch, found in enumerate(source(it, name, seed)):
        for item in found:
            trained.setdefault(item.architecture, item.values)
        if len(trained) >= most or batch > 50 * most:
            break
    values = np.array(list(trained.values()))
    return [hypervolume(values[:mark], it.reference) for mark in MARKS if mark <= most]


def rows_of(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """A row a searcher, printed once all of them are done, since they are compared with the best."""
    names = arguments.only or [*(name for name, (package, _) in OTHERS.items() if _installed(package)), *SEARCHERS]
    found, spent_s = {}, {}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for name in names:
            seeds = range(arguments.seed, arguments.seed + arguments.seeds)
            began_s = time.perf_counter()
            jobs = [(arguments.surrogate, arguments.cost, name, seed, arguments.most) for seed in seeds]
            found[name] = np.array(list(pool.map(one_run, jobs)))
            spent_s[name] = (time.perf_counter() - began_s) / arguments.seeds
    top = 1.0001 * max(values.max() for values in found.values())
    print(f"accuracy, {arguments.cost}; log10(1 - HV/{top:.4f}), {arguments.seeds} seeds from {arguments.seed}")
    print(f"{'searcher':20}" + "".join(f"{f'after {mark}':>23}" for mark in MARKS) + "   s a run")
    rows = []
    for name, values in found.items():
        marks = {mark: _interval(column, top) for mark, column in zip(MARKS, values.T, strict=False)}
        rows.append({"searcher": name, "cost": arguments.cost, "top": top, "seconds": spent_s[name], "log": marks})
        cells = "".join(f"{one['median']:9.2f} [{one['low']:5.2f},{one['high']:5.2f}]" for one in marks.values())
        print(f"{name:20}{cells}{spent_s[name]:10.1f}", flush=True)
    return rows


def _interval(hypervolumes: np.ndarray, top: float) -> dict[str, object]:
    logs = [math.log10(1.0 - one / top) for one in hypervolumes.tolist()]
    interval = bootstrap_median(logs)
    return {"median": interval.median, "low": interval.low, "high": interval.high, "seeds": logs}


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("surrogate", type=Path)
    parser.add_argument("--quick", action="store_true", help="3 seeds and 50 trainings")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--cost", choices=("params", "flops"), default="params")
    parser.add_argument("--only", nargs="+", help="these searchers only")
    arguments = parser.parse_args()
    arguments.seeds = min(arguments.seeds, 3) if arguments.quick else arguments.seeds
    arguments.most = MARKS[0] if arguments.quick else MARKS[-1]
    rows = rows_of(arguments)
    if arguments.json:
        content = {"seed": arguments.seed, "quick": arguments.quick, "rows": rows}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
