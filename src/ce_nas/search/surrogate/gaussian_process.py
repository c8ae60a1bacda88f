"""A Gaussian process over groups of columns, with an incremental posterior over many candidates.

The kernel is a Matern 3/2 of one distance, to which every group contributes with its own length scale; an uninformative
group gets a long one by the marginal likelihood and drops out. The last groups may have a linear kernel added: costs
are mostly additive, and then a few samples determine them. Length scales, slopes and noise have weak priors, so that a
few samples do not make the model overconfident.

Sources
    [GPML] Rasmussen, Williams. Gaussian Processes for Machine Learning. 2006 (likelihood 5.4.1, Matern 4.2.1).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GpPosterior", "GroupKernel", "ScaledRows", "fit_kernel", "leave_one_out_log_density"]

#: mean and standard deviation of the priors on the logarithms of signal variance, length scales, slope variances and
#: noise variance
_SIGNAL_PRIOR, _LENGTH_SCALE_PRIOR, _SLOPE_PRIOR, _NOISE_PRIOR = (0.0, 2.0), (1.0, 1.0), (0.0, 2.0), (-5.0, 1.4)
#: added to the noise variance for float32 stability
_JITTER = 1e-4
_MAX_ITERATIONS = 20
_SQRT_3 = np.sqrt(3.0)
#: the length scale and the slope variance of a group that is left out
_IGNORED_LENGTH_SCALE, _IGNORED_SLOPE_VARIANCE = 1e4, 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class GroupKernel:
    """The kernel's parameters, for targets with mean 0 and variance 1."""

    #: variance of the Matern kernel
    signal_variance: float
    #: one per group
    length_scales: np.ndarray
    #: variance of a target about the process
    noise_variance: float
    #: variances of the slopes of the last groups, which have a linear kernel added
    slope_variances: np.ndarray = field(default_factory=lambda: np.empty(0))

    def without(self, groups: Sequence[int]) -> GroupKernel:
        """A copy in which some groups, by their indices, have no influence."""
        lengths, slopes = self.length_scales.copy(), self.slope_variances.copy()
        lengths[list(groups)] = _IGNORED_LENGTH_SCALE
        first = len(lengths) - len(slopes)
        slopes[[group - first for group in groups if group >= first]] = _IGNORED_SLOPE_VARIANCE
        return replace(self, length_scales=lengths, slope_variances=slopes)

    @classmethod
    def prior(cls, groups: int, linear_groups: int = 0) -> GroupKernel:
        """The prior's medians; the last ``linear_groups`` groups have a linear kernel added."""
        slopes = np.full(linear_groups, np.exp(_SLOPE_PRIOR[0]))
        return cls(
            np.exp(_SIGNAL_PRIOR[0]), np.full(groups, np.exp(_LENGTH_SCALE_PRIOR[0])), np.exp(_NOISE_PRIOR[0]), slopes
        )

    def scale(self, groups: Sequence[np.ndarray]) -> ScaledRows:
        """Scale the groups by their length scales, and the linear groups by their slopes."""
        scaled = [group / np.float32(length) for group, length in zip(groups, self.length_scales, strict=True)]
        stationary = np.hstack(scaled)
        last = groups[len(groups) - len(self.slope_variances) :]
        linear = [group * np.float32(np.sqrt(slope)) for group, slope in zip(last, self.slope_variances, strict=True)]
        return ScaledRows(stationary, np.hstack([np.empty((len(stationary), 0), dtype=np.float32), *linear]))

    def covariance(self, left: ScaledRows, right: ScaledRows) -> np.ndarray:
        """Prior covariances of scaled rows, shape ``(n, k)``."""
        covariances = np.asarray(
            self.signal_variance * _matern32(_squared_distances(left.stationary, right.stationary))[0], dtype=np.float32
        )
        return np.asarray(covariances + left.linear @ right.linear.T) if len(self.slope_variances) else covariances

    def variances(self, rows: ScaledRows) -> np.ndarray:
        """Prior variances of scaled rows, shape ``(n,)``."""
        linear = np.einsum("ij,ij->i", rows.linear, rows.linear)
        return np.asarray(self.signal_variance + linear, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ScaledRows:
    """Rows of features, scaled by a kernel, float32."""

    #: features of the Matern kernel, shape ``(n, columns)``
    stationary: np.ndarray
    #: features of the linear kernel, shape ``(n, columns)``
    linear: np.ndarray

    def __len__(self) -> int:
        return len(self.stationary)

    def take(self, indices: np.ndarray | slice) -> ScaledRows:
        """Some of the rows."""
        return ScaledRows(self.stationary[indices], self.linear[indices])

    def replace(self, indices: np.ndarray, rows: ScaledRows) -> None:
        """Overwrite some of the rows."""
        self.stationary[indices], self.linear[indices] = rows.stationary, rows.linear

    def concatenate(self, rows: ScaledRows) -> ScaledRows:
        """These rows, followed by others."""
        return ScaledRows(np.vstack([self.stationary, rows.stationary]), np.vstack([self.linear, rows.linear]))


def fit_kernel(
    groups: Sequence[np.ndarray], targets: np.ndarray, start: GroupKernel, fixed: Sequence[int] = ()
) -> GroupKernel:
    """Fit the kernel of highest posterior density to ``targets``, shape ``(n,)``, from ``start`` [GPML, 5.4.1].

    :param fixed: groups, by their indices, that keep their length scale, and their slope variance if they have one.
    """
    from scipy.optimize import minimize

    distances = np.stack([_squared_distances(group, group).astype(float) for group in groups])
    n_linear = len(start.slope_variances)
    products = np.stack([group @ group.T for group in groups[len(groups) - n_linear :]] or [np.empty((0, 0))])
    log_start = np.log(
        np.concatenate([[start.signal_variance], start.length_scales, start.slope_variances, [start.noise_variance]])
    )
    priors = np.transpose(
        [_SIGNAL_PRIOR, *[_LENGTH_SCALE_PRIOR] * len(groups), *[_SLOPE_PRIOR] * n_linear, _NOISE_PRIOR]
    )
    low, high = priors[0] - 2.5 * priors[1], priors[0] + 2.5 * priors[1]
    if len(fixed):
        groups_fixed = np.asarray(fixed, dtype=np.intp)
        held = np.concatenate([groups_fixed, groups_fixed[groups_fixed >= len(groups) - n_linear] + n_linear]) + 1
        low[held] = high[held] = priors[0, held] = log_start[held]
    solution = minimize(
        _negative_log_posterior,
        np.clip(log_start, low, high),
        args=(distances, products[:n_linear].astype(float), targets, priors),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxiter": _MAX_ITERATIONS},
    )
    signal, noise = np.exp(solution.x[[0, -1]])
    lengths, slopes = np.split(np.exp(solution.x[1:-1]), [len(groups)])
    return GroupKernel(float(signal), lengths, float(noise), slopes)


def leave_one_out_log_density(groups: Sequence[np.ndarray], targets: np.ndarray, kernel: GroupKernel) -> float:
    """The mean log predictive density of each target given all others [GPML, eq. 5.10 to 5.12]; larger is better."""
    rows = kernel.scale(groups)
    covariance = kernel.covariance(rows, rows).astype(float)
    covariance[np.diag_indices(len(targets))] += kernel.noise_variance + _JITTER
    inverse = np.linalg.inv(covariance)
    variances = 1.0 / np.diag(inverse)
    errors = (inverse @ targets) * variances
    return float(-0.5 * np.mean(np.log(2.0 * np.pi * variances) + errors**2 / variances))


class GpPosterior:
    """The posterior over candidates, given samples that are added one by one or together.

    Targets are passed to :meth:`mean` only, so that they may be rescaled at any time.

    Example:
        >>> features = [np.array([[0.0], [1.0], [5.0]], dtype=np.float32)]
        >>> posterior = GpPosterior(GroupKernel(1.0, np.array([1.0]), 1e-3), features)
        >>> posterior.add([features[0][:1]])
        >>> posterior.mean(np.array([2.0])).round(1)
        array([2., 1., 0.])

    :param candidates: the candidates' groups of columns.
    """

    def __init__(self, kernel: GroupKernel, candidates: Sequence[np.ndarray]) -> None:
        self.kernel = kernel
        self._candidates = kernel.scale(candidates)
        self._samples = self._candidates.take(slice(0, 0))
        #: lower Cholesky factor of the samples' covariance, and its solution for the candidates; with spare rows
        self._factor = np.zeros((0, 0), dtype=np.float32)
        self._whitened = np.zeros((0, len(self._candidates)), dtype=np.float32)
        self._variance = kernel.variances(self._candidates)

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def standard_deviation(self) -> np.ndarray:
        """Standard deviation at each candidate, without noise, shape ``(candidates,)``."""
        return np.asarray(np.sqrt(np.maximum(self._variance, 1e-10)), dtype=float)

    def add(self, samples: Sequence[np.ndarray]) -> None:
        """Add samples by their groups of columns."""
        self._add(self.kernel.scale(samples))

    def fantasise(self, candidate: int) -> None:
        """Add a sample at one of the candidates without a target: deviations shrink, :meth:`mean` is unchanged."""
        self._add(self._candidates.take(slice(candidate, candidate + 1)))

    def mean(self, targets: np.ndarray) -> np.ndarray:
        """Posterior mean at each candidate, shape ``(candidates,)``, given targets of the first samples in order."""
        whitened = self._whiten(targets.astype(np.float32)[:, None])[:, 0]
        return np.asarray(whitened @ self._whitened[: len(targets)], dtype=float)

    def subset(self, candidates: np.ndarray) -> GpPosterior:
        """A copy over some of the candidates, by their indices."""
        part = copy.copy(self)
        part.restrict(candidates)
        return part

    def restrict(self, candidates: np.ndarray) -> None:
        """Keep only some of the candidates, by their indices."""
        self._candidates = self._candidates.take(candidates)
        self._factor = self._factor[: len(self), : len(self)].copy()
        self._whitened = self._whitened[: len(self), candidates]
        self._variance = self._variance[candidates]

    def update_candidates(self, candidates: np.ndarray, groups: Sequence[np.ndarray]) -> None:
        """Change the features of some candidates, by their indices; the samples are unchanged."""
        rows = self.kernel.scale(groups)
        self._candidates.replace(candidates, rows)
        whitened = self._whiten(self.kernel.covariance(self._samples, rows))
        self._whitened[: len(self), candidates] = whitened
        self._variance[candidates] = self.kernel.variances(rows) - np.einsum("ij,ij->j", whitened, whitened)

    def _add(self, rows: ScaledRows) -> None:
        from scipy.linalg import solve_triangular

        known = len(self)
        added = slice(known, known + len(rows))
        cross = self._whiten(self.kernel.covariance(self._samples, rows))
        conditional = (self.kernel.covariance(rows, rows) - cross.T @ cross).astype(float)
        conditional[np.diag_indices(len(rows))] += self.kernel.noise_variance + _JITTER
        corner = np.linalg.cholesky(conditional).astype(np.float32)
        new = self.kernel.covariance(rows, self._candidates) - cross.T @ self._whitened[:known]
        new = new / corner[0, 0] if len(rows) == 1 else solve_triangular(corner, new, lower=True, check_finite=False)
        self._reserve(known + len(rows))
        self._factor[added, :known] = cross.T
        self._factor[added, added] = corner
        self._whitened[added] = new
        self._variance = self._variance - np.einsum("ij,ij->j", new, new)
        self._samples = self._samples.concatenate(rows)

    def _whiten(self, right: np.ndarray) -> np.ndarray:
        """Solve the Cholesky factor of the first ``len(right)`` samples for ``right``."""
        from scipy.linalg import solve_triangular

        count = len(right)
        if not count:
            return right
        return np.asarray(solve_triangular(self._factor[:count, :count], right, lower=True, check_finite=False))

    def _reserve(self, rows: int) -> None:
        if rows <= len(self._whitened):
            return
        capacity = max(rows, 2 * len(self._whitened), 32)
        factor = np.zeros((capacity, capacity), dtype=np.float32)
        factor[: len(self._factor), : len(self._factor)] = self._factor
        whitened = np.zeros((capacity, self._whitened.shape[1]), dtype=np.float32)
        whitened[: len(self._whitened)] = self._whitened
        self._factor, self._whitened = factor, whitened


def _squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squared distances between rows, shape ``(n, k)``."""
    squared = -2.0 * (left @ right.T)
    squared += np.einsum("ij,ij->i", left, left)[:, None]
    squared += np.einsum("ij,ij->i", right, right)
    return np.asarray(np.maximum(squared, 0.0, out=squared))


def _matern32(squared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Matern 3/2 correlation of squared distances, and the exponential in it [GPML, eq. 4.17]."""
    root = np.sqrt(squared) * squared.dtype.type(_SQRT_3)
    decay = np.exp(-root)
    return (1.0 + root) * decay, decay


def _negative_log_posterior(
    log_parameters: np.ndarray,
    squared_distances: np.ndarray,
    linear_products: np.ndarray,
    targets: np.ndarray,
    priors: np.ndarray,
) -> tuple[float, np.ndarray]:
    """The negative log posterior density, and its gradient [GPML, eq. 5.8 and 5.9].

    :param squared_distances: squared distances of the samples in each group, shape ``(groups, n, n)``.
    :param linear_products: their dot products in each linear group, shape ``(slopes, n, n)``.
    :param priors: means and standard deviations of the priors on ``log_parameters``.
    """
    signal, noise = np.exp(log_parameters[[0, -1]])
    lengths, slopes = np.split(np.exp(log_parameters[1:-1]), [len(squared_distances)])
    inverse_squares = lengths**-2.0
    correlation, decay = _matern32(np.tensordot(inverse_squares, squared_distances, axes=1))
    covariance = signal * correlation
    if len(slopes):
        covariance += np.tensordot(slopes, linear_products, axes=1)
    covariance[np.diag_indices(len(targets))] += noise + _JITTER
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    weights = inverse @ targets
    by_covariance = 0.5 * (inverse - np.outer(weights, weights))
    by_signal = signal * np.sum(by_covariance * correlation)
    by_length = 3.0 * signal * np.tensordot(squared_distances, by_covariance * decay, axes=2) * inverse_squares
    by_slope = np.tensordot(linear_products, by_covariance, axes=2) * slopes if len(slopes) else slopes
    gradient = np.concatenate([[by_signal], by_length, by_slope, [noise * np.trace(by_covariance)]])
    z = (log_parameters - priors[0]) / priors[1]
    loss = 0.5 * targets @ weights + np.log(np.diag(factor)).sum() + 0.5 * z @ z
    return float(loss), gradient + z / priors[1]
