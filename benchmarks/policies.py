"""Grams to the same quality, by policy: the default searcher under each, on tuning cells.

A search ends at a share of the largest hypervolume of its table, which neither its policy nor its searcher knows. Each
policy's grams are divided by those of the default one in the same cell; a cell that a policy does not finish within the
deadline counts as infinite::

    python benchmarks/policies.py --quick
    python benchmarks/policies.py --json policies.json      # continued where it stopped

``NAME+OPTION`` is a policy with a setting of true or false turned on, such as ``look-ahead+scores_first``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from statistics import median
from typing import Any

from cells import Cells
from remembered import run_to_level

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.records import StopReason

ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear", "mixed", "coal")
TABLES = ("cifar10", "imagenet16-120")
POLICIES = (
    "look-ahead",
    "vanilla",
    "fixed",
    "threshold",
    "hotcarbon",
    "carbonscaler",
    "suspend-resume",
    "learned",
)


def run(cell: tuple[str, str, str, int, float], memories: dict[Any, Any]) -> dict[str, Any]:
    """One search: grams, trainings and hours to the level; grams are None if it was not reached."""
    policy, zone, table, seed, share = cell
    name, *turned_on = policy.split("+")
    settings = settings_from_flags(
        {"policy": {"name": name, **dict.fromkeys(turned_on, True)}},
        zone=zone,
        dataset=table,
        seed=seed,
        stop="never",
        evaluations=300,
    )
    engine = run_to_level(settings, share, memories)
    reached = engine.stop_reason is StopReason.TARGET
    return {
        "policy": policy,
        "zone": zone,
        "table": table,
        "seed": seed,
        "grams": engine.components.ledger.totals.total_carbon_g if reached else None,
        "trainings": engine.progress.evaluations,
        "hours": engine.components.clock.now_s / 3600.0,
    }


def summarise(rows: list[dict[str, Any]], base: str) -> list[dict[str, Any]]:
    """For each policy the median of its grams over those of ``base``, and how often it took fewer."""
    grams = {
        (row["policy"], row["zone"], row["table"], row["seed"]): math.inf if row["grams"] is None else row["grams"]
        for row in rows
    }
    table = []
    for policy in dict.fromkeys(row["policy"] for row in rows):
        cells = [key[1:] for key in grams if key[0] == policy and (base, *key[1:]) in grams]
        ratios = [grams[policy, *cell] / grams[base, *cell] for cell in cells if grams[base, *cell] < math.inf]
        own = [row for row in rows if row["policy"] == policy]
        table.append(
            {
                "policy": policy,
                "cells": len(ratios),
                "ratio": median(ratios) if ratios else math.nan,
                "least": min(ratios, default=math.nan),
                "most": max(ratios, default=math.nan),
                "fewer": sum(ratio < 1.0 for ratio in ratios),
                "missed": sum(row["grams"] is None for row in own),
                "kg": median(math.inf if row["grams"] is None else row["grams"] / 1e3 for row in own),
                "hours": median(row["hours"] for row in own),
            }
        )
    return sorted(table, key=lambda one: one["ratio"])


def main() -> None:
    """Run the cells that the file lacks, and print a line for each policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two policies, one cell")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=1000, help="the first seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), help="the first is the one compared with")
    parser.add_argument("--zones", nargs="+", default=list(ZONES))
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--share", type=float, default=0.995, help="of the largest hypervolume")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin nothing new after so many")
    stated = parser.parse_args()
    seeds = range(stated.seed, stated.seed + (1 if stated.quick else stated.seeds))
    cells = [*itertools.product(seeds, stated.tables, stated.zones)][: 1 if stated.quick else None]
    kept, memories = Cells(stated.json, stated.minutes), {}
    remembered = None
    for seed, table, zone in cells:
        if remembered != (remembered := (seed, table)):
            memories = {}
        for policy in stated.policies[: 2 if stated.quick else None]:
            arguments = (policy, zone, table, seed, stated.share)
            row = kept.get(json.dumps(arguments), lambda cell=arguments, known=memories: run(cell, known))
            kept.rows += [row] if row else []
    base = stated.policies[0]
    print(f"policy          cells  grams, times those of {base} (least to most)  fewer  missed  median kg  hours")
    for one in summarise(kept.rows, base):
        print(
            f"{one['policy']:15} {one['cells']:5}  {one['ratio']:.2f} ({one['least']:.2f} to {one['most']:.2f})"
            f"{'':27}{one['fewer']:5}  {one['missed']:6}  {one['kg']:9.2f}  {one['hours']:5.1f}"
        )
    kept.write()


if __name__ == "__main__":
    main()
