"""Two published problems over real variables, and what each searcher makes of them.

    python benchmarks/problems.py [--quick] [--json FILE] [--seed N] [--seeds N] [--only SEARCHER ...]
                                  [--problems PROBLEM ...] [--minutes N]

Ten starts are drawn at random, then 18 batches of 5 are asked for: 100 evaluations [LaMOO]; CMA-ES continues to 1000.
The figure is log10(HV_max - HV): smaller is better. Medians over the seeds with 95 % bootstrap intervals, and the
ratio of the hypervolume missing at the end to what pymoo's NSGA-II misses after as many evaluations.

Runs that ``--json`` holds already are not made again, so that a long table can be made in slices of ``--minutes``; a
file of another version of the package is to be put away first.

LaMOO has the paper's reference points, kernels and Cp, and nothing is drawn outside its regions. Around Bayesian
optimisation and CMA-ES, regions are drawn by what their samples alone add to the hypervolume; CMA-ES has the whole
space at every other turn. What differs from the defaults was chosen on seeds from 1000 on, by medians of 8 to 40 seeds:
how a region is chosen, height (1, 2, 3, 5, 6), shares outside (0, 0.05, 0.1) and of the whole space (0, 0.3, 0.5), and
of CMA-ES alone the widths at which a run begins and ends.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022. Cp, kernels, references.
    [BC] Belakaria, Deshwal, Doppa. Max-value Entropy Search for Multi-Objective Bayesian Optimization. NeurIPS 2019;
    Branin and Currin as in Surjanovic, Bingham. Virtual Library of Simulation Experiments.
    [RE] Tanabe, Ishibuchi. An easy-to-use real-world multi-objective optimization problem suite. Appl. Soft Comput. 89,
    2020: RE3-5-4, vehicle crashworthiness.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from cells import Cells

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher
from ce_nas.search.cma_es import CmaSearcher
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.search.base import Searcher
    from ce_nas.search.regions import RegionalSearcher

STARTS, BATCH, EVALUATIONS, MANY = 10, 5, 100, 1000


@dataclass(frozen=True)
class Problem:
    """Something to minimise, and how the paper searched it."""

    name: str
    space: MixedSpace
    #: the objectives, minimised, shape (m,), at a point of shape (d,)
    values: Callable[[np.ndarray], np.ndarray]
    reference: tuple[float, ...]
    #: the largest hypervolume known
    hv_max: float
    settings: PartitionSettings

    def difference(self, values: list[tuple[float, ...]]) -> float:
        """log10 of the hypervolume that is missing."""
        return math.log10(max(self.hv_max - hypervolume(values, self.reference), 1e-12))


def branin_currin(x: np.ndarray) -> np.ndarray:
    """Branin's function, rescaled to the unit square, and Currin's exponential function [BC]."""
    u, v = 15.0 * x[0] - 5.0, 15.0 * x[1]
    branin = (v - 5.1 / (4.0 * math.pi**2) * u**2 + 5.0 / math.pi * u - 6.0) ** 2
    branin += 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * math.cos(u) + 10.0
    fading = 1.0 - math.exp(-0.5 / x[1]) if x[1] > 0 else 1.0
    above = 2300.0 * x[0] ** 3 + 1900.0 * x[0] ** 2 + 2092.0 * x[0] + 60.0
    below = 100.0 * x[0] ** 3 + 500.0 * x[0] ** 2 + 4.0 * x[0] + 20.0
    return np.array([branin, fading * above / below])


def vehicle_safety(x: np.ndarray) -> np.ndarray:
    """A car's mass, its acceleration in a frontal crash and its toe board's intrusion, by five thicknesses [RE]."""
    a, b, c, d, e = x
    mass = 1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e
    acceleration = 6.5856 + 1.15 * a - 1.0427 * b + 0.9738 * c + 0.8364 * d - 0.3695 * a * d + 0.0861 * a * e
    acceleration += 0.3628 * b * d - 0.1106 * a**2 - 0.3437 * c**2 + 0.1764 * d**2
    intrusion = -0.0551 + 0.0181 * a + 0.1024 * b + 0.0421 * c - 0.0073 * a * b + 0.024 * b * c - 0.0118 * b * d
    intrusion += -0.0204 * c * d - 0.008 * c * e - 0.0241 * b**2 + 0.0109 * d**2
    return np.array([mass, acceleration, intrusion])


PROBLEMS = (
    Problem(
        "BraninCurrin",
        MixedSpace("branin-currin", {"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)}),
        branin_currin,
        (18.0, 6.0),
        59.36011874867746,
        PartitionSettings(kernel="poly", cp=6.0),
    ),
    Problem(
        "VehicleSafety",
        MixedSpace("vehicle-safety", {f"x{place}": Float(1.0, 3.0) for place in range(5)}),
        vehicle_safety,
        (1864.72022, 11.81993945, 0.2903999384),
        246.81607081187002,
        PartitionSettings(kernel="rbf", cp=18.0),
    ),
)


def alone(make: Callable[[Problem, np.random.Generator], RegionalSearcher]) -> Callable[[Problem, int], Searcher]:
    """A searcher of the whole space."""
    return lambda problem, seed: make(problem, random_stream(seed, "searcher"))


def lamoo(
    make: Callable[[Problem, np.random.Generator], RegionalSearcher],
    select: str = "leaf",
    *,
    whole: float = 0.0,
) -> Callable[[Problem, int], Searcher]:
    """The same searcher inside the regions that the partition chooses, with the paper's settings.

    :param select: how a region is chosen.
    :param whole: the share of the turns at which the whole space is searched.
    """
    return lambda problem, seed: LamooSearcher(
        problem.space,
        random_stream(seed, "lamoo"),
        problem.reference,
        make(problem, random_stream(seed, "searcher")),
        replace(problem.settings, select=select),
        exploration_share=0.0,
        whole_space_share=whole,
    )


def random(problem: Problem, rng: np.random.Generator) -> RegionalSearcher:
    """Random draws."""
    return RandomSearcher(problem.space, rng)


def nsga2(problem: Problem, rng: np.random.Generator) -> RegionalSearcher:
    """Our steady-state NSGA-II."""
    return Nsga2Searcher(problem.space, rng)


def cma(problem: Problem, rng: np.random.Generator) -> RegionalSearcher:
    """CMA-ES."""
    return CmaSearcher(problem.space, rng, problem.reference)


def ehvi(problem: Problem, rng: np.random.Generator) -> RegionalSearcher:
    """Bayesian optimisation by the exact expected hypervolume improvement."""
    return EhviSearcher(problem.space, rng, problem.reference)


def qlognehvi(problem: Problem, rng: np.random.Generator) -> RegionalSearcher:
    """Bayesian optimisation by BoTorch, which supposes noise."""
    return QLogNehviSearcher(problem.space, rng, problem.reference, n_restarts=1)


#: the searchers, and how many evaluations each can be given
SEARCHERS: dict[str, tuple[Callable[[Problem, int], Searcher], int]] = {
    "random": (alone(random), MANY),
    "nsga2": (alone(nsga2), MANY),
    "lamoo+random": (lamoo(random), MANY),
    "cma": (alone(cma), MANY),
    "lamoo+cma": (lamoo(cma, "share", whole=0.5), MANY),
    "ehvi": (alone(ehvi), EVALUATIONS),
    "lamoo+ehvi": (lamoo(ehvi, "share"), EVALUATIONS),
    "qlognehvi": (alone(qlognehvi), EVALUATIONS),
    "lamoo+qlognehvi": (lamoo(qlognehvi, "share"), EVALUATIONS),
}


def searched(problem: Problem, searcher: Searcher, seed: int, evaluations: int) -> list[tuple[float, ...]]:
    """The objectives in the order in which a searcher found them; every searcher gets the same ten starts."""
    found: dict[tuple[int, ...], tuple[float, ...]] = {}
    asked = problem.space.sample(random_stream(seed, "starts"), STARTS)
    while asked:
        told = [Observation(point, tuple(problem.values(np.array(point)).tolist())) for point in asked]
        found.update((one.architecture, one.values) for one in told)
        searcher.tell(told)
        asked = searcher.ask(min(BATCH, evaluations - len(found)), found) if len(found) < evaluations else []
    return list(found.values())


def pymoo_nsga2(problem: Problem, seed: int, evaluations: int) -> list[tuple[float, ...]]:
    """The objectives in the order in which pymoo's NSGA-II found them, with a population of 20 and its own settings."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.optimize import minimize

    found: list[tuple[float, ...]] = []

    class Wrapped(ElementwiseProblem):
        def _evaluate(self, x: np.ndarray, out: dict[str, object], *_: object, **__: object) -> None:
            out["F"] = problem.values(x)
            found.append(tuple(problem.values(x).tolist()))

    low, high = zip(*((domain.low, domain.high) for domain in problem.space.domains), strict=True)
    wrapped = Wrapped(n_var=len(low), n_obj=len(problem.reference), xl=np.array(low), xu=np.array(high))
    minimize(wrapped, NSGA2(pop_size=20), ("n_eval", evaluations), seed=seed)
    return found[:evaluations]


