"""What a policy is trained on: searches of many benchmarks, grids, seasons, sizes and budgets, drawn by chance.

A scenario sets a search a hypervolume to reach: what a vanilla search without cheap scores, of another seed, reached
after a part of the budget. The search itself is played from a record, so that thousands of them can be. What takes
longer than there is time is not asked for.
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
from ce_nas.core.rng import stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.power_model import AVERAGE_PUE, TRAINING_W
from ce_nas.engine.build import build
from ce_nas.engine.inputs import TYPICAL_YEAR, Materials
from ce_nas.rl.replay_data import Replay
from ce_nas.store.journal import NullJournal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.engine.engine import Engine
    from ce_nas.forecast.base import Forecaster
    from ce_nas.grid.trace import GridTrace, Series
    from ce_nas.policies.base import Allocator
    from ce_nas.rl.replay_data import Recording
    from ce_nas.search.base import Searcher

__all__ = [
    "TEST_ZONES",
    "TRAINING_ZONES",
    "VALIDATION_ZONES",
    "Range",
    "Scenario",
    "Scenarios",
    "engine_of",
    "prepared",
    "training_s",
]

#: objects made between two looks for garbage: searches make hundreds of thousands, and little garbage that needs it
SELDOM = 20_000
#: built-in zones that a policy is trained on, those that tell which of several is kept, and those of neither
TRAINING_ZONES = ("coal", "coal-flat", "coal-solar", "gas", "hydro", "imports", "nuclear", "solar", "windy-gas")
VALIDATION_ZONES = ("hydro-nuclear", "mixed")
TEST_ZONES = ("gas-nuclear", "wind")

#: what a kWh costs where money is the budget: any price will do, since the budget is set in relation to it
PRICE_PER_KWH = 0.2

#: the least time of all devices that a target takes, or there is little to divide; the largest share of their time or
#: of a budget that it may take; and how often another one is drawn in place of one that takes less or more
LEAST_H, FEASIBLE, DRAWS = 4.0, 0.8, 30

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One search for a policy to divide the devices of."""

    dataset: str = "cifar10"
    zone: str = "solar"
    #: of the zone's typical year
    grid_seed: int = 0
    start: datetime = datetime(TYPICAL_YEAR, 7, 3, tzinfo=UTC)
    gpus: int = 8
    hours: float = 80.0
    #: of the search
    seed: int = 0
    searcher: str = "lamoo"
    #: hypervolume to reach; None where there is none to reach
    target: float | None = None
    #: trainings that the record takes to the target, seen by no policy; None where there is no target
    trainings: int | None = None
    #: which budget there is beside the time: carbon, energy or cost; None where there is none
    budget: str | None = None
    #: how much of it, as a share of what all devices would use in training until the deadline
    budget_share: float = 1.0
    #: the records, blind and informed, that the search is played from; None where the searcher itself searches
    replay: tuple[Recording, Recording] | None = field(default=None, compare=False)

    @property
    def settings(self) -> Settings:
        """The settings of the search."""
        return settings_from_flags(
            {
                "grid": {"seed": self.grid_seed},
                "searcher": {"unranked": 1.0 if self.replay else 0.5},
                "prices": {"electricity_per_kwh": PRICE_PER_KWH if self.budget == "cost" else 0.0},
                "budget": {self.budget: self._bound} if self.budget else {},
            },
            dataset=self.dataset,
            zone=self.zone,
            start=self.start,
            gpus=self.gpus,
            hours=self.hours,
            seed=self.seed,
            searcher=self.searcher,
            target=self.target,
            forecaster="damped-profile",
        )

    @property
    def usual_g(self) -> float:
        """What all devices would emit in training until the deadline, g."""
        return self._usual_j / J_PER_KWH * self._mean_g_per_kwh

    @property
    def work_g(self) -> float:
        """What the trainings that the target takes would emit in average hours, g: the measure of a reward, seen by no
        policy; without a target, what all devices would.
        """
        if self.trainings is None:
            return self.usual_g
        work_j = self.trainings * training_s(self.dataset) * TRAINING_W * AVERAGE_PUE
        return work_j / J_PER_KWH * self._mean_g_per_kwh

    @property
    def intensity(self) -> Series:
        """The true intensity from the scenario's start on, g CO2eq/kWh."""
        return _year(self.zone, self.grid_seed).since(self.start)

    @property
    def _mean_g_per_kwh(self) -> float:
        return self.intensity.mean(0.0, self.hours * HOUR_S)

    @property
    def most_trainings(self) -> float:
        """As many as all devices can do until the deadline."""
        return self.gpus * self.hours * HOUR_S / training_s(self.dataset)

    @property
    def _usual_j(self) -> float:
        """The energy that all devices would draw from the grid in training until the deadline."""
        return self.gpus * TRAINING_W * AVERAGE_PUE * self.hours * HOUR_S

    @property
    def _bound(self) -> str | float:
        """The budget as settings state it."""
        usual_kwh = self._usual_j / J_PER_KWH
        if self.budget == "cost":
            return self.budget_share * usual_kwh * PRICE_PER_KWH
        usual, unit = (self.usual_g, "g") if self.budget == "carbon" else (usual_kwh, "kWh")
        return f"{self.budget_share * usual}{unit}"


