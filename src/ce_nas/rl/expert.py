"""The hindsight expert: labels states of recorded searches with the best action, for behaviour cloning and rewards.

Of a recorded search it is known which hours are clean, and how many trainings its target takes. Working now saves a
later hour: the last one needed in the order of the forecast, since no policy can choose hours by the true intensity.
The best action is to work if the present hour is cleaner than that one in truth, weighted by the difference. The work
needed is what was truly left or what was estimated, if that is more, since no policy can rely on luck. A policy that
clones the expert learns the intensity up to which working is best on average.

States are visited by a randomised rule at first, and then by the policy in training [DAgger].

Source
    [DAgger] Ross, Gordon, Bagnell. A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
    Learning. AISTATS 2011.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.power_model import AVERAGE_PUE, TRAINING_W
from ce_nas.forecast.resampling import intensity_by_period
from ce_nas.policies.base import Decision, Policy
from ce_nas.policies.learned.actions import ACTIONS, action_mask, allocation_from_action
from ce_nas.policies.learned.learned_policy import LearnedPolicy
from ce_nas.policies.learned.observation import extract_features
from ce_nas.policies.remaining_work import estimate_remaining_work
from ce_nas.rl.evaluate import MISSED_TARGET_PENALTY, run_episode
from ce_nas.rl.scenarios import mean_training_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import State
    from ce_nas.policies.learned.policy_network import PolicyNetwork
    from ce_nas.rl.scenarios import RlScenario, ScenarioSampler

__all__ = [
    "Demonstrations",
    "HindsightExpert",
    "RandomizedThresholdPolicy",
    "collect_demonstrations",
    "concatenate_demonstrations",
]

RELEASE_ALL, EVALUATE_ALL, SAMPLE_ALL = ACTIONS.index((0.0, 0.0)), ACTIONS.index((1.0, 0.0)), ACTIONS.index((0.0, 1.0))
#: scores to collect in any case; more of them only if trainings are ranked by them
MIN_SCORES = 1000
#: time is short if more than this share of the hours left is needed; an hour then costs so much of the dirtiest one
SHORT_TIME_SHARE, OVERTIME_COST_FACTOR = 0.85, 1.5
#: periods before and after the last one needed that its intensity is averaged over
MARGINAL_WINDOW_PERIODS = 2
#: least share of the unfinished trainings that counts as remaining, however long the started ones have run
MIN_REMAINING_SHARE = 1 / 3


@dataclass(frozen=True, slots=True, eq=False)
class Demonstrations:
    """Labelled observations."""

    #: features, shape (n, features)
    observations: np.ndarray
    #: action masks, shape (n, actions)
    masks: np.ndarray
    #: best actions, shape (n,)
    actions: np.ndarray
    #: weights, 0 or more, shape (n,)
    weights: np.ndarray


class HindsightExpert:
    """Knows a scenario's true intensity in every period, and the work that its target takes."""

    def __init__(self, scenario: RlScenario, period_s: float) -> None:
        trace, periods = scenario.intensity, max(int(scenario.hours * HOUR_S / period_s), 1)
        self._scenario = scenario
        self._intensities = np.array(
            [trace.mean(period * period_s, (period + 1) * period_s) for period in range(periods)]
        )
        self._full_use_kwh_per_period = scenario.gpus * TRAINING_W * AVERAGE_PUE * period_s / J_PER_KWH
        self._trainings_per_period = scenario.gpus * period_s / mean_training_s(scenario.dataset)
        self._mean_training_s = mean_training_s(scenario.dataset)

    def remaining_intensities(self, state: State) -> np.ndarray:
        """Of the periods from the present one to the deadline, at least one, g/kWh, shape ``(periods,)``."""
        return self._intensities[min(round(state.now_s / state.period_s), len(self._intensities) - 1) :]

    def periods_needed(self, state: State) -> float:
        """Periods in which all devices still have to work; started trainings count in part."""
        trainings = self._scenario.trainings_to_target or 0
        unfinished = max(trainings - state.search.evaluations, 1)
        return (
            max(trainings - state.search.trained_s / self._mean_training_s, MIN_REMAINING_SHARE * unfinished)
            / self._trainings_per_period
        )

    def optimal_remaining_g(self, state: State) -> float:
        """Least emissions of the rest of the search, plus the penalty for a target that can no longer be reached, g."""
        if self._scenario.trainings_to_target is None or state.search.hypervolume >= state.search.target_hypervolume:
            return 0.0
        ordered, needed = np.sort(self.remaining_intensities(state)), self.periods_needed(state)
        whole = min(int(needed), len(ordered))
        intensity_sum = ordered[:whole].sum() + (ordered[whole] * (needed - whole) if whole < len(ordered) else 0.0)
        missed_g = MISSED_TARGET_PENALTY * self._scenario.baseline_g if needed > len(ordered) else 0.0
        return float(self._full_use_kwh_per_period * intensity_sum + missed_g)

    def label(self, state: State) -> tuple[np.ndarray, np.ndarray, int, float]:
        """Observation, action mask, best action and weight of a state."""
        ahead = self.remaining_intensities(state)
        ahead = ahead[: max(len(ahead) - 1, 1)]
        estimated = estimate_remaining_work(state).median_device_s / (state.cluster.devices * state.period_s)
        needed = max(int(np.ceil(max(self.periods_needed(state), estimated))), 1)
        in_time = needed <= SHORT_TIME_SHARE * len(ahead)
        marginal = _marginal_intensity(state, ahead, needed) if in_time else OVERTIME_COST_FACTOR * ahead.max()
        mask = action_mask(state)
        excess = float((ahead[0] - marginal) / ahead.mean())
        action = RELEASE_ALL if excess > 0 and mask[RELEASE_ALL] else _work_action(state)
        return extract_features(state), mask, action, abs(excess)


