"""From settings to an engine: the only place that names concrete classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.clock import VirtualClock
from ce_nas.core.errors import SettingsError, one_of
from ce_nas.core.rng import stream
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.energy.modelled import PowerModel
from ce_nas.engine.engine import Engine, Parts, Plan
from ce_nas.engine.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ce_nas.allocate.allocator import Allocator
    from ce_nas.core.records import Objective
    from ce_nas.engine.engine import Observer
    from ce_nas.engine.settings import PolicySettings, Settings
    from ce_nas.evaluate.scores import CheapScores
    from ce_nas.evaluate.table import BenchmarkTable
    from ce_nas.forecast.forecaster import Forecaster
    from ce_nas.grid.trace import GridTrace, Series
    from ce_nas.search.constraints import Constraint, Constraints
    from ce_nas.search.searcher import Searcher
    from ce_nas.store.journal import Journal

__all__ = ["FORECASTERS", "POLICIES", "SEARCHERS", "Materials", "build"]

#: other names for policies and searchers
ALIASES = {"vanilla": "all-evaluation", "one-shot": "all-sampling", "hotcarbon": "heuristic", "random": "uniform"}
POLICIES = ("all-evaluation", "all-sampling", "fixed", "heuristic", "suspend-resume", "threshold")
SEARCHERS = ("lamoo", "nsga2", "uniform")
FORECASTERS = ("damped-profile", "persistence", "seasonal-naive")

#: the built-in zones' typical year, and the day of it on which a run begins where nothing else is said
TYPICAL_YEAR = 2023
TYPICAL_START = datetime(TYPICAL_YEAR, 7, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Materials:
    """What settings refer to, read and checked: the part of a run that several runs may share."""

    settings: Settings

    def check(self) -> None:
        """Read everything, so that whatever is of no use is said before anything is written.

        :raises CeNasError: if something is.
        """
        _ = self.table, self.objectives, self.constraints, self.cheap_scores, self.intensity, self.prices
        for name, what, known in self._names():
            canonical(name, what, known)
        early = self.settings.searcher.early
        if early is not None and early not in self.table.early:
            known_shares = ", ".join(f"{share:g}" for share in self.table.early) or "none"
            message = (
                f"Expected searcher.early among the shares that {self.table.name} knows: {known_shares}; got {early:g}."
            )
            raise SettingsError(message)

    def _names(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        settings = self.settings
        return (
            (settings.policy.name, "policy", POLICIES),
            (settings.searcher.name, "searcher", SEARCHERS),
            (settings.forecaster, "forecaster", FORECASTERS),
        )

    @cached_property
    def table(self) -> BenchmarkTable:
        """The benchmark."""
        return _table(self.settings)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """What is optimised."""
        from ce_nas.evaluate.table import objective

        names = self.settings.benchmark.objectives or _default_objectives(self.table)
        chosen = tuple(objective(self.table, text) for text in names)
        if not 2 <= len({item.name for item in chosen}) == len(chosen) <= 5:
            message = f"Expected 2 to 5 different objectives, got: {', '.join(item.name for item in chosen)}."
            raise SettingsError(message)
        return chosen

    @cached_property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints of the settings."""
        from ce_nas.search.constraints import Constraint

        return tuple(map(Constraint.parse, self.settings.benchmark.constraints))

    @cached_property
    def constraints(self) -> Constraints | None:
        """The bounds that an answer has to keep; None where there are none."""
        from ce_nas.search.constraints import Constraints

        stated = self.bounds
        known = {name: metric.values for name, metric in self.table.metrics.items() if not metric.trained}
        return Constraints(self.table.space, self.objectives, stated, known) if stated else None

    @cached_property
    def cheap_scores(self) -> CheapScores | None:
        """What a sampling task finds; None without it."""
        from ce_nas.evaluate.scores import builtin_scores, read_scores

        wanted = self.settings.benchmark.cheap_scores
        if wanted == "none":
            return None
        return read_scores(wanted, self.table) if wanted else builtin_scores(self.table.space)

    @cached_property
    def trace(self) -> GridTrace:
        """The grid."""
        return _trace(self.settings)

    @cached_property
    def start(self) -> datetime:
        """When the run begins by the calendar, UTC."""
        grid = self.settings.grid
        if grid.start:
            return grid.start
        if grid.trace is None:
            return TYPICAL_START
        week_later = self.trace.start + timedelta(days=7)
        room_s = (self.trace.end - week_later).total_seconds()
        return week_later if room_s >= self.settings.budget.time else self.trace.start

    @cached_property
    def intensity(self) -> Series:
        """The true carbon intensity, its seconds counted from the run's start, checked to outlast it."""
        series = self.trace.since(self.start)
        series.require(0.0, self.settings.budget.time)
        return series

    @cached_property
    def hypervolume_max(self) -> float:
        """The hypervolume of all that is feasible in the table: shown beside a result, never handed to a search."""
        from ce_nas.evaluate.table import table_values
        from ce_nas.pareto.hypervolume import hypervolume

        reference = [item.sign * item.reference for item in self.objectives]
        values = table_values(self.table, self.objectives)
        kept = [one.excess(self.table.metric(one.name).values) == 0 for one in self.bounds]
        return hypervolume(values[np.logical_and.reduce([np.ones(len(values), dtype=bool), *kept])], reference)

    @cached_property
    def prices(self) -> Prices:
        """What is paid."""
        stated = self.settings.prices
        if isinstance(stated.electricity_per_kwh, float):
            return Prices(stated.electricity_per_kwh, stated.gpu_hour)
        from ce_nas.grid.files import read_prices

        series = read_prices(stated.electricity_per_kwh).since(self.start)
        series.require(0.0, self.settings.budget.time)
        return Prices(series, stated.gpu_hour)


