"""Features of architectures for the surrogate: groups of columns, each with its own length scale.

Spaces of choices are encoded one-hot; of a mixed space every variable is a group of its own, numbers as numbers. Cells
of NAS-Bench-201 are encoded by the edges on a path from input to output: counts of path types, their summaries, and
properties of subgraphs, so that cells that differ in dead edges only have equal features.

Sources
    [GRAF] Kadlecova et al. Surprisingly Strong Performance Prediction with Neural Graph Features. ICML 2024.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.space.mixed import MixedSpace
from ce_nas.space.nasbench201_cell import NB201_EDGES, NB201_OPERATIONS, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["FeatureEncoder", "RankNormaliser", "ScoreEncoder", "rank_correlation", "rank_shares"]

_SKIP_CONNECT = NB201_OPERATIONS.index("skip_connect")
_CONV_1X1, _CONV_3X3 = NB201_OPERATIONS.index("nor_conv_1x1"), NB201_OPERATIONS.index("nor_conv_3x3")
#: the output node of a cell
_OUTPUT_NODE = 3
#: number of operations other than none and skip_connect
_TRANSFORMING_OPERATION_COUNT = len(NB201_OPERATIONS) - 2
#: the distance of a number's least and largest value in its group's column
_NUMBER_RANGE = 2.0
#: the fewest scored architectures for a regression, and its penalty as a share of their number
_MIN_REGRESSION_ROWS, _RIDGE_PENALTY = 100, 1e-4


class FeatureEncoder:
    """Encodes architectures of a space as groups of columns.

    A group is scaled so that the distance between architectures with nothing in common is about 1.4, independent of its
    number of columns.

    Example:
        >>> from ce_nas.space.nasbench201_cell import NasBench201Space
        >>> encoder = FeatureEncoder(NasBench201Space())
        >>> [group.shape for group in encoder.functional_groups([(4, 3, 0, 1, 2, 4)])]
        [(1, 40), (1, 12), (1, 65)]
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        #: the groups of all cells, computed once
        self._cell_features = _encode_cells(space) if isinstance(space, NasBench201Space) else []

    def functional_groups(self, architectures: Sequence[Architecture] | np.ndarray) -> list[np.ndarray]:
        """Features of the function an architecture computes: arrays of shape ``(n, columns)``, float32."""
        if isinstance(self._space, MixedSpace):
            return self._variables(self._space, architectures)
        if not self._cell_features:
            return [self._one_hot(architectures)]
        cells = np.asarray(architectures, dtype=np.intp).reshape(-1, len(NB201_EDGES))
        rows = [self._space.index[cell] for cell in map(tuple, cells.tolist())]
        return [group[rows] for group in self._cell_features]

    def cost_groups(self, architectures: Sequence[Architecture] | np.ndarray) -> list[np.ndarray]:
        """Features that costs may add up from: arrays as in :meth:`functional_groups`.

        All choices; for a cell also those of the edges that lead to the output, since a runtime may skip the others.
        """
        if not self._cell_features:
            return [self._one_hot(architectures)]
        cells = np.asarray(architectures, dtype=np.intp).reshape(-1, len(NB201_EDGES))
        return [self._one_hot(cells), self._one_hot(_effective_cells(cells))]

    @staticmethod
    def _variables(space: MixedSpace, architectures: Sequence[Architecture] | np.ndarray) -> list[np.ndarray]:
        """A group for each variable, so that each has its length scale: its number, or its choices one-hot."""
        columns = np.split(space.encode(architectures), np.cumsum(space.widths)[:-1], axis=1)
        return [np.asarray(_NUMBER_RANGE * each if each.shape[1] == 1 else each, dtype=np.float32) for each in columns]

    def _one_hot(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        one_hot = self._space.encode(architectures) / np.sqrt(len(self._space.variables))
        return np.asarray(one_hot, dtype=np.float32)


def _encode_cells(space: Space) -> list[np.ndarray]:
    """The groups of all members, standardised, without constant columns."""
    return [_standardise(group) for group in _cell_groups(space.members.astype(np.intp))]


def _standardise(group: np.ndarray) -> np.ndarray:
    deviation = group.std(axis=0)
    columns = deviation > 0
    scaled = (group[:, columns] - group[:, columns].mean(axis=0)) / deviation[columns]
    return np.asarray(scaled / np.sqrt(columns.sum()), dtype=np.float32)


def _cell_groups(cells: np.ndarray) -> list[np.ndarray]:
    """Counts of each path type, summaries of these and of the live edges, and properties of the subgraphs [GRAF]."""
    paths = _input_output_paths()
    alive = np.stack([(cells[:, path] > 0).all(axis=1) for path in paths], axis=1)
    live = np.stack(
        [alive[:, [edge in path for path in paths]].any(axis=1) for edge in range(len(NB201_EDGES))], axis=1
    )
    used = np.where(live, cells, 0)
    counts = _path_counts(cells, alive, paths)
    return [counts, _summary_features(used, counts), _subgraph_features(used)]


def _input_output_paths() -> list[list[int]]:
    """The edges of each path from the cell's input, node 0, to its output, node 3."""
    edge_index = {(source, to): edge for edge, (to, source) in enumerate(NB201_EDGES)}
    paths = [(0, *middle, 3) for length in range(3) for middle in itertools.combinations((1, 2), length)]
    return [[edge_index[step] for step in itertools.pairwise(path)] for path in paths]


def _effective_cells(cells: np.ndarray) -> np.ndarray:
    """Cells without the operations whose output is unused, and without any where no path is live."""
    paths = _input_output_paths()
    alive = np.asarray(np.stack([(cells[:, path] > 0).all(axis=1) for path in paths]).any(axis=0))
    used = np.ones(cells.shape, dtype=bool)
    for edge, (to, _) in enumerate(NB201_EDGES):
        if to < _OUTPUT_NODE:
            ends = [path[path.index(edge) + 1 :] for path in paths if edge in path]
            used[:, edge] = np.stack([(cells[:, end] > 0).all(axis=1) for end in ends]).any(axis=0)
    return np.where(used & alive[:, None], cells, 0)


def _path_counts(cells: np.ndarray, alive: np.ndarray, paths: Sequence[Sequence[int]]) -> np.ndarray:
    """The number of live paths of each type, shape ``(n, types)``; skip connections on a path are left out.

    A path type is a number with one digit per operation, in base one more than the number of operations.
    """
    base = _TRANSFORMING_OPERATION_COUNT + 1
    counts = np.zeros((len(cells), base**3))
    for column, path in enumerate(paths):
        path_type = np.zeros(len(cells), dtype=np.intp)
        for operation in cells[:, path].T:
            path_type = np.where(operation > _SKIP_CONNECT, path_type * base + operation - _SKIP_CONNECT, path_type)
        rows = np.flatnonzero(alive[:, column])
        np.add.at(counts, (rows, path_type[rows]), 1.0)
    return counts


def _subgraph_features(used: np.ndarray) -> np.ndarray:
    """For each set of operations, the graph of the edges that have one of them [GRAF]; and the edges per operation.

    Its shortest and longest path from input to output, and the degrees of both, shape ``(n, columns)``.
    """
    sets = [
        chosen
        for size in range(1, len(NB201_OPERATIONS))
        for chosen in itertools.combinations(range(1, len(NB201_OPERATIONS)), size)
    ]
    columns = []
    for chosen in sets:
        present = np.isin(used, chosen)
        edge = {(source, to): present[:, index] for index, (to, source) in enumerate(NB201_EDGES)}
        shortest = {0: np.zeros(len(used))}
        longest = {0: np.zeros(len(used))}
        for node in range(1, _OUTPUT_NODE + 1):
            shortest[node], longest[node] = np.full(len(used), _OUTPUT_NODE + 1.0), np.full(len(used), -1.0)
            for source in range(node):
                step = edge[source, node]
                shortest[node] = np.where(step, np.minimum(shortest[node], shortest[source] + 1), shortest[node])
                reached = step & (longest[source] >= 0)
                longest[node] = np.where(reached, np.maximum(longest[node], longest[source] + 1), longest[node])
        incoming = [edge[source, _OUTPUT_NODE] for source in range(_OUTPUT_NODE)]
        outgoing = [edge[0, node] for node in range(1, _OUTPUT_NODE + 1)]
        columns += [shortest[_OUTPUT_NODE], longest[_OUTPUT_NODE], np.sum(incoming, axis=0), np.sum(outgoing, axis=0)]
    columns += [(used == operation).sum(axis=1) for operation in range(len(NB201_OPERATIONS))]
    return np.column_stack(columns).astype(float)


def _summary_features(used: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Live edges per operation, and the number and lengths of the paths."""
    digits = np.array(list(itertools.product(range(_TRANSFORMING_OPERATION_COUNT + 1), repeat=3)))
    operations = digits + _SKIP_CONNECT  # a zero digit is no operation
    length = (operations > _SKIP_CONNECT).sum(axis=1)
    convolutions = (operations >= _CONV_1X1).sum(axis=1)
    spatial = (operations == _CONV_3X3).sum(axis=1)
    columns = [(used == operation).sum(axis=1) for operation in range(_SKIP_CONNECT, len(NB201_OPERATIONS))]
    columns += [np.where(counts > 0, number, -1).max(axis=1) for number in (length, convolutions, spatial)]
    columns += [counts.sum(axis=1), counts @ convolutions, counts @ spatial]
    columns += [counts[:, 0], counts @ (convolutions == 0)]
    return np.column_stack(columns).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class RankNormaliser:
    """Transforms scores to normal quantiles of their ranks, since only the order of proxy scores is informative.

    Missing scores become 0, the median.

    Example:
        >>> scores = np.array([[10.0], [30.0], [20.0], [np.nan]])
        >>> RankNormaliser.fit(scores).transform(scores).ravel().round(2)
        array([-0.67,  0.67,  0.  ,  0.  ])
    """

    #: known scores of each column, ascending
    sorted_scores: tuple[np.ndarray, ...]

    @classmethod
    def fit(cls, scores: np.ndarray) -> RankNormaliser:
        """Fit to ``scores``, shape ``(n, k)``, NaN where missing."""
        return cls(tuple(np.sort(column[np.isfinite(column)]) for column in scores.T))

    def transform(self, scores: np.ndarray) -> np.ndarray:
        """Normal scores, shape ``(n, k)``, 0 where missing."""
        from scipy.special import ndtri

        normal = np.zeros(scores.shape)
        for index, (column, known) in enumerate(zip(scores.T, self.sorted_scores, strict=True)):
            present = np.isfinite(column)
            first = np.searchsorted(known, column[present], side="left")
            last = np.searchsorted(known, column[present], side="right")
            normal[present, index] = ndtri(((first + last) / 2.0 + 0.5) / (len(known) + 1.0))
        return normal


@dataclass(frozen=True, slots=True, eq=False)
class ScoreEncoder:
    """A feature group of scores: normal quantiles of their ranks, missing ones predicted from the architecture.

    Scores vary smoothly with the architecture, so that a ridge regression on those known predicts the others. With few
    known ones a missing score is 0, the median, and a column flags it.
    """

    normaliser: RankNormaliser
    #: weights of the ridge regression, shape ``(columns + 1, k)``; None with few known scores
    weights: np.ndarray | None

    @classmethod
    def fit(cls, scores: np.ndarray, functional_groups: Sequence[np.ndarray]) -> ScoreEncoder:
        """Fit to ``scores``, shape ``(n, k)``, NaN where missing.

        :param functional_groups: of the same architectures, see :meth:`FeatureEncoder.functional_groups`.
        """
        normaliser = RankNormaliser.fit(scores)
        complete = np.isfinite(scores).all(axis=1)
        if complete.sum() < _MIN_REGRESSION_ROWS:
            return cls(normaliser, None)
        rows = _with_intercept(functional_groups)[complete]
        penalty = _RIDGE_PENALTY * complete.sum() * np.eye(rows.shape[1])
        penalty[-1, -1] = 0.0
        targets = normaliser.transform(scores[complete])
        return cls(normaliser, np.linalg.solve(rows.T @ rows + penalty, rows.T @ targets))

    def normal_scores(self, scores: np.ndarray, functional_groups: Sequence[np.ndarray]) -> np.ndarray:
        """Normal scores, known or predicted, shape ``(n, k)``; 0 where there is neither."""
        normal = self.normaliser.transform(scores)
        if self.weights is None:
            return normal
        return np.where(np.isfinite(scores), normal, _with_intercept(functional_groups) @ self.weights)

    def group(self, scores: np.ndarray, functional_groups: Sequence[np.ndarray]) -> np.ndarray:
        """The feature group of ``scores``, shape ``(n, k + 1)``, float32: the last column flags missing ones."""
        missing = ~np.isfinite(scores).all(axis=1, keepdims=True)
        flags = missing if self.weights is None else np.zeros(missing.shape)
        normal = self.normal_scores(scores, functional_groups)
        return np.hstack([normal / np.sqrt(max(scores.shape[1], 1)), flags]).astype(np.float32)


def _with_intercept(groups: Sequence[np.ndarray]) -> np.ndarray:
    rows = np.hstack(groups).astype(float)
    return np.hstack([rows, np.ones((len(rows), 1))])


def rank_shares(values: np.ndarray) -> np.ndarray:
    """The rank of each value as a share of all, shape ``(n,)``, above 0 and up to 1; ties share their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values) / len(values))


def rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where one side is constant."""
    a, b = rank_shares(left), rank_shares(right)
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0
