"""What a policy is rewarded for.

Source
    [CE-NAS] Zhao, Liu, Jiang, Guo. CE-NAS: An End-to-End Carbon-Efficient Neural Architecture Search Framework.
    NeurIPS 2024, and its public code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

__all__ = ["REWARDS", "AuthorsReward", "GramsReward", "Period", "Reward"]


@dataclass(frozen=True, slots=True)
class Period:
    """What one period brought."""

    #: carbon in the full book that was emitted in it, g
    carbon_g: float
    #: what all devices would usually emit in training until the deadline, g
    usual_g: float
    #: mean of the period's intensity over the highest of the past week
    relative_intensity: float
    #: share of the devices that the period's grams stand for, were they training at that intensity
    busy: float
    #: hypervolume before and after
    hypervolume_before: float
    hypervolume: float
    #: full trainings that ended
    evaluations: int
    #: share of the time that was over before
    elapsed: float
    #: whether the scenario's target was reached
    reached: bool
    #: whether the search is over
    over: bool


class Reward(ABC):
    """Weighs one period; more is better."""

    #: the name it is chosen by
    name: str
    #: whether an episode ends when its target is reached
    ends_at_target: bool

    @abstractmethod
    def of(self, period: Period) -> float:
        """The reward of a period."""


class GramsReward(Reward):
    """Ours: the grams until the target is reached, as a share of what would usually be emitted until the deadline.

    A search that ends short of its target pays for as much again as ``missed`` usual searches. The sum over an episode
    is what a policy is judged by, so that the best policy by this reward is the best one.
    """

    name = "grams"
    ends_at_target = True

    def __init__(self, missed: float = 0.5) -> None:
        self._missed = missed

    def of(self, period: Period) -> float:
        """See :meth:`Reward.of`."""
        missed = self._missed if period.over and not period.reached else 0.0
        return -period.carbon_g / period.usual_g - missed


class AuthorsReward(Reward):
    """The authors': growth of the hypervolume, more so later on, less the carbon, and a bonus a training [CE-NAS].

    Without its faults: the known optimum and the future's extremes are replaced by the present hypervolume and by the
    highest intensity of the past week, and every activity's carbon counts instead of the trainings' alone.
    """

    name = "authors"
    ends_at_target = False

    def of(self, period: Period) -> float:
        """See :meth:`Reward.of`."""
        growth = (period.hypervolume - period.hypervolume_before) / period.hypervolume if period.hypervolume else 0.0
        carbon = 2.0 * period.relative_intensity * period.busy
        return 20.0 * (0.8 + 0.8 * period.elapsed) * growth - carbon + 0.05 * period.evaluations


REWARDS = {reward.name: reward for reward in (GramsReward, AuthorsReward)}