def build(  # noqa: PLR0913 - each part may be one's own
    materials: Materials,
    journal: Journal,
    *,
    observe: Observer | None = None,
    allocator: Allocator | None = None,
    searcher: Searcher | None = None,
    forecaster: Forecaster | None = None,
) -> Engine:
    """The engine that the materials' settings describe, over simulated time, with parts of one's own where given.

    :raises CeNasError: if a setting, or a file that one names, is of no use.
    """
    from ce_nas.cluster.simulated import SimulatedCluster
    from ce_nas.evaluate.tabular import TabularEvaluator

    settings, clock = materials.settings, VirtualClock()
    allocator = allocator or _allocator(settings.policy)
    forecaster = forecaster or _forecaster(settings.forecaster)
    searcher = _wrapped(searcher or _searcher(materials), materials)
    evaluator = TabularEvaluator(materials.table, materials.objectives, materials.cheap_scores)
    cluster = SimulatedCluster(settings.cluster.gpus, clock, evaluator, _power(settings))
    ledger = Ledger(materials.intensity, settings.cluster.pue, materials.prices)
    parts = Parts(clock, cluster, evaluator, searcher, allocator, forecaster, ledger, journal, materials.constraints)
    return Engine(parts, _plan(materials), observe)


def canonical(name: str, what: str, known: tuple[str, ...]) -> str:
    """The one name of a policy, searcher or forecaster that may be called by another.

    :raises SettingsError: if there is none.
    """
    name = ALIASES.get(name, name)
    if name not in known:
        aliases = [alias for alias, meant in ALIASES.items() if meant in known]
        raise SettingsError(one_of(what, name, [*known, *aliases]))
    return name


def _plan(materials: Materials) -> Plan:
    settings = materials.settings
    return Plan(
        start=materials.start,
        zone=materials.trace.zone,
        limits=_limits(settings),
        period_s=settings.searcher.period,
        batch=settings.searcher.batch,
        backlog=settings.searcher.backlog,
        unranked=settings.searcher.unranked,
        check_s=settings.budget.check,
    )


def _limits(settings: Settings) -> Limits:
    budget = settings.budget
    return Limits(
        time_s=budget.time,
        carbon_g=_or_none_at_all(budget.carbon),
        energy_j=_or_none_at_all(budget.energy),
        cost=_or_none_at_all(budget.cost),
        evaluations=_or_none_at_all(budget.evaluations),
        book=budget.book,
    )


def _or_none_at_all(limit: float | None) -> float:
    return math.inf if limit is None else limit


def _power(settings: Settings) -> PowerModel:
    """The power model of the settings; wattages of one's own are named as such."""
    default = PowerModel()
    stated = {
        name: getattr(settings.cluster, name) for name in type(settings.cluster).model_fields if hasattr(default, name)
    }
    model = replace(default, **stated)
    return model if model == default else replace(model, origin="stated in the settings")


