"""How few trainings each searcher needs: NAS-Bench-201 without imputed values, every searcher on the same budget.

    python benchmarks/searchers.py [--quick] [--json FILE] [--seed N] [--seeds N] [--jobs N] [--trainings N]
                                   [--table FILE] [--supernets FILE] [--only NAME ...] [--problems NAME ...]
                                   [--minutes N]

The figures are the trainings to 0.99, 0.995, 0.998, 0.999 and 0.9995 of the largest hypervolume, medians over the seeds
("-": not within ``--trainings`` in half of them), and log10(1 - HV/HV_max) at the end with its 95 % interval. Every
searcher is asked for 8 architectures at a time; a proposal that was trained before is answered from memory and counts
nothing. The last columns are milliseconds of processor time of ``ask(1)`` and ``ask(8)`` at 200 trainings, on one core.
Bayesian optimisation (ehvi, qlognehvi) is for real variables, and dear here: it is searched with only where
``--only`` names it.

Runs that ``--json`` holds already are not made again, so that a long table can be made in slices of ``--minutes``; a
file of another version of the package is to be put away first.

A problem is an image set, a cost, and functions (averaged over the cells that compute the same one, so that no lucky
twin decides) or cells. With a table in NAS-Bench-201's wide layout (``--table``, or ``nasbench201/nb201.parquet`` in
the folder of the environment variable CE_NAS_TEST_DATA) costs are those of devices, of measured cells only; without one
parameters, FLOPs and latency of the embedded table. With supernet accuracies (``--supernets``, an npz) these are
searched with as well.

Peers: random, LaMOO, NSGA-II, a random forest with expected improvements, Optuna's TPE and NSGA-II, pymoo's NSGA-II, as
far as installed. The surrogates are told the costs of all architectures beforehand, as the forest is, but for
``surrogate, cost unknown``. Settings were chosen on CIFAR-10 and seeds from 1000 on; the figures are of the seeds from
``--seed`` on, 0 by default. With the problems over real variables (``problems.py``) the whole table is long: leave them
out with ``--discrete``.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the times are of one core

import numpy as np
from cells import Cells

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.benchmarks.base import parse_objective
from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.benchmarks.proxy_scores import load_builtin_scores, read_supernet_scores
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.benchmarks.table_views import average_equivalent_cells, drop_unmeasured_cells
from ce_nas.benchmarks.tabular import BenchmarkTable, objective_matrix
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_improvements
from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher

LEVELS = (0.99, 0.995, 0.998, 0.999, 0.9995)
BATCH = 8
#: the published supernet of the highest Kendall tau with the accuracy
BEST_SUPERNET = "seed-118-opt5-wotrash-decom5-5-15-20-128-1000-balanced"


@dataclass(frozen=True)
class Files:
    """What was found on this machine."""

    table: Path | None
    supernets: Path | None


@dataclass(frozen=True)
class Problem:
    """A table, and what is searched in it."""

    name: str
    table: BenchmarkTable
    #: minimised, in the order of the space's members, shape (size, m)
    values: np.ndarray
    reference: list[float]
    hv_max: float
    #: for each objective its values if no training is needed to know them, else None
    known: list[np.ndarray | None]
    files: Files

    def missing(self, rows: list[int]) -> float:
        """The share of the hypervolume that these members leave."""
        return max(1.0 - hypervolume(self.values[rows], self.reference) / self.hv_max, 1e-6)


DEVICE_COSTS = ("raspi4_latency", "pixel3_latency", "fpga_energy", "params", "edgegpu_energy")
PROBLEMS = tuple(
    f"{dataset} {cost} {kind}"
    for dataset in ("cifar10", "cifar100")
    for cost in (*DEVICE_COSTS, "flops", "latency")
    for kind in ("functions", "cells")
)


@cache
def problem(name: str, files: Files) -> Problem:
    """One of :data:`PROBLEMS`."""
    dataset, cost, kind = name.split()
    if files.table and cost in DEVICE_COSTS:
        table = read_table(files.table, dataset=dataset, imputed=False)
    else:
        table = load_embedded_table(dataset)
    table = average_equivalent_cells(table) if kind == "functions" else table
    table = drop_unmeasured_cells(table, ["accuracy", cost])
    largest = float(table.metric(cost).values.max())
    reference_text = "50" if cost == "edgegpu_energy" else f"{1.01 * largest:.6g}"
    objectives = [parse_objective(table, text) for text in ("accuracy:max:0", f"{cost}:min:{reference_text}")]
    values = objective_matrix(table, objectives)
    reference = [item.sign * item.reference for item in objectives]
    return Problem(name, table, values, reference, hypervolume(values, reference), [None, values[:, 1]], files)


def defaults(files: Files) -> list[str]:
    """The problems that the files have."""
    costs = DEVICE_COSTS if files.table else ("params", "flops", "latency")
    return [name for name in PROBLEMS if name.split()[1] in costs]


def supernets(it: Problem, rng: np.random.Generator, *wanted: str) -> SurrogateSearcher:
    """The surrogate with the accuracies in the supernets of these names, or in all of them."""
    assert it.files.supernets is not None  # noqa: S101 - asked before
    with np.load(it.files.supernets) as content:
        names = wanted or tuple(map(str, content["names"]))
    found = [read_supernet_scores(f"{it.files.supernets}:{name}", it.table).values for name in names]
    return surrogate(it, rng, np.hstack(found))


def surrogate(it: Problem, rng: np.random.Generator, features: np.ndarray | None = None) -> SurrogateSearcher:
    """The surrogate that knows the costs."""
    return SurrogateSearcher(it.table.space, rng, it.reference, known_objectives=it.known, proxy_scores=features)


def scored(it: Problem, rng: np.random.Generator, order: str = "") -> SurrogateSearcher:
    """The surrogate with the zero-cost proxies of all cells, as they are, shuffled or negated."""
    scores = load_builtin_scores(it.table.space)
    assert scores is not None  # noqa: S101 - a space of cells
    rows = np.random.default_rng(0).permutation(len(scores.values)) if order == "shuffled" else slice(None)
    sign = -1.0 if order == "negated" else 1.0
    return SurrogateSearcher(
        it.table.space,
        rng,
        it.reference,
        known_objectives=it.known,
        proxy_scores=sign * scores.values[rows],
        votes=sign * scores.mean_rank[rows],
    )


def costs_unknown(it: Problem, rng: np.random.Generator) -> Searcher:
    """The surrogate that learns the costs, too."""
    trained = [column is None for column in it.known]
    return SurrogateSearcher(it.table.space, rng, it.reference, requires_training=trained)


def lamoo(it: Problem, rng: np.random.Generator, inner: Callable[..., Any] | None = None) -> Searcher:
    """LaMOO with one of the others inside its regions."""
    return LamooSearcher(it.table.space, rng, it.reference, inner=inner and inner(it, rng))


def cma(it: Problem, rng: np.random.Generator) -> Any:  # noqa: ANN401 - an optional part
    """CMA-ES, where its package is installed."""
    return importlib.import_module("ce_nas.search.cma_es").CmaSearcher(it.table.space, rng, it.reference)


def ehvi(it: Problem, rng: np.random.Generator) -> EhviSearcher:
    """Bayesian optimisation over discrete candidates."""
    return EhviSearcher(it.table.space, rng, it.reference)


def qlognehvi(it: Problem, rng: np.random.Generator) -> Any:  # noqa: ANN401 - an optional part
    """The same by BoTorch, where it is installed."""
    return importlib.import_module("ce_nas.search.bayesopt.qlognehvi_searcher").QLogNehviSearcher(
        it.table.space, rng, it.reference
    )


def _alone(kind: Any) -> Callable[[Problem, np.random.Generator], Searcher]:  # noqa: ANN401
    return lambda it, rng: kind(it.table.space, rng)


#: name to how it is made; the ones further down need supernets
SEARCHERS: dict[str, Callable[[Problem, np.random.Generator], Searcher]] = {
    "random": _alone(RandomSearcher),
    "nsga2": _alone(Nsga2Searcher),
    "lamoo (random)": lamoo,
    "lamoo (nsga2)": partial(lamoo, inner=_alone(Nsga2Searcher)),
    "cma": cma,
    "lamoo (cma)": partial(lamoo, inner=cma),
    "ehvi": ehvi,
    "lamoo (ehvi)": partial(lamoo, inner=ehvi),
    "qlognehvi": qlognehvi,
    "lamoo (qlognehvi)": partial(lamoo, inner=qlognehvi),
    "lamoo (surrogate)": partial(lamoo, inner=surrogate),
    "surrogate, cost unknown": costs_unknown,
    "surrogate": surrogate,
    "surrogate, zero-cost": scored,
    "surrogate, zero-cost shuffled": partial(scored, order="shuffled"),
    "surrogate, zero-cost negated": partial(scored, order="negated"),
    "surrogate, supernet": lambda it, rng: supernets(it, rng, BEST_SUPERNET),
    "surrogate, supernets": supernets,
}
NEED_SUPERNETS = ("surrogate, supernet", "surrogate, supernets")
NEED_PACKAGES = {"cma": "cmaes", "lamoo (cma)": "cmaes"}
#: searched with only where they are named
DEAR = ("ehvi", "lamoo (ehvi)", "qlognehvi", "lamoo (qlognehvi)")


def asked(it: Problem, name: str, seed: int) -> Iterator[list[int]]:
    """Rows that one of our searchers proposes, batch after batch."""
    searcher = SEARCHERS[name](it, random_stream(seed, "searcher"))
    known: dict[Architecture, None] = {}
    while True:
        proposals = searcher.ask(BATCH, known)
        rows = [it.table.space.index[item] for item in proposals]
        yield rows
        known.update(dict.fromkeys(proposals))
        values = map(tuple, it.values[rows].tolist())
        searcher.tell([Observation(item, found) for item, found in zip(proposals, values, strict=True)])


def optuna_asked(sampler: str, it: Problem, _: str, seed: int) -> Iterator[list[int]]:
    """Rows that a sampler of Optuna proposes."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = {"n_startup_trials": 10} if sampler == "TPESampler" else {"population_size": 20}
    made = getattr(optuna.samplers, sampler)(seed=seed, **options)
    study = optuna.create_study(sampler=made, directions=["minimize"] * len(it.reference))
    space = it.table.space
    choices = {
        variable: optuna.distributions.CategoricalDistribution(list(range(len(names))))
        for variable, names in zip(space.variables, space.choices, strict=True)
    }
    while True:
        trials = [study.ask(choices) for _ in range(BATCH)]
        rows = [space.index[tuple(trial.params[variable] for variable in space.variables)] for trial in trials]
        yield rows
        for trial, row in zip(trials, rows, strict=True):
            study.tell(trial, it.values[row].tolist())


