"""The logarithm of the expected gain in hypervolume, exact for independent normal beliefs, and its slopes.

What no point dominates below the reference is cut into boxes; the gain is a sum over them, and what is expected of each
a product over the objectives [EHVI]. Logarithms keep apart what is hopeless and what is more hopeless still, so that
there is always somewhere to climb to [LogEI].

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

from ce_nas.pareto.dominance import is_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.search.bayesopt.gp import SmoothProcess

__all__ = ["Boxes", "LogGain"]

_LOG_ROOT_2_PI = 0.5 * math.log(2.0 * math.pi)
#: below so many deviations the tail of the normal distribution is reckoned by its series
_FAR_BELOW = -1e3
#: expected gains below this are told apart by their logarithms
_SMALLEST = 1e-200


class Boxes:
    """What a front leaves undominated below the reference, in boxes that do not overlap; minimised.

    :param low: the lower corners, shape ``(boxes, m)``, some at minus infinity; ``high``, the upper ones.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        self.low = low
        self.high = high

    @classmethod
    def of(cls, points: np.ndarray, reference: np.ndarray) -> Boxes:
        """The boxes that ``points``, shape ``(n, m)``, leave; those not below the reference do nothing."""
        counts = points[(points < reference).all(axis=1)]
        boxes = cls(np.full((1, len(reference)), -np.inf), reference[None].astype(float))
        front = np.unique(counts[is_front(counts)], axis=0) if len(counts) else counts
        for point in front:
            boxes = boxes.without(point)
        return boxes

    def without(self, point: np.ndarray) -> Boxes:
        """What is left when ``point``, shape ``(m,)``, dominates its part of it."""
        hit = (self.high > point).all(axis=1)
        low, high = self.low[hit], self.high[hit]
        lows, highs = [self.low[~hit]], [self.high[~hit]]
        for place, value in enumerate(point):  # below the point in this objective, and above it in those before
            cut = low[:, place] < value
            below = high[cut].copy()
            below[:, place] = value
            lows.append(low[cut])
            highs.append(below)
            low = low.copy()
            low[:, place] = np.maximum(low[:, place], value)
        return Boxes(np.vstack(lows), np.vstack(highs))


class LogGain:
    """The logarithm of the expected gain as a function of a point in the unit cube.

    :param processes: what is believed of each objective, minimised.
    """

    def __init__(self, processes: Sequence[SmoothProcess], boxes: Boxes) -> None:
        self._processes = processes
        self._boxes = boxes
        #: the different corners in each objective, ascending, and which of them each box has
        self._levels: list[np.ndarray] = []
        self._low: list[np.ndarray] = []
        self._high: list[np.ndarray] = []
        for low, high in zip(boxes.low.T, boxes.high.T, strict=True):
            levels, places = np.unique(np.concatenate([low, high]), return_inverse=True)
            self._levels.append(levels)
            self._low.append(places[: len(low)])
            self._high.append(places[len(low) :])

    def given(self, point: np.ndarray) -> LogGain:
        """The gain once ``point``, shape ``(columns,)``, has turned out as it is expected to."""
        expected = np.array([process.at(point[None])[0][0] for process in self._processes])
        pairs = zip(self._processes, expected.tolist(), strict=True)
        told = [process.given(point[None], np.array([value])) for process, value in pairs]
        return LogGain(told, self._boxes.without(expected))

    def at(self, points: np.ndarray) -> np.ndarray:
        """The logarithm of the expected gain at ``points``, shape ``(k, columns)``; shape ``(k,)``."""
        total = np.ones((len(points), len(self._boxes.low)))
        parts = [self._below(place, points) for place in range(len(self._processes))]
        for part, low, high in zip(parts, self._low, self._high, strict=True):
            hopes = np.exp(part)
            total *= hopes[:, high] - hopes[:, low]
        plain = total.sum(axis=1)
        if plain.max(initial=0.0) > _SMALLEST:
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(np.maximum(plain, 0.0)))
        return self._exactly(parts)

    def with_slopes(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The logarithm of the expected gain at a point, shape ``(columns,)``, and how it changes with each column."""
        parts = [self._below(place, point[None])[0] for place in range(len(self._processes))]
        logs = [_log_less(part[high], part[low]) for part, low, high in zip(parts, self._low, self._high, strict=True)]
        total = np.sum(logs, axis=0)
        top = float(total.max())
        shares = np.exp(total - top)
        value = top + math.log(float(shares.sum()))
        shares /= shares.sum()
        slopes = np.zeros(len(point))
        for place, process in enumerate(self._processes):
            of_mean, of_deviation = process.slopes(point)
            by_mean, by_deviation = self._sensitivity(place, point, logs[place])
            slopes += float(shares @ by_mean) * of_mean + float(shares @ by_deviation) * of_deviation
        return value, slopes

    def _below(self, place: int, points: np.ndarray) -> np.ndarray:
        """Log of how far an objective is expected to lie below each of its levels, shape ``(k, levels)``."""
        mean, deviation = self._processes[place].at(points)
        away = (self._levels[place] - mean[:, None]) / deviation[:, None]
        return np.asarray(np.log(deviation)[:, None] + _log_hope(away))

    def _exactly(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        total = np.zeros((len(parts[0]), len(self._boxes.low)))
        for part, low, high in zip(parts, self._low, self._high, strict=True):
            total += _log_less(part[:, high], part[:, low])
        top = total.max(axis=1)
        return np.asarray(top + np.log(np.exp(total - top[:, None]).sum(axis=1)))

    def _sensitivity(self, place: int, point: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How the log of a box's extent in an objective changes with its mean and its deviation, shape ``(boxes,)``."""
        from scipy.special import log_ndtr

        mean, deviation = (float(one[0]) for one in self._processes[place].at(point[None]))
        away = (self._levels[place] - mean) / deviation
        chance, density = log_ndtr(away), -0.5 * away**2 - _LOG_ROOT_2_PI
        by_mean, by_deviation = (
            np.exp(logs_of[self._high[place]] - logs) - np.exp(logs_of[self._low[place]] - logs)
            for logs_of in (chance, density)
        )
        return -by_mean, by_deviation


def _log_hope(away: np.ndarray) -> np.ndarray:
    """Logarithm of E[max(away - z, 0)] for a standard normal z; minus infinity where ``away`` is [LogEI, eq. 9]."""
    from scipy.special import erfcx, ndtr

    logs = np.full(away.shape, -np.inf)
    near = away > -1.0
    z = away[near]
    logs[near] = np.log(np.exp(-0.5 * z**2 - _LOG_ROOT_2_PI) + z * ndtr(z))
    tail = ~near & (away > _FAR_BELOW)
    z = away[tail]
    ratio = math.sqrt(0.5 * math.pi) * erfcx(-z / math.sqrt(2.0))
    logs[tail] = -0.5 * z**2 - _LOG_ROOT_2_PI + np.log1p(z * ratio)
    far = (away <= _FAR_BELOW) & np.isfinite(away)
    z = away[far]
    logs[far] = -0.5 * z**2 - _LOG_ROOT_2_PI - 2.0 * np.log(-z)
    return logs


def _log_less(more: np.ndarray, less: np.ndarray) -> np.ndarray:
    """log(exp(more) - exp(less)), where ``more`` is the larger."""
    return np.asarray(more + np.log1p(-np.exp(np.minimum(less - more, -1e-16))))
