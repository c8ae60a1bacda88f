"""The log expected hypervolume improvement, exact for independent normal posteriors, and its gradient.

The region below the reference that no point dominates is decomposed into boxes; the improvement is a sum over them, and
the expectation of each a product over the objectives [EHVI]. Working in log space keeps gradients informative where
EHVI underflows [LogEI].

Sources
    [EHVI] Yang, Emmerich, Deutz, Bäck. Efficient computation of expected hypervolume improvement using box
    decomposition algorithms. J. Global Optim. 75, 2019.
    [LogEI] Ament, Daulton, Eriksson, Balandat, Bakshy. Unexpected Improvements to Expected Improvement for Bayesian
    Optimization. NeurIPS 2023.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import is_nondominated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.search.bayesopt.noise_free_gp import NoiseFreeGaussianProcess

__all__ = ["BoxDecomposition", "LogEhvi"]

_LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)
#: below this z-score the asymptotic series of the normal tail is used
_ASYMPTOTIC_Z = -1e3
#: where no EHVI is above this, all are computed in log space
_MIN_LINEAR_EHVI = 1e-200


class BoxDecomposition:
    """The nondominated region below the reference as disjoint boxes; minimised.

    :param low: the lower corners, shape ``(boxes, m)``, some at minus infinity; ``high``, the upper corners.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        self.low = low
        self.high = high

    @classmethod
    def from_points(cls, points: np.ndarray, reference: np.ndarray) -> BoxDecomposition:
        """The boxes that ``points``, shape ``(n, m)``, do not dominate; points beyond the reference have no effect."""
        inside = points[(points < reference).all(axis=1)]
        boxes = cls(np.full((1, len(reference)), -np.inf), reference[None].astype(float))
        front = np.unique(inside[is_nondominated(inside)], axis=0) if len(inside) else inside
        for point in front:
            boxes = boxes.with_point(point)
        return boxes

    def with_point(self, point: np.ndarray) -> BoxDecomposition:
        """The boxes without the part that ``point``, shape ``(m,)``, dominates."""
        hit = (self.high > point).all(axis=1)
        low, high = self.low[hit], self.high[hit]
        lows, highs = [self.low[~hit]], [self.high[~hit]]
        for objective, value in enumerate(point):  # below the point in this objective, and above it in those before
            cut = low[:, objective] < value
            below = high[cut].copy()
            below[:, objective] = value
            lows.append(low[cut])
            highs.append(below)
            low = low.copy()
            low[:, objective] = np.maximum(low[:, objective], value)
        return BoxDecomposition(np.vstack(lows), np.vstack(highs))


