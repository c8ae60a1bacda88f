"""Put the searches on record that the learned policy is trained on, and write them for the package.

    python scripts/record_searches.py [--out FILE] [--seeds N] [--first N]

Vanilla LaMOO without cheap scores, and LaMOO and the surrogate with every cheap score, on NAS-Bench-201's three image
sets. What the file already holds is kept; the rest is run and added, a search at a time, so that it can be interrupted.
A search is what the package's searchers make of it when it is run: another version of them puts others on record.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ce_nas.rl.replay_data import BUILTIN, record_all

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
SEARCHERS = ("lamoo", "surrogate")


def main() -> None:
    """Record, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out = Path(__file__).parents[1] / "src" / "ce_nas" / "data" / BUILTIN
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--first", type=int, default=100, help="the first seed")
    parser.add_argument("--seeds", type=int, default=12)
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    kept = record_all(chosen.out, DATASETS, seeds, SEARCHERS)
    print(f"{len(kept)} searches are on record in {chosen.out}, {chosen.out.stat().st_size:,} bytes.")


if __name__ == "__main__":
    main()
