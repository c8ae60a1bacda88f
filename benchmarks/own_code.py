"""Your own training code: how much of the front is found with few trainings, against the usual tuners.

    python benchmarks/own_code.py [--quick] [--json FILE] [--seed N] [--seeds N] [--only NAME ...] [--problems NAME ...]

The problems are those of ``own_code_problems.py``, real trainings that were made once, as far as its table has them.
Each searcher trains 80 configurations, one after another, from the same space written in its own way: numbers as
numbers, choices as choices, and the condition where it has one. The figure is the missing share of the largest
hypervolume, in per cent, after 10, 20, 40 and 80 trainings, median over the seeds; a training that diverged counts and
finds nothing. CE-NAS is shown with costs known beforehand (a function ``costs`` in the user's file) and unknown.
Peers: random, Optuna's TPE, NSGA-II and GPSampler, BoTorch's qLogNEHVI, as far as installed; none of them can be given
costs, so theirs are always unknown. The number of CE-NAS's first proposals was chosen on digits-cnn and tabular-mlp,
seeds from 1000 on; fashion-cnn was not looked at. Runs that ``--json`` holds already are not made again, and printed
together with the new ones.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from own_code_problems import TABLES, OwnProblem, problems

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.benchmarks.user_space import UserSpace
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.conversion import as_domain
from ce_nas.space.distributions import Categorical, Ordinal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ce_nas.core.records import Architecture

COUNTS = (10, 20, 40, 80)


class Tabulated:
    """A problem with its table: the minimised objectives of each configuration, infinite where it diverged."""

    def __init__(self, problem: OwnProblem, *, known: bool) -> None:
        self.problem = problem
        with np.load(TABLES) as tables:
            metric, costs = tables[f"{problem.name}:metric"], tables[f"{problem.name}:costs"]
        self._row_of = {_key(each): row for row, each in enumerate(problem.configurations())}
        self.user_space = UserSpace.parse(
            _domains(problem), problem.objectives, problem.name, costs=problem.costs if known else None
        )
        signs = np.array([objective.sign for objective in self.user_space.objectives])
        values = signs * np.column_stack([metric, costs]).astype(float)
        self.values = np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.inf)
        self.reference = signs * np.array([objective.reference for objective in self.user_space.objectives])
        self.largest = hypervolume(self.values, self.reference)

    def look_up(self, chosen: Mapping[str, Any]) -> tuple[float, ...]:
        """The minimised objectives of a configuration."""
        return tuple(self.values[self._row_of[_key(chosen)]].tolist())

    def missing_pct(self, trained: list[tuple[float, ...]]) -> dict[int, float]:
        """The missing share of the largest hypervolume after each count of trainings, %."""
        return {
            count: 100.0 * (1.0 - hypervolume(np.array(trained[:count]), self.reference) / self.largest)
            for count in COUNTS
            if count <= len(trained)
        }


def _key(chosen: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(chosen.items()))


def _domains(problem: OwnProblem) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, values in problem.variables.items():
        parent = problem.conditions.get(name)
        kind = Ordinal if isinstance(as_domain(name, list(values)), Ordinal) else Categorical
        made[name] = kind(values, when={parent[0]: parent[1]} if parent else {})
    return made


@cache
def tabulated(name: str, *, known: bool) -> Tabulated:
    """The problem of that name."""
    return Tabulated(problems()[name], known=known)


def search_ce_nas(make: Callable[..., Any], problem: Tabulated, trainings: int, seed: int) -> list[tuple[float, ...]]:
    """Search by one of the package's searchers."""
    space, trained, seen = problem.user_space.space, [], set[Any]()
    searcher = make(problem, random_stream(seed, "own-code"))
    while len(trained) < trainings:
        architecture: Architecture = searcher.ask(1, seen)[0]
        seen.add(architecture)
        trained.append(problem.look_up(problem.user_space.decode(architecture)))
        searcher.tell([Observation(architecture, trained[-1])])
    assert space.contains(architecture)  # noqa: S101 - a proposal outside would have no table entry
    return trained


def _surrogate(problem: Tabulated, rng: np.random.Generator) -> SurrogateSearcher:
    known = problem.user_space.known_names
    members = problem.user_space.space.all_architectures
    columns = [
        np.array([problem.user_space.known_metrics(each)[objective.name] for each in members])
        if objective.name in known
        else None
        for objective in problem.user_space.objectives
    ]
    signed = [None if column is None else column * 1.0 for column in columns]  # every known cost is minimised
    return SurrogateSearcher(
        problem.user_space.space, rng, problem.reference, known_objectives=signed if known else None
    )


