"""Where the stop rule ends a search, against what the same search reaches when it continues.

Each search of the default configuration runs without a stop, while the rule ``auto`` is asked after every training; the
trainings that run when it says stop are finished. For each search: the share of the final hypervolume that is missing
at the stop, and the grams at the stop over those at which the search got within 0.1 % of its end::

    python benchmarks/stopping.py --quick                                   # one search
    python benchmarks/stopping.py --json stopping.json                      # six zones, four tables, five seeds
    python benchmarks/stopping.py --replay stopping.json                    # ask the rule on the searches of a file

Searches that differ by their grid alone ask their searchers the same for a long time, so answers are remembered.

A file of an interrupted call is continued. It keeps what the rule is asked with, so that ``--replay`` can ask another
rule without a search.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from remembered import build_remembered
from threadpoolctl import threadpool_limits

from ce_nas.config.schema import settings_from_flags
from ce_nas.energy.ledger import Activity, LedgerTotals
from ce_nas.engine.stopping import StopRule
from ce_nas.store.journal import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.engine.search_progress import SearchProgress

#: image set, and objectives where they are not the default ones
TABLES = (("cifar10", ()), ("cifar100", ()), ("imagenet16-120", ()), ("cifar100", ("accuracy", "params")))
ZONES = ("solar", "wind", "coal-solar", "hydro-nuclear", "mixed", "coal")
#: what a search is within at the end
NEAR = 1e-3
#: the goals: median missing, largest missing, median of the grams over those at which the search was near its end
GOALS = (1e-3, 1e-2, 1.5)


class WatchedStopRule(StopRule):
    """Keeps what the rule is asked with, and lets the search go on."""

    def watch(self) -> None:
        """Start to keep."""
        #: expected gain of each number of further trainings, by the trainings done
        self.asked: dict[int, dict[int, float | None]] = {}
        self.totals_g: dict[int, float] = {}

    def update(self, progress: SearchProgress, totals: LedgerTotals) -> bool:
        """See :meth:`StopRule.update`; never stops."""
        done = progress.evaluations
        if done not in self.asked:
            coming = sorted({max(done // part, 1) for part in (2, 3, 4)} | {8, 16})
            self.asked[done] = {count: self._searcher.expected_gain(count) for count in coming}
            self.totals_g[done] = totals.total_carbon_g
        return False


class _Replayed:
    """A search as the stop rule sees it: its progress and its searcher's expectation, from a file."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row
        self.evaluations = 0
        self.evaluated: list[float] = row["hypervolume"]

    @property
    def hypervolume(self) -> float:
        return self.evaluated[self.evaluations - 1]

    @property
    def hypervolume_by_evaluation(self) -> list[float]:
        return self.evaluated[: self.evaluations]

    def expected_gain(self, trainings: int) -> float | None:
        """See :meth:`Searcher.expected_gain`."""
        known: float | None = self._row["asked"][str(self.evaluations)][str(max(trainings, 1))]
        return known


def search(flags: dict[str, Any], memories: dict[Any, dict[bytes, Any]]) -> dict[str, Any]:
    """One search to its end: hypervolume and grams by training, and what the rule was asked with.

    :param memories: see :func:`build_remembered`.
    """
    settings = settings_from_flags(**flags, stop="never")
    journal = MemoryJournal()
    engine, _ = build_remembered(settings, memories, journal)
    rule = engine._stop_rule = WatchedStopRule("auto", engine.components.searcher)  # noqa: SLF001 - only to watch it
    rule.watch()
    with threadpool_limits(limits=1):
        engine.run()
    trained = [entry.content for entry in journal.entries if entry.kind == "evaluated"]
    return {
        "flags": flags,
        "gpus": settings.cluster.gpus,
        "hypervolume": [one["hypervolume"] for one in trained],
        "carbon_g": [one["carbon_g"] for one in trained],
        "asked": {str(done): {str(key): gain for key, gain in asked.items()} for done, asked in rule.asked.items()},
        "asked_g": {str(done): grams for done, grams in rule.totals_g.items()},
    }