def _marginal_intensity(state: State, intensities: np.ndarray, periods_needed: int) -> float:
    """True intensity of the period that working now saves, g/kWh.

    It is the last of the later periods that is needed in the order of the forecast, averaged with its neighbours.
    """
    if state.grid.forecast is None or len(intensities) <= 1 + MARGINAL_WINDOW_PERIODS:
        return float(np.sort(intensities)[min(periods_needed, len(intensities)) - 1])
    later = state.grid.forecast.resample(state.now_s, state.period_s, len(intensities))[1:]
    last = min(periods_needed, len(later)) - 1
    order = np.argsort(later, kind="stable") + 1
    return float(intensities[order[max(last - MARGINAL_WINDOW_PERIODS, 0) : last + MARGINAL_WINDOW_PERIODS + 1]].mean())


class _StateLoggingPolicy(Policy):
    """Keeps the states that it decides on."""

    name = "state-logging"

    def __init__(self) -> None:
        self.states: list[State] = []

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        self.states.append(state)
        return self.choose(state)

    @abstractmethod
    def choose(self, state: State) -> Decision:
        """Decide, as :meth:`Policy.decide`."""


class RandomizedThresholdPolicy(_StateLoggingPolicy):
    """Works while few of the coming periods are forecast cleaner, and sometimes does the opposite."""

    name = "randomized-threshold"

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self._rng = rng
        self._max_cleaner_share = rng.uniform(0.1, 1.0)
        self._horizon_periods = int(rng.choice([12, 24, 48]))
        self._flip_probability = rng.uniform(0.0, 0.3)

    def choose(self, state: State) -> Decision:
        """See :meth:`_StateLoggingPolicy.choose`."""
        ahead = intensity_by_period(state)[: self._horizon_periods]
        cleaner = float(np.mean(ahead < ahead[0])) if len(ahead) else 0.0
        works = (cleaner < self._max_cleaner_share) != (self._rng.random() < self._flip_probability)
        action = _work_action(state) if works else RELEASE_ALL
        return Decision(allocation_from_action(action, state.cluster.devices), "Randomised threshold.")


class _NetworkPolicy(_StateLoggingPolicy):
    """Decides as a network does."""

    name = "network"

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self._policy = LearnedPolicy(network)

    def choose(self, state: State) -> Decision:
        """See :meth:`_StateLoggingPolicy.choose`."""
        return self._policy.decide(state)


def _work_action(state: State) -> int:
    """The action of working devices: all of them sample until enough is scored, then all evaluate."""
    ranked = state.search.queue_length > 0
    return SAMPLE_ALL if state.search.can_sample and (state.search.samples < MIN_SCORES or ranked) else EVALUATE_ALL


def collect_demonstrations(
    scenarios: ScenarioSampler, indices: Iterable[int], seed: int, network: PolicyNetwork | None = None
) -> Demonstrations:
    """Label the states that ``network`` visits in the scenarios with these indices; None: a randomised threshold."""
    labels = []
    for index in indices:
        scenario = scenarios[index]
        if scenario.trainings_to_target is None:  # no policy can reach the target
            continue
        policy = (
            _NetworkPolicy(network) if network else RandomizedThresholdPolicy(random_stream(seed, f"wavering.{index}"))
        )
        run_episode(scenario, policy)
        expert = HindsightExpert(scenario, policy.states[0].period_s)
        labels += [expert.label(state) for state in policy.states]
    observations, masks, actions, weights = zip(*labels, strict=True)
    return Demonstrations(np.array(observations), np.array(masks), np.array(actions), np.array(weights))


def concatenate_demonstrations(first: Demonstrations, second: Demonstrations) -> Demonstrations:
    """Join two sets of demonstrations."""
    return Demonstrations(
        np.concatenate([first.observations, second.observations]),
        np.concatenate([first.masks, second.masks]),
        np.concatenate([first.actions, second.actions]),
        np.concatenate([first.weights, second.weights]),
    )
