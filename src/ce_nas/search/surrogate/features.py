"""How an architecture looks to a surrogate: groups of columns, each of which the model weighs as a whole.

Every space is seen one-hot. Of a cell of NAS-Bench-201 only the edges on a path from input to output are seen, with the
kinds of these paths and their sums, so that cells that differ in what has no effect look the same.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.space.nasbench201 import NB201_EDGES, NB201_OPERATIONS, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["Description", "Normaliser", "as_group"]

_SKIP = NB201_OPERATIONS.index("skip_connect")
_POINTWISE, _SPATIAL = NB201_OPERATIONS.index("nor_conv_1x1"), NB201_OPERATIONS.index("nor_conv_3x3")
#: the node whose sum a cell hands on
_OUTPUT = 3
#: different operations that change what passes them: all but none and skip_connect
_KINDS = len(NB201_OPERATIONS) - 2


class Description:
    """Describes architectures of a space by groups of columns.

    A group is scaled so that two architectures with nothing in common are about 1.4 apart in it, however many columns
    it has.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._cells = _cell_scales(space) if isinstance(space, NasBench201Space) else ()

    def groups(self, architectures: Sequence[Architecture] | np.ndarray) -> list[np.ndarray]:
        """One array a group, each of shape ``(n, columns)``, float32: what an architecture computes."""
        if not self._cells:
            return [self._one_hot(architectures)]
        raw = _cell_groups(self._space, np.asarray(architectures, dtype=np.intp).reshape(-1, len(NB201_EDGES)))
        return [scale.apply(group) for scale, group in zip(self._cells, raw, strict=True)]

    def details(self, architectures: Sequence[Architecture] | np.ndarray) -> list[np.ndarray]:
        """As :meth:`groups`: what costs may add up from, whether or not it has an effect on that.

        All choices; of a cell also those of the edges that lead to the output, if any path does: the others are left
        out by whatever runs it.
        """
        if not self._cells:
            return [self._one_hot(architectures)]
        cells = np.asarray(architectures, dtype=np.intp).reshape(-1, len(NB201_EDGES))
        return [self._one_hot(cells), self._one_hot(_run(cells))]

    def _one_hot(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        one_hot = self._space.encode(architectures) / np.sqrt(len(self._space.variables))
        return np.asarray(one_hot, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """Centres and scales the columns of a group that vary at all."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, group: np.ndarray) -> _Scale:
        return cls(group.mean(axis=0), group.std(axis=0))

    def apply(self, group: np.ndarray) -> np.ndarray:
        varies = self.deviation > 0
        scaled = (group[:, varies] - self.mean[varies]) / self.deviation[varies]
        return np.asarray(scaled / np.sqrt(varies.sum()), dtype=np.float32)


def _cell_scales(space: Space) -> tuple[_Scale, ...]:
    return tuple(_Scale.of(group) for group in _cell_groups(space, space.members.astype(np.intp)))


def _cell_groups(space: Space, cells: np.ndarray) -> list[np.ndarray]:
    """Operations of the live edges, counts of each kind of path, and sums over both."""
    paths = _paths()
    alive = np.stack([(cells[:, path] > 0).all(axis=1) for path in paths], axis=1)
    live = np.stack(
        [alive[:, [edge in path for path in paths]].any(axis=1) for edge in range(len(NB201_EDGES))], axis=1
    )
    used = np.where(live, cells, 0)
    counts = _path_counts(cells, alive, paths)
    return [space.encode(used), counts, _summary(used, counts)]


def _paths() -> list[list[int]]:
    """The edges of each way from the cell's input, node 0, to its output, node 3."""
    edge = {(source, to): place for place, (to, source) in enumerate(NB201_EDGES)}
    ways = [(0, *middle, 3) for length in range(3) for middle in itertools.combinations((1, 2), length)]
    return [[edge[step] for step in itertools.pairwise(way)] for way in ways]


def _run(cells: np.ndarray) -> np.ndarray:
    """Cells without the operations whose outcome is not used, and without any where no path is alive."""
    paths = _paths()
    alive = np.asarray(np.stack([(cells[:, path] > 0).all(axis=1) for path in paths]).any(axis=0))
    used = np.ones(cells.shape, dtype=bool)
    for edge, (to, _) in enumerate(NB201_EDGES):
        if to < _OUTPUT:
            ends = [path[path.index(edge) + 1 :] for path in paths if edge in path]
            used[:, edge] = np.stack([(cells[:, end] > 0).all(axis=1) for end in ends]).any(axis=0)
    return np.where(used & alive[:, None], cells, 0)


def _path_counts(cells: np.ndarray, alive: np.ndarray, paths: Sequence[Sequence[int]]) -> np.ndarray:
    """How many live paths of each kind a cell has, shape ``(n, kinds)``; skips on a path do not count.

    A kind is written as a number with a digit an operation, to the base of one more than there are operations.
    """
    counts = np.zeros((len(cells), (_KINDS + 1) ** 3))
    for way, path in enumerate(paths):
        kind = np.zeros(len(cells), dtype=np.intp)
        for operation in cells[:, path].T:
            kind = np.where(operation > _SKIP, kind * (_KINDS + 1) + operation - _SKIP, kind)
        rows = np.flatnonzero(alive[:, way])
        np.add.at(counts, (rows, kind[rows]), 1.0)
    return counts


def _summary(used: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Live edges of each operation, and how many and how long the paths are."""
    digits = np.array(list(itertools.product(range(_KINDS + 1), repeat=3))) + _SKIP  # a zero digit stands for nothing
    length = (digits > _SKIP).sum(axis=1)
    convolutions = (digits >= _POINTWISE).sum(axis=1)
    spatial = (digits == _SPATIAL).sum(axis=1)
    columns = [(used == operation).sum(axis=1) for operation in range(_SKIP, len(NB201_OPERATIONS))]
    columns += [np.where(counts > 0, figure, -1).max(axis=1) for figure in (length, convolutions, spatial)]
    columns += [counts.sum(axis=1), counts @ convolutions, counts @ spatial]
    columns += [counts[:, 0], counts @ (convolutions == 0)]
    return np.column_stack(columns).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class Normaliser:
    """Turns scores into normal quantiles of their ranks, since a score promises no more than an order.

    What is missing is put at the middle.
    """

    #: known scores of each column, ascending
    ordered: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, scores: np.ndarray) -> Normaliser:
        """The normaliser that ``scores``, shape ``(n, k)``, NaN where missing, teach."""
        return cls(tuple(np.sort(column[np.isfinite(column)]) for column in scores.T))

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Normal scores, shape ``(n, k)``, 0 where missing."""
        from scipy.special import ndtri

        normal = np.zeros(scores.shape)
        for place, (column, known) in enumerate(zip(scores.T, self.ordered, strict=True)):
            present = np.isfinite(column)
            below = np.searchsorted(known, column[present], side="left")
            up_to = np.searchsorted(known, column[present], side="right")
            normal[present, place] = ndtri(((below + up_to) / 2.0 + 0.5) / (len(known) + 1.0))
        return normal


def as_group(scores: np.ndarray, normaliser: Normaliser) -> np.ndarray:
    """A group of columns of ``scores``: each as a normal score, and one that tells what is missing, float32."""
    missing = ~np.isfinite(scores).all(axis=1, keepdims=True)
    width = np.sqrt(max(scores.shape[1], 1))
    return np.hstack([normaliser.apply(scores) / width, missing]).astype(np.float32)
