"""How few trainings each searcher needs: NAS-Bench-201, every searcher on the same budget.

    python benchmarks/searchers.py [--quick] [--json FILE] [--seed N] [--seeds N] [--jobs N]
                                   [--table FILE] [--supernets FILE] [--only NAME ...] [--problems NAME ...]
                                   [--minutes N]

The figure is log10(1 - HV/HV_max) after 50, 100 and 200 full trainings: smaller is better, and -2 means that 99 %
of the largest hypervolume is found. Medians over the seeds with 95 % bootstrap intervals. Every searcher is asked for 8
architectures at a time; a proposal that was trained before is answered from memory and counts nothing. The last columns
are the ratio of the hypervolume missing at the end to what Optuna's TPE misses, and milliseconds of processor time of
``ask(1)`` and ``ask(8)`` at 500 trainings, on one core. Bayesian optimisation (ehvi, qlognehvi) is for real variables,
and dear here: it is searched with only where ``--only`` names it.

Runs that ``--json`` holds already are not made again, so that a long table can be made in slices of ``--minutes``; a
file of another version of the package is to be put away first.

With a table in NAS-Bench-201's wide layout (``--table``, or ``nasbench201/nb201.parquet`` in the folder of the
environment variable CE_NAS_TEST_DATA) accuracy is searched against edge-GPU energy on CIFAR-10 and CIFAR-100, and with
FLOPs as a third objective; without one, against the latency of the embedded table. With supernet accuracies
(``--supernets``, an npz) these are searched with as well, also shuffled, and negated among the best 30 % of the true
accuracies: scores that are useless, or worse.

The surrogates are told the costs of all architectures beforehand, but for ``surrogate, cost unknown``. Their settings
were chosen on seeds from 1000 on and on CIFAR-10; the figures are of the seeds from ``--seed`` on, 0 by default.
With the problems over real variables (``problems.py``) the whole table is long: leave them out with ``--discrete``.
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
from ce_nas.benchmarks.proxy_scores import load_zero_cost_table, read_supernet_scores
from ce_nas.benchmarks.table_reader import read_table
from ce_nas.benchmarks.tabular import BenchmarkTable, objective_matrix
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayesopt.ehvi import EhviSearcher
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.surrogate.searcher import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher

MARKS = (50, 100, 200)
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

    def log_difference(self, rows: list[int]) -> float:
        """log10 of the share of the hypervolume that these members leave."""
        return math.log10(max(1.0 - hypervolume(self.values[rows], self.reference) / self.hv_max, 1e-6))


PROBLEMS = {
    "cifar10": ("cifar10", ("accuracy", "edgegpu_energy")),
    "cifar100": ("cifar100", ("accuracy", "edgegpu_energy")),
    "cifar10-3": ("cifar10", ("accuracy", "edgegpu_energy", "flops")),
}


@cache
def problem(name: str, files: Files) -> Problem:
    """One of :data:`PROBLEMS`."""
    dataset, names = PROBLEMS[name]
    table = read_table(files.table, dataset=dataset) if files.table else load_embedded_table(dataset)
    names = names if files.table else tuple(text.replace("edgegpu_energy", "latency") for text in names)
    objectives = [parse_objective(table, text) for text in names]
    values = objective_matrix(table, objectives)
    reference = [item.sign * item.reference for item in objectives]
    trained = [table.metric(text).requires_training for text in names]
    known = [None if needs else column for needs, column in zip(trained, values.T, strict=True)]
    title = f"{dataset}: {', '.join(names)}"
    return Problem(title, table, values, reference, hypervolume(values, reference), known, files)


def zero_cost() -> np.ndarray:
    """The proxies shipped with the package."""
    return load_zero_cost_table()[1].astype(float)


@cache
def supernets(files: Files, *wanted: str) -> np.ndarray:
    """The accuracies in the supernets of these names, or in all of them, shape (size, supernets)."""
    with np.load(files.supernets) as content:
        names = wanted or tuple(map(str, content["names"]))
    return np.hstack(
        [read_supernet_scores(f"{files.supernets}:{name}", load_embedded_table()).values for name in names]
    )


def shuffled(files: Files) -> np.ndarray:
    """All supernets' accuracies, each of another architecture."""
    scores = supernets(files)
    return scores[np.random.default_rng(0).permutation(len(scores))]


def adversarial(files: Files, accuracy: np.ndarray) -> np.ndarray:
    """All supernets' accuracies about their mean, negated among the architectures that are really best."""
    scores = supernets(files) - supernets(files).mean(axis=0)
    return np.where((accuracy > np.quantile(accuracy, 0.7))[:, None], -scores, scores)


