"""The partition tree: support vector machines split the samples into a better and a worse half, recursively.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_contributions
from ce_nas.search.lamoo.kernel_cache import KernelCache
from ce_nas.search.lamoo.svm import fit_boundary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ce_nas.search.lamoo.svm import Boundary, SvmKernel

__all__ = ["BoundarySide", "PartitionNode", "PartitionSettings", "PartitionTree", "path_contains"]


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """How a space is split, and which leaf is selected."""

    #: kernel of the boundaries: ``rbf``, ``poly`` (of degree 4) or ``linear``
    kernel: SvmKernel = "rbf"
    #: a node with up to this many samples is not split
    leaf_size: int = 10
    #: the most boundaries between the whole space and a leaf
    max_depth: int = 3
    #: weight of exploration, in units of hypervolume; None for ``cp_share``
    cp: float | None = None
    #: weight of exploration as a share of the hypervolume reached so far
    cp_share: float = 0.1
    #: ``leaf``: the best of all leaves; ``mcts``: the better child at every step down from the root; ``proportional``:
    #: a random leaf, with probability proportional to the hypervolume contributions of its samples
    select: Literal["leaf", "mcts", "proportional"] = "leaf"

    def __post_init__(self) -> None:
        if self.kernel not in ("rbf", "poly", "linear"):
            raise SettingsError(
                unknown_choice_message("kernel of the partition", self.kernel, ("rbf", "poly", "linear"))
            )
        if self.select not in ("leaf", "mcts", "proportional"):
            raise SettingsError(
                unknown_choice_message("leaf selection of the partition", self.select, ("leaf", "mcts", "proportional"))
            )
        if self.leaf_size < 1 or self.max_depth < 0 or self.cp_share < 0 or (self.cp is not None and self.cp < 0):
            message = (
                "Expected a leaf_size of at least 1 and a max_depth, cp and cp_share of at least 0, got "
                f"leaf_size={self.leaf_size}, max_depth={self.max_depth}, cp={self.cp}, cp_share={self.cp_share}."
            )
            raise SettingsError(message)


@dataclass(frozen=True, slots=True)
class BoundarySide:
    """One side of a boundary."""

    boundary: Boundary
    #: whether it is the good side
    good: bool

    def contains(self, features: np.ndarray) -> np.ndarray:
        """Whether each row of ``features`` lies on this side, shape ``(n,)``."""
        return np.asarray(self.boundary.is_good(self.boundary.decision(features)) == self.good)


def path_contains(path: tuple[BoundarySide, ...], features: np.ndarray) -> np.ndarray:
    """Whether each row of ``features`` lies on every side of ``path``, shape ``(n,)``."""
    rows = np.arange(len(features))
    for side in path:
        rows = rows[side.contains(features[rows])]
    inside = np.zeros(len(features), dtype=bool)
    inside[rows] = True
    return inside


@dataclass(slots=True, eq=False)
class PartitionNode:
    """A region of the space, and the samples in it."""

    #: the hypervolume of samples by their rows
    hypervolume_of: Callable[[np.ndarray], float]
    #: None at the root
    parent: PartitionNode | None
    #: the sides that contain the region, from the root's boundary down
    path: tuple[BoundarySide, ...]
    #: rows of the samples, oldest first
    rows: np.ndarray
    #: splits the region into ``children``; None at a leaf
    boundary: Boundary | None = None
    #: the good side and the bad side of the boundary; none at a leaf
    children: tuple[PartitionNode, ...] = field(default=())
    _value: float | None = None

    @property
    def value(self) -> float:
        """Hypervolume of the samples, computed on first access."""
        if self._value is None:
            self._value = self.hypervolume_of(self.rows)
        return self._value

    @property
    def root(self) -> PartitionNode:
        """The node of the whole space."""
        return self if self.parent is None else self.parent.root

    def leaves(self) -> Iterator[PartitionNode]:
        """The leaves below, the good side first; the node itself if it is a leaf."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


