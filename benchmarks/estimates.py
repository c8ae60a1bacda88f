"""How often the 80 % interval of ``ce-nas estimate`` holds what the search then takes.

In each of six built-in zones, each with an image set and a season of its own, the default search is run in consecutive
weeks, every week with another seed. From the seventh on, each is set against the interval that ``ce-nas estimate``
forms from the six weeks before it (:func:`ce_nas.analysis.estimate.prediction_interval`)::

    python benchmarks/estimates.py --quick
    python benchmarks/estimates.py --json estimates.json      # 42 estimates, continued where it stopped
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

from ce_nas.analysis.estimate import prediction_interval
from ce_nas.config.schema import settings_from_flags

ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear", "mixed", "coal")
TABLES = ("cifar10", "cifar100", "imagenet16-120")
FIRST_START, BETWEEN_ZONES = datetime(2023, 2, 6, tzinfo=UTC), timedelta(days=45, hours=7)
QUANTITIES = ("carbon_g", "energy_j", "hours", "trainings")


def run(place: int, week: int, seed: int, memories: dict[Any, Any]) -> dict[str, Any]:
    """One search: what it takes."""
    start = FIRST_START + place * BETWEEN_ZONES + timedelta(weeks=week)
    settings = settings_from_flags(
        zone=ZONES[place], dataset=TABLES[place % len(TABLES)], seed=seed + week, start=start.isoformat()
    )
    engine, _ = build_remembered(settings, memories)
    with threadpool_limits(limits=1):
        engine.run()
    totals = engine.components.ledger.totals
    return {
        "place": place,
        "week": week,
        "carbon_g": totals.total_carbon_g,
        "energy_j": totals.total_energy_j,
        "hours": engine.components.clock.now_s / 3600.0,
        "trainings": float(engine.progress.evaluations),
    }


def judge(rows: list[dict[str, Any]], searches: int, name: str) -> list[tuple[bool, float, float]]:
    """For each search with enough weeks before it: whether the interval holds it, its width, and the median's error."""
    found = {(row["place"], row["week"]): row[name] for row in rows}
    judged = []
    for (place, week), actual in found.items():
        before = [found[place, week - back] for back in range(1, searches + 1) if (place, week - back) in found]
        if len(before) == searches:
            interval = prediction_interval(before)
            held = interval.low <= actual <= interval.high
            judged.append((held, interval.high / interval.low, abs(math.log(actual / interval.median))))
    return judged


def main() -> None:
    """Run the searches that the file lacks, and print how often each quantity was within its interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two estimates")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=2000, help="of the first week")
    parser.add_argument("--weeks", type=int, default=13)
    parser.add_argument("--searches", type=int, default=6, help="behind an estimate")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin nothing new after so many")
    stated = parser.parse_args()
    kept = Cells(stated.json, stated.minutes)
    weeks, places = (stated.searches + 2, 1) if stated.quick else (stated.weeks, len(ZONES))
    for week in range(weeks):
        memories: dict[Any, Any] = {}
        for place in range(places):
            key = json.dumps([place, week, stated.seed])
            row = kept.get(key, lambda at=(place, week), known=memories: run(*at, stated.seed, known))
            kept.rows += [row] if row else []
    for name in QUANTITIES:
        judged = judge(kept.rows, stated.searches, name)
        if judged:
            held = sum(one for one, _, _ in judged)
            print(
                f"{name:10} inside in {held} of {len(judged)} ({held / len(judged):.0%}; goal 70 to 90 %), "
                f"high over low {median(width for _, width, _ in judged):.2f}; "
                f"median error {math.expm1(median(error for _, _, error in judged)):.0%}"
            )
    kept.write()


if __name__ == "__main__":
    main()
