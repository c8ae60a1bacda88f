"""Compute the zero-cost proxies of every NAS-Bench-201 cell: ``python scripts/zero_cost_nb201.py --out FILE``.

One process, one thread; about a quarter of an hour with the settings of the shipped table, which are the defaults.
Isomorphic cells are measured once. Progress is saved in ``FILE.part.npz``; the same command resumes from there.
``FILE`` holds ``names`` (k,), ``scores`` (15625, k) of float32 in the order of the
space's members, larger is better and never infinite, and ``settings``, JSON text.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ce_nas.space.isomorphism import unique_rows
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.training.zero_cost import (
    MEASURED_PROXIES,
    PROXIES,
    ZeroCostSettings,
    fill_missing_scores,
    measure_proxies,
    measure_size_proxies,
)

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture

OUTPUT = Path(__file__).parents[1] / "src" / "ce_nas" / "data" / "nb201_zero_cost.npz"
SETTINGS = ZeroCostSettings()
CHUNK = 100
CHOSEN_ON = (
    "11 settings (batch, resolution, channels, cells, inits) were compared by Kendall tau with the validation "
    "accuracies of 150 cells, numpy.random.default_rng(201).choice(15625, 150, replace=False)"
)


def main() -> None:
    """Measure the missing cells, then write the table."""
    arguments = _arguments()
    torch.set_num_threads(1)
    settings = ZeroCostSettings(**{name: getattr(arguments, name) for name in asdict(SETTINGS)})
    space = NasBench201Space()
    cells = list(map(tuple, space.members.tolist()))
    representatives, inverse = unique_rows(space)
    part = arguments.out.with_name(arguments.out.name + ".part.npz")
    measured, spent_s = _measure_all([cells[row] for row in representatives], settings, part)
    scores = fill_missing_scores(np.hstack([measured[inverse], _sizes(cells)])).astype(np.float32)
    description = json.dumps(_describe(settings, len(representatives), spent_s))
    np.savez_compressed(arguments.out, names=np.array(PROXIES), scores=scores, settings=np.array(description))
    part.unlink()
    print(f"\n{arguments.out}: {arguments.out.stat().st_size / 1e3:.0f} kB, {spent_s / 60:.1f} min")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    for name, value in asdict(SETTINGS).items():
        parser.add_argument(f"--{name}", type=int, default=value, help="default: %(default)s")
    return parser.parse_args()


def _measure_all(cells: list[Architecture], settings: ZeroCostSettings, part: Path) -> tuple[np.ndarray, float]:
    """Raw scores, shape ``(cells, proxies)``, and the seconds they took; resumes from ``part``."""
    stamp = json.dumps(asdict(settings))
    measured, spent_s = np.empty((0, len(MEASURED_PROXIES))), 0.0
    if part.exists():
        with np.load(part) as saved:
            if str(saved["stamp"]) == stamp:
                measured, spent_s = saved["measured"], float(saved["spent_s"])
    while len(measured) < len(cells):
        start_s = time.perf_counter()
        chunk = cells[len(measured) : len(measured) + CHUNK]
        measured = np.vstack([measured, [measure_proxies(cell, settings) for cell in chunk]])
        spent_s += time.perf_counter() - start_s
        np.savez(part, stamp=np.array(stamp), measured=measured, spent_s=spent_s)
        remaining_s = spent_s / len(measured) * (len(cells) - len(measured))
        print(f"\r{len(measured)} of {len(cells)} networks, {remaining_s / 60:.1f} min left", end="", flush=True)
    return measured, spent_s


def _sizes(cells: list[Architecture]) -> np.ndarray:
    """:func:`measure_size_proxies` of each cell; they depend only on how often each operation occurs."""
    known = {operations: measure_size_proxies(operations) for operations in {tuple(sorted(cell)) for cell in cells}}
    return np.array([known[tuple(sorted(cell))] for cell in cells])


def _describe(settings: ZeroCostSettings, networks: int, spent_s: float) -> dict[str, object]:
    return {
        "script": "scripts/zero_cost_nb201.py",
        **asdict(settings),
        "networks": networks,
        "torch": torch.__version__,
        "seconds_per_network": round(spent_s / networks, 4),
        "hardware": f"one thread of {_processor()}",
        "chosen_on": CHOSEN_ON,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
