"""Your own training code: how much of the front is found with few trainings, against the usual tuners.

    python benchmarks/own_code.py [--quick] [--json FILE] [--seed N] [--seeds N] [--only NAME ...] [--problems NAME ...]
    python benchmarks/own_code.py --clean-hours ZONE [--quick] [--json FILE] [--seeds N] [--problems NAME ...]
    python benchmarks/own_code.py --early-stopping [--quick] [--json FILE] [--seeds N] [--problems NAME ...]

The problems are those of ``own_code_problems.py``, real trainings that were made once, as far as its table has them.
Each searcher trains 80 configurations, one after another, from the same space written in its own way: numbers as
numbers, choices as choices, and the condition where it has one. The figure is the missing share of the largest
hypervolume, in per cent, after 10, 20, 40 and 80 trainings, median over the seeds; a training that diverged counts and
finds nothing. CE-NAS is shown with costs known beforehand (a function ``costs`` in the user's file) and unknown.
Peers: random, Optuna's TPE, NSGA-II and GPSampler, BoTorch's qLogNEHVI, as far as installed; none of them can be given
costs, so theirs are always unknown. The number of CE-NAS's first proposals was chosen on digits-cnn and tabular-mlp,
seeds from 1000 on; fashion-cnn was not looked at. Runs that ``--json`` holds already are not made again, and printed
together with the new ones.

With ``--clean-hours`` each seed is a simulated search of 40 trainings on one device by the default policy, which may
wait for clean hours, against the same trainings begun at once (policy ``vanilla``): the grams of both on a built-in
zone's year. The recorded seconds are scaled to a mean of one hour a training, since hours of the grid matter to no
shorter ones; each seed starts on another day of the year, and has a week.

With ``--early-stopping`` the trainings are the learning curves of 15 epochs that the table has, judged by
``ce_nas.benchmarks.learning_curves`` as in a search: the seconds of the trainings with and without it, which are its
grams at an even intensity, and the missing share after each count.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
import warnings
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from own_code_problems import TABLES, OwnProblem, problems

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.benchmarks.learning_curves import FullTraining, cannot_reach
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
#: of a search in clean hours: its trainings, its time, and the days between the starts of two seeds
CLEAN_TRAININGS, CLEAN_HOURS, CLEAN_DAYS = 40, 168, 17


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
    parser.add_argument("--clean-hours", metavar="ZONE", help="a built-in zone: solar, wind, ...")
    parser.add_argument("--early-stopping", action="store_true", help="end trainings by their learning curves")
    arguments = parser.parse_args()
    if arguments.clean_hours:
        compare_clean_hours(arguments)
        return
    if arguments.early_stopping:
        compare_early_stopping(arguments)
        return
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


def compare_clean_hours(arguments: argparse.Namespace) -> None:
    """Search in clean hours and at once, and print the grams of both."""
    found = json.loads(arguments.json.read_text()) if arguments.json and arguments.json.exists() else {}
    for problem in arguments.problems:
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / f"{problem}.csv"
            _write_table(problem, table)
            for seed in range(arguments.seed, arguments.seed + (2 if arguments.quick else arguments.seeds)):
                for policy in ("look-ahead", "vanilla"):
                    key = f"{problem}|{arguments.clean_hours}|{policy}|{seed}"
                    if key not in found:
                        found[key] = _search_table(table, problem, arguments.clean_hours, policy, seed)
                    if arguments.json:
                        arguments.json.write_text(json.dumps(found, indent=1))
        keys = [key for key in found if key.startswith(f"{problem}|{arguments.clean_hours}|look-ahead|")]
        pairs = [(found[key], found[key.replace("look-ahead", "vanilla")]) for key in keys]
        grams = [bootstrap_median([run["carbon_g"] for run in runs]) for runs in zip(*pairs, strict=True)]
        saved = bootstrap_median([100 * (1 - clean["carbon_g"] / at_once["carbon_g"]) for clean, at_once in pairs])
        hours = [np.median([run["hours"] for run in runs]) for runs in zip(*pairs, strict=True)]
        print(
            f"{problem}, zone {arguments.clean_hours}, {len(pairs)} seeds: {grams[1].median:.0f} g at once in "
            f"{hours[1]:.0f} h, {grams[0].median:.0f} g in clean hours in {hours[0]:.0f} h; saved "
            f"{saved.median:.0f} % [{saved.low:.0f}, {saved.high:.0f}]; "
            f"{sum(clean['evaluations'] < CLEAN_TRAININGS for clean, _ in pairs)} of them had time for fewer trainings"
        )


def _write_table(name: str, path: Path) -> None:
    """The table of a problem as a user's file: choices as text, metrics, and the scaled seconds of a training."""
    problem = problems()[name]
    with np.load(TABLES) as tables:
        metric, costs, seconds = (tables[f"{name}:{part}"] for part in ("metric", "costs", "seconds"))
    seconds = seconds * 3600.0 / seconds.mean()
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*problem.variables, *(text.partition(":")[0] for text in problem.objectives), "train_s"])
        for chosen, value, cost, train_s in zip(problem.configurations(), metric, costs, seconds, strict=True):
            if np.isfinite(value):
                rows.writerow([*(f"is {chosen.get(each)}" for each in problem.variables), value, *cost, train_s])


