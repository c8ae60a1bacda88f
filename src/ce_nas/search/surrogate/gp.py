"""A Gaussian process over groups of columns, whose posterior over many candidates grows a row at a time.

The kernel is a Matern 3/2 of one distance, to which every group adds with a length of its own; a group that does not
help is given a long one by the marginal likelihood and drops out. To the last groups a straight line may be added, of a
slope for each column: costs mostly add up, and then a few samples tell all of them. Lengths, slopes and noise have weak
priors, so that a few samples do not make the model certain of anything.

Sources
    [GPML] Rasmussen, Williams. Gaussian Processes for Machine Learning. 2006 (likelihood 5.4.1, Matern 4.2.1).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Kernel", "Posterior", "Rows", "fit_kernel"]

#: mean and standard deviation of the priors on the logarithms of signal, lengths, slopes' variance and noise
_SIGNAL, _LENGTH, _SLOPE, _NOISE = (0.0, 2.0), (1.0, 1.0), (0.0, 2.0), (-5.0, 1.4)
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
    #: variance of the slopes of each of the last groups, to which a straight line is added
    slopes: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def prior(cls, groups: int, straight: int = 0) -> Kernel:
        """What is likely before anything is known; to the last ``straight`` groups a straight line is added."""
        slopes = np.full(straight, np.exp(_SLOPE[0]))
        return cls(np.exp(_SIGNAL[0]), np.full(groups, np.exp(_LENGTH[0])), np.exp(_NOISE[0]), slopes)

    def scaled(self, groups: Sequence[np.ndarray]) -> Rows:
        """The groups side by side, each over its length, and those with a line once more."""
        near = np.hstack([group / np.float32(length) for group, length in zip(groups, self.lengths, strict=True)])
        last = groups[len(groups) - len(self.slopes) :]
        lines = [group * np.float32(np.sqrt(slope)) for group, slope in zip(last, self.slopes, strict=True)]
        return Rows(near, np.hstack([np.empty((len(near), 0), dtype=np.float32), *lines]))

    def between(self, left: Rows, right: Rows) -> np.ndarray:
        """Prior covariances of scaled rows, shape ``(n, k)``."""
        covariances = np.asarray(self.signal * _matern(_squared(left.near, right.near))[0], dtype=np.float32)
        return np.asarray(covariances + left.lines @ right.lines.T) if len(self.slopes) else covariances

    def variances(self, rows: Rows) -> np.ndarray:
        """Prior variances of scaled rows, shape ``(n,)``."""
        lines = np.einsum("ij,ij->i", rows.lines, rows.lines)
        return np.asarray(self.signal + lines, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of features, scaled by a kernel, float32."""

    #: where each row lies, shape ``(n, columns)``
    near: np.ndarray
    #: what the straight lines go by, shape ``(n, columns)``
    lines: np.ndarray

    def __len__(self) -> int:
        return len(self.near)

    def at(self, places: np.ndarray | slice) -> Rows:
        """Some of the rows."""
        return Rows(self.near[places], self.lines[places])

    def put(self, places: np.ndarray, rows: Rows) -> None:
        """Exchange some of the rows."""
        self.near[places], self.lines[places] = rows.near, rows.lines

    def with_more(self, rows: Rows) -> Rows:
        """These rows, and others behind them."""
        return Rows(np.vstack([self.near, rows.near]), np.vstack([self.lines, rows.lines]))


def fit_kernel(groups: Sequence[np.ndarray], targets: np.ndarray, start: Kernel) -> Kernel:
    """The kernel of highest posterior density given ``targets``, shape ``(n,)``, found from ``start`` [GPML, 5.4.1]."""
    from scipy.optimize import minimize

    distances = np.stack([_squared(group, group).astype(float) for group in groups])
    straight = len(start.slopes)
    lines = np.stack([group @ group.T for group in groups[len(groups) - straight :]] or [np.empty((0, 0))])
    begin = np.log(np.concatenate([[start.signal], start.lengths, start.slopes, [start.noise]]))
    priors = np.transpose([_SIGNAL, *[_LENGTH] * len(groups), *[_SLOPE] * straight, _NOISE])
    low, high = priors[0] - 2.5 * priors[1], priors[0] + 2.5 * priors[1]
    found = minimize(
        _loss,
        np.clip(begin, low, high),
        args=(distances, lines[:straight].astype(float), targets, priors),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": _STEPS},
    )
    signal, noise = np.exp(found.x[[0, -1]])
    lengths, slopes = np.split(np.exp(found.x[1:-1]), [len(groups)])
    return Kernel(float(signal), lengths, float(noise), slopes)


