"""Proxy scores: what a sampling task measures of an architecture without training it.

Either accuracies in a trained supernet, whose training is then accounted for, or zero-cost proxies, which need none.
Only the order of scores matters: larger should be better. The zero-cost proxies of NAS-Bench-201 ship with the package
and load without torch; ``scripts/zero_cost_nb201.py`` computed them, and ``docs/zero-cost.md`` reports how well they
rank the cells.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.base import ProxyScores
from ce_nas.benchmarks.nasbench201 import nasbench201_order
from ce_nas.benchmarks.table_reader import read_frame
from ce_nas.core.bounded_files import read_npz
from ce_nas.core.errors import TableError, unknown_choice_message
from ce_nas.space.nasbench201_cell import NasBench201Space

if TYPE_CHECKING:
    import pandas as pd

    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.space.base import Space

__all__ = [
    "load_builtin_scores",
    "load_zero_cost_table",
    "read_supernet_accuracies",
    "read_supernet_scores",
    "supernet_epochs",
]

#: device time to score one architecture with a supernet, s: batch-norm recalibration and a pass over the validation
#: images; a third of a training epoch of the mean NAS-Bench-201 cell, rounded up
SUPERNET_SCORING_TIME_S = 3.0
#: device time to score one architecture with zero-cost proxies, s: building it, a few batches forward and backward
ZERO_COST_SCORING_TIME_S = 1.0
#: epochs of a supernet's training if its name does not say
DEFAULT_SUPERNET_EPOCHS = 600
#: built-in proxies whose ranks are averaged: the pair with the highest Kendall tau, 0.77, on the 150 cells on which
#: the proxies' settings were chosen, too (their table names them); over all 15,625 cells it is 0.73
RANKED_BUILTIN_PROXIES = ("swap", "meco")

_EPOCHS_IN_NAME = re.compile(r"-\d+-(\d+)(?:-balanced)?$")
_ZERO_COST_FILE = "nb201_zero_cost.npz"


def load_builtin_scores(space: Space) -> ProxyScores | None:
    """The zero-cost proxies shipped with the package; None for a space without any."""
    if not isinstance(space, NasBench201Space):
        return None
    names, scores, _ = load_zero_cost_table()
    columns = [list(names).index(name) for name in RANKED_BUILTIN_PROXIES]
    scores = scores[_rows_in_full_space(space)]
    origin = "zero-cost proxies shipped with the package (scripts/zero_cost_nb201.py), 1 s of a device each (estimated)"
    return ProxyScores(
        tuple(names),
        scores.astype(float),
        _compute_mean_rank(scores[:, columns]),
        ZERO_COST_SCORING_TIME_S,
        0.0,
        origin,
    )


def read_supernet_scores(text: str, table: BenchmarkTable) -> ProxyScores:
    """Supernet accuracies of NAS-Bench-201 from ``FILE``, ``FILE:NAME`` or ``FILE:NAME,NAME``.

    An ``.npz`` holds ``names`` and ``accuracy`` of shape (supernets, 15625) by NAS-Bench-201 index; a ``.parquet`` or
    ``.csv`` holds a column per supernet and ``arch_str`` or ``index``. Without a name the first supernet is used. The
    training of each supernet used is accounted for: its epochs (read from a name that ends ``-batch-epochs``, else
    600) times the mean epoch time of the table.

    :raises TableError: if the file cannot be used or the name is unknown.
    """
    file, wanted = _split_file_and_names(text)
    if not isinstance(table.space, NasBench201Space):
        message = (
            f"Supernet accuracies are known for NAS-Bench-201 only, not for {table.name}; leave --proxy-scores out."
        )
        raise TableError(message)
    names, values = read_supernet_accuracies(file)
    chosen = [_find_supernet(name, names, file) for name in wanted] or [0]
    values = values[_rows_in_full_space(table.space)][:, chosen]
    if not np.isfinite(values).all():
        message = (
            f"Expected a number for each architecture in {file.name}, got {int((~np.isfinite(values)).sum())} missing."
        )
        raise TableError(message)
    used = tuple(names[index] for index in chosen)
    training_s = sum(supernet_epochs(name) for name in used) * table.mean_epoch_s
    which = f"{', '.join(used)} of {file.name}" + ("" if wanted or len(names) == 1 else f" (the first of {len(names)})")
    origin = f"supernet accuracies {which}, {SUPERNET_SCORING_TIME_S:g} s of a device each (estimated)"
    return ProxyScores(used, values, _compute_mean_rank(values), SUPERNET_SCORING_TIME_S, training_s, origin)


def read_supernet_accuracies(file: Path) -> tuple[list[str], np.ndarray]:
    """Names and accuracies of supernets of NAS-Bench-201, from a file that :func:`read_supernet_scores` accepts.

    :returns: the names, shape ``(supernets,)``, and the accuracies in the order of the space's members, shape
        ``(15625, supernets)``; NaN where one is missing.
    :raises TableError: if the file holds no supernets.
    """
    return _read_npz(file) if file.suffix.lower() == ".npz" else _read_score_columns(file, NasBench201Space())


def _split_file_and_names(text: str) -> tuple[Path, list[str]]:
    """The file, and the names after its last colon; an existing path may contain a colon."""
    if Path(text).exists() or ":" not in text:
        return Path(text), []
    file, _, names = text.rpartition(":")
    return Path(file), [name.strip() for name in names.split(",")]


def _rows_in_full_space(space: Space) -> np.ndarray:
    """The rows of all cells that a space, which may be a part, has as members."""
    return np.asarray(np.ravel_multi_index(tuple(space.members.T), tuple(map(len, NasBench201Space().choices))))


def _read_npz(file: Path) -> tuple[list[str], np.ndarray]:
    try:
        content = read_npz(file, ("names", "accuracy"))
        names = list(map(str, np.atleast_1d(content["names"]).tolist()))
        accuracy = np.asarray(content["accuracy"], dtype=float)
    except ValueError as error:
        message = f"Expected an npz with 'names' and 'accuracy' (supernets, 15625) in {str(file)!r}, but {error}."
        raise TableError(message) from error
    order = nasbench201_order()
    if not names or accuracy.shape != (len(names), len(order)):
        message = f"Expected accuracy of shape ({len(names)}, {len(order)}) in {file.name}, got {accuracy.shape}."
        raise TableError(message)
    return names, accuracy[:, order].T


def _read_score_columns(file: Path, space: Space) -> tuple[list[str], np.ndarray]:
    frame = read_frame(file)
    if "arch_str" in frame:
        rows = [space.index[space.parse(text)] for text in map(str, frame["arch_str"])]
    elif "index" in frame:
        rows = _find_rows_by_index(frame, file)
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


def _find_rows_by_index(frame: pd.DataFrame, file: Path) -> list[int]:
    """The row of the space's members of each NAS-Bench-201 index."""
    row_of = {int(index): row for row, index in enumerate(nasbench201_order())}
    unknown = next((index for index in frame["index"].tolist() if index not in row_of), None)
    if unknown is not None:
        message = f"Expected NAS-Bench-201 indices from 0 to {len(row_of) - 1} in {file.name}, got {unknown!r}."
        raise TableError(message)
    return [row_of[index] for index in frame["index"].tolist()]


