"""How good policies are, side by side on the same scenarios."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.experiment.statistics import Interval, bootstrap_median
from ce_nas.learn.episodes import play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ce_nas.allocate.allocator import Allocator
    from ce_nas.forecast.forecaster import Forecaster
    from ce_nas.learn.scenario import Scenario, Scenarios

__all__ = ["Verdict", "judge", "mean_cost"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy did on a list of scenarios."""

    policy: str
    scenarios: int
    #: grams until the target was reached, in units of its trainings in average hours; infinite where it was not
    carbon_share: Interval
    #: the same, put in relation to the first policy's on the same scenario
    ratio: Interval
    #: share of the scenarios in which the target was reached
    reached: float
    #: mean of the grams and the fine for a miss: what a policy is trained for
    cost: float
    #: full trainings, and hours until the end
    trainings: Interval
    hours: Interval

    def to_dict(self) -> dict[str, object]:
        """The verdict as plain containers."""
        return asdict(self)


def judge(
    policies: Mapping[str, Callable[[], Allocator]],
    scenarios: Scenarios,
    numbers: Iterable[int],
    forecaster: Callable[[Scenario], Forecaster] | None = None,
) -> list[Verdict]:
    """Let each policy play the scenarios of these numbers; ratios refer to the first one.

    :param forecaster: what policies see in place of the default forecast.
    """
    listed = [scenarios[number] for number in numbers]
    verdicts: list[Verdict] = []
    first = np.empty(0)
    for name, make in policies.items():
        played = [play(one, make(), forecaster(one) if forecaster else None) for one in listed]
        shares = np.array([one.carbon_share if one.reached else np.inf for one in played])
        first = first if len(first) else shares
        with np.errstate(invalid="ignore"):
            ratios = np.where(np.isinf(shares), np.inf, shares / first)
        verdicts.append(
            Verdict(
                policy=name,
                scenarios=len(listed),
                carbon_share=bootstrap_median(shares.tolist()),
                ratio=bootstrap_median(ratios.tolist()),
                reached=float(np.mean([one.reached for one in played])),
                cost=float(np.mean([one.cost for one in played])),
                trainings=bootstrap_median([one.trainings for one in played]),
                hours=bootstrap_median([one.time_s / 3600.0 for one in played]),
            )
        )
    return verdicts


def mean_cost(allocator: Allocator, scenarios: Scenarios, numbers: Iterable[int]) -> float:
    """The mean of what a policy is trained for; less is better."""
    return float(np.mean([play(scenarios[number], allocator).cost for number in numbers]))
