"""Grams to the hypervolume that vanilla NAS reaches with its whole budget, policy beside policy.

    python benchmarks/allocation.py [--quick] [--json FILE] [--seed N] [--seeds N] [--jobs N] [--cells FILE]
                                    [--data FOLDER] [--zones CISO,DE,PJM,SE] [--seasons 01,04,07,10] [--only POLICY ...]
                                    [--forecasters] [--recorded]

HW-NAS-Bench (CIFAR-10 accuracy up, edge-GPU energy down), 8 GPUs, LaMOO. The level is the median over the seeds of
what vanilla (all GPUs train, 80 hours) ends at; every other policy has a week, and runs until it has reached the level.
Zones and seasons are of 2021, real and kept out of all training and tuning, which saw synthetic zones, the year 2020 of
other zones, and seeds from 100 on. Grams are of the full book. A run that does not reach the level within the week
counts as infinitely many grams.

The saving against vanilla is the product of two factors, reported apart: *fewer trainings* (vanilla's energy per the
policy's) and *better hours* (vanilla's grams per kWh per the policy's). Medians over zones, seasons and seeds with 95 %
bootstrap intervals. The oracle is the look-ahead planner with the truth as its forecast: a bound, and no policy.

Cells that are on file (``--cells``, a JSON object a line) are not run again, so that a long benchmark can go on where
it was interrupted. ``--forecasters`` runs the look-ahead planner with every forecaster instead.

How many trainings LaMOO needs is a matter of luck: five times as many with one seed as with another, whatever the
policy. With ``--recorded`` every policy trains the same architectures in the same order, those of one search a seed on
record (all GPUs at work, half of them scoring first): then policies differ by hours, checkpoints and start-ups alone,
pair by pair.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the times are of one core

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.api import Search
from ce_nas.components.registry import POLICIES, SEARCHERS
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.inputs import RunInputs
from ce_nas.forecast.oracle import OracleForecaster
from ce_nas.policies.base import DEFAULT_WARMUP_SCORES, Decision, Policy, active_allocation
from ce_nas.search.base import Searcher

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation, State

#: in the order of the table; the learned one where the package ships it
RULES = ["fixed", "threshold", "hotcarbon", "suspend-resume", "carbonscaler", "look-ahead"]
#: forecasters that need no training
FORECASTERS = ["persistence", "seasonal-naive", "damped-profile", "adaptive"]
HOURS, VANILLA_HOURS = 168.0, 80.0
TRACE = "grid/carboncast_2020_2021.parquet"
TABLE = "nasbench201/nb201.parquet"


@dataclass(frozen=True)
class Cell:
    """One run."""

    policy: str
    forecaster: str
    zone: str
    season: str
    seed: int

    @property
    def key(self) -> str:
        """Its name on file."""
        return f"{self.policy}/{self.forecaster}/{self.zone}/{self.season}/{self.seed}"


class Busy(Policy):
    """All devices work at every hour; half of them score first."""

    name = "busy"

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        return Decision(active_allocation(state, state.cluster.devices, DEFAULT_WARMUP_SCORES), "Every device works.")


class Recorded(Searcher):
    """Proposes what a search on record trained, in the same order; scores take their time and tell nothing."""

    name = "recorded"
    uses_proxy_scores = True

    def __init__(self, order: Sequence[Architecture], members: Sequence[Architecture]) -> None:
        self._order = order
        self._members = members

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`: one is for a training, more are for scores."""
        left = (item for item in (self._order if n == 1 else self._members) if item not in exclude)
        return list(itertools.islice(left, n))

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""


@functools.cache
def shared(data: str) -> dict[str, object]:
    """What all runs of a process share: the table and the cheap scores."""
    materials = RunInputs(settings_from_flags(problem="hwnasbench", table=Path(data) / TABLE))
    names = ("benchmark", "objectives", "proxy_scores", "hypervolume_max")
    return {name: getattr(materials, name) for name in names}


@functools.cache
def trace(data: str, zone: str) -> object:
    """A zone's record."""
    return RunInputs(settings_from_flags(trace=Path(data) / TRACE, zone=zone, factors="lifecycle")).trace


