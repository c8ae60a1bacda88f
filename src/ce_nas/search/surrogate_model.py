"""A Gaussian process over groups of columns, whose posterior over many candidates grows a row at a time.

The kernel is a Matern 3/2 of one distance, to which every group adds with a length of its own; a group that does not
help is given a long one by the marginal likelihood and drops out. Length and noise have weak priors, so that a few
samples do not make the model certain of anything.

Sources
    [GPML] Rasmussen, Williams. Gaussian Processes for Machine Learning. 2006 (likelihood 5.4.1, Matern 4.2.1).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Kernel", "Posterior", "fit_kernel"]

#: mean and standard deviation of the priors on the logarithms of signal, lengths and noise
_SIGNAL, _LENGTH, _NOISE = (0.0, 2.0), (1.0, 1.0), (-5.0, 1.4)
#: added to the noise: float32 needs it
_JITTER = 1e-4
_STEPS = 20
_ROOT = np.sqrt(3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """What the process takes for likely, of targets with mean 0 and variance 1."""

    #: prior variance
    signal: float
    #: how far a group's columns must differ to matter, one a group
    lengths: np.ndarray
    #: variance of a target about the process
    noise: float

    @classmethod
    def prior(cls, groups: int) -> Kernel:
        """What is likely before anything is known."""
        return cls(np.exp(_SIGNAL[0]), np.full(groups, np.exp(_LENGTH[0])), np.exp(_NOISE[0]))

    def scaled(self, groups: Sequence[np.ndarray]) -> np.ndarray:
        """The groups side by side, each over its length, shape ``(n, columns)``, float32."""
        return np.hstack([group / np.float32(length) for group, length in zip(groups, self.lengths, strict=True)])

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Prior covariances of scaled rows, shape ``(n, k)``."""
        return np.asarray(self.signal * _matern(_squared(left, right))[0], dtype=np.float32)


def fit_kernel(groups: Sequence[np.ndarray], targets: np.ndarray, start: Kernel) -> Kernel:
    """The kernel of highest posterior density given ``targets``, shape ``(n,)``, found from ``start`` [GPML, 5.4.1]."""
    from scipy.optimize import minimize

    distances = np.stack([_squared(group, group).astype(float) for group in groups])
    begin = np.log(np.concatenate([[start.signal], start.lengths, [start.noise]]))
    means = np.array([_SIGNAL[0], *[_LENGTH[0]] * len(groups), _NOISE[0]])
    spreads = np.array([_SIGNAL[1], *[_LENGTH[1]] * len(groups), _NOISE[1]])
    low, high = means - 2.5 * spreads, means + 2.5 * spreads
    found = minimize(
        _loss,
        np.clip(begin, low, high),
        args=(distances, targets, means, spreads),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": _STEPS},
    )
    signal, *lengths, noise = np.exp(found.x)
    return Kernel(float(signal), np.array(lengths), float(noise))


