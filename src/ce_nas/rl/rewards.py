"""Reward functions.

Source
    [CE-NAS] Zhao, Liu, Jiang, Guo. CE-NAS: An End-to-End Carbon-Efficient Neural Architecture Search Framework.
    NeurIPS 2024, and its public code.
    [shaping] Ng, Harada, Russell. Policy Invariance Under Reward Transformations. ICML 1999.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ce_nas.rl.evaluate import MISSED_TARGET_PENALTY

__all__ = ["REWARDS", "CarbonReward", "PaperReward", "PeriodOutcome", "Reward"]


@dataclass(frozen=True, slots=True)
class PeriodOutcome:
    """What happened in one period."""

    #: carbon emitted in it by full accounting, g
    carbon_g: float
    #: carbon of the trainings that the target takes in average hours, g
    baseline_g: float
    #: least carbon of the rest of the search in hindsight, before and after it, g
    optimal_remaining_before_g: float
    optimal_remaining_g: float
    #: mean intensity of the period, relative to the highest of the past week
    relative_intensity: float
    #: share of the devices whose training at that intensity would emit as much
    busy_share: float
    #: hypervolume before and after
    hypervolume_before: float
    hypervolume: float
    #: full trainings that ended
    evaluations: int
    #: share of the time budget elapsed before
    elapsed_share: float
    #: whether the scenario's target was reached
    reached_target: bool
    #: whether the search is over
    terminated: bool


class Reward(ABC):
    """Rewards one period; more is better."""

    #: the name that settings choose it by
    name: str
    #: whether an episode ends when its target is reached
    ends_at_target: bool

    @abstractmethod
    def compute(self, period: PeriodOutcome) -> float:
        """The reward of a period."""


class CarbonReward(Reward):
    """Minus the carbon, relative to that of the target's trainings in average hours, less a penalty for a miss.

    Each period is credited with the work done in it, at the price of the cheapest hours that would have sufficed in
    hindsight: a dirty hour worked in costs at once, and so does a clean one that was skipped. The credits are
    potential-based [shaping]: over an episode they add up to a constant of the scenario, so that the best policy by
    this reward is the one with the least mean cost.

    :param missed_target_penalty: penalty for a search that ends before its target.

    Example:
        >>> CarbonReward().name
        'carbon'
    """

    name = "carbon"
    ends_at_target = True

    def __init__(self, missed_target_penalty: float = MISSED_TARGET_PENALTY) -> None:
        self._missed_target_penalty = missed_target_penalty

    def compute(self, period: PeriodOutcome) -> float:
        """See :meth:`Reward.compute`."""
        missed = self._missed_target_penalty if period.terminated and not period.reached_target else 0.0
        credit_g = period.optimal_remaining_before_g - (0.0 if period.terminated else period.optimal_remaining_g)
        return (credit_g - period.carbon_g) / period.baseline_g - missed


class PaperReward(Reward):
    """Growth of the hypervolume, weighted by time, less the carbon, plus a bonus per training [CE-NAS].

    Two deviations avoid knowledge of the future: the present hypervolume and the highest intensity of the past week
    replace the known optimum and the extremes of the whole trace. The carbon of all activities counts, not only that of
    the trainings.
    """

    name = "paper"
    ends_at_target = False

    def compute(self, period: PeriodOutcome) -> float:
        """See :meth:`Reward.compute`."""
        growth = (period.hypervolume - period.hypervolume_before) / period.hypervolume if period.hypervolume else 0.0
        carbon = 2.0 * period.relative_intensity * period.busy_share
        return 20.0 * (0.8 + 0.8 * period.elapsed_share) * growth - carbon + 0.05 * period.evaluations


REWARDS = {reward.name: reward for reward in (CarbonReward, PaperReward)}