def _allocator(policy: PolicySettings) -> Allocator:
    from ce_nas.allocate import rules

    makers: Mapping[str, Callable[[], Allocator]] = {
        "all-evaluation": rules.AllEvaluation,
        "all-sampling": lambda: rules.AllSampling(policy.trainings, policy.closing),
        "fixed": lambda: rules.FixedShare(policy.evaluating),
        "heuristic": rules.Heuristic,
        "suspend-resume": lambda: rules.SuspendResume(policy.quantile),
        "threshold": lambda: rules.Threshold(policy.quantile),
    }
    return makers[canonical(policy.name, "policy", POLICIES)]()


def _forecaster(name: str) -> Forecaster:
    from ce_nas.forecast import naive

    makers: Mapping[str, Callable[[], Forecaster]] = {
        "damped-profile": naive.DampedProfile,
        "persistence": naive.Persistence,
        "seasonal-naive": naive.SeasonalNaive,
    }
    return makers[canonical(name, "forecaster", FORECASTERS)]()


def _searcher(materials: Materials) -> Searcher:
    name = canonical(materials.settings.searcher.name, "searcher", SEARCHERS)
    space, rng = materials.table.space, stream(materials.settings.seed, "searcher")
    if name == "uniform":
        from ce_nas.search.uniform import UniformSearcher

        return UniformSearcher(space, rng)
    if name == "nsga2":
        from ce_nas.search.evolution import Nsga2Searcher

        return Nsga2Searcher(space, rng)
    from ce_nas.search.regions import LamooSearcher

    reference = [item.sign * item.reference for item in materials.objectives]
    return LamooSearcher(space, rng, reference=reference)


def _wrapped(searcher: Searcher, materials: Materials) -> Searcher:
    """The searcher, stopping trainings early and keeping bounds as far as the settings ask for it."""
    from ce_nas.search.constraints import ConstrainedSearcher
    from ce_nas.search.fidelity import PromotingSearcher

    stated = materials.settings.searcher
    if stated.early is not None:
        searcher = PromotingSearcher(searcher, stated.early, stated.promote)
    return ConstrainedSearcher(searcher, materials.constraints) if materials.constraints else searcher


def _table(settings: Settings) -> BenchmarkTable:
    from ce_nas.evaluate.nasbench201 import embedded_table
    from ce_nas.evaluate.own_table import read_table

    stated = settings.benchmark
    if stated.table is None and stated.name == "nb201":
        return embedded_table(stated.dataset)
    if stated.table is None:
        message = f"Benchmark {stated.name!r} needs a table: give a CSV or Parquet file with --table FILE."
        raise SettingsError(message)
    table = read_table(
        stated.table,
        dataset=stated.dataset,
        operations=stated.operations,
        training_column=stated.training_column,
    )
    if stated.name == "hwnasbench" and not any(name.startswith(_DEVICES) for name in table.metrics):
        message = (
            f"Expected HW-NAS-Bench's columns (hwnb_edgegpu_energy and the like) in {stated.table.name}, got the "
            f"metrics: {', '.join(table.metrics)}; use --benchmark table for a table of your own."
        )
        raise SettingsError(message)
    return table


_DEVICES = ("edgegpu", "fpga", "raspi4", "pixel3", "edgetpu", "eyeriss")


def _default_objectives(table: BenchmarkTable) -> list[str]:
    """Accuracy, or the first metric that needs a training, and the first cost: the paper's energy where it is known."""
    trained = [name for name, metric in table.metrics.items() if metric.trained]
    costs = [name for name, metric in table.metrics.items() if not metric.trained]
    costs.sort(key=lambda name: name != "edgegpu_energy")
    return [*sorted(trained, key=lambda name: name != "accuracy")[:1], *costs[:1]]


def _trace(settings: Settings) -> GridTrace:
    grid = settings.grid
    if grid.trace is None:
        from ce_nas.grid.synthetic import DEFAULT_ZONE, synthetic_trace

        return synthetic_trace(grid.zone or DEFAULT_ZONE, seed=grid.seed, year=(grid.start or TYPICAL_START).year)
    from ce_nas.grid.files import read_trace

    return read_trace(
        grid.trace,
        zone=grid.zone,
        factors=grid.factors,
        signal=grid.signal,
        time_column=grid.time_column,
        intensity_column=grid.intensity_column,
    )
