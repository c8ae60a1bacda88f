"""Builds the engine that settings describe: components by the registries, everything else by its own section."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from ce_nas.components.registry import POLICIES, SEARCHERS
from ce_nas.core.clock import VirtualClock
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S
from ce_nas.energy.ledger import Ledger
from ce_nas.energy.live_ledger import LiveLedger
from ce_nas.energy.power_model import PowerModel
from ce_nas.engine.budgets import Budgets, CarbonAccounting
from ce_nas.engine.engine import Engine
from ce_nas.engine.live_inputs import sampling_limit
from ce_nas.engine.live_intensity import LiveIntensity, ProviderForecaster
from ce_nas.engine.live_power_cap import LivePowerCap
from ce_nas.engine.power_plan import SlowedProblem, build_power_plan
from ce_nas.engine.run_config import Components, RunConfig
from ce_nas.forecast.forecaster_selection import SelectedForecaster
from ce_nas.search.base import SearchContext
from ce_nas.store.resumption import FORECASTER_GIVEN

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.benchmarks.base import Problem
    from ce_nas.cluster.base import Cluster
    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.components.base import ComponentSettings
    from ce_nas.config.schema import Settings
    from ce_nas.core.clock import Clock
    from ce_nas.core.records import Architecture
    from ce_nas.engine.engine import Observer
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.engine.sites import Sites
    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Policy
    from ce_nas.policies.site_constraints import SiteConstraint
    from ce_nas.search.base import Searcher
    from ce_nas.search.constraints import KnownMetric
    from ce_nas.store.event_log import EventLog
    from ce_nas.store.journal import Journal

__all__ = ["build_engine", "build_policy", "build_searcher"]


def build_engine(  # noqa: PLR0913 - every component may be an object of the caller's
    inputs: RunInputs,
    journal: Journal,
    *,
    folder: Path | None = None,
    workers: WorkerPool | None = None,
    observer: Observer | None = None,
    policy: Policy | None = None,
    searcher: Searcher | None = None,
    forecaster: Forecaster | None = None,
) -> Engine:
    """The engine that the settings of ``inputs`` describe, with the caller's components in place of those they name.

    :param folder: run folder of a live search; None for a simulated one.
    :raises CeNasError: if a setting, or a file that it names, is invalid.
    """
    settings = inputs.settings
    policy = _apply_site_constraints(policy or build_policy(settings.policy), inputs)
    chosen = SelectedForecaster(forecaster, FORECASTER_GIVEN) if forecaster else inputs.choose_forecaster()
    sites = _build_sites(inputs, chosen.forecaster)
    searcher = _wrap_searcher(searcher or build_searcher(inputs), inputs)
    clock, cluster, problem, recording = (
        _live_components(inputs, folder, workers, searcher)
        if settings.live.enabled
        else (*_simulated_components(inputs), None)
    )
    grid = _build_live_intensity(inputs, clock, recording, journal) if inputs.provider else None
    if grid is not None:
        chosen = replace(chosen, forecaster=ProviderForecaster(grid, chosen.forecaster))
    ledger = _build_ledger(inputs, grid)
    power = settings.power
    signal = LivePowerCap(power.cap_signal, recording, power.cap_poll) if power.cap_signal and recording else None
    power_plan = build_power_plan(inputs, _power_model(settings), cluster, signal)
    if power_plan and not settings.live.enabled:
        problem = SlowedProblem(problem, power_plan.max_time_factor)
    parts = Components(
        clock=clock,
        cluster=cluster,
        problem=problem,
        searcher=searcher,
        policy=policy,
        forecaster=chosen.forecaster,
        ledger=ledger,
        journal=journal,
        sites=sites,
        constraints=inputs.constraints,
        zone_history=grid or inputs.history,
        power_plan=power_plan,
        forecaster_reason=chosen.reason,
        forecaster_sha256=chosen.sha256,
    )
    return Engine(parts, _run_config(inputs, costs_alone=problem.measures_costs), observer)


def _simulated_components(inputs: RunInputs) -> tuple[Clock, Cluster, Problem]:
    """A virtual clock, simulated devices and the evaluator."""
    from ce_nas.cluster.simulated import SimulatedCluster

    clock, settings, evaluator = VirtualClock(), inputs.settings, inputs.evaluator
    return clock, SimulatedCluster(settings.cluster.gpus, clock, evaluator, _power_model(settings)), evaluator


def _build_ledger(inputs: RunInputs, intensity: LiveIntensity | None) -> Ledger:
    """The ledger, on the trace or on a live grid, whose later corrections it settles."""
    settings = inputs.settings
    scale, gpus = settings.live.time_scale, settings.live.gpus_per_device
    if intensity is None:
        return Ledger(inputs.intensity, settings.cluster.pue, inputs.prices, scale, gpus)
    ledger = LiveLedger(intensity, settings.cluster.pue, inputs.prices, scale, gpus)
    intensity.attach_ledger(ledger)
    return ledger


def _build_live_intensity(
    inputs: RunInputs, clock: Clock, event_log: EventLog | None, journal: Journal
) -> LiveIntensity:
    """The live grid."""
    feed = inputs.provider
    assert feed is not None  # noqa: S101 - the caller checks it
    assert event_log is not None  # noqa: S101 - a live grid implies a live search
    lost = inputs.settings.grid.fail_when_unavailable
    return LiveIntensity(
        feed, inputs.zone, cast("ReplayableClock", clock), event_log, journal, fail_when_unavailable=lost
    )


def _live_components(
    inputs: RunInputs, folder: Path | None, workers: WorkerPool | None, searcher: Searcher
) -> tuple[Clock, Cluster, Problem, EventLog | None]:
    """A real clock, real devices and the live problem."""
    from ce_nas.engine.build_live import build_live_cluster, build_live_problem

    if folder is None:
        message = "Expected a folder for the checkpoints of a live search, got none; name one with out."
        raise SettingsError(message)
    clock, cluster, recording = build_live_cluster(inputs, _power_model(inputs.settings), folder, workers)
    return clock, cluster, build_live_problem(inputs, searcher), recording


def _run_config(inputs: RunInputs, *, costs_alone: bool) -> RunConfig:
    settings = inputs.settings
    return RunConfig(
        start=inputs.start,
        zone=inputs.zone,
        budgets=_budgets(settings),
        # a target is to be reached, however little each kilogram brings
        stop="never" if settings.budget.stop == "auto" and settings.budget.target else settings.budget.stop,
        period_s=settings.schedule.period,
        sampling_batch=settings.schedule.sampling_batch,
        queue_capacity=settings.schedule.queue_capacity,
        unranked_share=settings.schedule.unranked_share,
        max_samples=sampling_limit(settings, costs_alone=costs_alone),
        samples_per_training=settings.schedule.samples_per_training,
        training_w=settings.cluster.training_w * settings.live.gpus_per_device,
        sampling_w=settings.cluster.sampling_w * settings.live.gpus_per_device,
        idle_w=settings.cluster.idle_w * settings.live.gpus_per_device,
        check_interval_s=settings.budget.check_interval,
        few_shot=settings.live.few_shot,
        few_shot_every=settings.live.few_shot_every,
        few_shot_share=settings.live.few_shot_share,
        time_scale=settings.live.time_scale,
        retries=settings.live.retries,
        gpus_per_device=settings.live.gpus_per_device,
        uses_metered_power=settings.live.enabled or settings.power.lever,
    )


def _budgets(settings: Settings) -> Budgets:
    budget = settings.budget
    return Budgets(
        time_s=budget.time_s,
        carbon_g=_or_infinite(budget.carbon),
        energy_j=_or_infinite(budget.energy),
        cost=_or_infinite(budget.cost),
        evaluations=_or_infinite(budget.evaluations),
        device_s=_or_infinite(budget.gpu_hours) * HOUR_S,
        target_hypervolume=_or_infinite(budget.target),
        accounting=CarbonAccounting(budget.accounting),
        is_prepaid=bool(settings.prices.billing_period and settings.prices.gpu_hour_price),
    )


def _or_infinite(limit: float | None) -> float:
    return math.inf if limit is None else limit


def _power_model(settings: Settings) -> PowerModel:
    """The power model of the settings; its origin says whether wattages were stated."""
    default = PowerModel()
    stated = {
        name: getattr(settings.cluster, name) for name in type(settings.cluster).model_fields if hasattr(default, name)
    }
    model = replace(default, **stated)
    return model if model == default else replace(model, origin="stated in the settings")


def _build_sites(inputs: RunInputs, forecaster: Forecaster) -> Sites | None:
    """The sites between which the search can move; None if there is only one."""
    from ce_nas.engine.sites import Site, Sites

    stated, cluster = inputs.settings.site, inputs.settings.cluster
    if not stated.others:
        return None
    home = Site(
        stated.name,
        inputs.history,
        forecaster,
        inputs.intensity,
        cluster.pue,
        inputs.prices,
        cluster.gpus,
    )
    others = [
        Site(
            other.name,
            there.history,
            there.choose_forecaster().forecaster,
            there.intensity,
            other.pue,
            there.prices,
            min(other.gpus or cluster.gpus, cluster.gpus),
        )
        for other, there in zip(stated.others, inputs.other_sites, strict=True)
    ]
    return Sites([home, *others], stated.move_time, stated.move_energy_j)


def _apply_site_constraints(policy: Policy, inputs: RunInputs) -> Policy:
    """The policy, with migration between sites and the constraints of the site."""
    from ce_nas.policies.migration import MigratingPolicy
    from ce_nas.policies.site_constraints import ClosedHours, MinimumHoldTime, PowerCap, SiteConstrainedPolicy

    if inputs.settings.site.others:
        policy = MigratingPolicy(policy, inputs.settings.site.cost_weight)
    site, power = inputs.settings.site, _power_model(inputs.settings)
    pue = inputs.settings.cluster.pue
    rules: list[SiteConstraint] = []
    if site.min_hold_time is not None:
        rules.append(MinimumHoldTime(site.min_hold_time))
    if site.power_cap_w is not None:
        rules.append(PowerCap(site.power_cap_w, power.peak_w * pue, power.idle_w * pue))
    if site.closed:
        rules.append(ClosedHours(inputs.closed_windows, inputs.start))
    return SiteConstrainedPolicy(policy, rules) if rules else policy


def build_policy(settings: ComponentSettings) -> Policy:
    """The policy that the settings name."""
    policy: Policy = POLICIES.build(settings)
    return policy


def build_searcher(inputs: RunInputs, purpose: str = "") -> Searcher:
    """The searcher that the settings name, without short trainings, deduplication and constraints.

    :param purpose: see :attr:`SearchContext.purpose`.
    """
    context = SearchContext(
        space=inputs.benchmark.space,
        reference=[objective.sign * objective.reference for objective in inputs.objectives],
        seed=inputs.settings.seed,
        known_objectives=lambda: _costs_by_objective(inputs),
        read_earlier=inputs.earlier_trainings.read,
        purpose=purpose,
        requires_training=inputs.requires_training,
    )
    searcher: Searcher = SEARCHERS.build(inputs.settings.searcher, context)
    return searcher


def _costs_by_objective(inputs: RunInputs) -> list[KnownMetric | None]:
    """For each objective its training-free values, minimised; None if known only by training."""
    costs = inputs.known_costs
    return [_to_minimised(costs[item.name], item.sign) if item.name in costs else None for item in inputs.objectives]


def _to_minimised(cost: KnownMetric, sign: float) -> KnownMetric:
    return (lambda architectures: sign * cost(architectures)) if callable(cost) else sign * cost


def _wrap_searcher(searcher: Searcher, inputs: RunInputs) -> Searcher:
    """The searcher with short trainings, deduplication and constraints, as far as the settings ask for them."""
    from ce_nas.search.constraints import ConstrainedSearcher
    from ce_nas.search.deduplication import DeduplicatingSearcher
    from ce_nas.search.successive_halving import SuccessiveHalvingSearcher

    chosen = inputs.settings.searcher
    if chosen.initial_fidelity is not None and (count := getattr(chosen, "short_trainings", None)):
        searcher = _with_short_trainings(searcher, inputs, chosen.initial_fidelity, count)
    elif chosen.initial_fidelity is not None:
        searcher = SuccessiveHalvingSearcher(searcher, chosen.initial_fidelity, chosen.promotion_rate)
    if chosen.deduplicate:
        searcher = DeduplicatingSearcher(searcher, _canonical_architectures(inputs))
    return ConstrainedSearcher(searcher, inputs.constraints) if inputs.constraints else searcher


def _with_short_trainings(searcher: Searcher, inputs: RunInputs, fidelity: float, count: int) -> Searcher:
    """The surrogate with that many short trainings first.

    :raises SettingsError: if the searcher is another.
    """
    from ce_nas.search.short_trainings import ShortTrainingsSearcher
    from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

    if not isinstance(searcher, SurrogateSearcher):
        message = (
            f"Expected the searcher surrogate for searcher.short_trainings, got {searcher.name}; remove the setting."
        )
        raise SettingsError(message)
    return ShortTrainingsSearcher(searcher, build_searcher(inputs, ".short"), fidelity, count)


def _canonical_architectures(inputs: RunInputs) -> dict[Architecture, Architecture]:
    """Each architecture to the cheapest one that computes the same function.

    :raises SettingsError: if the equivalent architectures of the space are unknown.
    """
    import numpy as np

    from ce_nas.space.isomorphism import cheapest_rows
    from ce_nas.space.nasbench201_cell import NasBench201Space

    space, benchmark = inputs.benchmark.space, inputs.benchmark
    if not isinstance(space, NasBench201Space):
        message = (
            f"Expected cells of NAS-Bench-201 for searcher.deduplicate, got {benchmark.name}, whose equivalent "
            "architectures are unknown; remove the setting."
        )
        raise SettingsError(message)
    known = [item for item in inputs.objectives if item.is_known]
    columns = [
        objective.sign * column for objective in known if (column := benchmark.all_values(objective.name)) is not None
    ]
    rows = cheapest_rows(space, np.column_stack(columns) if columns else np.empty((space.size, 0)))
    return {
        space.all_architectures[row]: space.all_architectures[canonical] for row, canonical in enumerate(rows.tolist())
    }