class Posterior:
    """The process over candidates, given samples that are added one by one or together.

    The geometry (where samples and candidates lie) is kept apart from the targets: they may be scaled anew at will.

    :param candidates: the candidates' groups of columns.
    """

    def __init__(self, kernel: Kernel, candidates: Sequence[np.ndarray]) -> None:
        self.kernel = kernel
        self._candidates = kernel.scaled(candidates)
        self._samples = np.empty((0, self._candidates.shape[1]), dtype=np.float32)
        #: lower Cholesky factor of the samples' covariance, and its solution for the candidates; spare rows below
        self._factor = np.zeros((0, 0), dtype=np.float32)
        self._whitened = np.zeros((0, len(self._candidates)), dtype=np.float32)
        self._variance = np.full(len(self._candidates), kernel.signal, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation at each candidate, noise left out, shape ``(candidates,)``."""
        return np.sqrt(np.maximum(self._variance, 1e-10)).astype(float)

    def add(self, samples: Sequence[np.ndarray]) -> None:
        """Take in samples by their groups of columns."""
        self._add(self.kernel.scaled(samples))

    def imagine(self, candidate: int) -> None:
        """Take in a sample at one of the candidates, which :meth:`mean` knows nothing of; deviations shrink."""
        self._add(self._candidates[candidate : candidate + 1])

    def mean(self, targets: np.ndarray) -> np.ndarray:
        """Expected target at each candidate, shape ``(candidates,)``, given those of the first samples in order."""
        whitened = self._solved(targets.astype(np.float32)[:, None])[:, 0]
        return np.asarray(whitened @ self._whitened[: len(targets)], dtype=float)

    def over(self, candidates: np.ndarray) -> Posterior:
        """The same over some of the candidates, by their places; a copy."""
        part = copy.copy(self)
        part.restrict(candidates)
        return part

    def restrict(self, candidates: np.ndarray) -> None:
        """Keep to some of the candidates, by their places."""
        self._candidates = self._candidates[candidates]
        self._factor = self._factor[: len(self), : len(self)].copy()
        self._whitened = self._whitened[: len(self), candidates]
        self._variance = self._variance[candidates]

    def replace(self, candidates: np.ndarray, groups: Sequence[np.ndarray]) -> None:
        """Let some candidates, by their places, look otherwise; the samples stay as they were."""
        self._candidates[candidates] = self.kernel.scaled(groups)
        part = self._solved(self.kernel.between(self._samples, self._candidates[candidates]))
        self._whitened[: len(self), candidates] = part
        self._variance[candidates] = self.kernel.signal - np.einsum("ij,ij->j", part, part)

    def _add(self, rows: np.ndarray) -> None:
        from scipy.linalg import solve_triangular

        known = len(self)
        both = slice(known, known + len(rows))
        across = self._solved(self.kernel.between(self._samples, rows))
        own = (self.kernel.between(rows, rows) - across.T @ across).astype(float)
        own[np.diag_indices(len(rows))] += self.kernel.noise + _JITTER
        corner = np.linalg.cholesky(own).astype(np.float32)
        new = self.kernel.between(rows, self._candidates) - across.T @ self._whitened[:known]
        new = new / corner[0, 0] if len(rows) == 1 else solve_triangular(corner, new, lower=True, check_finite=False)
        self._reserve(known + len(rows))
        self._factor[both, :known] = across.T
        self._factor[both, both] = corner
        self._whitened[both] = new
        self._variance = self._variance - np.einsum("ij,ij->j", new, new)
        self._samples = np.vstack([self._samples, rows])

    def _solved(self, right: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular

        count = len(right)
        if not count:
            return right
        return np.asarray(solve_triangular(self._factor[:count, :count], right, lower=True, check_finite=False))

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._whitened):
            return
        more = max(rows, 2 * len(self._whitened), 32)
        factor = np.zeros((more, more), dtype=np.float32)
        factor[: len(self._factor), : len(self._factor)] = self._factor
        whitened = np.zeros((more, self._whitened.shape[1]), dtype=np.float32)
        whitened[: len(self._whitened)] = self._whitened
        self._factor, self._whitened = factor, whitened


def _squared(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squared distances between rows, shape ``(n, k)``."""
    squared = -2.0 * (left @ right.T)
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.asarray(np.maximum(squared, 0.0, out=squared))


def _matern(squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Matern 3/2 correlation of squared distances, and the exponential in it [GPML, eq. 4.17]."""
    root = np.sqrt(squared) * squared.dtype.type(_ROOT)
    decay = np.exp(-root)
    return (1.0 + root) * decay, decay


def _loss(
    logs: np.ndarray, distances: np.ndarray, targets: np.ndarray, means: np.ndarray, spreads: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the logarithm of the posterior density, and its gradient [GPML, eq. 5.8 and 5.9]."""
    signal, shrink, noise = np.exp(logs[0]), np.exp(-2.0 * logs[1:-1]), np.exp(logs[-1])
    correlation, decay = _matern(np.tensordot(shrink, distances, axes=1))
    covariance = signal * correlation
    covariance[np.diag_indices(len(targets))] += noise + _JITTER
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    weights = inverse @ targets
    slope = 0.5 * (inverse - np.outer(weights, weights))  # of the loss by each covariance
    by_length = 3.0 * signal * np.tensordot(distances, slope * decay, axes=2) * shrink
    away = (logs - means) / spreads
    gradient = np.concatenate([[signal * np.sum(slope * correlation)], by_length, [noise * np.trace(slope)]])
    loss = 0.5 * targets @ weights + np.log(np.diag(factor)).sum() + 0.5 * away @ away
    return float(loss), gradient + away / spreads