def materials(cell: Cell, data: str, hours: float, target: float | None) -> RunInputs:
    """What a run is made of; what is shared is read once."""
    flags = {"problem": "hwnasbench", "table": Path(data) / TABLE, "searcher": "lamoo", "seed": cell.seed}
    grid = {"trace": Path(data) / TRACE, "zone": cell.zone, "start": f"2021-{cell.season}-15T00:00"}
    policy = "look-ahead" if cell.policy == "oracle" else cell.policy
    forecaster = {} if cell.forecaster in {"default", "truth"} else {"forecaster": cell.forecaster}
    settings = settings_from_flags(
        **flags, **grid, **forecaster, factors="lifecycle", policy=policy, hours=hours, target=target
    )
    made = RunInputs(settings)
    made.__dict__.update(shared(data), trace=trace(data, cell.zone))
    return made


def run_record(seed: int, data: str, target: float) -> dict[str, object]:
    """What one search trained until it reached the level, in the order of its ends."""
    made = materials(Cell("fixed", "default", "CISO", "07", seed), data, HOURS, target)
    entries = Search.from_settings(made.settings, policy=Busy(), inputs=made).run().entries
    order = [entry.content["architecture"] for entry in entries if entry.kind == "evaluated"]
    return {"key": f"record/{seed}", "seed": seed, "order": order}


def run_cell(cell: Cell, data: str, target: float, order: list[list[int]] | None = None) -> dict[str, object]:
    """One run to the level, by a search of its own or by one on record."""
    began_s, made = time.process_time(), materials(cell, data, HOURS, target)
    forecaster = OracleForecaster(made.intensity) if cell.forecaster == "truth" else None
    space = made.benchmark.space
    searcher = Recorded([tuple(item) for item in order], list(map(tuple, space.members.tolist()))) if order else None
    summary = Search.from_settings(made.settings, searcher=searcher, forecaster=forecaster, inputs=made).run().summary
    return {
        "key": cell.key,
        **asdict(cell),
        "target": target,
        "reached": summary.stop == "target",
        "carbon_g": summary.carbon_g["full"],
        "energy_j": summary.energy_j,
        "evaluations": summary.evaluations,
        "samples": summary.samples,
        "hours": summary.simulated_hours,
        "gpu_hours": sum(summary.device_hours_by_activity.values()),
        "cpu_s": time.process_time() - began_s,
    }


def run_vanilla(seed: int, searcher: str, data: str) -> dict[str, object]:
    """Vanilla's whole budget: it looks at no grid, so that one run a seed serves all zones and seasons."""
    cell = Cell("vanilla", "default", "CISO", "07", seed)
    made = materials(cell, data, VANILLA_HOURS, None)
    settings = made.settings.model_copy(update={"searcher": SEARCHERS.validate(searcher)})
    other = RunInputs(settings)
    other.__dict__.update(shared(data), trace=trace(data, cell.zone))
    result = Search.from_settings(settings, inputs=other).run()
    periods = [entry.content for entry in result.entries if entry.kind == "period"]
    return {
        "key": f"vanilla/{searcher}/{seed}",
        "searcher": searcher,
        "seed": seed,
        "hypervolume": result.summary.hypervolume,
        "hypervolume_share": result.summary.hypervolume_share,
        "evaluations": result.summary.evaluations,
        "energy_by_hour_j": [sum(period["energy_j"].values()) for period in periods],
    }


def vanilla_grams(run: dict[str, object], data: str, zone: str, season: str) -> float:
    """What vanilla's energy weighs in a zone and season, hour by hour."""
    cell = Cell("vanilla", "default", zone, season, 0)
    intensity = materials(cell, data, VANILLA_HOURS, None).intensity
    hours = enumerate(run["energy_by_hour_j"])
    return sum(energy_j / J_PER_KWH * intensity.mean(at * HOUR_S, (at + 1) * HOUR_S) for at, energy_j in hours)


