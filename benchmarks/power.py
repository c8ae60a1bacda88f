"""What a power limit as part of the plan saves: the same trainings with and without the lever, by GPU type.

    python benchmarks/power.py [--quick] [--json FILE] [--seed N] [--seeds N] [--data FOLDER] [--trainings N]

Searches by random proposals without scores, so that both train the same architectures in the same order, on 8 GPUs with
the policies vanilla and look-ahead. The factor is grams without the lever per grams with it, at equal trainings: the
quality is the same, so the factor is one of the waterfall's. Profiles are those of ``--data``
(``power/zeus_summary_power_*.csv``), else the built-in medians of the same files; zones are CISO, DE, PJM and SE of
``--data``, else built-in ones. Medians over zones, policies and seeds with 95 % bootstrap intervals. The power of the
host (40 % of that of a training) does not fall with the limit.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy

from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.rng import random_stream
from ce_nas.energy.power_profile import BUILTIN_PROFILES

REAL_ZONES = ("CISO", "DE", "PJM", "SE")
BUILTIN_ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear")
POLICIES = ("vanilla", "look-ahead")
BOUNDS = (0.02, 0.05, 0.1)


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    zones = _zones(stated)
    seeds = range(stated.seed, stated.seed + stated.seeds)
    cases = list(itertools.product(zones, stated.policies, seeds))
    plain = {(zone["name"], policy, seed): _grams(stated, zone, policy, seed, {}) for zone, policy, seed in cases}
    rows = []
    for gpu, bound in itertools.product(BUILTIN_PROFILES, stated.bounds):
        power = {"lever": True, "profile": _profile(stated, gpu), "max_slowdown": bound}
        factors, slower, same = [], [], []
        for zone, policy, seed in cases:
            before = plain[zone["name"], policy, seed]
            after = _grams(stated, zone, policy, seed, power)
            factors.append(before["carbon_g"] / after["carbon_g"])
            slower.append(after["hours"] / before["hours"])
            same.append(len(before["architectures"] & after["architectures"]) / stated.trainings)
        rows.append(
            {
                "gpu": gpu,
                "max_slowdown": bound,
                "factor": _numbers(bootstrap_median(factors)),
                "gpu_hours_factor": _numbers(bootstrap_median(slower)),
                "same_trainings": min(same),
                "cases": len(cases),
            }
        )
        interval = "{:.3f} [{:.3f}, {:.3f}]".format(*rows[-1]["factor"])
        shared = f"{min(same):.0%} the same trainings"
        print(f"{gpu:8} slower by {bound:4.0%} at most: factor {interval}, {shared}", flush=True)
    if stated.json:
        stated.json.write_text(json.dumps({"trainings": stated.trainings, "rows": rows}, indent=2) + "\n")


def _grams(
    stated: argparse.Namespace, zone: dict[str, Any], policy: str, seed: int, power: dict[str, Any]
) -> dict[str, Any]:
    """Grams, GPU-hours and trainings of one search."""
    grid = {key: value for key, value in zone.items() if key != "name"}
    if "trace" in grid:
        hours = random_stream(seed, f"power/{zone['name']}").integers(0, 300 * 24)
        grid["start"] = datetime(2021, 1, 20, tzinfo=UTC) + timedelta(hours=int(hours))
    settings = settings_from_flags(
        {"grid": grid, "power": power, "problem": {"proxy_scores": "none"}},
        policy=policy,
        searcher="random",
        hours=80,
        evaluations=stated.trainings,
        seed=seed,
        stop="never",
    )
    result = Search.from_settings(settings).run()
    entries = [entry.content for entry in result.entries if entry.kind == "evaluated"]
    if len(entries) < stated.trainings:
        message = (
            f"{policy} in {zone['name']} with seed {seed} ended after {len(entries)} trainings; lower --trainings."
        )
        raise SystemExit(message)
    return {
        "carbon_g": result.summary.carbon_g["full"],
        "hours": sum(result.summary.device_hours_by_activity.values()),
        "architectures": {tuple(entry["architecture"]) for entry in entries},
    }


def _zones(stated: argparse.Namespace) -> list[dict[str, Any]]:
    if not stated.data:
        return [{"name": zone, "zone": zone} for zone in stated.zones or BUILTIN_ZONES]
    trace = str(stated.data / "grid" / "carboncast_2020_2021.parquet")
    return [{"name": zone, "zone": zone, "trace": trace, "factors": "lifecycle"} for zone in stated.zones or REAL_ZONES]


def _profile(stated: argparse.Namespace, gpu: str) -> str:
    return str(stated.data / "power" / f"zeus_summary_power_{gpu}.csv") if stated.data else gpu


def _numbers(interval: Interval) -> list[float]:
    return [interval.median, interval.low, interval.high]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one zone, one policy, one seed, the default bound")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder with grid/ and power/")
    parser.add_argument("--zones", nargs="*")
    parser.add_argument("--trainings", type=int, default=60)
    stated = parser.parse_args()
    stated.policies, stated.bounds = POLICIES, BOUNDS
    if stated.quick:
        stated.policies, stated.bounds, stated.seeds = POLICIES[:1], (0.05,), 1
        stated.zones = stated.zones or [(REAL_ZONES if stated.data else BUILTIN_ZONES)[0]]
    return stated


if __name__ == "__main__":
    main()
