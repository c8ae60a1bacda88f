"""The limit of a search: the cheapest run that knows the front and the grid.

It trains a greedy choice of architectures only, those that reach the level with the least device time, in the cleanest
hours before the deadline, on all devices at once, and charges nothing else: no idle device, no sampling, no restart.
Trainings may be split at will, so no run on this table and trace can need much less.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import J_PER_KWH
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.hypervolume import hypervolume, hypervolume_improvements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.grid.trace import Series

__all__ = ["GreedyFront", "cleanest_hours_g"]


class GreedyFront:
    """The members of a table's front in the order in which they add most hypervolume, in all or per second of training.

    :param values: the objectives of all architectures, minimised, shape ``(n, m)``.
    :param train_s: seconds of their trainings, shape ``(n,)``.
    """

    def __init__(self, values: np.ndarray, reference: Sequence[float], train_s: np.ndarray) -> None:
        front = np.flatnonzero(is_nondominated(values))
        self._values, self._train_s = values[front], train_s[front]
        self._reference = np.asarray(reference, dtype=float)
        #: hypervolume of the whole table
        self.hypervolume_max = hypervolume(self._values, self._reference)
        self._orders = [self._order(np.ones(len(front))), self._order(self._train_s)]

    def work_s(self, share: float) -> float:
        """Device seconds of the trainings that reach a share of the largest hypervolume, by the cheaper order."""
        return min(self._work_s(order, share) for order in self._orders)

    def training_count(self, share: float) -> int:
        """The number of trainings that reach the share in the order of what they add."""
        return self._length(self._orders[0], share)

    def _order(self, weights: np.ndarray) -> list[tuple[int, float]]:
        """Members with the hypervolume reached after each, the largest gain per weight first."""
        order: list[tuple[int, float]] = []
        waiting = list(range(len(self._values)))
        while waiting:
            chosen = self._values[[row for row, _ in order]].reshape(-1, len(self._reference))
            gains = hypervolume_improvements(chosen, self._values[waiting], self._reference) / weights[waiting]
            row = waiting.pop(int(np.argmax(gains)))
            order.append((row, hypervolume(np.vstack([chosen, self._values[[row]]]), self._reference)))
        return order

    def _length(self, order: Sequence[tuple[int, float]], share: float) -> int:
        level = share * self.hypervolume_max * (1.0 - 1e-12)
        return next(count for count, (_, reached) in enumerate(order, 1) if reached >= level)

    def _work_s(self, order: Sequence[tuple[int, float]], share: float) -> float:
        return float(sum(self._train_s[row] for row, _ in order[: self._length(order, share)]))


def cleanest_hours_g(intensity: Series, work_s: float, devices: int, deadline_s: float, power_w: float) -> float:
    """Grams of CO2eq of work spread over the cleanest steps before a deadline; infinite where it does not fit.

    :param intensity: g/kWh, its seconds counted from the run's start.
    :param work_s: device seconds.
    :param power_w: of a training device at the plug, with everything that it is charged with.
    """
    step_s = intensity.step_s
    starts = np.arange(0.0, deadline_s, step_s)
    lengths = np.minimum(starts + step_s, deadline_s) - starts
    means = np.array(
        [intensity.mean(start, start + length) for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)]
    )
    order = np.argsort(means, kind="stable")
    capacity = np.cumsum(devices * lengths[order])
    if work_s > capacity[-1]:
        return math.inf
    used_s = np.diff(np.minimum(capacity, work_s), prepend=0.0)
    return float(used_s @ means[order]) * power_w / J_PER_KWH
