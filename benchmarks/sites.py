"""What moving between sites saves: grams of a search that stays at home over those of one with three sites.

The default configuration on real zones, from a start in each season, moves between sites accounted for::

    python benchmarks/sites.py --quick --data grid.parquet
    python benchmarks/sites.py --data grid.parquet --home DE --others SE,ERCO --json sites.json

``--data`` is a file of carbon intensity with the zones named.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from statistics import median
from typing import Any

from cells import Cells
from remembered import build_remembered
from threadpoolctl import threadpool_limits

from ce_nas.config.schema import settings_from_flags

SEASONS = ("2021-02-15", "2021-05-17", "2021-08-16", "2021-11-15")


def run(data: Path, home: str, others: tuple[str, ...], start: str, seed: int) -> dict[str, Any]:
    """One season: grams, trainings and hypervolume of the search at home, and of the search with all sites."""
    found: dict[str, Any] = {"home": home, "others": others, "start": start, "seed": seed}
    memories: dict[Any, Any] = {}
    for name, sites in (("one", ()), ("all", others)):
        tables = [{"name": zone, "zone": zone, "trace": str(data)} for zone in sites]
        grid = {"trace": str(data), "zone": home, "start": start}
        settings = settings_from_flags(grid=grid, site={"name": home, "others": tables}, seed=seed)
        engine, _ = build_remembered(settings, memories)
        with threadpool_limits(limits=1):
            engine.run()
        totals = engine.components.ledger.totals
        found[name] = {
            "grams": totals.total_carbon_g,
            "trainings": engine.progress.evaluations,
            "hypervolume": engine.progress.hypervolume,
            "hours": engine.components.clock.now_s / 3600.0,
            "moving_g": next((grams for key, grams in totals.carbon_g.items() if key.value == "move"), 0.0),
        }
    return found


def main() -> None:
    """Run the seasons that the file lacks, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--home", default="DE")
    parser.add_argument("--others", default="SE,ERCO", help="with a comma between")
    parser.add_argument("--quick", action="store_true", help="one season, one seed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin nothing new after so many")
    stated = parser.parse_args()
    others, kept = tuple(stated.others.split(",")), Cells(stated.json, stated.minutes)
    for start in SEASONS[: 1 if stated.quick else None]:
        for seed in range(stated.seed, stated.seed + (1 if stated.quick else stated.seeds)):
            arguments = (stated.data.resolve(), stated.home, others, start, seed)
            key = json.dumps([stated.data.name, stated.home, others, start, seed])
            if row := kept.get(key, lambda arguments=arguments: run(*arguments)):
                kept.rows.append(row)
                one, three = row["one"], row["all"]
                print(
                    f"{start}, seed {seed}: {stated.home} {one['grams'] / 1e3:.2f} kg, {len(others) + 1} sites "
                    f"{three['grams'] / 1e3:.2f} kg ({three['moving_g']:.0f} g of it moving): "
                    f"{one['grams'] / three['grams']:.1f} times fewer; {one['trainings']} and {three['trainings']} "
                    f"trainings, hypervolume {three['hypervolume'] / one['hypervolume']:.4f}"
                )
    if kept.rows:
        print(
            f"{len(kept.rows)} searches: {median(row['one']['grams'] / row['all']['grams'] for row in kept.rows):.2f} "
            "times fewer grams (median)"
        )
    kept.write()


if __name__ == "__main__":
    main()