def search_optuna(make: Callable[[int], Any], problem: Tabulated, trainings: int, seed: int) -> list[tuple[float, ...]]:
    """Search by one of Optuna's samplers."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    domains, trained = problem.user_space.domains, []

    def objective(trial: Any) -> tuple[float, ...]:  # noqa: ANN401 - of an optional package
        chosen: dict[str, Any] = {}
        for name, domain in domains.items():
            if any(chosen.get(parent) not in values for parent, values in domain.when):
                continue
            if isinstance(domain, Categorical):
                chosen[name] = trial.suggest_categorical(name, domain.choices)
            else:
                chosen[name] = domain.value(trial.suggest_int(name, 0, domain.size - 1))
        trained.append(problem.look_up(chosen))
        return tuple(value if np.isfinite(value) else 1e3 for value in trained[-1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=make(seed), directions=["minimize"] * len(problem.reference))
        study.optimize(objective, n_trials=trainings)
    return trained


def _sampler(name: str, seed: int) -> Any:  # noqa: ANN401 - of an optional package
    import optuna

    return getattr(optuna.samplers, name)(seed=seed)


def searchers() -> dict[str, tuple[bool, Callable[[Tabulated, int, int], list[tuple[float, ...]]]]]:
    """Whether costs are known, and the search, by name."""
    return {
        "CE-NAS, costs known": (True, partial(search_ce_nas, _surrogate)),
        "CE-NAS, costs unknown": (False, partial(search_ce_nas, _surrogate)),
        "random": (False, partial(search_ce_nas, lambda problem, rng: RandomSearcher(problem.user_space.space, rng))),
        "NSGA-II": (False, partial(search_ce_nas, lambda problem, rng: Nsga2Searcher(problem.user_space.space, rng))),
        "LaMOO": (
            False,
            partial(
                search_ce_nas, lambda problem, rng: LamooSearcher(problem.user_space.space, rng, problem.reference)
            ),
        ),
        "Optuna TPE": (False, partial(search_optuna, partial(_sampler, "TPESampler"))),
        "Optuna NSGA-II": (False, partial(search_optuna, partial(_sampler, "NSGAIISampler"))),
        "Optuna GPSampler": (False, partial(search_optuna, partial(_sampler, "GPSampler"))),
        "BoTorch qLogNEHVI": (
            False,
            partial(
                search_ce_nas,
                lambda problem, rng: QLogNehviSearcher(problem.user_space.space, rng, problem.reference),
            ),
        ),
    }


def main() -> None:
    """Search with every seed, and print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="20 trainings and 2 seeds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=list(searchers()))
    with np.load(TABLES) as tables:
        made = [name for name in problems() if f"{name}:metric" in tables]
    parser.add_argument("--problems", nargs="*", default=made, choices=made)
    arguments = parser.parse_args()
    seeds, trainings = (2, 20) if arguments.quick else (arguments.seeds, COUNTS[-1])
    found = json.loads(arguments.json.read_text()) if arguments.json and arguments.json.exists() else {}
    for seed in range(arguments.seed, arguments.seed + seeds):
        for problem in arguments.problems:
            for name in arguments.only:
                key, (known, search) = f"{problem}|{name}|{seed}|{trainings}", searchers()[name]
                if key in found:
                    continue
                start_s = time.process_time()
                missing = tabulated(problem, known=known).missing_pct(
                    search(tabulated(problem, known=known), trainings, seed)
                )
                found[key] = {"missing_pct": missing, "cpu_s": time.process_time() - start_s}
                if arguments.json:
                    arguments.json.write_text(json.dumps(found, indent=1))
    print_medians(json.loads(json.dumps(found)), arguments, trainings)


def print_medians(found: Mapping[str, Any], arguments: argparse.Namespace, trainings: int) -> None:
    """A table a problem: the median missing share at each count with its 95 % interval."""
    counts = [count for count in COUNTS if count <= trainings]
    for problem in arguments.problems:
        print(f"\n{problem}: missing share of the largest hypervolume, %, after trainings")
        print(f"{'':24}" + "".join(f"{count:>22}" for count in counts))
        for name in arguments.only:
            runs = [
                run
                for key, run in found.items()
                if key.startswith(f"{problem}|{name}|") and key.endswith(f"|{trainings}")
            ]
            if not runs:
                continue
            cells = []
            for count in counts:
                interval = bootstrap_median([run["missing_pct"][str(count)] for run in runs])
                cells.append(f"{interval.median:.2f} [{interval.low:.2f}, {interval.high:.2f}]")
            print(f"{name:24}" + "".join(f"{cell:>22}" for cell in cells) + f"   ({len(runs)} seeds)")


if __name__ == "__main__":
    main()
