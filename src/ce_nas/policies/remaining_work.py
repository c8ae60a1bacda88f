"""How much work a search is still worth, estimated from what its last trainings brought.

The number of trainings that a search needs is uncertain. What is known is that searches have a decreasing hazard rate:
the longer one has lasted, the longer it may still last; and the faster the gap to its target closes, the sooner the
target is reached. The constants were fitted by maximum likelihood to recorded searches (HW-NAS-Bench and NAS-Bench-201,
three data sets, LaMOO and the surrogate, 47 searches with seeds from 100 on, targets from 0.99 of their final
hypervolume to nearly all of it).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ce_nas.components.base import ComponentSettings
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.policies.base import DEFAULT_WARMUP_SCORES, MAX_PLANNED_PERIODS

if TYPE_CHECKING:
    from ce_nas.core.records import State

__all__ = [
    "DEFAULT_CONFIDENCE",
    "DEFAULT_TRAINING_S",
    "RemainingWork",
    "RemainingWorkSettings",
    "estimate_remaining_work",
    "required_duty_cycle",
    "why_all_hours",
]

#: median number of trainings of a search before its first, and its growth per training done
INITIAL_MEDIAN_TRAININGS = 200
MEDIAN_GROWTH_WITH_TARGET, MEDIAN_GROWTH_WITHOUT_TARGET = 1.5, 0.4
#: median of the trainings left of a search that ends by itself, as a share of those done, once as many as usual are
LEAST_SHARE_LEFT = 0.35
#: the gap to the target is compared with the gap after 1 / divisor of the trainings; the lowest ratio that counts
_GAP_LOOKBACK_DIVISOR, _MIN_GAP_RATIO = 4, 0.05
#: probability with which planned work must be enough, by default
DEFAULT_CONFIDENCE = 0.9
#: share of the time after which a search without any training stops waiting for clean hours
_UNTRAINED_SHARE = 0.25
#: a carbon budget is assumed to be spent in the periods up to this quantile of the coming ones
_CLEAN_QUANTILE = 0.25
#: trainings after which the observed progress counts half
_HALF_TRUST_TRAININGS = 50
#: assumed duration of a training until the first has ended, s
DEFAULT_TRAINING_S = 1500.0
#: shape of the Lomax distribution of the remaining work: the survival probability falls with this power of the work
_LOMAX_SHAPE = 2.0
_LOMAX_SCALE_PER_MEDIAN = 1.0 / (2.0 ** (1.0 / _LOMAX_SHAPE) - 1.0)


class RemainingWorkSettings(ComponentSettings):
    """What policies that plan the remaining work share."""

    warmup_scores: int = Field(
        DEFAULT_WARMUP_SCORES,
        ge=0,
        description="Half of the active GPUs sample until this many architectures are scored.",
    )
    confidence: float = Field(
        DEFAULT_CONFIDENCE,
        ge=0,
        lt=1,
        description="Probability with which the planned hours must suffice to reach a target.",
    )


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """Remaining work of a search as a random variable: Lomax distributed device time.

    Example:
        >>> work = RemainingWork(median_trainings=100, training_s=1500.0)
        >>> round(work.median_device_s / 3600.0, 1), round(work.quantile_s(0.9) / 3600.0, 1)
        (41.7, 217.5)
    """

    #: median number of trainings still needed
    median_trainings: float
    #: device time of a training, s
    training_s: float

    @property
    def median_device_s(self) -> float:
        """Median of the device time still needed, s."""
        return self.median_trainings * self.training_s

    def quantile_s(self, probability: float) -> float:
        """Device time that is enough with this probability, 0 to less than 1, s."""
        return float(
            self.median_device_s * _LOMAX_SCALE_PER_MEDIAN * ((1.0 - probability) ** (-1.0 / _LOMAX_SHAPE) - 1.0)
        )

    def survival(self, device_s: np.ndarray) -> np.ndarray:
        """Probability that the search needs more than ``device_s`` of device time: a half at the median."""
        alive: np.ndarray = (1.0 + device_s / (self.median_device_s * _LOMAX_SCALE_PER_MEDIAN)) ** -_LOMAX_SHAPE
        return alive

    def mean_residual_s(self, device_s: np.ndarray) -> np.ndarray:
        """Mean device time still needed after ``device_s``, of a search that needs more, s."""
        left_s: np.ndarray = (self.median_device_s * _LOMAX_SCALE_PER_MEDIAN + device_s) / (_LOMAX_SHAPE - 1.0)
        return left_s

    def expected_spent_s(self, device_s: np.ndarray) -> np.ndarray:
        """Expected device time spent of ``device_s``, since the search may end earlier, s."""
        scale_s = self.median_device_s * _LOMAX_SCALE_PER_MEDIAN
        spent_s: np.ndarray = (
            scale_s / (_LOMAX_SHAPE - 1.0) * (1.0 - (1.0 + device_s / scale_s) ** (1.0 - _LOMAX_SHAPE))
        )
        return spent_s


def required_duty_cycle(state: State, confidence: float, expected_trainings: float | None = None) -> float:
    """Share of the open time left in which all devices must work to end with this probability, 0 to 1.

    A search ends at its target, or by itself; 0 for one that only a budget ends.

    :param expected_trainings: see :func:`estimate_remaining_work`.
    """
    if math.isinf(state.search.target_hypervolume) and expected_trainings is None:
        return 0.0
    return _needed_share(state, estimate_remaining_work(state, expected_trainings), confidence)


def _needed_share(state: State, work: RemainingWork, confidence: float) -> float:
    """Device time that is enough with this probability, as a share of the open device time left, 0 to 1."""
    time_left_s = state.budget.time_left_s
    closed_s = state.period_s * sum(period * state.period_s < time_left_s for period in state.grid.closed_periods)
    open_s = state.cluster.devices * (time_left_s - closed_s)
    return min(work.quantile_s(confidence) / open_s, 1.0) if open_s > 0 else 1.0


def why_all_hours(state: State, confidence: float) -> str | None:
    """Why every open hour is needed, as a sentence; None if it is not.

    It is while nothing has been trained in the first quarter of the time, and when all the hours left are needed to
    reach the target with this probability.
    """
    if 0 in state.grid.closed_periods:
        return None
    total_s = state.now_s + state.budget.time_left_s
    if not state.search.evaluations and state.now_s >= _UNTRAINED_SHARE * total_s:
        return f"Nothing is trained after {state.now_s / HOUR_S:.0f} of {total_s / HOUR_S:.0f} h: every device trains."
    if required_duty_cycle(state, confidence) >= 1.0:
        return f"The target needs all of the {state.budget.time_left_s / HOUR_S:.0f} h left: every device trains."
    return None


def estimate_remaining_work(state: State, expected_trainings: float | None = None) -> RemainingWork:
    """The remaining work, as far as budgets allow it.

    :param expected_trainings: median number of trainings after which searches end; None: of those that only a budget
        ends.
    """
    training_s = _mean_training_s(state)
    affordable = min(_affordable_device_s(state) / training_s, state.budget.evaluations_left)
    return RemainingWork(max(min(_median_trainings_left(state, expected_trainings), affordable), 1.0), training_s)


def _affordable_device_s(state: State) -> float:
    """Device time that the budgets leave for trainings, in the cleaner and cheaper of the coming periods, s."""
    budget, rates = state.budget, state.cluster.rates
    left_s = [budget.device_s_left]
    if rates is not None and rates.training_w > 0:
        energy_j = budget.energy_left_j
        if state.grid.forecast is not None and budget.carbon_left_g < math.inf:
            periods = int(min(max(budget.time_left_s // state.period_s, 1), MAX_PLANNED_PERIODS))
            ahead = state.grid.forecast.resample(state.now_s, state.period_s, periods)
            clean = float(np.quantile(ahead, _CLEAN_QUANTILE))
            energy_j = min(energy_j, budget.carbon_left_g / max(clean, 1e-9) * J_PER_KWH)
        cost_per_s = rates.price_per_device_hour / HOUR_S + rates.training_w / J_PER_KWH * rates.prices_per_kwh.min()
        left_s += [energy_j / rates.training_w, budget.cost_left / cost_per_s if cost_per_s > 0 else math.inf]
    return min(left_s)


def _mean_training_s(state: State) -> float:
    """Mean duration of a training; started ones count as half done, or the estimate of the first hours is too long."""
    if not state.search.evaluations:
        return DEFAULT_TRAINING_S
    started = state.cluster.running + state.cluster.suspended
    return state.search.trained_s / (state.search.evaluations + started / 2)


def _median_trainings_left(state: State, expected_trainings: float | None) -> float:
    done = state.search.evaluations
    if math.isinf(state.search.target_hypervolume) and expected_trainings is not None:
        return max(expected_trainings - done, LEAST_SHARE_LEFT * done)
    if math.isinf(state.search.target_hypervolume):
        return INITIAL_MEDIAN_TRAININGS + MEDIAN_GROWTH_WITHOUT_TARGET * done
    trust = 0.5 * done / (done + _HALF_TRUST_TRAININGS)  # the gap closes fast in the first trainings of any search
    return max(
        ((expected_trainings or INITIAL_MEDIAN_TRAININGS) + MEDIAN_GROWTH_WITH_TARGET * done)
        * math.pow(_gap_ratio(state), trust),
        float(_trainings_since_improvement(state)),
    )


def _trainings_since_improvement(state: State) -> int:
    """Trainings since the hypervolume last grew: the median number until it grows again."""
    search = state.search
    if not search.evaluations:
        return 0
    return search.evaluations - bisect_left(search.hypervolume_by_evaluation, search.hypervolume)


def _gap_ratio(state: State) -> float:
    """Gap to the target now, relative to the gap after a quarter of the trainings: 1 without any improvement since."""
    search = state.search
    quarter = search.evaluations // _GAP_LOOKBACK_DIVISOR
    before = search.target_hypervolume - search.hypervolume_by_evaluation[quarter - 1] if quarter else 0.0
    gap = search.target_hypervolume - search.hypervolume
    return min(max(gap / before, _MIN_GAP_RATIO), 1.0) if before > 0 else 1.0
