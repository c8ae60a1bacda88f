"""The Gymnasium environment: one step is one period of the engine.

Training uses the engine's own :meth:`Engine.decide` and :meth:`Engine.step`, and the feature extractor of the trained
policy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from ce_nas.core.records import Allocation, StopReason
from ce_nas.core.units import HOUR_S
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.learned.actions import ACTIONS, action_mask, allocation_from_action, allocation_from_shares
from ce_nas.policies.learned.observation import FEATURE_BOUND, FEATURE_NAMES, extract_features
from ce_nas.rl.expert import HindsightExpert
from ce_nas.rl.rewards import CarbonReward, PeriodOutcome
from ce_nas.rl.scenarios import build_scenario_engine

if TYPE_CHECKING:
    from ce_nas.core.records import State
    from ce_nas.engine.engine import Engine
    from ce_nas.rl.rewards import Reward
    from ce_nas.rl.scenarios import RlScenario, ScenarioSampler

__all__ = ["SearchEnv"]


class ExternalPolicy(Policy):
    """Returns the allocation that the agent chose."""

    name = "external"

    def __init__(self) -> None:
        self.allocation = Allocation(0, 0)

    def decide(self, state: State) -> Decision:  # noqa: ARG002 - the agent has seen it
        """See :meth:`Policy.decide`."""
        return Decision(self.allocation, "The agent in training decided.")


class SearchEnv(gymnasium.Env[np.ndarray, Any]):
    """Searches drawn one after another, whose devices the agent allocates period by period.

    Actions are indices into :data:`~ce_nas.policies.learned.actions.ACTIONS`, masked by :meth:`action_masks`, or, if
    ``continuous``, two numbers from -1 to 1: the shares of devices that evaluate and that sample.

    :param scenarios: source of the searches; ``reset(options={"scenario_index": n})`` selects the n-th.
    :param first_index: index of the first scenario.
    :param index_stride: step from one scenario's index to the next, so that several environments share a list.
    """

    def __init__(
        self,
        scenarios: ScenarioSampler,
        reward: Reward | None = None,
        *,
        continuous: bool = False,
        first_index: int = 0,
        index_stride: int = 1,
    ) -> None:
        self._scenarios = scenarios
        self._reward = reward or CarbonReward()
        self._continuous = continuous
        #: index of the first scenario
        self.first_index = first_index
        self._index, self._index_stride = first_index - index_stride, index_stride
        self._policy = ExternalPolicy()
        self.observation_space = gymnasium.spaces.Box(-FEATURE_BOUND, FEATURE_BOUND, (len(FEATURE_NAMES),), np.float32)
        self.action_space = (
            gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32) if continuous else gymnasium.spaces.Discrete(len(ACTIONS))
        )
        self._scenario: RlScenario
        self._engine: Engine
        self._state: State
        self._expert: HindsightExpert
        self._full_use_g = self._baseline_g = self._optimal_remaining_g = 0.0

    @property
    def engine(self) -> Engine:
        """The engine of the current search."""
        return self._engine

    @property
    def scenario(self) -> RlScenario:
        """The current scenario."""
        return self._scenario

    @property
    def state(self) -> State:
        """The state that the next action is decided on."""
        return self._state

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start the next search; with a ``seed`` the one of that index, so that equal seeds give equal searches."""
        super().reset(seed=seed)
        index = seed if options is None else options.get("scenario_index", seed)
        self._index = self._index + self._index_stride if index is None else index
        self._scenario = self._scenarios[self._index]
        if not self._reward.ends_at_target:
            self._scenario = replace(self._scenario, target=None, trainings_to_target=None)
        self._engine = build_scenario_engine(self._scenario, self._policy)
        self._state = self._engine.build_state()
        self._expert = HindsightExpert(self._scenario, self._state.period_s)
        self._full_use_g, self._baseline_g = self._scenario.full_use_g, self._scenario.baseline_g
        self._optimal_remaining_g = self._expert.optimal_remaining_g(self._state)
        return extract_features(self._state), {"scenario_index": self._index}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:  # noqa: ANN401 - depends on the action space
        """Run one period."""
        before, engine = self._state, self._engine
        self._policy.allocation = self._allocation_from_action(action)
        spent_g = engine.components.ledger.totals.total_carbon_g
        engine.step(engine.decide(before).allocation)
        self._state = engine.build_state()
        period = self._period_outcome(before, engine.components.ledger.totals.total_carbon_g - spent_g)
        info = {"reached": period.reached_target, "carbon_g": engine.components.ledger.totals.total_carbon_g}
        return extract_features(self._state), self._reward.compute(period), period.terminated, False, info

    def action_masks(self) -> np.ndarray:
        """Which actions are allowed now, shape ``(actions,)``, bool."""
        return action_mask(self._state)

    def _allocation_from_action(self, action: Any) -> Allocation:  # noqa: ANN401 - depends on the action space
        if not self._continuous:
            return allocation_from_action(int(action), self._state.cluster.devices)
        evaluating, sampling = ((np.clip(np.asarray(action, dtype=float), -1.0, 1.0) + 1.0) / 2.0).tolist()
        return allocation_from_shares(evaluating, sampling, self._state)

    def _period_outcome(self, before: State, carbon_g: float) -> PeriodOutcome:
        after, ledger = self._state, self._engine.components.ledger
        duration_s = max(after.now_s - before.now_s, 1e-9)
        intensity = ledger.intensity.mean(before.now_s, after.now_s)
        full_use_g = self._full_use_g * duration_s / (self._scenario.hours * HOUR_S)
        remaining_before_g, self._optimal_remaining_g = (
            self._optimal_remaining_g,
            self._expert.optimal_remaining_g(after),
        )
        past_week = before.grid.past_g_per_kwh[-round(168 * HOUR_S / before.grid.past_step_s) :]
        return PeriodOutcome(
            carbon_g=carbon_g,
            baseline_g=self._baseline_g,
            optimal_remaining_before_g=remaining_before_g,
            optimal_remaining_g=self._optimal_remaining_g,
            relative_intensity=intensity / max(float(past_week.max(initial=0.0)), 1e-9),
            busy_share=carbon_g / max(full_use_g, 1e-9),
            hypervolume_before=before.search.hypervolume,
            hypervolume=after.search.hypervolume,
            evaluations=after.search.evaluations - before.search.evaluations,
            elapsed_share=before.now_s / (self._scenario.hours * HOUR_S),
            reached_target=self._engine.stop_reason is StopReason.TARGET,
            terminated=self._engine.stop_reason is not None,
        )