def stop_of(row: Mapping[str, Any], threshold: Any = "auto") -> int | None:  # noqa: ANN401 - see StopThreshold
    """Trainings after which the rule stops a search; None if it does not."""
    replayed: Any = _Replayed(row)
    rule = StopRule(threshold, replayed)
    for done in sorted(map(int, row["asked"])):
        replayed.evaluations = done
        if rule.update(replayed, LedgerTotals(carbon_g={Activity.TRAINING: row["asked_g"][str(done)]})):
            return done
    return None


def judge(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the rule costs and spares in one search."""
    hypervolume, grams = row["hypervolume"], row["carbon_g"]
    last, stopped_after = len(hypervolume) - 1, stop_of(row)
    at_stop = last if stopped_after is None else min(stopped_after - 1 + row["gpus"] - 1, last)
    near = next(index for index, one in enumerate(hypervolume) if one >= (1 - NEAR) * hypervolume[-1])
    return {
        **row["flags"],
        "trainings_to_near": near + 1,
        "trainings_at_stop": at_stop + 1,
        "missing": 1 - hypervolume[at_stop] / hypervolume[-1],
        "grams_ratio": grams[at_stop] / grams[near],
        "saved": 1 - grams[at_stop] / grams[-1],
    }


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        print(
            f"{row['zone']:13} seed {row['seed']:<5} {row['dataset']:15} {','.join(row.get('objectives', ())):16} near "
            f"after {row['trainings_to_near']:4}, stop after {row['trainings_at_stop']:4}: missing "
            f"{row['missing']:.3%}, {row['grams_ratio']:.2f} times the grams"
        )
    missing, ratios = [row["missing"] for row in rows], [row["grams_ratio"] for row in rows]
    print(
        f"{len(rows)} searches: missing {median(missing):.3%} (median; goal {GOALS[0]:.1%}), {max(missing):.3%} "
        f"(largest; goal {GOALS[1]:.0%}), over 1 % in {sum(one > GOALS[1] for one in missing)}; {median(ratios):.2f} "
        f"times the grams (median; goal {GOALS[2]}); saved {median(row['saved'] for row in rows):.0%} of the grams"
    )


def main() -> None:
    """Run the searches that the file lacks, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="the first of five")
    parser.add_argument("--seeds", type=int, nargs="+", help="in place of these five")
    parser.add_argument("--zones", nargs="+", default=list(ZONES))
    parser.add_argument("--hours", type=float, default=80.0)
    parser.add_argument("--trainings", type=int, default=200)
    parser.add_argument("--policy", help="in place of the default one")
    parser.add_argument("--searcher", help="in place of the default one")
    parser.add_argument("--quick", action="store_true", help="one search")
    parser.add_argument("--json", type=Path, help="also write the searches to this file, or continue it")
    parser.add_argument("--replay", type=Path, help="search nothing: ask the rule on the searches of this file")
    stated = parser.parse_args()
    if stated.replay:
        _print([judge(row) for row in json.loads(stated.replay.read_text())])
        return
    rows = json.loads(stated.json.read_text()) if stated.json and stated.json.exists() else []
    have = [row["flags"] for row in rows]
    memories: dict[Any, dict[bytes, Any]] = {}
    remembered = None
    seeds = stated.seeds or range(stated.seed, stated.seed + 5)
    cells = [*itertools.product(seeds, TABLES, stated.zones)][: 1 if stated.quick else None]
    for seed, (dataset, objectives), zone in cells:
        flags = {"zone": zone, "seed": seed, "dataset": dataset, "hours": stated.hours, "evaluations": stated.trainings}
        flags |= {name: value for name in ("policy", "searcher") if (value := getattr(stated, name))}
        flags |= {"objectives": list(objectives)} if objectives else {}
        if flags in have:
            continue
        if remembered != (remembered := (seed, dataset, objectives)):
            memories.clear()
        rows.append(json.loads(json.dumps(search(flags, memories))))
        print(f"{len(rows)} of {len(cells)}: {flags}", flush=True)
        if stated.json:
            stated.json.write_text(json.dumps(rows))
    _print([judge(row) for row in rows])


if __name__ == "__main__":
    main()