def _search_table(table: Path, name: str, zone: str, policy: str, seed: int) -> dict[str, float]:
    """Search a table by simulated trainings on a built-in zone's grid."""
    import ce_nas

    quality, *costs = (text.split(":") for text in problems()[name].objectives)
    result = ce_nas.run(
        problem="table",
        table=table,
        objectives=[":".join(quality[:2]), *(f"{cost[0]}:{cost[1]}:known" for cost in costs)],
        evaluations=CLEAN_TRAININGS,
        hours=CLEAN_HOURS,
        gpus=1,
        zone=zone,
        policy=policy,
        seed=seed,
        stop="never",
        start=(datetime(2023, 1, 9) + timedelta(days=CLEAN_DAYS * seed)).isoformat(),  # noqa: DTZ001 - in UTC
    )
    summary = result.summary
    return {
        "carbon_g": summary.carbon_g["full"],
        "hours": summary.simulated_hours,
        "evaluations": summary.evaluations,
    }


class Curved(Tabulated):
    """A problem whose trainings are learning curves: minimised objectives after each epoch, infinite from where they
    diverged.
    """

    def __init__(self, problem: OwnProblem) -> None:
        super().__init__(problem, known=True)
        signs = np.array([objective.sign for objective in self.user_space.objectives])
        with np.load(TABLES) as tables:
            curves, costs = tables[f"{problem.name}:curves"], tables[f"{problem.name}:costs"]
            self.epoch_s = tables[f"{problem.name}:curve_seconds"] / curves.shape[1]
        repeated = np.repeat(costs[:, None, :], curves.shape[1], axis=1)
        values = signs * np.concatenate([curves[:, :, None], repeated], axis=2).astype(float)
        self.curves = np.where(np.isfinite(values).all(axis=2, keepdims=True), values, np.inf)
        self.values = self.curves[:, -1]
        self.largest = hypervolume(self.values, self.reference)

    def play(self, seed: int, trainings: int, *, stops: bool) -> dict[str, Any]:
        """Search; the missing shares, the seconds after each count, how many trainings were ended, and how many of
        these would have reached the front at that time.
        """
        searcher, seen, told = _surrogate(self, random_stream(seed, "own-code")), set[Any](), []
        full, seconds, ended, wrong = list[FullTraining](), list[float](), 0, 0
        for _ in range(trainings):
            architecture = searcher.ask(1, seen)[0]
            seen.add(architecture)
            row = self._row_of[_key(self.user_space.decode(architecture))]
            curve = {epoch: tuple(values) for epoch, values in enumerate(self.curves[row].tolist(), start=1)}
            last = next(
                (
                    epoch
                    for epoch, values in curve.items()
                    if not np.isfinite(values).all()
                    or (stops and epoch < len(curve) and cannot_reach(epoch, values, full))
                ),
                len(curve),
            )
            if last == len(curve) and np.isfinite(curve[last]).all():
                full.append(FullTraining(curve[last], curve))
            elif np.isfinite(curve[last]).all():
                ended += 1
                front = np.array([each.values for each in full])
                wrong += not bool((front <= np.array(curve[len(curve)])).all(axis=1).any())
            seconds.append(float(self.epoch_s[row]) * last)
            told.append(curve[last])
            searcher.tell([Observation(architecture, told[-1])])
        spent = {count: sum(seconds[:count]) for count in COUNTS if count <= trainings}
        return {"missing_pct": self.missing_pct(told), "seconds": spent, "ended": ended, "wrong": wrong}


def compare_early_stopping(arguments: argparse.Namespace) -> None:
    """Search with and without early stopping, and print the seconds and the missing shares of both."""
    seeds, trainings = (2, 20) if arguments.quick else (arguments.seeds, COUNTS[-1])
    with np.load(TABLES) as tables:
        names = [name for name in arguments.problems if f"{name}:curves" in tables]
    kept: dict[str, Any] = {}
    for name in names:
        curved = Curved(problems()[name])
        runs = {
            stops: [curved.play(seed, trainings, stops=stops) for seed in range(arguments.seed, arguments.seed + seeds)]
            for stops in (False, True)
        }
        kept[name] = {str(stops): each for stops, each in runs.items()}
        print(f"\n{name}: {seeds} seeds; medians of the missing share, % ")
        for stops, each in runs.items():
            shares = "".join(
                f"{bootstrap_median([run['missing_pct'][count] for run in each]).median:>10.2f}"
                for count in each[0]["missing_pct"]
            )
            print(f"{'with' if stops else 'without':10}{shares}")
        for count in runs[True][0]["seconds"]:
            saved = bootstrap_median(
                [
                    100 * (1 - stopped["seconds"][count] / whole["seconds"][count])
                    for whole, stopped in zip(runs[False], runs[True], strict=True)
                ]
            )
            print(f"{count} trainings: saved {saved.median:.1f} % [{saved.low:.1f}, {saved.high:.1f}] of the seconds")
        ended, wrong = (sum(run[what] for run in runs[True]) for what in ("ended", "wrong"))
        print(f"{ended} of {seeds * trainings} ended, {wrong} of them before they would have reached the front")
    if arguments.json:
        arguments.json.write_text(json.dumps(kept, indent=1))


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
