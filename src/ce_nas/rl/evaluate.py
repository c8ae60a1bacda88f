"""A policy against every rule, in zones and on records that none was trained on.

How good policies are, side by side on the same scenarios.

One scenario played by any policy, and how well it went.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.config.registry import POLICIES
from ce_nas.config.schema import PolicySettings
from ce_nas.core.records import Stop
from ce_nas.engine.build import allocator_of
from ce_nas.forecast.oracle import Truth
from ce_nas.policies.learned.network import load_builtin, read_policy
from ce_nas.policies.learned.policy import Learned
from ce_nas.rl.replay_data import recorded, split
from ce_nas.rl.scenarios import TEST_ZONES, Range, Scenarios, engine_of, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Allocator
    from ce_nas.rl.scenarios import Scenario

__all__ = ["MISSED", "Played", "Verdict", "contest", "judge", "mean_cost", "play"]


def contest(policy: Path | None, recordings: Path | None, scenarios: int, seed: int, *, truth: bool) -> list[Verdict]:
    """Verdicts on the policy in the file (None: the built-in one) and on every rule; ratios refer to the policy.

    :param truth: whether all of them see the true intensity in place of a forecast.
    """
    network = read_policy(policy) if policy else load_builtin()
    rivals: dict[str, Callable[[], Allocator]] = {"learned": lambda: Learned(network)}
    rivals |= {name: _maker(name) for name in POLICIES if name not in {"learned", "all-sampling"}}
    drawn = Scenarios(seed, "test", split(recorded(recordings)).test, Range(zones=TEST_ZONES))
    return judge(rivals, drawn, range(scenarios), _seer if truth else None)


def _maker(name: str) -> Callable[[], Allocator]:
    return lambda: allocator_of(PolicySettings(name=name))


def _seer(scenario: Scenario) -> Truth:
    return Truth(prepared(scenario).intensity)


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


#: what a search pays that ends short of its target, in units of what its trainings would emit in average hours
MISSED = 2.0


@dataclass(frozen=True, slots=True)
class Played:
    """How a scenario went."""

    #: grams in the full book until the search ended, as a share of what its trainings would emit in average hours
    carbon_share: float
    #: whether it ended at its target
    reached: bool
    #: full trainings until then
    trainings: int
    #: time until then, s
    time_s: float

    @property
    def cost(self) -> float:
        """What a policy is judged by: the grams, and a fine where the target was not reached; less is better."""
        return self.carbon_share + (0.0 if self.reached else MISSED)


def play(scenario: Scenario, allocator: Allocator, forecaster: Forecaster | None = None) -> Played:
    """Let ``allocator`` divide the devices until the scenario's target is reached or its search ends."""
    engine = engine_of(scenario, allocator, forecaster)
    stop = engine.run()
    return Played(
        carbon_share=engine.parts.ledger.total.total_carbon_g / scenario.work_g,
        reached=stop is Stop.TARGET,
        trainings=engine.progress.evaluations,
        time_s=engine.parts.clock.now_s,
    )
