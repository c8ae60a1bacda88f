"""Training scenarios: searches of random data sets, grids, seasons, cluster sizes and budgets.

A scenario has a target hypervolume: the one that a vanilla search without proxy scores, of another seed, reached after
part of the budget. The search itself is replayed from a recording, so that thousands are affordable. Targets that take
longer than the time budget are drawn again.
"""

from __future__ import annotations

import gc
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ce_nas.config.schema import Settings, settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Task, TaskKind
from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.power_model import AVERAGE_PUE, TRAINING_W
from ce_nas.engine.build import build_engine
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.site_inputs import TYPICAL_YEAR
from ce_nas.rl.replay_data import ReplaySearcher
from ce_nas.store.journal import NullJournal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.engine.engine import Engine
    from ce_nas.forecast.base import Forecaster
    from ce_nas.grid.trace import GridTrace, Series
    from ce_nas.policies.base import Policy
    from ce_nas.rl.replay_data import RecordedSearch
    from ce_nas.search.base import Searcher

__all__ = [
    "TEST_ZONES",
    "TRAINING_ZONES",
    "VALIDATION_ZONES",
    "RlScenario",
    "ScenarioDistribution",
    "ScenarioSampler",
    "build_scenario_engine",
    "mean_training_s",
    "prepare_inputs",
]

#: allocations between two garbage collections: a search makes hundreds of thousands of objects, few of them in cycles
GC_THRESHOLD_OBJECTS = 20_000
#: built-in zones for training, for validation and for the test
TRAINING_ZONES = ("coal", "coal-flat", "coal-solar", "gas", "hydro", "imports", "nuclear", "solar", "windy-gas")
VALIDATION_ZONES = ("hydro-nuclear", "mixed")
TEST_ZONES = ("gas-nuclear", "wind")

#: electricity price of scenarios with a cost budget; any price will do, since the budget is relative to it
PRICE_PER_KWH = 0.2

#: least hours of all devices that a target must take, largest share of their time and budget that it may take, and the
#: number of draws for a target within these bounds
MIN_TARGET_H, MAX_BUDGET_SHARE, MAX_TARGET_DRAWS = 4.0, 0.8, 30

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RlScenario:
    """One search whose devices a policy allocates.

    Example:
        >>> RlScenario(gpus=4, hours=10.0).settings.cluster.gpus
        4
    """

    dataset: str = "cifar10"
    zone: str = "solar"
    #: seed of the zone's typical year
    grid_seed: int = 0
    start: datetime = datetime(TYPICAL_YEAR, 7, 3, tzinfo=UTC)
    gpus: int = 8
    hours: float = 80.0
    #: seed of the search
    seed: int = 0
    searcher: str = "lamoo"
    #: hypervolume to reach; None: no target
    target: float | None = None
    #: trainings that the recording takes to the target, hidden from policies; None if it has no target or misses it
    trainings_to_target: int | None = None
    #: budget in addition to the time: carbon, energy or cost; None: none
    budget: str | None = None
    #: size of that budget, as a share of what all devices would use in training until the deadline
    budget_share: float = 1.0
    #: recordings without and with scores that the search is replayed from; None: the searcher itself searches
    recordings: tuple[RecordedSearch, RecordedSearch] | None = field(default=None, compare=False)

    @property
    def settings(self) -> Settings:
        """The settings of the search."""
        return settings_from_flags(
            {
                "grid": {"seed": self.grid_seed},
                "schedule": {"unranked_share": 1.0 if self.recordings else 0.5},
                "prices": {"electricity_price": PRICE_PER_KWH if self.budget == "cost" else 0.0},
                "budget": {self.budget: self._budget_setting} if self.budget else {},
            },
            dataset=self.dataset,
            zone=self.zone,
            start=self.start,
            gpus=self.gpus,
            hours=self.hours,
            seed=self.seed,
            searcher=self.searcher,
            target=self.target,
            stop="never",
            forecaster="damped-profile",
        )

    @property
    def full_use_g(self) -> float:
        """Carbon of all devices training until the deadline, g."""
        return self._full_use_j / J_PER_KWH * self._mean_g_per_kwh

    @property
    def baseline_g(self) -> float:
        """Carbon of the trainings that the target takes in average hours, g; without a target, :attr:`full_use_g`.

        Rewards are relative to it; it is hidden from policies.
        """
        if self.trainings_to_target is None:
            return self.full_use_g
        work_j = self.trainings_to_target * mean_training_s(self.dataset) * TRAINING_W * AVERAGE_PUE
        return work_j / J_PER_KWH * self._mean_g_per_kwh

    @property
    def intensity(self) -> Series:
        """The true intensity from the scenario's start on, g CO2eq/kWh."""
        return _typical_year(self.zone, self.grid_seed).relative_to(self.start)

    @property
    def _mean_g_per_kwh(self) -> float:
        return self.intensity.mean(0.0, self.hours * HOUR_S)

    @property
    def max_trainings(self) -> float:
        """Trainings that all devices can finish until the deadline."""
        return self.gpus * self.hours * HOUR_S / mean_training_s(self.dataset)

    @property
    def _full_use_j(self) -> float:
        """Energy from the grid of all devices training until the deadline, J."""
        return self.gpus * TRAINING_W * AVERAGE_PUE * self.hours * HOUR_S

    @property
    def _budget_setting(self) -> str | float:
        """The budget in the form of settings."""
        full_use_kwh = self._full_use_j / J_PER_KWH
        if self.budget == "cost":
            return self.budget_share * full_use_kwh * PRICE_PER_KWH
        full_use, unit = (self.full_use_g, "g") if self.budget == "carbon" else (full_use_kwh, "kWh")
        return f"{self.budget_share * full_use}{unit}"