def como_cma(problem: Problem, seed: int, evaluations: int) -> list[tuple[float, ...]]:
    """The objectives in the order in which COMO-CatCMA of the package cmaes found them; two objectives alone."""
    from cmaes import COMOCatCMAwM

    found: list[tuple[float, ...]] = []
    bounds = [[domain.low, domain.high] for domain in problem.space.domains]
    optimizer = COMOCatCMAwM(x_space=bounds, reference_point=problem.reference, seed=seed)
    while len(found) < evaluations:
        solutions = list(optimizer.ask_iter())  # its incumbents may lie outside the bounds
        inside = [np.clip(solution.x, *np.transpose(bounds)) for solution in solutions]
        told = [(solution, tuple(problem.values(x).tolist())) for solution, x in zip(solutions, inside, strict=True)]
        found.extend(values for _, values in told)
        optimizer.tell(told)
    return found[:evaluations]


#: others' implementations, which know neither our starts nor our batches
PEERS: dict[str, Callable[[Problem, int, int], list[tuple[float, ...]]]] = {
    "pymoo-nsga2": pymoo_nsga2,
    "como-cma": como_cma,
}


def measured(problem: Problem, name: str, seed: int, evaluations: int) -> dict[str, object]:
    """One run: log10 of the missing hypervolume at 100 and at the end, and how long it took."""
    began_s = time.process_time()
    if name in PEERS:
        values = PEERS[name](problem, seed, evaluations)
    else:
        values = searched(problem, SEARCHERS[name][0](problem, seed), seed, evaluations)
    marks = [mark for mark in (50, EVALUATIONS, 300, MANY) if mark <= evaluations]
    return {
        "problem": problem.name,
        "searcher": name,
        "seed": seed,
        "seconds": time.process_time() - began_s,
        "log_difference": {str(mark): problem.difference(values[:mark]) for mark in marks},
    }


