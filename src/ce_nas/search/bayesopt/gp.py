"""Gaussian processes of smooth functions without noise, a process an objective.

The kernel is Gaussian with a length for each column, which has a weak prior that grows with the number of columns, and
the targets' own variance for a signal [VBO]. The mean is that of highest likelihood given the lengths [GPML].

Sources
    [GPML] Rasmussen, Williams. Gaussian Processes for Machine Learning. 2006 (likelihood 5.4.1, mean 2.7).
    [VBO] Hvarfner, Hellsten, Nardi. Vanilla Bayesian Optimization Performs Great in High Dimensions. ICML 2024.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["SmoothProcess", "fit_lengths", "prior_lengths"]

#: variance of a target about the process, as a share of the signal: what rounding and a smooth kernel need
_NOISE = 1e-6
#: the least that is left of the signal's variance near samples; less is rounding
_LEAST = 1e-8
#: steps of the search for the best lengths
_STEPS = 30
#: standard deviation of the prior on the logarithm of a length [VBO], and how many of them a length may lie away
_PRIOR_DEVIATION, _FARTHEST = math.sqrt(3.0), 3.0


def prior_lengths(columns: int) -> np.ndarray:
    """The median of the prior on the lengths, shape ``(columns,)`` [VBO]."""
    return np.full(columns, math.exp(math.sqrt(2.0)) * math.sqrt(columns))


def fit_lengths(features: np.ndarray, targets: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The lengths of highest posterior density, shape ``(columns,)``, found from ``start`` [GPML, 5.4.1].

    :param features: shape ``(n, columns)``.
    :param targets: shape ``(n,)``.
    """
    from scipy.optimize import minimize

    centre = np.log(prior_lengths(features.shape[1]))
    low, high = centre - _FARTHEST * _PRIOR_DEVIATION, centre + _FARTHEST * _PRIOR_DEVIATION
    apart = (features.T[:, :, None] - features.T[:, None, :]) ** 2
    found = minimize(
        _loss,
        np.clip(np.log(start), low, high),
        args=(apart, targets, centre),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": _STEPS},
    )
    return np.asarray(np.exp(found.x))


class SmoothProcess:
    """The process given its samples.

    :param features: shape ``(n, columns)``.
    :param targets: shape ``(n,)``.
    :param lengths: shape ``(columns,)``.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, lengths: np.ndarray) -> None:
        self._features = features
        self._targets = targets
        self.lengths = lengths
        self._scaled = features / lengths
        inverse, _ = _inverse(_correlations(self._scaled, self._scaled))
        self._inverse = inverse
        self._mean, self._weights = _trend(inverse, targets)
        self._signal = _variance(targets)

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected value and standard deviation at ``points``, shape ``(k, columns)``; both of shape ``(k,)``."""
        across = _correlations(points / self.lengths, self._scaled)
        left = 1.0 - np.einsum("ij,ij->i", across @ self._inverse, across)
        return self._mean + across @ self._weights, np.sqrt(self._signal * np.maximum(left, _LEAST))

    def slopes(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How expected value and standard deviation change with each column at a point, shape ``(columns,)``."""
        across = _correlations(point[None] / self.lengths, self._scaled)[0]
        steps = -across[:, None] * (point - self._features) / self.lengths**2
        solved = self._inverse @ across
        left = 1.0 - float(solved @ across)
        certain = left <= _LEAST
        return self._weights @ steps, (0.0 if certain else -math.sqrt(self._signal / left)) * (solved @ steps)

    def given(self, points: np.ndarray, targets: np.ndarray) -> SmoothProcess:
        """The process once it is told of more samples, with the same lengths."""
        return SmoothProcess(np.vstack([self._features, points]), np.append(self._targets, targets), self.lengths)


def _correlations(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The Gaussian kernel between scaled rows, shape ``(n, k)``."""
    squared = -2.0 * (left @ right.T)
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.asarray(np.exp(-0.5 * np.maximum(squared, 0.0, out=squared)))


def _inverse(correlations: np.ndarray) -> tuple[np.ndarray, float]:
    """The inverse of the samples' correlations, noise included, and the logarithm of their determinant."""
    from scipy.linalg.lapack import dpotrf, dpotri

    noisy = correlations.copy()
    noisy[np.diag_indices(len(noisy))] += _NOISE
    factor, failed = dpotrf(noisy, lower=1)
    if failed:  # rounding may spoil what many samples at hardly any distance leave
        noisy[np.diag_indices(len(noisy))] += 1e3 * _NOISE
        factor, _ = dpotrf(noisy, lower=1)
    log_determinant = 2.0 * float(np.log(factor.diagonal()).sum())
    half, _ = dpotri(factor, lower=1)
    lower = np.tril(half)
    return lower + np.tril(half, -1).T, log_determinant


def _trend(inverse: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of highest likelihood, and the weights of the samples about it, shape ``(n,)``."""
    sums = inverse.sum(axis=0)
    mean = float(sums @ targets / sums.sum())
    return mean, inverse @ (targets - mean)


def _variance(targets: np.ndarray) -> float:
    return max(float(targets.var()), 1e-24)


def _loss(logs: np.ndarray, apart: np.ndarray, targets: np.ndarray, centre: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the log posterior density of the lengths' logarithms, and its gradient.

    :param apart: squared distances of the samples in each column, shape ``(columns, n, n)``.
    """
    scaled = apart * np.exp(-2.0 * logs)[:, None, None]
    correlations = np.exp(-0.5 * scaled.sum(axis=0))
    inverse, log_determinant = _inverse(correlations)
    mean, weights = _trend(inverse, targets)
    signal = _variance(targets)
    away = (logs - centre) / _PRIOR_DEVIATION
    loss = 0.5 * (float(weights @ (targets - mean)) / signal + log_determinant + float(away @ away))
    pull = (inverse - np.outer(weights, weights) / signal) * correlations
    return loss, 0.5 * np.einsum("ij,kij->k", pull, scaled) + away / _PRIOR_DEVIATION
