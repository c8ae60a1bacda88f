"""Marginal allocation: each further device goes to the hour in which its work costs the least carbon.

Source
    [CarbonScaler] Hanafy, Liang, Bashir, Irwin, Shenoy. CarbonScaler: Leveraging Cloud Workload Elasticity for
        Optimizing Carbon-Efficiency. SIGMETRICS 2024 (greedy by marginal work per carbon, section 4).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import SCORED, Allocator, Decision, finishing, working
from ce_nas.policies.remaining_work import SURE, still_worth

if TYPE_CHECKING:
    from ce_nas.core.records import View

__all__ = ["Marginal"]


class Marginal(Allocator):
    """Plans the work that is most likely enough as a job of known length, as CarbonScaler does; anew each period.

    :param falling: by how much each further device adds less than the one before it, as a share of the first one's
        work: what trains side by side cannot learn of one another.
    :param gain: without a target, the share of the hypervolume that the last doubling of trainings must have brought.
    :param scored: half of the devices that work score architectures until so many are scored.
    :param sure: the chance with which the work planned must be enough, 0 to less than 1.
    """

    name = "marginal"

    def __init__(self, *, falling: float = 0.02, gain: float = 1e-3, scored: int = SCORED, sure: float = SURE) -> None:
        self._falling = falling
        self._gain = gain
        self._scored = scored
        self._sure = sure

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        work = still_worth(view, self._gain)
        if work is None:
            reason = f"The search is worth no more after {view.evaluations} trainings."
            return Decision(finishing(view), reason, done=view.running + view.suspended == 0)
        periods = max(math.ceil(view.time_left_s / view.period_s), 1)
        intensities = np.ones(periods)
        if view.forecast is not None:
            intensities = view.forecast.ahead(view.now_s, view.period_s, periods)
        intensities[[period for period in view.closed if period < periods]] = np.inf
        adds = np.maximum(1.0 - self._falling * np.arange(view.devices), 0.1)
        planned_s = work.enough_s(self._sure)
        count = _greedy(intensities, adds, planned_s / view.period_s)
        reason = (
            f"{planned_s / HOUR_S:.0f} GPU-hours are enough with a chance of {self._sure:.0%}: {count} of "
            f"{view.devices} GPUs are among the cheapest of the {periods} periods left at {intensities[0]:.0f} g/kWh."
        )
        return Decision(working(view, count, self._scored), reason)


def _greedy(intensities: np.ndarray, adds: np.ndarray, needed: float) -> int:
    """How many devices work in the first period, if pairs of period and further device are taken by carbon per work.

    :param intensities: of the periods, shape ``(periods,)``.
    :param adds: what each further device adds, falling, shape ``(devices,)``.
    :param needed: the work to be done, in periods of one device.
    """
    price = intensities[:, None] / adds[None, :]
    order = np.argsort(price, axis=None, kind="stable")
    done = np.cumsum(np.broadcast_to(adds, price.shape).ravel()[order])
    taken = order[: np.searchsorted(done, needed) + 1]
    return int(np.count_nonzero(taken < len(adds)))
