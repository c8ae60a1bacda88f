"""What the default search saves against each other way: embedded tables, built-in zones and seeds.

Every cell is one default search to its own stop, and the block "saved" of its report: its grams, its trainings, the
share of the largest hypervolume that it found, and the share of the grams of each other way to the same quality that it
saved. Medians over tables and seeds of the medians over the zones, which differ little, with 95 % intervals::

    python benchmarks/savings.py --quick
    python benchmarks/savings.py --json savings.json      # 90 cells, continued where it stopped
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from cells import Cells

import ce_nas
from ce_nas.analysis.statistics import bootstrap_median

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: the image sets whose baseline searches are recorded in the package
TABLES = ("cifar10", "cifar100", "imagenet16-120")
ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear", "mixed", "coal")


def run(table: str, zone: str, seed: int) -> dict[str, Any]:
    """One default search, and what its report says that it saved."""
    result = ce_nas.run(dataset=table, zone=zone, seed=seed)
    saved, summary = result.savings, result.summary
    assert not isinstance(saved, str)  # noqa: S101 - the table is embedded
    return {
        "table": table,
        "zone": zone,
        "seed": seed,
        "kg": summary.carbon_g["full"] / 1e3,
        "trainings": summary.evaluations,
        "share": summary.hypervolume_share,
        # a way whose median recorded search never gets there takes infinite grams: all of them are saved
        "saved": {row.way: saved.saved_share(row).median for row in saved.rows},
        "reached": {row.way: math.isfinite(row.carbon_g.median) for row in saved.rows},
        "unavailable": dict(saved.unavailable),
    }


def _interval(rows: Sequence[Mapping[str, Any]], values: Sequence[float], percent: float = 1.0) -> str:
    """Median of the medians of each table and seed, and its interval."""
    clusters = defaultdict(list)
    for row, value in zip(rows, values, strict=True):
        clusters[row["table"], row["seed"]].append(value)
    spread = bootstrap_median([median(cluster) for cluster in clusters.values()])
    return f"{percent * spread.median:.4g} [{percent * spread.low:.4g}, {percent * spread.high:.4g}]"


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    for key, unit, percent in (
        ("kg", "kg", 1.0),
        ("trainings", "trainings", 1.0),
        ("share", "% of the largest", 100.0),
    ):
        print(f"{len(rows)} cells: {_interval(rows, [row[key] for row in rows], percent)} {unit}")
    for zone in dict.fromkeys(row["zone"] for row in rows):
        chosen = [row for row in rows if row["zone"] == zone]
        print(f"  {zone}: {_interval(chosen, [row['kg'] for row in chosen])} kg")
    for way in dict.fromkeys(way for row in rows for way in row["saved"]):
        known = [row for row in rows if way in row["saved"]]
        saved = _interval(known, [row["saved"][way] for row in known], 100.0)
        more = sum(row["saved"][way] < 0 for row in known)
        reached = sum(row["reached"][way] for row in known)
        print(f"saved against {way}: {saved} %; more used in {more}; it arrived in {reached} of {len(known)}")


def main() -> None:
    """Run the cells that the file lacks, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two cells")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=math.inf, help="start nothing new after so many")
    stated = parser.parse_args()
    kept = Cells(stated.json, stated.minutes)
    seeds = range(stated.seed, stated.seed + stated.seeds)
    for cell in [*itertools.product(seeds, TABLES, ZONES)][: 2 if stated.quick else None]:
        seed, table, zone = cell
        row = kept.get(json.dumps(cell), lambda seed=seed, table=table, zone=zone: run(table, zone, seed))
        kept.rows += [row] if row else []
    if kept.rows:
        _print(kept.rows)
    kept.write()


if __name__ == "__main__":
    main()
