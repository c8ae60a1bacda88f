"""The partition of a space: a tree of learned boundaries between the better and the worse half of the samples.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from ce_nas.core.errors import SettingsError, one_of
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.pareto.hypervolume import hypervolume, own_gains
from ce_nas.search.lamoo.kernel_cache import Kinship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Boundary", "Constraint", "Node", "Partition", "PartitionSettings", "fit_boundary", "path_holds"]

Kernel = Literal["rbf", "poly", "linear"]
#: degree of the polynomial kernel [LaMOO, appendix]
DEGREE = 4
#: what is added within the power, so that the lower powers count as well
OFFSET = 1.0
#: a machine is taken as it is after so many steps: on a tight cluster a polynomial one would step for minutes
MOST_STEPS = 10_000
#: how far from the optimum a machine may stop: ten times scikit-learn's 1e-3, which moves one sample of ten thousand
TOLERANCE = 1e-2
#: a decision this near to zero is zero but for rounding
_ROUNDING = 1e-9
#: memory for the solver's kernel values, MB
CACHE_MB = 200.0


@dataclass(frozen=True, slots=True)
class PartitionSettings:
    """How a space is divided, and which part is chosen."""

    #: kernel of the boundaries: ``rbf``, ``poly`` (of degree 4) or ``linear``
    kernel: Kernel = "rbf"
    #: a part with up to so many samples is not divided
    leaf_size: int = 10
    #: the most boundaries between the whole space and a leaf
    height: int = 3
    #: weight of exploration, in units of hypervolume; None for ``cp_share``
    cp: float | None = None
    #: weight of exploration as a share of the hypervolume reached so far
    cp_share: float = 0.1
    #: ``leaf``: the best leaf of all; ``mcts``: the better child at every step down from the root; ``share``: any leaf,
    #: with a chance in proportion to what the front's samples in it alone add to the hypervolume
    select: Literal["leaf", "mcts", "share"] = "leaf"

    def __post_init__(self) -> None:
        if self.kernel not in ("rbf", "poly", "linear"):
            raise SettingsError(one_of("kernel of the partition", self.kernel, ("rbf", "poly", "linear")))
        if self.select not in ("leaf", "mcts", "share"):
            raise SettingsError(one_of("way to choose a part of the partition", self.select, ("leaf", "mcts", "share")))
        if self.leaf_size < 1 or self.height < 0 or self.cp_share < 0 or (self.cp is not None and self.cp < 0):
            message = (
                "Expected a partition with a leaf size of at least 1 and a height, cp and cp_share of at least 0, got "
                f"leaf_size={self.leaf_size}, height={self.height}, cp={self.cp}, cp_share={self.cp_share}."
            )
            raise SettingsError(message)


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """A fitted support vector machine, as far as deciding needs it."""

    kernel: Kernel
    gamma: float
    #: the support vectors, shape (s, d), and the weight of each, shape (s,)
    support: np.ndarray
    weights: np.ndarray
    intercept: float

    def decision(self, features: np.ndarray) -> np.ndarray:
        """Distance from the boundary in the kernel's space, shape ``(n,)``; above zero on the good side."""
        if self.kernel == "linear":
            return np.asarray(features @ (self.weights @ self.support) + self.intercept)
        similarity = features @ self.support.T
        if self.kernel == "poly":
            similarity *= self.gamma
            similarity += OFFSET
            return np.asarray(similarity**DEGREE @ self.weights + self.intercept)
        similarity *= 2.0
        similarity -= np.einsum("ij,ij->i", features, features)[:, None]
        similarity -= np.einsum("ij,ij->i", self.support, self.support)
        similarity *= self.gamma
        return np.asarray(np.exp(similarity, out=similarity) @ self.weights + self.intercept)

    def factors(self, left: np.ndarray, right: np.ndarray, norm: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """The kernel of ``left + right`` taken apart: pairs of factors whose products' sum it is.

        :param left: the part of the dot products with the support vectors that comes from some features, shape
            ``(p, s)``; ``right``, shape ``(q, s)``, the part from the others.
        :param norm: the squared length of a whole row of features, the same for all.
        """
        if self.kernel == "linear":
            return [(left, np.ones_like(right)), (np.ones_like(left), right)]
        if self.kernel == "poly":
            left, right = self.gamma * left + OFFSET, self.gamma * right
            return [(math.comb(DEGREE, k) * left**k, right ** (DEGREE - k)) for k in range(DEGREE + 1)]
        lengths = norm + np.einsum("ij,ij->i", self.support, self.support)
        return [(np.exp(self.gamma * (2.0 * left - lengths)), np.exp(2.0 * self.gamma * right))]

    @staticmethod
    def is_good(decision: np.ndarray) -> np.ndarray:
        """Which decisions mean the good side; one that is zero but for rounding does not."""
        return np.asarray(decision > _ROUNDING)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One side of a boundary."""

    boundary: Boundary
    #: whether the good side is meant
    good: bool

    def holds(self, features: np.ndarray) -> np.ndarray:
        """Whether each row of ``features`` lies on this side, shape ``(n,)``."""
        return np.asarray(self.boundary.is_good(self.boundary.decision(features)) == self.good)


def path_holds(path: tuple[Constraint, ...], features: np.ndarray) -> np.ndarray:
    """Whether each row of ``features`` meets every constraint of ``path``, shape ``(n,)``."""
    alive = np.arange(len(features))
    for constraint in path:
        alive = alive[constraint.holds(features[alive])]
    holds = np.zeros(len(features), dtype=bool)
    holds[alive] = True
    return holds


def fit_boundary(features: np.ndarray, good: np.ndarray, kernel: Kernel) -> Boundary:
    """The boundary that a support vector machine with cost 1 learns.

    :param features: shape ``(n, d)``.
    :param good: which rows are good, shape ``(n,)``; both kinds must occur.
    """
    return _fitted(Kinship(features), np.arange(len(features)), good, kernel)[0]


def _fitted(kin: Kinship, rows: np.ndarray, good: np.ndarray, kernel: Kernel) -> tuple[Boundary, np.ndarray]:
    """The boundary that is learned from some of the samples, and its decision for each of them, shape ``(rows,)``."""
    features = kin.features[rows]
    spread = float(features.var())
    gamma = 1.0 / (features.shape[1] * spread) if spread > 0 else 1.0  # scikit-learn's "scale"
    similarities = kin.kernel(rows, gamma) if kernel == "rbf" else None
    if similarities is None:
        support, weights, intercept = _solve(features, good, kernel, gamma)
        boundary = Boundary(kernel, gamma, features[support], weights, intercept)
        return boundary, boundary.decision(features)
    support, weights, intercept = _solve(similarities, good, "precomputed", gamma)
    weight_of_all = np.zeros(len(rows))
    weight_of_all[support] = weights
    return Boundary(kernel, gamma, features[support], weights, intercept), similarities @ weight_of_all + intercept


def _solve(
    rows: np.ndarray, good: np.ndarray, kernel: Kernel | Literal["precomputed"], gamma: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Numbers of the support vectors, their weights, and the intercept.

    What ``SVC`` does around its solver, checks above all, takes three times as long as the solver on so few rows, and
    a search fits thousands of machines: so the solver is called itself.
    """
    from sklearn.svm import _libsvm as solver

    solver.set_verbosity_wrap(0)
    found = solver.fit(
        np.ascontiguousarray(rows),
        good.astype(float),
        kernel=kernel,
        gamma=gamma,
        degree=DEGREE,
        coef0=OFFSET,
        cache_size=CACHE_MB,
        max_iter=MOST_STEPS,
        tol=TOLERANCE,
    )
    return found[0], -found[3][0], -float(found[4][0])  # the solver's good side is the negative one


@dataclass(slots=True, eq=False)
class Node:
    """A part of the space, and the samples known to lie in it."""

    #: the hypervolume of samples by their rows
    worth: Callable[[np.ndarray], float]
    #: the node of which this is a part; None at the root
    parent: Node | None
    #: what an architecture must meet to lie here, from the root's boundary down
    path: tuple[Constraint, ...]
    #: rows of the samples, oldest first
    rows: np.ndarray
    #: what divides this part into ``children``; None at a leaf
    boundary: Boundary | None = None
    #: the good side and the bad side of the boundary; none at a leaf
    children: tuple[Node, ...] = field(default=())
    _value: float | None = None

    @property
    def value(self) -> float:
        """Hypervolume of the samples; worked out when it is asked for."""
        if self._value is None:
            self._value = self.worth(self.rows)
        return self._value

    @property
    def root(self) -> Node:
        """The node of the whole space."""
        return self if self.parent is None else self.parent.root

    def leaves(self) -> Iterator[Node]:
        """The undivided parts below, the good side first; the node itself if it is one."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


class Partition:
    """The tree over all samples, and what it says of where to search.

    :param features: the samples encoded, shape ``(n, d)``; or with what was worked out of them before, which goes on
        to be kept up.
    :param values: their objectives, minimised, shape ``(n, m)``.
    :param reference: the reference point of the hypervolume, shape ``(m,)``.
    """

    def __init__(
        self, features: np.ndarray | Kinship, values: np.ndarray, reference: np.ndarray, settings: PartitionSettings
    ) -> None:
        self._kin = features if isinstance(features, Kinship) else Kinship(features)
        self._values = values
        self._reference = reference
        self._settings = settings
        self.root = Node(self._worth, None, (), np.arange(len(values)))
        self._grow(self.root)

    def chosen(self, at: float = 0.0) -> Node:
        """The leaf to search in.

        :param at: a number from 0 to 1, drawn at random, where the settings leave the choice to chance.
        """
        return self._at(at) if self._settings.select == "share" else self._best

    @cached_property
    def _best(self) -> Node:
        """The leaf of the highest upper bound, or that to which the better child leads at every step."""
        if self._settings.select == "leaf":
            return max(self.root.leaves(), key=self.upper_bound)
        node = self.root
        while node.children:
            node = max(node.children, key=self.upper_bound)
        return node

    def upper_bound(self, node: Node) -> float:
        """UCB: the node's value and what the few visits to it may hide; larger is better [LaMOO, section 3.2]."""
        if node.parent is None:
            return node.value
        visits, parent_visits = len(node.rows), len(node.parent.rows)
        return node.value + 2.0 * self._cp * math.sqrt(2.0 * math.log(parent_visits) / visits)

    def _at(self, at: float) -> Node:
        """The leaf at ``at`` when all are laid side by side, each as wide as what its samples alone add."""
        leaves = list(self.root.leaves())
        adds = own_gains(self._values, self._values, self._reference)
        ends = np.cumsum([adds[leaf.rows].sum() for leaf in leaves])
        if ends[-1] <= 0:
            return self.root  # nothing betters the reference yet: one part promises as little as another
        return leaves[min(int(np.searchsorted(ends, at * ends[-1], side="right")), len(leaves) - 1)]

    @property
    def _cp(self) -> float:
        return self._settings.cp_share * self.root.value if self._settings.cp is None else self._settings.cp

    def _worth(self, rows: np.ndarray) -> float:
        return hypervolume(self._values[rows], self._reference)

    def _grow(self, node: Node) -> None:
        if len(node.path) >= self._settings.height or len(node.rows) <= self._settings.leaf_size:
            return
        numbers = dominance_numbers(self._values[node.rows])
        good = numbers <= _median_cut(numbers)
        if good.all():
            return
        boundary, decision = _fitted(self._kin, node.rows, good, self._settings.kernel)
        called_good = boundary.is_good(decision)
        if called_good.all() or not called_good.any():
            return
        node.boundary = boundary
        node.children = tuple(
            Node(self._worth, node, (*node.path, Constraint(boundary, side)), node.rows[called_good == side])
            for side in (True, False)
        )
        for child in node.children:
            self._grow(child)


def _median_cut(numbers: np.ndarray) -> int:
    """The dominance number up to which a sample is good: as near to half of them as equal numbers allow."""
    ordered = np.sort(numbers)
    half = len(numbers) // 2
    last_good = ordered[half - 1]
    with_ties = np.searchsorted(ordered, last_good, side="right")
    without = np.searchsorted(ordered, last_good, side="left")
    if without > 0 and half - without < with_ties - half:
        return int(ordered[without - 1])
    return int(last_good)
