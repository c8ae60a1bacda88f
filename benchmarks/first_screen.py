"""The default search against simple policies, each from the same start to its own stop, on tuning seeds.

Every case has an image set, a built-in zone, a start in the year and a seed of its own. The default search is also set
against the row "simple policy" of its report: the best of several, chosen for each case afterwards, by recorded
searches of other seeds to the quality at which the default search ended::

    python benchmarks/first_screen.py --quick
    python benchmarks/first_screen.py --json first_screen.json      # 24 cases, continued where it stopped

``NAME+OPTION=VALUE`` is a policy with a setting.
"""

from __future__ import annotations

import argparse
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from cells import Cells
from remembered import build_remembered
from threadpoolctl import threadpool_limits

from ce_nas.analysis.savings import savings
from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.records import StopReason
from ce_nas.store.journal import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TABLES = ("cifar10", "cifar100", "imagenet16-120")
ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear", "mixed", "coal")
FIRST_SEED, FIRST_START = 1000, datetime(2023, 1, 12, tzinfo=UTC)
HOURS_BETWEEN, HOURS_OF_YEAR = 1733, 8000
#: the default, two simple policies: clean hours, and all hours, both with scores
POLICIES = ("look-ahead", "suspend-resume", "suspend-resume+clean_quantile=1.0")
#: of the largest hypervolume: what counts as arrival
LEVEL = 0.998


def settings_of(case: int, policy: str) -> Any:  # noqa: ANN401 - the settings of a run
    """The default search of a case, with another policy."""
    name, *options = policy.split("+")
    stated = {key: json.loads(value) for key, _, value in (option.partition("=") for option in options)}
    start = FIRST_START + timedelta(hours=case * HOURS_BETWEEN % HOURS_OF_YEAR)
    return settings_from_flags(
        {"policy": {"name": name, **stated}},
        zone=ZONES[(case // len(TABLES) + case) % len(ZONES)],
        dataset=TABLES[case % len(TABLES)],
        seed=FIRST_SEED + case,
        start=start.isoformat(),
    )


def run(case: int, policy: str, memories: dict[Any, Any]) -> dict[str, Any]:
    """One search to its own stop: grams and share of the largest hypervolume by training."""
    settings, journal = settings_of(case, policy), MemoryJournal()
    engine, _ = build_remembered(settings, memories, journal)
    header = Search.from_settings(settings)._start_entry(engine)  # noqa: SLF001 - as a run writes it
    journal.append("run_started", 0.0, header)
    with threadpool_limits(limits=1):
        engine.run()
    trained = [entry.content for entry in journal.entries if entry.kind == "evaluated"]
    row = {
        "case": case,
        "policy": policy,
        "table": settings.problem.dataset,
        "zone": settings.grid.zone,
        "grams": [one["carbon_g"] for one in trained],
        "share": [one["hypervolume"] / header["hypervolume_max"] for one in trained],
        "total_g": engine.components.ledger.totals.total_carbon_g,
        "hours": engine.components.clock.now_s / 3600.0,
        "by_itself": engine.stop_reason is StopReason.CONVERGED,
    }
    if policy == POLICIES[0]:
        simple = savings(journal.entries).row("simple-policy")
        row["simple_g"] = simple.carbon_g.median if simple and math.isfinite(simple.carbon_g.median) else None
    return row


def grams_to(row: Mapping[str, Any], share: float) -> float:
    """Grams at which a search had so much; infinite if it never had."""
    pairs = zip(row["grams"], row["share"], strict=True)
    return next((grams for grams, had in pairs if had >= share - 1e-9), math.inf)


def _interval(values: Sequence[float]) -> str:
    found = bootstrap_median(values)
    return f"{found.median:.3f} [{found.low:.3f}, {found.high:.3f}], below 1 in {sum(one < 1 for one in values)}"


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    by_policy: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        by_policy.setdefault(row["policy"], {})[row["case"]] = row
    own = by_policy[POLICIES[0]]
    ratios = [row["total_g"] / (row["simple_g"] or math.inf) for row in own.values()]
    print(
        f"{len(own)} cases; grams of {POLICIES[0]} over those of the report's best simple policy: {_interval(ratios)}"
    )
    last = [grams_to(row, row["share"][-1]) / row["total_g"] for row in own.values()]
    print(f"it had its quality after {median(last):.3f} of its grams (median)")
    for policy, found in by_policy.items():
        both = [(own[case], row) for case, row in found.items() if case in own]
        levels = [min(one["share"][-1], other["share"][-1]) for one, other in both]
        same = [grams_to(one, level) / grams_to(other, level) for (one, other), level in zip(both, levels, strict=True)]
        print(
            f"{policy}: {median(len(one['grams']) for one in found.values()):.0f} trainings, "
            f"{median(one['hours'] for one in found.values()):.1f} h, "
            f"{sum(one['total_g'] for one in found.values()) / 1e3:.0f} kg together; arrived at {LEVEL} in "
            f"{sum(one['share'][-1] >= LEVEL for one in found.values())}, ended by itself in "
            f"{sum(one['by_itself'] for one in found.values())}"
        )
        if policy != POLICIES[0]:
            ratios = [one["total_g"] / other["total_g"] for one, other in both]
            print(f"  grams of {POLICIES[0]} over its: own stops {_interval(ratios)}")
            print(f"  to the lower of both qualities {_interval(same)}")


def main() -> None:
    """Run the cases that the file lacks, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two cases")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="the first case: its seed is 1000 more")
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--policies", nargs="+", default=list(POLICIES[1:]), help="besides the default one")
    parser.add_argument("--minutes", type=float, default=math.inf, help="start nothing new after so many")
    stated = parser.parse_args()
    kept = Cells(stated.json, stated.minutes)
    for case in range(stated.seed, stated.seed + (2 if stated.quick else stated.cases)):
        memories: dict[Any, Any] = {}
        for policy in (POLICIES[0], *stated.policies):
            key = json.dumps([case, policy])
            row = kept.get(key, lambda case=case, policy=policy, known=memories: run(case, policy, known))
            kept.rows += [row] if row else []
    if kept.rows:
        _print(kept.rows)
    kept.write()


if __name__ == "__main__":
    main()