def pymoo_asked(it: Problem, _: str, seed: int) -> Iterator[list[int]]:
    """Rows that pymoo's NSGA-II proposes, a generation of 20 at a time, with operators for choices."""
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import Problem as Posed
    from pymoo.core.variable import Choice
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

    space = it.table.space
    sizes = [len(names) for names in space.choices]
    choices = {name: Choice(options=list(range(size))) for name, size in zip(space.variables, sizes, strict=True)}
    posed = Posed(vars=choices, n_obj=len(it.reference))
    algorithm = MixedVariableGA(pop_size=20, survival=RankAndCrowding())
    algorithm.setup(posed, seed=seed, termination=("n_gen", 10_000), verbose=False)
    while True:
        offspring = algorithm.ask()
        rows = [space.index[tuple(int(x[name]) for name in space.variables)] for x in offspring.get("X")]
        yield rows
        offspring.set("F", it.values[rows])
        algorithm.evaluator.eval(posed, offspring, skip_already_evaluated=True)
        algorithm.tell(infills=offspring)


def forest_asked(it: Problem, _: str, seed: int) -> Iterator[list[int]]:
    """Rows by a random forest on the one-hot choices: expected improvements over its trees, the costs known."""
    from sklearn.ensemble import RandomForestRegressor

    rng, features = random_stream(seed, "forest"), it.table.space.encode(it.table.space.members)
    trained = rng.permutation(len(features))[:10].tolist()
    yield trained
    while True:
        forest = RandomForestRegressor(100, max_features=0.5, random_state=seed)
        forest.fit(features[trained], it.values[trained, 0])
        trees = np.stack([tree.predict(features) for tree in forest.estimators_[::10]])
        front, rows = it.values[trained], list[int]()
        for _ in range(BATCH):
            gains = sum(
                hypervolume_improvements(front, np.column_stack([tree, it.values[:, 1]]), it.reference)
                for tree in trees
            )
            gains[[*trained, *rows]] = -1.0
            rows.append(int(np.argmax(gains)))
            expected = [trees[:, rows[-1]].mean(), it.values[rows[-1], 1]]
            front = np.vstack([front, expected])
        yield rows
        trained = [*trained, *rows]


