"""Trainings that a warm start, or short trainings first, save: NAS-Bench-201 without imputed values, batches of 8.

    python benchmarks/warm_start.py --table FILE [--seed N] [--seeds N] [--json FILE] [--only warm|short|whole]
                                    [--trace FILE]

``FILE`` is NAS-Bench-201 in the wide layout with HW-NAS-Bench's columns. Each line is the trainings to 0.99, 0.995,
0.998, 0.999 and 0.9995 of the largest hypervolume without and with the help, medians over the seeds, and the geometric
mean and the least of the paired ratios; a level that was not reached within 160 trainings (120 with short ones) counts
twice as many in the ratios. No proxy scores. Costs are known.

Warm: the earlier search is the surrogate's own on the other problem, 60 trainings with another seed. Short: 64
trainings of 12 of 200 epochs come first, as ``[searcher] short_trainings`` does; each counts as 0.06 trainings.
Whole (with ``--trace``, CarbonCast's zones): searches as by default, scores and hours included, each from an hour of
2020 in CISO or PJM; CIFAR-100 first, for 60 trainings, then CIFAR-10; the figures are kg CO2eq by the full accounting,
cold, warm, and with short trainings first.
Misleading earlier searches: the accuracies of the earlier search shuffled, or negated.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy

import numpy as np
import searchers

import ce_nas
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.base import EarlierSearch, Searcher
from ce_nas.search.short_trainings import ShortTrainingsSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVELS = searchers.LEVELS
BATCH, EARLIER_TRAININGS, SHORT_TRAININGS = 8, 60, 64
MOST_WARM, MOST_SHORT = 160, 120
COSTS = ("raspi4_latency", "edgegpu_energy", "fpga_energy")
KINDS = ("functions", "cells")
#: target, source
TRANSFERS = (
    *((f"cifar10 {cost} {kind}", f"cifar100 {cost} {kind}") for kind in KINDS for cost in COSTS),
    *((f"cifar10 {cost} {kind}", f"cifar10 pixel3_latency {kind}") for kind in KINDS for cost in COSTS),
    *((f"cifar100 {cost} functions", f"cifar10 {cost} functions") for cost in ("raspi4_latency", "fpga_energy")),
)
Reached = dict[float, float]
STARTS = (
    ("CISO", "2020-05-05T18:00"),
    ("PJM", "2020-09-10T06:00"),
    ("CISO", "2020-11-20T03:00"),
    ("PJM", "2020-02-10T12:00"),
)


def surrogate(
    problem: searchers.Problem, seed: int, stream: str = "searcher", earlier: Sequence[EarlierSearch] = ()
) -> SurrogateSearcher:
    """The surrogate that knows the costs."""
    space, rng = problem.table.space, random_stream(seed, stream)
    return SurrogateSearcher(space, rng, problem.reference, known_objectives=problem.known, earlier=earlier)


def short_values(problem: searchers.Problem) -> tuple[float, np.ndarray]:
    """The share of a full training that a short one is, and all values after it, minimised, shape (size, m)."""
    fidelity, columns = next(iter(problem.table.low_fidelity_values.items()))
    values = problem.values.copy()
    values[:, 0] = -np.asarray(columns["accuracy"], dtype=float)
    return fidelity, values


def search(problem: searchers.Problem, searcher: Searcher, most: int) -> tuple[Reached, list[int]]:
    """Trainings to each level that was reached, and the rows that were trained in full."""
    space, rows, reached, known = problem.table.space, list[int](), Reached(), dict[tuple[int, ...], None]()
    spent, (fidelity, short) = 0.0, short_values(problem)
    while len(rows) < most and LEVELS[-1] not in reached:
        observations = []
        for proposal in searcher.ask(BATCH, known):
            row, is_short = space.index[proposal], searcher.fidelity_of(proposal) < 1.0
            spent += fidelity if is_short else 1.0
            values = tuple((short if is_short else problem.values)[row].tolist())
            observations.append(Observation(proposal, values, fidelity if is_short else 1.0))
            if not is_short:
                rows.append(row)
                known[proposal] = None
        searcher.tell(observations)
        share = hypervolume(problem.values[rows], problem.reference) / problem.hv_max if rows else 0.0
        for level in LEVELS:
            if share >= level:
                reached.setdefault(level, spent)
    return reached, rows


@cache
def cold(name: str, seed: int, most: int, files: searchers.Files) -> Reached:
    """Trainings without help."""
    problem = searchers.problem(name, files)
    return search(problem, surrogate(problem, seed), most)[0]


def warm(name: str, source: str, seed: int, files: searchers.Files, change: str = "") -> Reached:
    """Trainings with an earlier search of another problem, whose accuracies may be changed."""
    target, other = searchers.problem(name, files), searchers.problem(source, files)
    rows = search(other, surrogate(other, seed + 500), EARLIER_TRAININGS)[1]
    values = np.full((len(rows), 2), np.nan)
    values[:, 0] = other.values[rows, 0]
    if change == "shuffled":
        values[:, 0] = np.random.default_rng(seed).permutation(values[:, 0])
    elif change == "negated":
        values[:, 0] *= -1.0
    cells = [other.table.space.all_architectures[row] for row in rows]
    kept = [row for row, cell in enumerate(cells) if cell in target.table.space.index]
    earlier = EarlierSearch(source, [cells[row] for row in kept], values[kept])
    return search(target, surrogate(target, seed, earlier=[earlier]), MOST_WARM)[0]


def short(name: str, seed: int, files: searchers.Files) -> Reached:
    """Trainings with short ones first."""
    problem = searchers.problem(name, files)
    pair = surrogate(problem, seed), surrogate(problem, seed, "short")
    searcher = ShortTrainingsSearcher(*pair, short_values(problem)[0], SHORT_TRAININGS)
    return search(problem, searcher, MOST_SHORT)[0]


def line(title: str, without: list[Reached], with_help: list[Reached], most: int) -> str:
    """The figures of one line."""
    counts = [np.array([[run.get(level, np.inf) for level in LEVELS] for run in runs]) for runs in (without, with_help)]
    ratios = np.divide(*(np.where(np.isfinite(count), count, 2.0 * most) for count in counts))
    medians = [
        " / ".join("-" if np.isinf(one) else f"{one:.3g}" for one in np.median(count, axis=0)) for count in counts
    ]
    means = " / ".join(f"{one:.2f}" for one in np.exp(np.log(ratios).mean(axis=0)))
    return f"{title} | {medians[0]} | {medians[1]} | {means} | {' / '.join(f'{one:.2f}' for one in ratios.min(axis=0))}"


def whole(files: searchers.Files, trace: Path, cost: str, number: int, seed: int) -> list[Reached]:
    """Grams to each level of a default search: cold, after one on CIFAR-100, and with short trainings first."""
    zone, start = STARTS[number % len(STARTS)]

    def run(dataset: str, trainings: int, seed: int, out: Path | None = None, **more: object) -> Reached:
        section = {"dataset": dataset, "table": str(files.table), "objectives": ["accuracy", cost]}
        problem = {"name": "hwnasbench", "measured_only": True, "average_equivalent": True, **section}
        shared = {"trace": trace, "zone": zone, "start": start, "hours": 80, "stop": "never"}
        result = ce_nas.Search(problem=problem, evaluations=trainings, seed=seed, **shared, **more).run(out)
        largest = result.entries[0].content["hypervolume_max"]
        grams = Reached()
        for entry in result.entries:
            for level in LEVELS:
                if entry.kind == "evaluated" and entry.content["hypervolume"] >= level * largest:
                    grams.setdefault(level, entry.content["carbon_g"])
        return grams

    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "earlier"
        run("cifar100", 60, seed + 500, earlier)
        short_first = {"name": "surrogate", "initial_fidelity": 0.06, "short_trainings": SHORT_TRAININGS}
        ways: list[dict[str, object]] = [{}, {"warm_start": str(earlier)}, {"searcher": short_first}]
        return [run("cifar10", 80, seed, **way) for way in ways]


def main() -> None:
    """Print the lines, and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--only", choices=("warm", "short", "whole"))
    parser.add_argument("--trace", type=Path)
    stated = parser.parse_args()
    seeds = range(stated.seed, stated.seed + (1 if stated.quick else stated.seeds))
    files, lines = searchers.Files(stated.table, None), []

    def add(title: str, name: str, runs: list[Reached], most: int) -> None:
        lines.append(line(title, [cold(name, seed, most, files) for seed in seeds], runs, most))
        print(lines[-1], flush=True)

    for name, source in TRANSFERS if stated.only in {None, "warm"} else ():
        add(f"{source} to {name}", name, [warm(name, source, seed, files) for seed in seeds], MOST_WARM)
    for change in ("shuffled", "negated") if stated.only in {None, "warm"} else ():
        name, source = TRANSFERS[0]
        runs = [warm(name, source, seed, files, change) for seed in seeds]
        add(f"{source}, {change}, to {name}", name, runs, MOST_WARM)
    for name in (
        (f"cifar10 {cost} {kind}" for kind in KINDS for cost in COSTS) if stated.only in {None, "short"} else ()
    ):
        add(f"short trainings, {name}", name, [short(name, seed, files) for seed in seeds], MOST_SHORT)
    for cost in COSTS[::2] if stated.only == "whole" else ():
        cases = [whole(files, stated.trace, cost, number, seed) for number, seed in enumerate(seeds)]
        for number, case in enumerate(cases):
            kg = [" / ".join(f"{grams.get(level, np.inf) / 1000:.2f}" for level in LEVELS[:3]) for grams in case]
            lines.append(f"whole, {cost}, {STARTS[number % len(STARTS)]} | {' | '.join(kg)}")
            print(lines[-1], flush=True)
    if stated.json:
        stated.json.write_text(json.dumps(lines, indent=2))


if __name__ == "__main__":
    main()
