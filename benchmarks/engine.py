"""How fast the engine goes: an 80-hour, 8-GPU search of NAS-Bench-201, start-up excluded.

    python benchmarks/engine.py [--quick] [--json FILE] [--seed N]

Searchers run side by side in turns, so that a drift of the machine meets all of them alike; the ratio to random
sampling says more than the seconds. The last search is profiled once more, and its top lines are printed.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import pstats
import statistics
import time
from pathlib import Path

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.clock import VirtualClock
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.store.journal import MemoryJournal, NullJournal

CASES = (
    ("random", "vanilla"),
    ("random", "hotcarbon"),
    ("nsga2", "vanilla"),
    ("lamoo", "vanilla"),
    ("lamoo", "hotcarbon"),
)


def prepared(searcher: str, policy: str, seed: int, hours: float) -> RunInputs:
    """A search whose files have been read."""
    materials = RunInputs(settings_from_flags(searcher=searcher, policy=policy, seed=seed, hours=hours, stop="never"))
    materials.validate()
    return materials


def run_once(materials: RunInputs, journal: MemoryJournal | NullJournal) -> tuple[float, int]:
    """Seconds of one search, and its steps."""
    engine = build_engine(materials, journal)
    began_s = time.perf_counter()
    engine.run()
    return time.perf_counter() - began_s, engine.progress.evaluations


def profile(materials: RunInputs, lines: int) -> str:
    """The lines of one search's profile that take longest by themselves."""
    engine = build_engine(materials, MemoryJournal())
    profiler = cProfile.Profile()
    profiler.runcall(engine.run)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    return text.getvalue()


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="8 hours instead of 80, one turn instead of three")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    hours, turns = (8.0, 1) if arguments.quick else (80.0, 3)
    cases = {case: prepared(*case, arguments.seed, hours) for case in CASES}
    for materials in cases.values():  # imports and caches are no part of a search
        run_once(materials, NullJournal())
    seconds: dict[tuple[str, str], list[float]] = {case: [] for case in CASES}
    trainings = {}
    for _ in range(turns):
        for case, materials in cases.items():
            took_s, trainings[case] = run_once(materials, MemoryJournal())
            seconds[case].append(took_s)
    base_s = statistics.median(seconds[CASES[0]])
    rows = []
    print(f"{hours:.0f} h, 8 GPUs, seed {arguments.seed}; median of {turns}; clock: {VirtualClock.__name__}")
    print(f"{'searcher':10}{'policy':16}{'seconds':>9}{'steps/s':>9}{'trainings':>11}{'x random':>11}")
    for case in CASES:
        median_s = statistics.median(seconds[case])
        row = {"searcher": case[0], "policy": case[1], "seconds": median_s, "steps_per_second": hours / median_s,
               "trainings": trainings[case], "ratio_to_random": median_s / base_s}  # fmt: skip
        rows.append(row)
        figures = f"{median_s:9.3f}{hours / median_s:9.0f}{trainings[case]:11,}{median_s / base_s:11.2f}"
        print(f"{case[0]:10}{case[1]:16}{figures}")
    print(profile(cases[CASES[-1]], 12))
    if arguments.json:
        arguments.json.write_text(json.dumps({"hours": hours, "turns": turns, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