@dataclass(frozen=True, slots=True)
class ScenarioDistribution:
    """The distribution that scenarios are drawn from."""

    zones: tuple[str, ...] = TRAINING_ZONES
    gpus: tuple[int, ...] = (4, 8, 8, 8, 16)
    hours: tuple[float, ...] = (80.0, 120.0, 168.0, 168.0)
    #: range of the share of the devices' time in which the vanilla search reached the target
    target_time_share_range: tuple[float, float] = (0.05, 1.0)
    #: share of the scenarios without proxy scores, whose searches take long
    unscored_share: float = 0.3
    #: number of typical years per zone
    synthetic_years: int = 8
    #: share of the scenarios with a budget of carbon, energy or cost
    budgeted_share: float = 0.25
    #: range of that budget, as a share of what all devices would use until the deadline
    budget_share_range: tuple[float, float] = (0.05, 0.4)


class ScenarioSampler:
    """Draws scenarios by index; the same seed, stream name, recordings and index always give the same one.

    :param stream_name: name of the random stream; training, validation and test have their own.
    :param recordings: of each data set at least two seeds without scores, and some with scores; without any recordings,
        scenarios have no target, and LaMOO itself searches.
    :raises SettingsError: if a recording has no other seed without scores on its data set.
    """

    def __init__(
        self,
        seed: int,
        stream_name: str,
        recordings: Sequence[RecordedSearch] = (),
        distribution: ScenarioDistribution | None = None,
    ) -> None:
        self._seed = seed
        self._stream_name = stream_name
        self._distribution = distribution or ScenarioDistribution()
        self._with_scores = [search for search in recordings if search.with_proxy_scores]
        self._without_scores = [search for search in recordings if not search.with_proxy_scores]
        for search in recordings:
            if not self._other_seeds(search):
                message = (
                    f"Expected a recording without scores on {search.dataset} of another seed than {search.seed}, got "
                    "none; record more seeds."
                )
                raise SettingsError(message)

    def __getitem__(self, index: int) -> RlScenario:
        rng, distribution = random_stream(self._seed, f"scenarios.{self._stream_name}.{index}"), self._distribution
        start_h = int(rng.integers(360 * 24))
        gpus, hours = _choose(rng, distribution.gpus), _choose(rng, distribution.hours)
        scenario = RlScenario(
            zone=_choose(rng, distribution.zones),
            grid_seed=int(rng.integers(distribution.synthetic_years)),
            start=datetime(TYPICAL_YEAR, 1, 1, tzinfo=UTC) + timedelta(hours=start_h),
            gpus=gpus,
            hours=hours,
            seed=int(rng.integers(2**31)),
        )
        scenario = replace(scenario, **self._draw_budget(index))
        if not self._with_scores:
            return scenario
        for _ in range(MAX_TARGET_DRAWS):
            scenario = self._draw_search(rng, scenario)
            share = (scenario.trainings_to_target or 0) / scenario.max_trainings
            if MIN_TARGET_H / scenario.hours <= share <= MAX_BUDGET_SHARE * scenario.budget_share:
                break
        return scenario

    def _draw_search(self, rng: np.random.Generator, scenario: RlScenario) -> RlScenario:
        """The scenario with a search to replay, and a target that another search reached."""
        unscored = rng.random() < self._distribution.unscored_share
        replayed = _choose(rng, self._without_scores if unscored else self._with_scores)
        vanilla = _choose(rng, self._other_seeds(replayed))
        if unscored:
            without_scores = replayed
        else:
            same_dataset = [search for search in self._without_scores if search.dataset == replayed.dataset]
            without_scores = _choose(rng, same_dataset)
        low, high = map(math.log, self._distribution.target_time_share_range)
        scenario = replace(scenario, dataset=replayed.dataset)
        trainings = round(math.exp(rng.uniform(low, high)) * scenario.max_trainings)
        target = float(vanilla.hypervolumes[min(max(trainings, 1), len(vanilla.hypervolumes)) - 1])
        needed = int(np.searchsorted(replayed.hypervolumes, target)) + 1
        return replace(
            scenario,
            target=target,
            trainings_to_target=needed if needed <= len(replayed.hypervolumes) else None,
            recordings=(without_scores, replayed),
        )

    def _draw_budget(self, index: int) -> dict[str, Any]:
        """Kind and size of a scenario's budget, if it has one; the size is log-uniform."""
        rng, distribution = random_stream(self._seed, f"budgets.{self._stream_name}.{index}"), self._distribution
        if rng.random() >= distribution.budgeted_share:
            return {}
        low, high = map(math.log, distribution.budget_share_range)
        return {
            "budget": _choose(rng, ("carbon", "energy", "cost")),
            "budget_share": math.exp(rng.uniform(low, high)),
        }

    def _other_seeds(self, recording: RecordedSearch) -> list[RecordedSearch]:
        """Recordings without scores on the same data set with other seeds."""
        return [
            search
            for search in self._without_scores
            if search.dataset == recording.dataset and search.seed != recording.seed
        ]


