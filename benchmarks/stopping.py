"""Where the stop rule ends a search, against what the same search reaches when it goes on.

Each search runs without a stop, while the rule ``auto`` is asked after every training; the trainings that run when it
says stop are finished. Prints, for each search, the share of the final hypervolume that is missing at the stop, and the
grams at the stop over those at which the search got within 0.1 % of its end::

    python benchmarks/stopping.py --seeds 0 1 --zones solar wind
"""

from __future__ import annotations

import argparse
import itertools
import json
from statistics import median
from typing import TYPE_CHECKING, Any

from ce_nas.config.schema import settings_from_flags
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.stopping import StopRule
from ce_nas.store.journal import MemoryJournal

if TYPE_CHECKING:
    from ce_nas.energy.ledger import LedgerTotals
    from ce_nas.engine.search_progress import SearchProgress

#: image set, and objectives where they are not the default ones
TABLES = (("cifar10", ()), ("cifar100", ()), ("imagenet16-120", ()), ("cifar100", ("accuracy", "params")))
#: what a search is within at the end
NEAR = 1e-3


class WatchedStopRule(StopRule):
    """Notes when it would have stopped a search, and lets it go on."""

    stopped_after: int | None = None

    def update(self, progress: SearchProgress, totals: LedgerTotals) -> bool:
        """See :meth:`StopRule.update`."""
        if super().update(progress, totals) and self.stopped_after is None:
            self.stopped_after = progress.evaluations
        self.reason = None
        return False


def watch(flags: dict[str, Any]) -> dict[str, Any]:
    """One search to its end, and what it had when the rule said stop."""
    settings = settings_from_flags(**flags, stop="never", hours=500)
    journal = MemoryJournal()
    engine = build_engine(RunInputs(settings), journal)
    rule = engine._stop_rule = WatchedStopRule("auto", engine.components.searcher)  # noqa: SLF001 - only to watch it
    engine.run()
    trained = [entry.content for entry in journal.entries if entry.kind == "evaluated"]
    last = len(trained) - 1
    at_stop = last if rule.stopped_after is None else min(rule.stopped_after - 1 + settings.cluster.gpus - 1, last)
    end = trained[-1]["hypervolume"]
    near = next(row for row, one in enumerate(trained) if one["hypervolume"] >= (1 - NEAR) * end)
    return {
        **flags,
        "trainings_to_near": near + 1,
        "trainings_at_stop": at_stop + 1,
        "missing": 1 - trained[at_stop]["hypervolume"] / end,
        "grams_ratio": trained[at_stop]["carbon_g"] / trained[near]["carbon_g"],
        "saved": 1 - trained[at_stop]["carbon_g"] / trained[-1]["carbon_g"],
    }


def main() -> None:
    """Watch all searches, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--zones", nargs="+", default=["solar"])
    parser.add_argument("--policy", default="vanilla")
    parser.add_argument("--searcher", default="surrogate")
    parser.add_argument("--trainings", type=int, default=220)
    parser.add_argument("--quick", action="store_true", help="one search")
    parser.add_argument("--json", help="also write the figures to this file")
    stated = parser.parse_args()
    cells = [*itertools.product(stated.zones, stated.seeds, TABLES)][: 1 if stated.quick else None]
    rows = []
    for zone, seed, (dataset, objectives) in cells:
        flags = {"zone": zone, "seed": seed, "dataset": dataset, "policy": stated.policy, "searcher": stated.searcher}
        extra = {"objectives": list(objectives)} if objectives else {}
        row = watch({**flags, **extra, "evaluations": stated.trainings})
        rows.append(row)
        print(
            f"{zone:8} seed {seed:<5} {dataset:15} {','.join(objectives) or 'default':16} near after "
            f"{row['trainings_to_near']:4}, stop after {row['trainings_at_stop']:4}: missing {row['missing']:.3%}, "
            f"{row['grams_ratio']:.2f} times the grams",
            flush=True,
        )
        if stated.json:
            with open(stated.json, "w") as file:  # noqa: PTH123 - a path as stated
                json.dump(rows, file, indent=1)
    print(
        f"{len(rows)} searches: missing {median(row['missing'] for row in rows):.3%} (median), "
        f"{max(row['missing'] for row in rows):.3%} (largest); {median(row['grams_ratio'] for row in rows):.2f} times "
        "the grams (median)"
    )


if __name__ == "__main__":
    main()