OTHERS: dict[str, tuple[str, Callable[[Problem, str, int], Iterator[list[int]]]]] = {
    "optuna TPE": ("optuna", partial(optuna_asked, "TPESampler")),
    "optuna NSGA-II": ("optuna", partial(optuna_asked, "NSGAIISampler")),
    "pymoo NSGA-II": ("pymoo", pymoo_asked),
    "random forest": ("sklearn", forest_asked),
}


def one_run(job: tuple[str, str, int, int, Files]) -> dict[str, Any]:
    """Trainings to each level, None where it was not reached, and the log of the share missing at the end."""
    problem_name, name, seed, most, files = job
    it = problem(problem_name, files)
    source = OTHERS[name][1] if name in OTHERS else asked
    trained: dict[int, None] = {}
    missing, reached = 1.0, dict.fromkeys(LEVELS)
    for batch, rows in enumerate(source(it, name, seed)):
        trained.update(dict.fromkeys(rows))
        missing = it.missing(list(trained)[:most])
        for level, count in reached.items():
            if count is None and 1.0 - missing >= level:
                reached[level] = min(len(trained), most)
        if len(trained) >= most or batch > 50 * most or reached[LEVELS[-1]]:
            break
    return {"levels": list(reached.values()), "log": math.log10(missing)}


