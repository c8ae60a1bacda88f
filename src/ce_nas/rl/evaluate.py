"""Evaluation of policies on scenarios: episodes, and a policy's comparison with the baselines on held-out zones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.components.registry import POLICIES
from ce_nas.core.records import StopReason
from ce_nas.engine.build import build_policy
from ce_nas.forecast.oracle import OracleForecaster
from ce_nas.policies.learned.learned_policy import LearnedPolicy
from ce_nas.policies.learned.policy_network import load_builtin_policy, read_policy
from ce_nas.rl.replay_data import load_recordings, split_recordings
from ce_nas.rl.scenarios import TEST_ZONES, ScenarioDistribution, ScenarioSampler, build_scenario_engine, prepare_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Policy
    from ce_nas.rl.scenarios import RlScenario

__all__ = [
    "MISSED_TARGET_PENALTY",
    "EpisodeResult",
    "PolicyEvaluation",
    "compare_with_baselines",
    "evaluate_policies",
    "mean_episode_cost",
    "run_episode",
]

#: penalty of a search that ends before its target, in units of the grams of its trainings in average hours
MISSED_TARGET_PENALTY = 2.0


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """The result of one scenario under one policy."""

    #: grams by full accounting until the search ended, relative to those of its trainings in average hours
    normalized_carbon: float
    #: whether it ended at its target
    reached_target: bool
    #: full trainings until then
    trainings: int
    #: time until then, s
    time_s: float

    @property
    def cost(self) -> float:
        """Normalised carbon, plus a penalty if the target was missed; less is better."""
        return self.normalized_carbon + (0.0 if self.reached_target else MISSED_TARGET_PENALTY)


@dataclass(frozen=True, slots=True)
class PolicyEvaluation:
    """The results of a policy on several scenarios."""

    policy: str
    scenario_count: int
    #: grams until the target, relative to those of its trainings in average hours; infinite where it was missed
    normalized_carbon: Interval
    #: the same relative to the first policy's on the same scenario
    carbon_ratio: Interval
    #: share of the scenarios in which the target was reached
    success_rate: float
    #: mean of the episodes' cost, the objective of the training
    mean_cost: float
    #: full trainings, and hours until the end
    trainings: Interval
    hours: Interval

    def to_dict(self) -> dict[str, object]:
        """The evaluation as plain containers."""
        return asdict(self)


def run_episode(scenario: RlScenario, policy: Policy, forecaster: Forecaster | None = None) -> EpisodeResult:
    """Run a scenario under ``policy`` until its target is reached or its search ends."""
    engine = build_scenario_engine(scenario, policy, forecaster)
    stop_reason = engine.run()
    return EpisodeResult(
        normalized_carbon=engine.components.ledger.totals.total_carbon_g / scenario.baseline_g,
        reached_target=stop_reason is StopReason.TARGET,
        trainings=engine.progress.evaluations,
        time_s=engine.components.clock.now_s,
    )


def mean_episode_cost(policy: Policy, scenarios: ScenarioSampler, indices: Iterable[int]) -> float:
    """Mean cost of the scenarios with these indices; less is better."""
    return float(np.mean([run_episode(scenarios[index], policy).cost for index in indices]))


def evaluate_policies(
    policy_factories: Mapping[str, Callable[[], Policy]],
    scenarios: ScenarioSampler,
    indices: Iterable[int],
    forecaster_factory: Callable[[RlScenario], Forecaster] | None = None,
) -> list[PolicyEvaluation]:
    """Evaluate each policy on the scenarios with these indices; ratios are to the first policy.

    :param forecaster_factory: builds the forecaster of a scenario; None: the default one.
    """
    drawn = [scenarios[index] for index in indices]
    evaluations: list[PolicyEvaluation] = []
    reference = np.empty(0)
    for name, make_policy in policy_factories.items():
        episodes = [
            run_episode(scenario, make_policy(), forecaster_factory(scenario) if forecaster_factory else None)
            for scenario in drawn
        ]
        carbon = np.array([episode.normalized_carbon if episode.reached_target else np.inf for episode in episodes])
        reference = reference if len(reference) else carbon
        with np.errstate(invalid="ignore"):
            ratios = np.where(np.isinf(carbon), np.inf, carbon / reference)
        evaluations.append(
            PolicyEvaluation(
                policy=name,
                scenario_count=len(drawn),
                normalized_carbon=bootstrap_median(carbon.tolist()),
                carbon_ratio=bootstrap_median(ratios.tolist()),
                success_rate=float(np.mean([episode.reached_target for episode in episodes])),
                mean_cost=float(np.mean([episode.cost for episode in episodes])),
                trainings=bootstrap_median([episode.trainings for episode in episodes]),
                hours=bootstrap_median([episode.time_s / 3600.0 for episode in episodes]),
            )
        )
    return evaluations


def compare_with_baselines(
    policy_file: Path | None, recordings_file: Path | None, scenario_count: int, seed: int, *, oracle_forecast: bool
) -> list[PolicyEvaluation]:
    """Evaluate the policy in a file (None: the built-in one) and every baseline; ratios are to that policy.

    Zones and recordings are ones that no policy was trained on.

    :param oracle_forecast: whether all policies see the true intensity instead of a forecast.
    """
    network = read_policy(policy_file) if policy_file else load_builtin_policy()
    factories: dict[str, Callable[[], Policy]] = {"learned": lambda: LearnedPolicy(network)}
    factories |= {name: _policy_factory(name) for name in POLICIES.names() if name not in {"learned", "one-shot"}}
    recordings = split_recordings(load_recordings(recordings_file)).test
    scenarios = ScenarioSampler(seed, "test", recordings, ScenarioDistribution(zones=TEST_ZONES))
    forecaster_factory = _oracle_forecaster if oracle_forecast else None
    return evaluate_policies(factories, scenarios, range(scenario_count), forecaster_factory)


def _policy_factory(name: str) -> Callable[[], Policy]:
    return lambda: build_policy(POLICIES.validate(name))


def _oracle_forecaster(scenario: RlScenario) -> OracleForecaster:
    return OracleForecaster(prepare_inputs(scenario).intensity)
