"""Accuracies of NAS-Bench-201's cells in trained supernets, kept as npz: ``names`` and ``accuracy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.nasbench201 import nasbench201_order
from ce_nas.benchmarks.proxy_scores import read_supernets
from ce_nas.datasets.importers.base import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["read"]


def read(files: Sequence[Path]) -> list[Piece]:
    """A piece a file, of the supernets by NAS-Bench-201 index.

    :raises TableError: if a file holds none.
    """
    return [_piece(file) for file in files]


def _piece(file: Path) -> Piece:
    names, values = read_supernets(file)
    accuracy = np.empty((len(names), len(values)))
    accuracy[:, nasbench201_order()] = values.T
    missing = int((~np.isfinite(accuracy)).any(axis=1).sum())
    notes = (
        (f"{missing:,} of {len(names):,} supernets lack some architectures, and cannot be used.",) if missing else ()
    )
    return Piece(f"{file.stem}.npz", {"names": np.array(names), "accuracy": accuracy}, len(names), (file,), notes)
