"""The Gymnasium face of the engine: what is trained is what will run.

A step is one period of :meth:`Engine.decide` and :meth:`Engine.step`; the observation is made of the engine's view by
the same function that the trained policy will use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from ce_nas.core.records import Allocation, Stop
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.learned.actions import MENU, division, possible, shared_out
from ce_nas.policies.learned.features import BOUND, FEATURES, observe
from ce_nas.rl.expert import Hindsight
from ce_nas.rl.rewards import GramsReward, Period
from ce_nas.rl.scenarios import engine_of

if TYPE_CHECKING:
    from ce_nas.core.records import View
    from ce_nas.engine.engine import Engine
    from ce_nas.rl.rewards import Reward
    from ce_nas.rl.scenarios import Scenario, Scenarios

__all__ = ["SearchEnv"]


class Puppet(Allocator):
    """Decides what it is told to."""

    name = "puppet"

    def __init__(self) -> None:
        self.allocation = Allocation(0, 0)

    def decide(self, view: View) -> Decision:  # noqa: ARG002 - it is told
        """See :meth:`Allocator.decide`."""
        return Decision(self.allocation, "The agent in training decided.")


class SearchEnv(gymnasium.Env[np.ndarray, Any]):
    """Searches drawn one after another, to be divided period by period.

    Actions are entries of the menu (:data:`~ce_nas.policies.learned.actions.MENU`), of which :meth:`action_masks` says which make
    sense, or, if ``continuous``, two numbers from -1 to 1: the shares of devices that evaluate and that sample.

    :param scenarios: where searches are drawn from; ``reset(options={"number": n})`` asks for the n-th.
    :param first: number of the first one.
    :param every: how many numbers to go on from one to the next, so that several environments share a list.
    """

    def __init__(
        self,
        scenarios: Scenarios,
        reward: Reward | None = None,
        *,
        continuous: bool = False,
        first: int = 0,
        every: int = 1,
    ) -> None:
        self._scenarios = scenarios
        self._reward = reward or GramsReward()
        self._continuous = continuous
        #: number of the first search
        self.first = first
        self._number, self._every = first - every, every
        self._puppet = Puppet()
        self.observation_space = gymnasium.spaces.Box(-BOUND, BOUND, (len(FEATURES),), np.float32)
        self.action_space = (
            gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32) if continuous else gymnasium.spaces.Discrete(len(MENU))
        )
        self._scenario: Scenario
        self._engine: Engine
        self._view: View
        self._hindsight: Hindsight
        self._usual_g = self._work_g = self._to_come_g = 0.0

    @property
    def engine(self) -> Engine:
        """The engine of the search under way."""
        return self._engine

    @property
    def scenario(self) -> Scenario:
        """The scenario under way."""
        return self._scenario

    @property
    def view(self) -> View:
        """What the next action is decided on."""
        return self._view

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin the next search; with a ``seed`` the one of that number, so that equal seeds give equal searches."""
        super().reset(seed=seed)
        asked = seed if options is None else options.get("number", seed)
        self._number = self._number + self._every if asked is None else asked
        self._scenario = self._scenarios[self._number]
        if not self._reward.ends_at_target:
            self._scenario = replace(self._scenario, target=None, trainings=None)
        self._engine = engine_of(self._scenario, self._puppet)
        self._view = self._engine.view()
        self._hindsight = Hindsight(self._scenario, self._view.period_s)
        self._usual_g, self._work_g = self._scenario.usual_g, self._scenario.work_g
        self._to_come_g = self._hindsight.to_come_g(self._view)
        return observe(self._view), {"number": self._number}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - by the space
        """Live through one period."""
        before, engine = self._view, self._engine
        self._puppet.allocation = self._allocation(action)
        spent_g = engine.parts.ledger.total.total_carbon_g
        engine.step(engine.decide(before).allocation)
        self._view = engine.view()
        period = self._period(before, engine.parts.ledger.total.total_carbon_g - spent_g)
        info = {"reached": period.reached, "carbon_g": engine.parts.ledger.total.total_carbon_g}
        return observe(self._view), self._reward.of(period), period.over, False, info

    def action_masks(self) -> np.ndarray:
        """Which entries of the menu make sense now, shape ``(entries,)``."""
        return possible(self._view)

    def _allocation(self, action: Any) -> Allocation:  # noqa: ANN401
        if not self._continuous:
            return division(int(action), self._view.devices)
        evaluating, sampling = ((np.clip(np.asarray(action, dtype=float), -1.0, 1.0) + 1.0) / 2.0).tolist()
        return shared_out(evaluating, sampling, self._view)

    def _period(self, before: View, carbon_g: float) -> Period:
        after, ledger = self._view, self._engine.parts.ledger
        lasted_s = max(after.now_s - before.now_s, 1e-9)
        intensity = ledger.intensity.mean(before.now_s, after.now_s)
        usual_g = self._usual_g * lasted_s / (self._scenario.hours * HOUR_S)
        to_come_before_g, self._to_come_g = self._to_come_g, self._hindsight.to_come_g(after)
        week = before.past_g_per_kwh[-round(168 * HOUR_S / before.past_step_s) :]
        return Period(
            carbon_g=carbon_g,
            work_g=self._work_g,
            to_come_before_g=to_come_before_g,
            to_come_g=self._to_come_g,
            relative_intensity=intensity / max(float(week.max(initial=0.0)), 1e-9),
            busy=carbon_g / max(usual_g, 1e-9),
            hypervolume_before=before.hypervolume,
            hypervolume=after.hypervolume,
            evaluations=after.evaluations - before.evaluations,
            elapsed=before.now_s / (self._scenario.hours * HOUR_S),
            reached=self._engine.stop is Stop.TARGET,
            over=self._engine.stop is not None,
        )