def surrogate(it: Problem, rng: np.random.Generator, features: np.ndarray | None = None) -> SurrogateSearcher:
    """The surrogate that knows the costs."""
    return SurrogateSearcher(it.table.space, rng, it.reference, known_objectives=it.known, proxy_scores=features)


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
    return importlib.import_module("ce_nas.search.bayesopt.qlognehvi").QLogNehviSearcher(
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
    "surrogate, zero-cost": lambda it, rng: surrogate(it, rng, zero_cost()),
    "surrogate, supernet": lambda it, rng: surrogate(it, rng, supernets(it.files, BEST_SUPERNET)),
    "surrogate, supernets": lambda it, rng: surrogate(it, rng, supernets(it.files)),
    "surrogate, shuffled": lambda it, rng: surrogate(it, rng, shuffled(it.files)),
    "surrogate, adversarial": lambda it, rng: surrogate(it, rng, adversarial(it.files, -it.values[:, 0])),
}
NEED_SUPERNETS = ("surrogate, supernet", "surrogate, supernets", "surrogate, shuffled", "surrogate, adversarial")
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


OTHERS: dict[str, tuple[str, Callable[[Problem, str, int], Iterator[list[int]]]]] = {
    "optuna TPE": ("optuna", partial(optuna_asked, "TPESampler")),
    "optuna NSGA-II": ("optuna", partial(optuna_asked, "NSGAIISampler")),
    "pymoo NSGA-II": ("pymoo", pymoo_asked),
}


def one_run(job: tuple[str, str, int, int, Files]) -> list[float]:
    """The figure at each mark of one searcher on one problem with one seed."""
    problem_name, name, seed, most, files = job
    it = problem(problem_name, files)
    source = OTHERS[name][1] if name in OTHERS else asked
    trained: dict[int, None] = {}
    for batch, rows in enumerate(source(it, name, seed)):
        trained.update(dict.fromkeys(rows))
        if len(trained) >= most or batch > 50 * most:
            break
    return [it.log_difference(list(trained)[:mark]) for mark in MARKS if mark <= most]


def ask_ms(it: Problem, name: str, n: int, trainings: int = 500, turns: int = 12) -> float:
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
    most = MARKS[0] if arguments.quick else MARKS[-1]
    keys = {f"{it.name} | {name} | {seed} | {most}": seed for seed in arguments.numbers}
    missing = [key for key in keys if key not in cells.found]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for start in range(0, len(missing), arguments.jobs):
            if cells.open:
                some = missing[start : start + arguments.jobs]
                runs = pool.map(one_run, [(problem_name, name, keys[key], most, files) for key in some])
                for key, run in zip(some, runs, strict=True):
                    cells.put(key, run)
    found = [cells.found[key] for key in keys if key in cells.found]
    if not found:
        return None
    marks = {}
    for mark, values in zip(MARKS, zip(*found, strict=True), strict=False):
        interval = bootstrap_median(values)
        marks[mark] = {"median": interval.median, "low": interval.low, "high": interval.high, "seeds": list(values)}
    times = {
        f"ask{n}_ms": cells.get(f"{it.name} | {name} | ask {n}", partial(ask_ms, it, name, n))
        for n in (1, BATCH)
        if name not in (*OTHERS, *DEAR)
    }
    return {"problem": it.name, "searcher": name, "seeds": len(found), "log": marks, "ratio": None, **times}


def line(found: dict[str, Any]) -> str:
    """A row as text."""
    marks = "".join(f"{part['median']:8.2f} [{part['low']:5.2f},{part['high']:6.2f}]" for part in found["log"].values())
    ratio = f"{found['ratio']:8.2f}" if found["ratio"] is not None else " " * 8
    times = "".join(f"{found[key]:8.1f}" for key in ("ask1_ms", "ask8_ms") if found.get(key) is not None)
    return f"{found['searcher']:26}{found['seeds']:3}{marks}{ratio}{times}"


def discrete_rows(arguments: argparse.Namespace, cells: Cells) -> None:
    """A row a problem and searcher, printed as they come."""
    files = Files(arguments.table, arguments.supernets)
    most = MARKS[:1] if arguments.quick else MARKS
    for problem_name in arguments.problems:
        it = problem(problem_name, files)
        print(f"\n{it.name}; log10(1 - HV/{it.hv_max:.2f}), seeds from {arguments.seed}")
        head = "".join(f"{f'after {mark}':>23}" for mark in most)
        print(f"{'searcher':24}seeds{head}  x TPE's  ask(1)  ask(8), ms at 500")
        peer: float | None = None
        for name in arguments.only or usable(files):
            if found := row(problem_name, name, arguments, cells):
                last = found["log"][most[-1]]["median"]
                peer = last if name == "optuna TPE" else peer
                found["ratio"] = None if peer is None else 10.0 ** (last - peer)
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
    parser.add_argument("--quick", action="store_true", help="3 seeds and 50 trainings, CIFAR-10 only")
    parser.add_argument("--json", type=Path, help="also write the figures here; runs that it holds are not made again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--table", type=Path, default=_default("nb201.parquet"))
    parser.add_argument("--supernets", type=Path, default=_default("supernet_accuracy_cifar10.npz"))
    parser.add_argument("--only", nargs="+", help="these searchers only")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further run after so many")
    parser.add_argument("--discrete", action="store_true", help="leave the problems over real variables out")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.problems = min(arguments.seeds, 3), arguments.problems[:1]
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
