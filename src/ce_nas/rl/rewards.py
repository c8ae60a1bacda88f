"""What a policy is rewarded for.

Source
    [CE-NAS] Zhao, Liu, Jiang, Guo. CE-NAS: An End-to-End Carbon-Efficient Neural Architecture Search Framework.
    NeurIPS 2024, and its public code.
    [shaping] Ng, Harada, Russell. Policy Invariance Under Reward Transformations. ICML 1999.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ce_nas.rl.evaluate import MISSED

__all__ = ["REWARDS", "AuthorsReward", "GramsReward", "Period", "Reward"]


@dataclass(frozen=True, slots=True)
class Period:
    """What one period brought."""

    #: carbon in the full book that was emitted in it, g
    carbon_g: float
    #: what the trainings that the target takes would emit in average hours, g
    work_g: float
    #: the least that the rest of the search could emit in hindsight, before and after it, g
    to_come_before_g: float
    to_come_g: float
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
    """Ours: the grams until the target is reached, in units of what its trainings would emit in average hours.

    A search that ends short of its target pays for ``missed`` times as much again. Each period is credited with the
    work that it leaves undone no more, at the price of the cheapest hours that would have sufficed in hindsight: so a
    dear hour costs at once, and so does a clean one that was let go by. Over an episode these credits add up to the
    same, whatever was done [shaping]: the sum is what a policy is judged by, less a constant of the scenario, and the
    best policy by this reward is the best one.
    """

    name = "grams"
    ends_at_target = True

    def __init__(self, missed: float = MISSED) -> None:
        self._missed = missed

    def of(self, period: Period) -> float:
        """See :meth:`Reward.of`."""
        missed = self._missed if period.over and not period.reached else 0.0
        credit_g = period.to_come_before_g - (0.0 if period.over else period.to_come_g)
        return (credit_g - period.carbon_g) / period.work_g - missed


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
