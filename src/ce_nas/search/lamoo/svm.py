"""Support vector machines as boundaries of regions.

Fitting calls scikit-learn's private solver, ``sklearn.svm._libsvm``, hence the upper bound on its version: the public
``SVC`` gives the same boundaries bit for bit, but on so few samples its input checks take several times as long as the
solver. A simulated search (80 h, 8 GPUs, NAS-Bench-201, 283 fits, scikit-learn 1.9) takes 0.9 s of CPU time; 1.6 s with
``SVC`` on the same precomputed kernels, and 2.8 s with ``SVC`` on features, without :class:`KernelCache`.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from ce_nas.search.lamoo.kernel_cache import KernelCache

__all__ = ["Boundary", "SvmKernel", "fit_boundary"]

SvmKernel = Literal["rbf", "poly", "linear"]
#: degree of the polynomial kernel [LaMOO, appendix]
POLY_DEGREE = 4
#: offset of the polynomial kernel, so that the lower powers count as well
POLY_OFFSET = 1.0
#: the most iterations of a fit: on a dense cluster a polynomial kernel would need minutes to converge
MAX_SVM_ITERATIONS = 10_000
#: stopping tolerance: ten times scikit-learn's 1e-3, which changes the side of one sample in ten thousand
SVM_TOLERANCE = 1e-2
#: memory for the solver's kernel values, MB
SVM_CACHE_MB = 200.0
#: a decision this near to zero is a rounding error
_DECISION_EPSILON = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """The decision function of a fitted support vector machine."""

    kernel: SvmKernel
    gamma: float
    #: the support vectors, shape (s, d), and the weight of each, shape (s,)
    support_vectors: np.ndarray
    weights: np.ndarray
    intercept: float

    def decision(self, features: np.ndarray) -> np.ndarray:
        """Signed distance from the boundary in the kernel's space, shape ``(n,)``; positive on the good side."""
        if self.kernel == "linear":
            return np.asarray(features @ (self.weights @ self.support_vectors) + self.intercept)
        similarity = features @ self.support_vectors.T
        if self.kernel == "poly":
            similarity *= self.gamma
            similarity += POLY_OFFSET
            return np.asarray(similarity**POLY_DEGREE @ self.weights + self.intercept)
        similarity *= 2.0
        similarity -= np.einsum("ij,ij->i", features, features)[:, None]
        similarity -= np.einsum("ij,ij->i", self.support_vectors, self.support_vectors)
        similarity *= self.gamma
        return np.asarray(np.exp(similarity, out=similarity) @ self.weights + self.intercept)

    def kernel_factors(self, left: np.ndarray, right: np.ndarray, norm: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Factorise the kernel of ``left + right``: pairs of factors whose products add up to it.

        :param left: the dot products of the first features with the support vectors, shape ``(p, s)``; ``right``, shape
            ``(q, s)``, those of the other features.
        :param norm: the squared length of a whole row of features, the same for all rows.
        """
        if self.kernel == "linear":
            return [(left, np.ones_like(right)), (np.ones_like(left), right)]
        if self.kernel == "poly":
            left, right = self.gamma * left + POLY_OFFSET, self.gamma * right
            return [(math.comb(POLY_DEGREE, k) * left**k, right ** (POLY_DEGREE - k)) for k in range(POLY_DEGREE + 1)]
        lengths = norm + np.einsum("ij,ij->i", self.support_vectors, self.support_vectors)
        return [(np.exp(self.gamma * (2.0 * left - lengths)), np.exp(2.0 * self.gamma * right))]

    @staticmethod
    def is_good(decision: np.ndarray) -> np.ndarray:
        """Which decisions are on the good side; zero within rounding is not."""
        return np.asarray(decision > _DECISION_EPSILON)


def fit_boundary(
    kernel_cache: KernelCache, rows: np.ndarray, good: np.ndarray, kernel: SvmKernel
) -> tuple[Boundary, np.ndarray]:
    """Fit a support vector machine with cost 1 to some of the samples.

    :param rows: the samples' rows in the cache.
    :param good: which of them are good, shape ``(rows,)``; both classes must occur.
    :returns: the boundary, and its decision for each of these samples, shape ``(rows,)``.
    """
    features = kernel_cache.features[rows]
    variance = float(features.var())
    gamma = 1.0 / (features.shape[1] * variance) if variance > 0 else 1.0  # scikit-learn's "scale"
    similarities = kernel_cache.kernel(rows, gamma) if kernel == "rbf" else None
    if similarities is None:
        support, weights, intercept = _solve_svm(features, good, kernel, gamma)
        boundary = Boundary(kernel, gamma, features[support], weights, intercept)
        return boundary, boundary.decision(features)
    support, weights, intercept = _solve_svm(similarities, good, "precomputed", gamma)
    all_weights = np.zeros(len(rows))
    all_weights[support] = weights
    return Boundary(kernel, gamma, features[support], weights, intercept), similarities @ all_weights + intercept


def _solve_svm(
    rows: np.ndarray, good: np.ndarray, kernel: SvmKernel | Literal["precomputed"], gamma: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Solve the dual problem: rows of the support vectors, their weights, and the intercept."""
    from sklearn.svm import _libsvm as solver  # private: see the module's docstring

    solver.set_verbosity_wrap(0)
    solution = solver.fit(
        np.ascontiguousarray(rows),
        good.astype(float),
        kernel=kernel,
        gamma=gamma,
        degree=POLY_DEGREE,
        coef0=POLY_OFFSET,
        cache_size=SVM_CACHE_MB,
        max_iter=MAX_SVM_ITERATIONS,
        tol=SVM_TOLERANCE,
    )
    return solution[0], -solution[3][0], -float(solution[4][0])  # the solver's first class is the good one