class Posterior:
    """The process over candidates, given samples that are added one by one or together.

    The geometry (where samples and candidates lie) is kept apart from the targets: they may be scaled anew at will.

    :param candidates: the candidates' groups of columns.
    """

    def __init__(self, kernel: Kernel, candidates: Sequence[np.ndarray]) -> None:
        self.kernel = kernel
        self._candidates = kernel.scaled(candidates)
        self._samples = self._candidates.at(slice(0, 0))
        #: lower Cholesky factor of the samples' covariance, and its solution for the candidates; spare rows below
        self._factor = np.zeros((0, 0), dtype=np.float32)
        self._whitened = np.zeros((0, len(self._candidates)), dtype=np.float32)
        self._variance = kernel.variances(self._candidates)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation at each candidate, noise left out, shape ``(candidates,)``."""
        return np.asarray(np.sqrt(np.maximum(self._variance, 1e-10)), dtype=float)

    def add(self, samples: Sequence[np.ndarray]) -> None:
        """Take in samples by their groups of columns."""
        self._add(self.kernel.scaled(samples))

    def imagine(self, candidate: int) -> None:
        """Take in a sample at one of the candidates, which :meth:`mean` knows nothing of; deviations shrink."""
        self._add(self._candidates.at(slice(candidate, candidate + 1)))

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
        self._candidates = self._candidates.at(candidates)
        self._factor = self._factor[: len(self), : len(self)].copy()
        self._whitened = self._whitened[: len(self), candidates]
        self._variance = self._variance[candidates]

    def replace(self, candidates: np.ndarray, groups: Sequence[np.ndarray]) -> None:
        """Let some candidates, by their places, look otherwise; the samples stay as they were."""
        rows = self.kernel.scaled(groups)
        self._candidates.put(candidates, rows)
        part = self._solved(self.kernel.between(self._samples, rows))
        self._whitened[: len(self), candidates] = part
        self._variance[candidates] = self.kernel.variances(rows) - np.einsum("ij,ij->j", part, part)

    def _add(self, rows: Rows) -> None:
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
        self._samples = self._samples.with_more(rows)

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
    logs: np.ndarray, distances: np.ndarray, lines: np.ndarray, targets: np.ndarray, priors: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the logarithm of the posterior density, and its gradient [GPML, eq. 5.8 and 5.9].

    :param distances: squared distances of the samples in each group, shape ``(groups, n, n)``.
    :param lines: their products in each group with a straight line, shape ``(slopes, n, n)``.
    :param priors: means and standard deviations of the priors on ``logs``.
    """
    signal, noise = np.exp(logs[[0, -1]])
    lengths, slopes = np.split(np.exp(logs[1:-1]), [len(distances)])
    shrink = lengths**-2.0
    correlation, decay = _matern(np.tensordot(shrink, distances, axes=1))
    covariance = signal * correlation
    if len(slopes):
        covariance += np.tensordot(slopes, lines, axes=1)
    covariance[np.diag_indices(len(targets))] += noise + _JITTER
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    weights = inverse @ targets
    slope = 0.5 * (inverse - np.outer(weights, weights))  # of the loss by each covariance
    by_length = 3.0 * signal * np.tensordot(distances, slope * decay, axes=2) * shrink
    away = (logs - priors[0]) / priors[1]
    by_slope = np.tensordot(lines, slope, axes=2) * slopes if len(slopes) else slopes
    gradient = np.concatenate([[signal * np.sum(slope * correlation)], by_length, by_slope, [noise * np.trace(slope)]])
    loss = 0.5 * targets @ weights + np.log(np.diag(factor)).sum() + 0.5 * away @ away
    return float(loss), gradient + away / priors[1]
