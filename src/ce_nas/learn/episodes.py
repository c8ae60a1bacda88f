"""One scenario played by any policy, and how well it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.records import Stop
from ce_nas.learn.scenario import engine_of

if TYPE_CHECKING:
    from ce_nas.allocate.allocator import Allocator
    from ce_nas.forecast.forecaster import Forecaster
    from ce_nas.learn.scenario import Scenario

__all__ = ["MISSED", "Played", "play"]

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