class PartitionTree:
    """The tree over all samples, and the selection of the leaf to search in [LaMOO].

    Example:
        >>> import numpy as np
        >>> features = np.eye(2)[np.arange(20) % 2]
        >>> values = np.column_stack([np.arange(20) % 2, np.ones(20)])
        >>> tree = PartitionTree(features, values, np.array([2.0, 2.0]), PartitionSettings())
        >>> [leaf.value for leaf in tree.root.leaves()]
        [2.0, 1.0]
        >>> tree.select_leaf().rows.tolist()
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]

    :param features: the encoded samples, shape ``(n, d)``, or a cache that holds them.
    :param values: their objectives, minimised, shape ``(n, m)``.
    :param reference: the reference point of the hypervolume, shape ``(m,)``.
    """

    def __init__(
        self, features: np.ndarray | KernelCache, values: np.ndarray, reference: np.ndarray, settings: PartitionSettings
    ) -> None:
        self._kernel_cache = features if isinstance(features, KernelCache) else KernelCache(features)
        self._values = values
        self._reference = reference
        self._settings = settings
        self.root = PartitionNode(self._hypervolume_of, None, (), np.arange(len(values)))
        self._grow(self.root)

    def select_leaf(self, uniform_draw: float = 0.0) -> PartitionNode:
        """The leaf to search in.

        :param uniform_draw: a random number from 0 to 1 for the selection ``proportional``.
        """
        return self._leaf_at(uniform_draw) if self._settings.select == "proportional" else self._best_leaf

    @cached_property
    def _best_leaf(self) -> PartitionNode:
        """The leaf of the highest upper confidence bound, or the one reached by the better child at every step."""
        if self._settings.select == "leaf":
            return max(self.root.leaves(), key=self.upper_confidence_bound)
        node = self.root
        while node.children:
            node = max(node.children, key=self.upper_confidence_bound)
        return node

    def upper_confidence_bound(self, node: PartitionNode) -> float:
        """UCB: the node's value plus an exploration term; larger is better [LaMOO, section 3.2]."""
        if node.parent is None:
            return node.value
        visits, parent_visits = len(node.rows), len(node.parent.rows)
        return node.value + 2.0 * self._cp * math.sqrt(2.0 * math.log(parent_visits) / visits)

    def _leaf_at(self, uniform_draw: float) -> PartitionNode:
        """The leaf at ``uniform_draw`` of the cumulative distribution of hypervolume contributions over the leaves."""
        leaves = list(self.root.leaves())
        contributions = hypervolume_contributions(self._values, self._values, self._reference)
        cumulative = np.cumsum([contributions[leaf.rows].sum() for leaf in leaves])
        if cumulative[-1] <= 0:
            return self.root  # no sample beats the reference yet: no leaf is preferable
        index = int(np.searchsorted(cumulative, uniform_draw * cumulative[-1], side="right"))
        return leaves[min(index, len(leaves) - 1)]

    @property
    def _cp(self) -> float:
        return self._settings.cp_share * self.root.value if self._settings.cp is None else self._settings.cp

    def _hypervolume_of(self, rows: np.ndarray) -> float:
        return hypervolume(self._values[rows], self._reference)

    def _grow(self, node: PartitionNode) -> None:
        if len(node.path) >= self._settings.max_depth or len(node.rows) <= self._settings.leaf_size:
            return
        numbers = dominance_numbers(self._values[node.rows])
        good = numbers <= _median_threshold(numbers)
        if good.all():
            return
        boundary, decision = fit_boundary(self._kernel_cache, node.rows, good, self._settings.kernel)
        predicted = boundary.is_good(decision)
        if predicted.all() or not predicted.any():
            return
        node.boundary = boundary
        node.children = tuple(
            PartitionNode(
                self._hypervolume_of, node, (*node.path, BoundarySide(boundary, side)), node.rows[predicted == side]
            )
            for side in (True, False)
        )
        for child in node.children:
            self._grow(child)


def _median_threshold(dominance: np.ndarray) -> int:
    """The dominance number up to which a sample is good: as close to half of the samples as ties allow."""
    ordered = np.sort(dominance)
    half = len(dominance) // 2
    last_good = ordered[half - 1]
    with_ties = np.searchsorted(ordered, last_good, side="right")
    without = np.searchsorted(ordered, last_good, side="left")
    if without > 0 and half - without < with_ties - half:
        return int(ordered[without - 1])
    return int(last_good)