class LogEhvi:
    """The log EHVI as a function of a point in the unit cube.

    :param processes: the posterior of each objective, minimised.
    """

    def __init__(self, processes: Sequence[NoiseFreeGaussianProcess], boxes: BoxDecomposition) -> None:
        self._processes = processes
        self._boxes = boxes
        #: the unique corner values in each objective, ascending, and their indices for each box
        self._corner_values: list[np.ndarray] = []
        self._low_index: list[np.ndarray] = []
        self._high_index: list[np.ndarray] = []
        for low, high in zip(boxes.low.T, boxes.high.T, strict=True):
            corners, indices = np.unique(np.concatenate([low, high]), return_inverse=True)
            self._corner_values.append(corners)
            self._low_index.append(indices[: len(low)])
            self._high_index.append(indices[len(low) :])

    def condition_on(self, point: np.ndarray) -> LogEhvi:
        """The log EHVI given ``point``, shape ``(columns,)``, at its expected values."""
        expected = np.array([process.predict(point[None])[0][0] for process in self._processes])
        pairs = zip(self._processes, expected.tolist(), strict=True)
        conditioned = [process.condition_on(point[None], np.array([value])) for process, value in pairs]
        return LogEhvi(conditioned, self._boxes.with_point(expected))

    def values(self, points: np.ndarray) -> np.ndarray:
        """The log EHVI at ``points``, shape ``(k, columns)``; shape ``(k,)``."""
        volumes = np.ones((len(points), len(self._boxes.low)))
        logs = [self._log_expected_improvements(objective, points) for objective in range(len(self._processes))]
        for log_improvement, low, high in zip(logs, self._low_index, self._high_index, strict=True):
            improvement = np.exp(log_improvement)
            volumes *= improvement[:, high] - improvement[:, low]
        ehvi = volumes.sum(axis=1)
        if ehvi.max(initial=0.0) > _MIN_LINEAR_EHVI:
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(np.maximum(ehvi, 0.0)))
        return self._log_sum_over_boxes(logs)

    def value_and_grad(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The log EHVI at a point, shape ``(columns,)``, and its gradient."""
        logs = [self._log_expected_improvements(objective, point[None])[0] for objective in range(len(self._processes))]
        log_extents = [
            _log_diff_exp(log_improvement[high], log_improvement[low])
            for log_improvement, low, high in zip(logs, self._low_index, self._high_index, strict=True)
        ]
        log_volumes = np.sum(log_extents, axis=0)
        largest = float(log_volumes.max())
        shares = np.exp(log_volumes - largest)
        value = largest + math.log(float(shares.sum()))
        shares /= shares.sum()
        gradient = np.zeros(len(point))
        for objective, process in enumerate(self._processes):
            mean_gradient, deviation_gradient = process.predict_gradients(point)
            by_mean, by_deviation = self._log_extent_gradients(objective, point, log_extents[objective])
            gradient += float(shares @ by_mean) * mean_gradient + float(shares @ by_deviation) * deviation_gradient
        return value, gradient

    def _log_expected_improvements(self, objective: int, points: np.ndarray) -> np.ndarray:
        """Log expected improvement of an objective below each of its corner values, shape ``(k, corners)``."""
        mean, deviation = self._processes[objective].predict(points)
        standardised = (self._corner_values[objective] - mean[:, None]) / deviation[:, None]
        return np.asarray(np.log(deviation)[:, None] + _log_normalised_improvement(standardised))

    def _log_sum_over_boxes(self, log_improvements: Sequence[np.ndarray]) -> np.ndarray:
        log_volumes = np.zeros((len(log_improvements[0]), len(self._boxes.low)))
        for log_improvement, low, high in zip(log_improvements, self._low_index, self._high_index, strict=True):
            log_volumes += _log_diff_exp(log_improvement[:, high], log_improvement[:, low])
        largest = log_volumes.max(axis=1)
        return np.asarray(largest + np.log(np.exp(log_volumes - largest[:, None]).sum(axis=1)))

    def _log_extent_gradients(
        self, objective: int, point: np.ndarray, log_extents: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of each box's log extent by the objective's mean and deviation, shape ``(boxes,)`` each."""
        from scipy.special import log_ndtr

        mean, deviation = (float(prediction[0]) for prediction in self._processes[objective].predict(point[None]))
        z = (self._corner_values[objective] - mean) / deviation
        log_cdf, log_pdf = log_ndtr(z), -0.5 * z**2 - _LOG_ROOT_2_PI
        by_mean, by_deviation = (
            np.exp(log_function[self._high_index[objective]] - log_extents)
            - np.exp(log_function[self._low_index[objective]] - log_extents)
            for log_function in (log_cdf, log_pdf)
        )
        return -by_mean, by_deviation


def _log_normalised_improvement(standardised: np.ndarray) -> np.ndarray:
    """The log of E[max(``standardised`` - z, 0)] for a standard normal z; -inf at -inf [LogEI, eq. 9]."""
    from scipy.special import erfcx, ndtr

    logs = np.full(standardised.shape, -np.inf)
    near = standardised > -1.0
    z = standardised[near]
    logs[near] = np.log(np.exp(-0.5 * z**2 - _LOG_ROOT_2_PI) + z * ndtr(z))
    tail = ~near & (standardised > _ASYMPTOTIC_Z)
    z = standardised[tail]
    ratio = math.sqrt(0.5 * math.pi) * erfcx(-z / math.sqrt(2.0))
    logs[tail] = -0.5 * z**2 - _LOG_ROOT_2_PI + np.log1p(z * ratio)
    far = (standardised <= _ASYMPTOTIC_Z) & np.isfinite(standardised)
    z = standardised[far]
    logs[far] = -0.5 * z**2 - _LOG_ROOT_2_PI - 2.0 * np.log(-z)
    return logs


def _log_diff_exp(larger: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """The log of ``exp(larger) - exp(smaller)``."""
    return np.asarray(larger + np.log1p(-np.exp(np.minimum(smaller - larger, -1e-16))))
