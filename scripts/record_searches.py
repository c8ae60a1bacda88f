"""Record the searches that the learned policy is trained on, and write them for the package.

    python scripts/record_searches.py [--out FILE] [--seeds N] [--first N]

Vanilla LaMOO without proxy scores, and LaMOO and the surrogate with every proxy score, on NAS-Bench-201's three image
sets. Searches in the file are kept; missing ones are run and added one by one, so that the script can be interrupted.
Recordings depend on the version of the searchers that runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ce_nas.rl.replay_data import BUILTIN_RECORDINGS_FILE, update_recordings

DATASETS = ("cifar10", "cifar100", "imagenet16-120")
SEARCHERS = ("lamoo", "surrogate")


def main() -> None:
    """Record the searches and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out = Path(__file__).parents[1] / "src" / "ce_nas" / "data" / BUILTIN_RECORDINGS_FILE
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--first", type=int, default=100, help="first seed")
    parser.add_argument("--seeds", type=int, default=12)
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    recordings = update_recordings(arguments.out, DATASETS, seeds, SEARCHERS)
    print(f"{len(recordings)} searches are recorded in {arguments.out}, {arguments.out.stat().st_size:,} bytes.")


if __name__ == "__main__":
    main()