def ask_ms(it: Problem, name: str, n: int, trainings: int = 200, turns: int = 8) -> float:
    """Median processor milliseconds of ``ask(n)`` with so many random trainings known and ``n`` more just told."""
    searcher = SEARCHERS[name](it, random_stream(0, "searcher"))
    cells = list(it.table.space.index)
    order = random_stream(0, "trainings").permutation(len(cells))[: trainings + n * turns].tolist()
    known: dict[Architecture, None] = {}

    def tell(rows: Iterable[int]) -> None:
        found = [Observation(cells[row], tuple(it.values[row].tolist())) for row in rows]
        known.update((item.architecture, None) for item in found)
        searcher.tell(found)

    searcher.ask(10, known)
    tell(order[:trainings])
    searcher.ask(n, known)
    took = []
    for turn in range(turns):
        tell(order[trainings + n * turn : trainings + n * (turn + 1)])
        began_s = time.process_time()
        searcher.ask(n, known)
        took.append(1e3 * (time.process_time() - began_s))
    return float(np.median(took))


def usable(files: Files) -> list[str]:
    """The searchers for which everything is there."""
    ours = [name for name in SEARCHERS if files.supernets or name not in NEED_SUPERNETS]
    ours = [name for name in ours if name not in DEAR and _installed(NEED_PACKAGES.get(name, "numpy"))]
    return [*(name for name, (package, _) in OTHERS.items() if _installed(package)), *ours]


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def row(problem_name: str, name: str, arguments: argparse.Namespace, cells: Cells) -> dict[str, Any] | None:
    """Medians and intervals of one searcher on one problem, over the seeds for which there was time; None without."""
    files = Files(arguments.table, arguments.supernets)
    it = problem(problem_name, files)
    most = arguments.trainings
    keys = {f"{it.name} | {name} | {seed} | {most}": seed for seed in arguments.numbers}
    missing = [key for key in keys if key not in cells.found]
    jobs = [(problem_name, name, keys[key], most, files) for key in missing]
    if arguments.jobs == 1:
        for key, job in zip(missing, jobs, strict=True):
            if cells.open:
                cells.put(key, one_run(job))
    else:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            for start in range(0, len(missing), arguments.jobs):
                if cells.open:
                    some = slice(start, start + arguments.jobs)
                    for key, run in zip(missing[some], pool.map(one_run, jobs[some]), strict=True):
                        cells.put(key, run)
    found = [cells.found[key] for key in keys if key in cells.found]
    if not found:
        return None
    columns = zip(*(run["levels"] for run in found), strict=True)
    medians = [
        bootstrap_median([math.inf if count is None else count for count in column]).median for column in columns
    ]
    interval = bootstrap_median([run["log"] for run in found])
    times = {
        f"ask{n}_ms": cells.get(f"{it.name} | {name} | ask {n}", partial(ask_ms, it, name, n))
        for n in (1, BATCH)
        if name not in (*OTHERS, *DEAR)
    }
    levels = dict(zip(LEVELS, (None if math.isinf(median) else median for median in medians), strict=True))
    log = {"median": interval.median, "low": interval.low, "high": interval.high}
    return {"problem": it.name, "searcher": name, "seeds": len(found), "trainings": levels, "log": log, **times}