@dataclass(frozen=True, slots=True)
class Range:
    """Out of what scenarios are drawn."""

    zones: tuple[str, ...] = TRAINING_ZONES
    gpus: tuple[int, ...] = (4, 8, 8, 8, 16)
    hours: tuple[float, ...] = (80.0, 120.0, 168.0, 168.0)
    #: least and largest part of the devices' time until the deadline in which the vanilla search had reached the target
    part: tuple[float, float] = (0.05, 1.0)
    #: share of the scenarios whose searches never see a cheap score, and so take long
    unscored: float = 0.3
    #: how many typical years a zone has
    years: int = 8
    #: share of the scenarios that have a budget of carbon, energy or money
    budgeted: float = 0.25
    #: the least and the most of it, as a share of what all devices would use until the deadline
    budget: tuple[float, float] = (0.05, 0.4)


class Scenarios:
    """Draws scenarios; the same seed, name, records and number always give the same one.

    :param name: of the stream: training, validation and test draw from streams of their own.
    :param recordings: of a benchmark each, two blind records or more and informed ones; without any, scenarios have no
        target, and LaMOO itself searches.
    """

    def __init__(
        self, seed: int, name: str, recordings: Sequence[Recording] = (), drawn_from: Range | None = None
    ) -> None:
        self._seed = seed
        self._name = name
        self._range = drawn_from or Range()
        self._informed = [item for item in recordings if item.informed]
        self._blind = [item for item in recordings if not item.informed]
        for item in recordings:
            if len(self._others(item)) < 1:
                message = (
                    f"Expected a blind recording on {item.dataset} of another seed than {item.seed}, got none; record "
                    "more seeds."
                )
                raise SettingsError(message)

    def __getitem__(self, number: int) -> Scenario:
        rng, out_of = stream(self._seed, f"scenarios.{self._name}.{number}"), self._range
        hours_in = int(rng.integers(360 * 24))
        gpus, hours = _one(rng, out_of.gpus), _one(rng, out_of.hours)
        place = Scenario(
            zone=_one(rng, out_of.zones),
            grid_seed=int(rng.integers(out_of.years)),
            start=datetime(TYPICAL_YEAR, 1, 1, tzinfo=UTC) + timedelta(hours=hours_in),
            gpus=gpus,
            hours=hours,
            seed=int(rng.integers(2**31)),
        )
        place = replace(place, **self._budget(number))
        if not self._informed:
            return place
        for _ in range(DRAWS):
            place = self._search(rng, place)
            takes = (place.trainings or 0) / place.most_trainings
            if LEAST_H / place.hours <= takes <= FEASIBLE * place.budget_share:
                break
        return place

    def _search(self, rng: np.random.Generator, place: Scenario) -> Scenario:
        """The scenario with a search to be played, and a target that another one reached."""
        unscored = rng.random() < self._range.unscored
        player = _one(rng, self._blind if unscored else self._informed)
        vanilla = _one(rng, self._others(player))
        own = player if unscored else _one(rng, [item for item in self._blind if item.dataset == player.dataset])
        least, most = map(math.log, self._range.part)
        place = replace(place, dataset=player.dataset)
        at = round(math.exp(rng.uniform(least, most)) * place.most_trainings)
        target = float(vanilla.hypervolumes[min(max(at, 1), len(vanilla.hypervolumes)) - 1])
        takes = int(np.searchsorted(player.hypervolumes, target)) + 1
        reaches = takes <= len(player.hypervolumes)
        return replace(place, target=target, trainings=takes if reaches else None, replay=(own, player))

    def _budget(self, number: int) -> dict[str, Any]:
        """Which budget a scenario has, and how much of it: small ones are as likely as large ones."""
        rng, out_of = stream(self._seed, f"budgets.{self._name}.{number}"), self._range
        if rng.random() >= out_of.budgeted:
            return {}
        least, most = map(math.log, out_of.budget)
        return {"budget": _one(rng, ("carbon", "energy", "cost")), "budget_share": math.exp(rng.uniform(least, most))}

    def _others(self, informed: Recording) -> list[Recording]:
        """Blind records of the same benchmark and another seed."""
        return [item for item in self._blind if item.dataset == informed.dataset and item.seed != informed.seed]


def _one(rng: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    return choices[int(rng.integers(len(choices)))]


def prepared(scenario: Scenario) -> Materials:
    """The scenario's materials; tables, scores and typical years are shared with those of other scenarios."""
    materials, shelf = Materials(scenario.settings), _shelf(scenario.dataset)
    shared = {
        "benchmark": shelf.benchmark,
        "objectives": shelf.objectives,
        "cheap_scores": shelf.cheap_scores,
        "evaluator": shelf.evaluator,
        "trace": _year(scenario.zone, scenario.grid_seed),
    }
    materials.__dict__.update(shared)
    return materials


def engine_of(scenario: Scenario, allocator: Allocator, forecaster: Forecaster | None = None) -> Engine:
    """The engine of a scenario: any other one's loop, cluster, books and view, and a journal that keeps nothing."""
    materials = prepared(scenario)
    searcher: Searcher | None = None
    if scenario.replay:
        searcher = Replay(materials.table.space.listed, *scenario.replay)
    return build(materials, NullJournal(), allocator=allocator, forecaster=forecaster, searcher=searcher)


def training_s(dataset: str) -> float:
    """What a training takes a device on average, s."""
    return float(_shelf(dataset).table.train_s.mean())


@cache
def _shelf(dataset: str) -> Materials:
    materials = Materials(settings_from_flags(dataset=dataset))
    materials.check()
    materials.evaluator.run(Task(0, TaskKind.SAMPLING, tuple(materials.table.space.listed[:1])))  # lists what it knows
    gc.freeze()  # tables are kept for good: the collector need not look for garbage in them time and again
    gc.set_threshold(SELDOM)
    return materials


@cache
def _year(zone: str, seed: int) -> GridTrace:
    from ce_nas.grid.synthetic import synthetic_trace

    return synthetic_trace(zone, seed=seed, year=TYPICAL_YEAR)