def on_file(path: Path) -> dict[str, dict[str, object]]:
    """The cells that have been run."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return {row["key"]: row for row in map(json.loads, lines)}


def run_all(path: Path, jobs: int, tasks: dict[str, tuple]) -> dict[str, dict[str, object]]:
    """Run what is not on file, a line a run as it ends."""
    done = on_file(path)
    missing = [task for key, task in tasks.items() if key not in done]
    context = multiprocessing.get_context("spawn")
    with path.open("a") as file, ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(*task) for task in missing]
        for future in futures:
            row = future.result()
            file.write(json.dumps(row) + "\n")
            file.flush()
            done[row["key"]] = row
    return {key: done[key] for key in tasks}


def report(rows: list[dict[str, object]], vanilla: dict[tuple[str, str], dict[str, float]]) -> list[dict[str, object]]:
    """Print a line a policy, and return the figures."""
    names = list(dict.fromkeys((row["policy"], row["forecaster"]) for row in rows))
    oracle = {_place(row): row for row in rows if row["forecaster"] == "truth"}
    heads = ("kg CO2eq", "times less", "fewer trainings", "better hours", "grams / oracle", "g/kWh / oracle")
    ends = f"{'reached':>9}{'trainings':>10}{'hours':>7}{'runs':>6}"
    print(f"{'policy':26}" + "".join(f"{head:>22}" for head in heads) + ends)
    figures = []
    for policy, forecaster in names:
        mine = [row for row in rows if (row["policy"], row["forecaster"]) == (policy, forecaster)]
        figure = _figure(mine, vanilla, oracle) | {"policy": policy, "forecaster": forecaster}
        figures.append(figure)
        name = policy if forecaster in {"default", "truth"} else f"{policy}, {forecaster}"
        cells = "".join(f"{_text(figure[key]):>22}" for key in _COLUMNS)
        print(f"{name:26}{cells}{figure['reached']:9.0%}{figure['trainings'][0]:10.0f}{figure['hours'][0]:7.1f}"
              f"{len(mine):6}")  # fmt: skip
    return figures


def pairs(rows: list[dict[str, object]], first: str) -> dict[str, tuple[float, float, float]]:
    """Grams of one policy per each other's, cell by cell; a miss counts as infinitely many grams, two as equal."""
    by_policy: dict[str, dict[tuple[object, ...], float]] = {}
    for row in rows:
        by_policy.setdefault(row["policy"], {})[_place(row)] = _grams(row)
    mine = by_policy.pop(first, {})
    found = {
        other: _interval([1.0 if mine[place] == grams else mine[place] / grams for place, grams in theirs.items()])
        for other, theirs in by_policy.items()
        if mine
    }
    for other, ratio in found.items():
        print(f"grams of {first} per those of {other}: {_text(ratio)}")
    return found


_COLUMNS = ("carbon_kg", "times_less", "fewer", "better", "to_oracle", "rate_to_oracle")


def _figure(mine: list[dict], vanilla: dict, oracle: dict) -> dict[str, object]:
    """Medians and intervals of one policy's runs; factors and rates are of the runs that reached the level."""
    reached = [row for row in mine if row["reached"]]
    bases = {row["key"]: vanilla[row["zone"], row["season"]] for row in mine}
    bound = {row["key"]: oracle.get(_place(row)) for row in mine}
    paired = [row for row in mine if bound[row["key"]] and bound[row["key"]]["reached"]]
    return {
        "carbon_kg": _interval([_grams(row) / 1000 for row in mine]),
        "times_less": _interval([bases[row["key"]]["carbon_g"] / _grams(row) for row in mine]),
        "fewer": _interval([bases[row["key"]]["energy_j"] / row["energy_j"] for row in reached]),
        "better": _interval([_rate(bases[row["key"]]) / _rate(row) for row in reached]),
        "to_oracle": _interval([_grams(row) / _grams(bound[row["key"]]) for row in paired]),
        "rate_to_oracle": _interval([_rate(row) / _rate(bound[row["key"]]) for row in paired if row["reached"]]),
        "reached": len(reached) / len(mine),
        "trainings": _interval([row["evaluations"] for row in reached]),
        "hours": _interval([row["hours"] for row in reached]),
    }


def _grams(row: dict) -> float:
    return row["carbon_g"] if row["reached"] else math.inf


def _rate(row: dict) -> float:
    return row["carbon_g"] / row["energy_j"]


def _place(row: dict[str, object]) -> tuple[object, ...]:
    return (row["zone"], row["season"], row["seed"])


def _interval(values: list[float]) -> tuple[float, float, float]:
    if not values:
        return (math.nan,) * 3
    found = bootstrap_median(values)
    return (found.median, found.low, found.high)


