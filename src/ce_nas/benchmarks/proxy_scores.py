"""Cheap scores: what a sampling task finds of an architecture without training it.

Either accuracies read from a trained supernet, whose training is then on the books, or zero-cost proxies, which need
none. Scores promise nothing but an order: larger should be better.

The zero-cost proxies of NAS-Bench-201 that come with the package: read without torch.

``scripts/zero_cost_nb201.py`` computed them; ``docs/zero-cost.md`` says how well they order the cells.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.nasbench201 import nasbench201_order
from ce_nas.benchmarks.table_reader import read_frame
from ce_nas.core.errors import TableError, one_of
from ce_nas.space.nasbench201 import NasBench201Space

if TYPE_CHECKING:
    import pandas as pd

    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.space.base import Space

__all__ = ["CheapScores", "builtin_scores", "epochs_of", "load_builtin", "read_scores", "read_supernets"]

#: seconds of one device to score one architecture with a supernet: batch-norm recalibration and a pass over the
#: validation images; a third of a training epoch of the mean NAS-Bench-201 cell, rounded up
SUPERNET_SCORE_S = 3.0
#: seconds of one device to score one architecture with zero-cost proxies: building it, a few batches forward and back
ZERO_COST_SCORE_S = 1.0
#: epochs of a supernet's training where its name does not tell
SUPERNET_EPOCHS = 600
#: which of the built-in proxies vote: the pair with the highest Kendall tau, 0.77, on the 150 cells that the proxies'
#: settings were chosen on as well (their table names them); over all 15,625 cells it is 0.73
BUILTIN_VOTERS = ("swap", "meco")

_EPOCHS_IN_NAME = re.compile(r"-\d+-(\d+)(?:-balanced)?$")


@dataclass(frozen=True, eq=False)
class CheapScores:
    """Scores of every architecture of a space."""

    names: tuple[str, ...]
    #: larger is better, in the order of the space's members, shape (size, names)
    values: np.ndarray
    #: the vote of all of them: mean share of architectures ranked below, 0 to 1, shape (size,)
    vote: np.ndarray
    #: seconds of one device to score one architecture
    score_s: float
    #: seconds of one device to train what the scoring needs, once
    training_s: float
    #: where the scores come from, and what their costs are taken from
    origin: str

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names and values, in hexadecimal."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(np.ascontiguousarray(self.values, dtype="<f8").tobytes())
        return digest.hexdigest()


def builtin_scores(space: Space) -> CheapScores | None:
    """The zero-cost proxies shipped with the package; None for a space that they do not cover."""
    if not isinstance(space, NasBench201Space):
        return None
    from ce_nas.benchmarks.proxy_scores import load_builtin

    names, scores, _ = load_builtin()
    columns = [list(names).index(name) for name in BUILTIN_VOTERS]
    origin = "zero-cost proxies shipped with the package (scripts/zero_cost_nb201.py), 1 s of a device each (estimated)"
    return CheapScores(tuple(names), scores.astype(float), _vote(scores[:, columns]), ZERO_COST_SCORE_S, 0.0, origin)


def read_scores(text: str, table: BenchmarkTable) -> CheapScores:
    """Supernet accuracies of NAS-Bench-201 from ``FILE``, ``FILE:NAME`` or ``FILE:NAME,NAME``.

    An ``.npz`` holds ``names`` and ``accuracy`` of shape (supernets, 15625) by NAS-Bench-201 index; a ``.parquet`` or
    ``.csv`` holds a column a supernet and ``arch_str`` or ``index``. Without a name the first supernet is taken. The
    training of each supernet taken is on the books: its epochs (read from a name that ends ``-batch-epochs``, else
    600) times the time of a mean epoch of the table.

    :raises TableError: if the file or the name is of no use.
    """
    file, wanted = _split(text)
    if not isinstance(table.space, NasBench201Space):
        message = (
            f"Supernet accuracies are known for NAS-Bench-201 only, not for {table.name}; leave --cheap-scores out."
        )
        raise TableError(message)
    names, values = read_supernets(file)
    chosen = [_find(name, names, file) for name in wanted] or [0]
    values = values[:, chosen]
    if not np.isfinite(values).all():
        message = (
            f"Expected a number for each architecture in {file.name}, got {int((~np.isfinite(values)).sum())} missing."
        )
        raise TableError(message)
    used = tuple(names[at] for at in chosen)
    training_s = sum(epochs_of(name) for name in used) * table.mean_epoch_s
    which = f"{', '.join(used)} of {file.name}" + ("" if wanted or len(names) == 1 else f" (the first of {len(names)})")
    origin = f"supernet accuracies {which}, {SUPERNET_SCORE_S:g} s of a device each (estimated)"
    return CheapScores(used, values, _vote(values), SUPERNET_SCORE_S, training_s, origin)


def read_supernets(file: Path) -> tuple[list[str], np.ndarray]:
    """Names and accuracies of supernets of NAS-Bench-201, in a file that :func:`read_scores` reads.

    :returns: the names, shape ``(supernets,)``, and the accuracies in the order of the space's members, shape
        ``(15625, supernets)``; NaN where one is missing.
    :raises TableError: if the file holds none.
    """
    return _read_npz(file) if file.suffix == ".npz" else _read_columns(file, NasBench201Space())


def _split(text: str) -> tuple[Path, list[str]]:
    """The file, and the names behind its last colon (a drive letter's colon is none)."""
    if Path(text).exists() or ":" not in text:
        return Path(text), []
    file, _, names = text.rpartition(":")
    return Path(file), [name.strip() for name in names.split(",")]


def _read_npz(file: Path) -> tuple[list[str], np.ndarray]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as content:
            names = list(map(str, np.atleast_1d(content["names"]).tolist()))
            accuracy = np.asarray(content["accuracy"], dtype=float)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        message = f"Expected an npz with 'names' and 'accuracy' (supernets, 15625) in {str(file)!r}, but {error}."
        raise TableError(message) from error
    order = nasbench201_order()
    if accuracy.shape != (len(names), len(order)):
        message = f"Expected accuracy of shape ({len(names)}, {len(order)}) in {file.name}, got {accuracy.shape}."
        raise TableError(message)
    return names, accuracy[:, order].T


def _read_columns(file: Path, space: Space) -> tuple[list[str], np.ndarray]:
    frame = read_frame(file)
    if "arch_str" in frame:
        rows = [space.index[space.parse(text)] for text in map(str, frame["arch_str"])]
    elif "index" in frame:
        rows = _rows_by_index(frame, file)
    else:
        message = f"Expected a column 'arch_str' or 'index' in {file.name}, got: {', '.join(map(str, frame.columns))}."
        raise TableError(message)
    names = [name for name in frame.columns if name not in {"arch_str", "index"} and frame[name].dtype.kind in "iuf"]
    if not names or len(set(rows)) != len(rows):
        wanted = "each architecture once" if names else "a column of numbers for each supernet"
        message = f"Expected {wanted} in {file.name}, got {len(rows):,} rows of: {', '.join(frame.columns)}."
        raise TableError(message)
    values = np.full((space.size, len(names)), np.nan)
    values[rows] = frame[names].to_numpy(dtype=float)
    return names, values


def _rows_by_index(frame: pd.DataFrame, file: Path) -> list[int]:
    """The row of the space's members for each NAS-Bench-201 index."""
    at = {int(index): row for row, index in enumerate(nasbench201_order())}
    stranger = next((index for index in frame["index"].tolist() if index not in at), None)
    if stranger is not None:
        message = f"Expected NAS-Bench-201 indices from 0 to {len(at) - 1} in {file.name}, got {stranger!r}."
        raise TableError(message)
    return [at[index] for index in frame["index"].tolist()]


def _find(name: str, names: list[str], file: Path) -> int:
    if name not in names:
        raise TableError(one_of(f"supernet in {file.name}", name, names))
    return names.index(name)


def epochs_of(name: str) -> int:
    """The epochs for which a supernet of this name was trained, as far as it tells."""
    match = _EPOCHS_IN_NAME.search(name)
    return int(match.group(1)) if match else SUPERNET_EPOCHS


def _vote(values: np.ndarray) -> np.ndarray:
    """Mean over the columns of the share of rows that are smaller; ties share their mean rank."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    return np.asarray((ranks - 1).mean(axis=1) / max(len(values) - 1, 1))


_FILE = "nb201_zero_cost.npz"


def load_builtin() -> tuple[tuple[str, ...], np.ndarray, dict[str, Any]]:
    """Names, scores and settings of the shipped table.

    :returns: the proxies' names, shape ``(k,)``; their scores, shape ``(15625, k)``, float32, finite, larger is
        better, in the order of ``NasBench201Space().members``; and how they were measured: the fields of
        :class:`~ce_nas.training.zero_cost.ZeroCostSettings`, and script, torch, hardware and seconds.
    :raises TableError: if the installation lacks the file.
    """
    try:
        with resources.files("ce_nas.data").joinpath(_FILE).open("rb") as file, np.load(file) as table:
            names = tuple(table["names"].tolist())
            return names, table["scores"], json.loads(str(table["settings"]))
    except (FileNotFoundError, ModuleNotFoundError) as error:
        message = f"Expected {_FILE} in the package's data, but it is not installed; reinstall ce-nas."
        raise TableError(message) from error
