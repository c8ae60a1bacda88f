"""Import accuracies of NAS-Bench-201's cells in trained supernets as npz: ``names`` and ``accuracy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.benchmarks.nasbench201 import nasbench201_order
from ce_nas.benchmarks.proxy_scores import read_supernet_accuracies
from ce_nas.datasets.importers.base import ConvertedFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["convert_files"]


def convert_files(files: Sequence[Path]) -> list[ConvertedFile]:
    """An npz per file, with accuracies by NAS-Bench-201 index.

    :raises TableError: if a file holds no supernets.
    """
    return [_convert_file(file) for file in files]


def _convert_file(file: Path) -> ConvertedFile:
    names, values = read_supernet_accuracies(file)
    accuracy = np.empty((len(names), len(values)))
    accuracy[:, nasbench201_order()] = values.T
    missing = int((~np.isfinite(accuracy)).any(axis=1).sum())
    notes = (f"{missing:,} of {len(names):,} supernets lack some architectures and cannot be used.",) if missing else ()
    return ConvertedFile(
        f"{file.stem}.npz", {"names": np.array(names), "accuracy": accuracy}, len(names), (file,), notes
    )