def _text(figure: tuple[float, float, float]) -> str:
    median, low, high = figure
    return f"{median:.3g} [{low:.3g}, {high:.3g}]"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("CE_NAS_TEST_DATA", "../shared/data")
    parser.add_argument("--quick", action="store_true", help="one zone, one season, two seeds")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--cells", type=Path, default=Path("allocation-cells.jsonl"), help="runs that need no repeating"
    )
    parser.add_argument("--data", default=data, help="folder of the real tables")
    parser.add_argument("--zones", default="CISO,DE,PJM,SE")
    parser.add_argument("--seasons", default="01,04,07,10", help="months of 2021; runs begin on the 15th")
    parser.add_argument("--only", nargs="+", help="policies to run")
    parser.add_argument("--forecasters", action="store_true", help="the look-ahead planner with every forecaster")
    parser.add_argument("--recorded", action="store_true", help="every policy trains the same, in the same order")
    return parser.parse_args()


def cells_of(chosen: argparse.Namespace) -> list[Cell]:
    """All runs, seed by seed, so that an interrupted benchmark has run whole seeds."""
    zones, seasons = chosen.zones.split(","), chosen.seasons.split(",")
    seeds = range(chosen.seed, chosen.seed + chosen.seeds)
    if chosen.quick:
        zones, seasons, seeds = zones[:1], seasons[:1], seeds[:2]
    policies = [(name, "default") for name in [*RULES, *(["learned"] if "learned" in POLICIES.names() else [])]]
    if chosen.forecasters:
        policies = [("look-ahead", name) for name in FORECASTERS]
    policies.append(("oracle", "truth"))
    if chosen.only:
        policies = [pair for pair in policies if pair[0] in chosen.only]
    places = itertools.product(seeds, zones, seasons, policies)
    return [Cell(*policy, zone, season, seed) for seed, zone, season, policy in places]


def main() -> None:
    """Run, print, and write what was measured."""
    chosen = arguments()
    seeds = range(chosen.seed, chosen.seed + (2 if chosen.quick else chosen.seeds))
    references = run_all(chosen.cells, chosen.jobs, {
        f"vanilla/{searcher}/{seed}": (run_vanilla, seed, searcher, chosen.data)
        for searcher in ("lamoo", "random") for seed in seeds
    })  # fmt: skip
    for searcher in ("lamoo", "random"):
        ends = [run for run in references.values() if run["searcher"] == searcher]
        share = _interval([run["hypervolume_share"] for run in ends])
        trainings = _interval([run["evaluations"] for run in ends])
        print(f"vanilla, {searcher}: {_text(share)} of the table's hypervolume after {_text(trainings)} trainings")
    runs = [run for run in references.values() if run["searcher"] == "lamoo"]
    target = _interval([run["hypervolume"] for run in runs])[0]
    cells = cells_of(chosen)
    tasks = {cell.key: (run_cell, cell, chosen.data, target) for cell in cells}
    if chosen.recorded:
        records = {f"record/{seed}": (run_record, seed, chosen.data, target) for seed in seeds}
        orders = {run["seed"]: run["order"] for run in run_all(chosen.cells, chosen.jobs, records).values()}
        tasks = {cell.key: (*tasks[cell.key], orders[cell.seed]) for cell in cells}
    rows = run_all(chosen.cells, chosen.jobs, tasks)
    vanilla = {}
    for zone, season in dict.fromkeys((cell.zone, cell.season) for cell in cells):
        grams = [vanilla_grams(run, chosen.data, zone, season) for run in runs]
        energies = [sum(run["energy_by_hour_j"]) for run in runs]
        vanilla[zone, season] = {"carbon_g": _interval(grams)[0], "energy_j": _interval(energies)[0]}
    overall = _interval([base["carbon_g"] / 1000 for base in vanilla.values()])
    print(f"vanilla's whole budget: {_text(overall)} kg over zones and seasons; level {target:.2f}")
    figures = report(list(rows.values()), vanilla)
    ratios = (
        {} if chosen.forecasters else {name: pairs(list(rows.values()), name) for name in ("look-ahead", "learned")}
    )
    if chosen.json:
        named = [{"zone": zone, "season": season, **base} for (zone, season), base in vanilla.items()]
        content = {"level": target, "vanilla": named, "policies": figures, "pairs": ratios}
        chosen.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
