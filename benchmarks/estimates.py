"""How often the 80 % interval of ``ce-nas estimate`` holds what the search then takes.

Each search of the default configuration, in one of six built-in zones, with a start and a seed of its own, is estimated
from simulated searches of past weeks, and then run::

    python benchmarks/estimates.py --quick
    python benchmarks/estimates.py --json estimates.json      # 40 searches, continued where it stopped
"""

from __future__ import annotations

import argparse
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from cells import Cells
from remembered import build_remembered
from threadpoolctl import threadpool_limits

from ce_nas.analysis import estimate
from ce_nas.config.schema import settings_from_flags

ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear", "mixed", "coal")
FIRST_START, STEP = datetime(2023, 3, 6, tzinfo=UTC), timedelta(days=6, hours=5)
QUANTITIES = ("carbon_g", "energy_j", "hours", "trainings")


def check(number: int, seed: int, searches: int, memories: dict[Any, Any]) -> dict[str, Any]:
    """One search: for each quantity its estimate and the truth."""
    settings = settings_from_flags(
        zone=ZONES[number % len(ZONES)], seed=seed + number, start=(FIRST_START + number * STEP).isoformat()
    )
    # searches of one seed differ by their weeks alone
    estimate.build_engine = lambda inputs, journal: build_remembered(inputs.settings, memories, journal)[0]
    now = estimate.estimate_search(settings, searches=searches).now
    engine, _ = build_remembered(settings, memories)
    with threadpool_limits(limits=1):
        engine.run()
    totals = engine.components.ledger.totals
    truth = {
        "carbon_g": totals.total_carbon_g,
        "energy_j": totals.total_energy_j,
        "hours": engine.components.clock.now_s / 3600.0,
        "trainings": float(engine.progress.evaluations),
    }
    row: dict[str, Any] = {"zone": settings.grid.zone, "seed": settings.seed}
    for name, actual in truth.items():
        interval = getattr(now, name)
        row[name] = {"median": interval.median, "low": interval.low, "high": interval.high, "actual": actual}
    return row


def main() -> None:
    """Check the searches that the file lacks, and print how often each quantity was within its interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two searches")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the first search")
    parser.add_argument("--number", type=int, default=40)
    parser.add_argument("--searches", type=int, default=6, help="behind an estimate")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin nothing new after so many")
    stated = parser.parse_args()
    kept, memories = Cells(stated.json, stated.minutes), {}
    for number in range(2 if stated.quick else stated.number):
        key = json.dumps([number, stated.seed, stated.searches])
        row = kept.get(key, lambda number=number: check(number, stated.seed, stated.searches, memories))
        kept.rows += [row] if row else []
    for name in QUANTITIES:
        ones = [row[name] for row in kept.rows]
        if ones:
            held = sum(one["low"] <= one["actual"] <= one["high"] for one in ones)
            width = median(one["high"] / one["low"] for one in ones)
            error = median(abs(math.log(one["actual"] / one["median"])) for one in ones)
            print(
                f"{name:10} within the interval in {held} of {len(ones)} ({held / len(ones):.0%}; goal 70 to 90 %); "
                f"high over low {width:.2f}; median error {math.expm1(error):.0%}"
            )
    kept.write()


if __name__ == "__main__":
    main()