def rows(  # noqa: PLR0913 - what to run, and how much of it
    cells: Cells,
    *,
    quick: bool,
    seed: int,
    seeds: int = 10,
    only: list[str] | None = None,
    problems: list[str] | None = None,
) -> list[dict[str, object]]:
    """A row for every searcher and problem: the medians and intervals of :func:`measured` over the seeds.

    :param quick: two seeds, 50 evaluations for Bayesian optimisation and 100 for the others.
    """
    seeds = 2 if quick else seeds
    table: list[dict[str, object]] = []
    for problem in PROBLEMS:
        if problems and problem.name not in problems:
            continue
        peer: dict[str, list[float]] = {}
        for name in only or [*PEERS, *SEARCHERS]:
            if name == "como-cma" and len(problem.reference) > 2:
                continue
            most = SEARCHERS[name][1] if name in SEARCHERS else MANY
            evaluations = (50 if most == EVALUATIONS else EVALUATIONS) if quick else most
            runs = [
                cells.get(
                    f"{problem.name} {name} {number} {evaluations}",
                    partial(measured, problem, name, number, evaluations),
                )
                for number in range(seed, seed + seeds)
            ]
            made = [run for run in runs if run]
            if made:
                table.append(summed_up(made, peer))
                peer = table[-1]["log_difference"] if name == "pymoo-nsga2" else peer
                print(line(table[-1]), flush=True)
    cells.rows += table
    cells.write()
    return table


def summed_up(runs: list[dict[str, object]], peer: dict[str, list[float]]) -> dict[str, object]:
    """The runs of one searcher on one problem as a row.

    :param peer: the figures of pymoo's NSGA-II, to whose missing hypervolume a ratio is given; may be empty.
    """
    differences = [run["log_difference"] for run in runs]
    marks = {mark: bootstrap_median([float(difference[mark]) for difference in differences]) for mark in differences[0]}
    last = next(reversed(marks))
    return {
        "problem": runs[0]["problem"],
        "searcher": runs[0]["searcher"],
        "seeds": len(runs),
        "seconds": float(np.median([run["seconds"] for run in runs])),
        "log_difference": {mark: [one.median, one.low, one.high] for mark, one in marks.items()},
        "ratio": 10.0 ** (marks[last].median - peer[last][0]) if last in peer else None,
    }


def line(row: dict[str, object]) -> str:
    """A row as it is printed."""
    figures = (
        f"{mark:>5}: {median:6.2f} [{low:5.2f}, {high:5.2f}]"
        for mark, (median, low, high) in row["log_difference"].items()
    )
    ratio = "" if row["ratio"] is None else f"  x {row['ratio']:.2f}"
    head = f"{row['problem']:14}{row['searcher']:17}"
    return f"{head}{'  '.join(figures)}{ratio}   {row['seeds']} seeds, {row['seconds']:.1f} s"


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two seeds and few evaluations")
    parser.add_argument("--json", type=Path, help="also write the figures here; runs that it holds are not made again")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds")
    parser.add_argument("--only", nargs="+", choices=[*PEERS, *SEARCHERS], help="these searchers alone")
    parser.add_argument("--problems", nargs="+", choices=[one.name for one in PROBLEMS], help="these problems alone")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further run after so many")
    arguments = parser.parse_args()
    rows(
        Cells(arguments.json, arguments.minutes),
        quick=arguments.quick,
        seed=arguments.seed,
        seeds=arguments.seeds,
        only=arguments.only,
        problems=arguments.problems,
    )


if __name__ == "__main__":
    main()