def _choose(rng: np.random.Generator, choices: Sequence[Item]) -> Item:
    return choices[int(rng.integers(len(choices)))]


def prepare_inputs(scenario: RlScenario) -> RunInputs:
    """The scenario's inputs; tables, scores and typical years are shared between scenarios."""
    inputs, cached = RunInputs(scenario.settings), _shared_inputs(scenario.dataset)
    shared = {
        "benchmark": cached.benchmark,
        "objectives": cached.objectives,
        "proxy_scores": cached.proxy_scores,
        "evaluator": cached.evaluator,
        "trace": _typical_year(scenario.zone, scenario.grid_seed),
    }
    inputs.__dict__.update(shared)
    return inputs


def build_scenario_engine(scenario: RlScenario, policy: Policy, forecaster: Forecaster | None = None) -> Engine:
    """The engine of a scenario, without a journal."""
    inputs = prepare_inputs(scenario)
    searcher: Searcher | None = None
    if scenario.recordings:
        searcher = ReplaySearcher(inputs.table.space.all_architectures, *scenario.recordings)
    return build_engine(inputs, NullJournal(), policy=policy, forecaster=forecaster, searcher=searcher)


def mean_training_s(dataset: str) -> float:
    """Mean device time of a training, s."""
    return float(_shared_inputs(dataset).table.train_s.mean())


@cache
def _shared_inputs(dataset: str) -> RunInputs:
    inputs = RunInputs(settings_from_flags(dataset=dataset))
    inputs.validate()
    first = tuple(inputs.table.space.all_architectures[:1])
    inputs.evaluator.run(Task(0, TaskKind.SAMPLING, first))  # builds the index of the scores
    gc.freeze()  # the tables live as long as the process: the collector need not traverse them
    gc.set_threshold(GC_THRESHOLD_OBJECTS)
    return inputs


@cache
def _typical_year(zone: str, seed: int) -> GridTrace:
    from ce_nas.grid.synthetic import synthetic_trace

    return synthetic_trace(zone, seed=seed, year=TYPICAL_YEAR)
