"""Gaussian processes of smooth, noise-free functions.

The kernel is Gaussian with a length scale per column, with a weak prior that grows with the number of columns, and the
targets' own variance as signal variance [VBO]. The mean maximises the likelihood given the length scales [GPML].

Sources
    [GPML] Rasmussen, Williams. Gaussian Processes for Machine Learning. 2006 (likelihood 5.4.1, mean 2.7).
    [VBO] Hvarfner, Hellsten, Nardi. Vanilla Bayesian Optimization Performs Great in High Dimensions. ICML 2024.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["NoiseFreeGaussianProcess", "fit_length_scales", "prior_length_scales"]

#: noise variance as a share of the signal variance, for numerical stability
_NOISE_VARIANCE = 1e-6
#: smallest posterior variance as a share of the signal variance; less is rounding
_MIN_VARIANCE_SHARE = 1e-8
#: iterations of the fit of the length scales
_MAX_ITERATIONS = 30
#: standard deviation of the prior on a log length scale [VBO], and the bounds of the fit in such deviations
_PRIOR_LOG_STD, _MAX_PRIOR_DEVIATIONS = math.sqrt(3.0), 3.0


def prior_length_scales(columns: int) -> np.ndarray:
    """The median of the prior on the length scales, shape ``(columns,)`` [VBO]."""
    return np.full(columns, math.exp(math.sqrt(2.0)) * math.sqrt(columns))


def fit_length_scales(features: np.ndarray, targets: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Fit the length scales of highest posterior density, shape ``(columns,)``, from ``start`` [GPML, 5.4.1].

    :param features: shape ``(n, columns)``.
    :param targets: shape ``(n,)``.
    """
    from scipy.optimize import minimize

    centre = np.log(prior_length_scales(features.shape[1]))
    low, high = centre - _MAX_PRIOR_DEVIATIONS * _PRIOR_LOG_STD, centre + _MAX_PRIOR_DEVIATIONS * _PRIOR_LOG_STD
    squared_distances = (features.T[:, :, None] - features.T[:, None, :]) ** 2
    solution = minimize(
        _negative_log_posterior,
        np.clip(np.log(start), low, high),
        args=(squared_distances, targets, centre),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": _MAX_ITERATIONS},
    )
    return np.asarray(np.exp(solution.x))


class NoiseFreeGaussianProcess:
    """The posterior process given noise-free samples.

    Example:
        >>> features = np.array([[0.0], [0.5], [1.0]])
        >>> process = NoiseFreeGaussianProcess(features, np.array([1.0, 2.0, 4.0]), np.array([0.5]))
        >>> mean, deviation = process.predict(np.array([[0.5], [0.75]]))
        >>> mean.round(2), deviation.round(2)
        (array([2.  , 3.13]), array([0.  , 0.17]))

    :param features: shape ``(n, columns)``.
    :param targets: shape ``(n,)``.
    :param length_scales: shape ``(columns,)``.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, length_scales: np.ndarray) -> None:
        self._features = features
        self._targets = targets
        self.length_scales = length_scales
        self._scaled = features / length_scales
        inverse, _ = _invert_correlations(_gaussian_kernel(self._scaled, self._scaled))
        self._inverse = inverse
        self._mean, self._weights = _fit_mean(inverse, targets)
        self._signal_variance = _target_variance(targets)

    def predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation at ``points``, shape ``(k, columns)``; both of shape ``(k,)``."""
        correlations = _gaussian_kernel(points / self.length_scales, self._scaled)
        share = 1.0 - np.einsum("ij,ij->i", correlations @ self._inverse, correlations)
        deviation = np.sqrt(self._signal_variance * np.maximum(share, _MIN_VARIANCE_SHARE))
        return self._mean + correlations @ self._weights, deviation

    def predict_gradients(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradients of mean and standard deviation at a point, shape ``(columns,)`` each."""
        correlations = _gaussian_kernel(point[None] / self.length_scales, self._scaled)[0]
        gradients = -correlations[:, None] * (point - self._features) / self.length_scales**2
        solved = self._inverse @ correlations
        share = 1.0 - float(solved @ correlations)
        factor = 0.0 if share <= _MIN_VARIANCE_SHARE else -math.sqrt(self._signal_variance / share)
        return self._weights @ gradients, factor * (solved @ gradients)

    def condition_on(self, points: np.ndarray, targets: np.ndarray) -> NoiseFreeGaussianProcess:
        """The process given more samples, with the same length scales."""
        return NoiseFreeGaussianProcess(
            np.vstack([self._features, points]), np.append(self._targets, targets), self.length_scales
        )


def _gaussian_kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The Gaussian kernel between scaled rows, shape ``(n, k)``."""
    squared = -2.0 * (left @ right.T)
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.asarray(np.exp(-0.5 * np.maximum(squared, 0.0, out=squared)))


def _invert_correlations(correlations: np.ndarray) -> tuple[np.ndarray, float]:
    """The inverse of the samples' correlations, noise included, and their log determinant."""
    from scipy.linalg.lapack import dpotrf, dpotri

    noisy = correlations.copy()
    noisy[np.diag_indices(len(noisy))] += _NOISE_VARIANCE
    factor, failed = dpotrf(noisy, lower=1)
    if failed:  # many nearly equal samples: singular within rounding
        noisy[np.diag_indices(len(noisy))] += 1e3 * _NOISE_VARIANCE
        factor, _ = dpotrf(noisy, lower=1)
    log_determinant = 2.0 * float(np.log(factor.diagonal()).sum())
    inverse, _ = dpotri(factor, lower=1)  # only the lower triangle
    return np.tril(inverse) + np.tril(inverse, -1).T, log_determinant


def _fit_mean(inverse: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of highest likelihood, and the weights of the samples, shape ``(n,)``."""
    sums = inverse.sum(axis=0)
    mean = float(sums @ targets / sums.sum())
    return mean, inverse @ (targets - mean)


def _target_variance(targets: np.ndarray) -> float:
    return max(float(targets.var()), 1e-24)


def _negative_log_posterior(
    log_length_scales: np.ndarray, squared_distances: np.ndarray, targets: np.ndarray, prior_mean: np.ndarray
) -> tuple[float, np.ndarray]:
    """The negative log posterior density of the log length scales, and its gradient.

    :param squared_distances: squared distances of the samples in each column, shape ``(columns, n, n)``.
    """
    scaled = squared_distances * np.exp(-2.0 * log_length_scales)[:, None, None]
    correlations = np.exp(-0.5 * scaled.sum(axis=0))
    inverse, log_determinant = _invert_correlations(correlations)
    mean, weights = _fit_mean(inverse, targets)
    signal = _target_variance(targets)
    z = (log_length_scales - prior_mean) / _PRIOR_LOG_STD
    loss = 0.5 * (float(weights @ (targets - mean)) / signal + log_determinant + float(z @ z))
    by_correlation = (inverse - np.outer(weights, weights) / signal) * correlations
    return loss, 0.5 * np.einsum("ij,kij->k", by_correlation, scaled) + z / _PRIOR_LOG_STD
