"""CarbonScaler: each further device works in the hour in which its marginal work costs the least carbon.

Source
    [CarbonScaler] Hanafy, Liang, Bashir, Irwin, Shenoy. CarbonScaler: Leveraging Cloud Workload Elasticity for
        Optimizing Carbon-Efficiency. POMACS 7(3), 2023 (greedy by marginal work per carbon, section 4).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.components.registry import POLICIES
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import DEFAULT_WARMUP_SCORES, Decision, Policy, active_allocation
from ce_nas.policies.remaining_work import DEFAULT_CONFIDENCE, RemainingWorkSettings, estimate_remaining_work

if TYPE_CHECKING:
    from ce_nas.core.records import State

__all__ = ["CarbonScalerPolicy"]


class CarbonScalerSettings(RemainingWorkSettings):
    """Settings of the policy carbonscaler."""


@POLICIES.register("carbonscaler", CarbonScalerSettings)
class CarbonScalerPolicy(Policy):
    """Plans the remaining work as a job of known length, as [CarbonScaler] does, and plans again each period.

    :param marginal_loss: share of the first device's work by which each further device adds less than the one before:
        trainings that run in parallel cannot learn from one another.
    :param warmup_scores: half of the active devices sample until as many architectures are scored.
    :param confidence: probability with which the planned work must be enough, 0 to less than 1.

    Example:
        >>> from ce_nas.testing import make_state
        >>> state = make_state(forecast=[100.0] * 4 + [300.0] * 36, target_hypervolume=4100.0, samples=20_000)
        >>> CarbonScalerPolicy(confidence=0.5).decide(state).allocation
        Allocation(sampling=0, evaluating=8, idle=0, released=0)
    """

    name = "carbonscaler"

    def __init__(
        self,
        *,
        marginal_loss: float = 0.02,
        warmup_scores: int = DEFAULT_WARMUP_SCORES,
        confidence: float = DEFAULT_CONFIDENCE,
    ) -> None:
        self._marginal_loss = marginal_loss
        self._warmup_scores = warmup_scores
        self._confidence = confidence

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        cluster = state.cluster
        work = estimate_remaining_work(state)
        periods = max(math.ceil(state.budget.time_left_s / state.period_s), 1)
        intensities = np.ones(periods)
        if state.grid.forecast is not None:
            intensities = state.grid.forecast.resample(state.now_s, state.period_s, periods)
        intensities[[period for period in state.grid.closed_periods if period < periods]] = np.inf
        marginal_work = np.maximum(1.0 - self._marginal_loss * np.arange(cluster.devices), 0.1)
        planned_s = work.quantile_s(self._confidence)
        count = _greedy_device_count(intensities, marginal_work, planned_s / state.period_s)
        reason = (
            f"{planned_s / HOUR_S:.0f} GPU-hours are enough with a chance of {format_percentage(self._confidence)}: "
            f"{count} of {cluster.devices} GPUs are among the cheapest of the {periods} periods left at "
            f"{intensities[0]:.0f} g/kWh."
        )
        return Decision(active_allocation(state, count, self._warmup_scores), reason)


def _greedy_device_count(intensities: np.ndarray, marginal_work: np.ndarray, required_work: float) -> int:
    """Devices that work in the first period if pairs of period and further device are chosen by carbon per work.

    :param intensities: of the periods, shape ``(periods,)``.
    :param marginal_work: work that each further device adds, decreasing, shape ``(devices,)``.
    :param required_work: work to be done, in periods of one device.
    """
    carbon_per_work = intensities[:, None] / marginal_work[None, :]
    order = np.argsort(carbon_per_work, axis=None, kind="stable")
    done = np.cumsum(np.broadcast_to(marginal_work, carbon_per_work.shape).ravel()[order])
    chosen = order[: np.searchsorted(done, required_work) + 1]
    return int(np.count_nonzero(chosen < len(marginal_work)))