def line(found: dict[str, Any]) -> str:
    """A row as text."""
    levels = "".join(f"{'-' if count is None else f'{count:.0f}':>8}" for count in found["trainings"].values())
    log = f"{found['log']['median']:8.2f} [{found['log']['low']:5.2f},{found['log']['high']:6.2f}]"
    times = "".join(f"{found[key]:8.1f}" for key in ("ask1_ms", "ask8_ms") if found.get(key) is not None)
    return f"{found['searcher']:30}{found['seeds']:3}{levels}{log}{times}"


def discrete_rows(arguments: argparse.Namespace, cells: Cells) -> None:
    """A row a problem and searcher, printed as they come."""
    files = Files(arguments.table, arguments.supernets)
    for problem_name in arguments.problems or defaults(files):
        it = problem(problem_name, files)
        print(f"\n{it.name}: trainings to shares of {it.hv_max:.2f}, seeds from {arguments.seed}")
        head = "".join(f"{level:>8g}" for level in LEVELS)
        print(f"{'searcher':28}seeds{head}   log10(1 - HV/HV_max)  ask(1), ask(8), ms at 200")
        for name in arguments.only or usable(files):
            if found := row(problem_name, name, arguments, cells):
                print(line(found), flush=True)
                cells.rows.append(found)
                cells.write()


def _default(name: str) -> Path | None:
    folder = os.environ.get("CE_NAS_TEST_DATA")
    path = Path(folder or ".") / "nasbench201" / name
    return path if folder and path.is_file() else None


def parsed() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 seeds and 100 trainings, one problem")
    parser.add_argument("--json", type=Path, help="also write the figures here; runs that it holds are not made again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--table", type=Path, default=_default("nb201.parquet"))
    parser.add_argument("--supernets", type=Path, default=_default("supernet_accuracy_cifar10.npz"))
    parser.add_argument("--only", nargs="+", help="these searchers only")
    parser.add_argument("--problems", nargs="+", help="such as 'cifar10 params cells'", choices=list(PROBLEMS))
    parser.add_argument("--trainings", type=int, default=300, help="at most, for each run")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further run after so many")
    parser.add_argument("--discrete", action="store_true", help="leave the problems over real variables out")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.trainings = min(arguments.seeds, 2), min(arguments.trainings, 100)
        arguments.problems = (arguments.problems or ["cifar10 params functions"])[:1]
    arguments.numbers = range(arguments.seed, arguments.seed + arguments.seeds)
    return arguments


def main() -> None:
    """Measure, print, and write what was measured."""
    arguments = parsed()
    cells = Cells(arguments.json, arguments.minutes)
    discrete_rows(arguments, cells)
    if not arguments.discrete:
        try:
            problems = importlib.import_module("problems")
        except ImportError as error:
            print(f"\nThe problems over real variables are left out: {error}.")
        else:
            print()
            problems.rows(cells, quick=arguments.quick, seed=arguments.seed)


if __name__ == "__main__":
    main()