def _find_supernet(name: str, names: list[str], file: Path) -> int:
    if name not in names:
        raise TableError(unknown_choice_message(f"supernet in {file.name}", name, names))
    return names.index(name)


def supernet_epochs(name: str) -> int:
    """The training epochs in a supernet's name, else the default."""
    match = _EPOCHS_IN_NAME.search(name)
    return int(match.group(1)) if match else DEFAULT_SUPERNET_EPOCHS


def _compute_mean_rank(values: np.ndarray) -> np.ndarray:
    """Mean over the columns of the share of rows that are smaller; ties share their mean rank."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    return np.asarray((ranks - 1).mean(axis=1) / max(len(values) - 1, 1))


def load_zero_cost_table() -> tuple[tuple[str, ...], np.ndarray, dict[str, Any]]:
    """Names, scores and settings of the shipped zero-cost proxies.

    :returns: the proxies' names, shape ``(k,)``; their scores, shape ``(15625, k)``, float32, finite, larger is
        better, in the order of ``NasBench201Space().members``; and how they were measured: the fields of
        :class:`~ce_nas.training.zero_cost.ZeroCostSettings`, and script, torch, hardware and seconds.
    :raises TableError: if the installation lacks the file.
    """
    try:
        with resources.files("ce_nas.data").joinpath(_ZERO_COST_FILE).open("rb") as file, np.load(file) as table:
            names = tuple(table["names"].tolist())
            return names, table["scores"], json.loads(str(table["settings"]))
    except (FileNotFoundError, ModuleNotFoundError) as error:
        message = f"Expected {_ZERO_COST_FILE} in the package's data, but it is not installed; reinstall ce-nas."
        raise TableError(message) from error
