"""From settings to an engine: the only place that names concrete classes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from ce_nas.config.registry import INNER_SEARCHERS, POLICIES, SEARCHERS, canonical
from ce_nas.core.clock import VirtualClock
from ce_nas.core.errors import SettingsError
from ce_nas.core.rng import stream
from ce_nas.core.units import HOUR_S
from ce_nas.energy.ledger import Ledger
from ce_nas.energy.live_ledger import LiveLedger
from ce_nas.energy.power_model import PowerModel
from ce_nas.engine.budgets import Limits
from ce_nas.engine.components import Parts, Plan
from ce_nas.engine.engine import Engine
from ce_nas.engine.live_intensity import FeedForecaster, LiveGrid
from ce_nas.forecast.registry import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ce_nas.benchmarks.base import Problem
    from ce_nas.cluster.base import Cluster
    from ce_nas.cluster.replay_clock import LiveClock
    from ce_nas.cluster.workers.base import Crew
    from ce_nas.config.schema import PolicySettings, Settings
    from ce_nas.core.clock import Clock
    from ce_nas.core.records import Architecture
    from ce_nas.engine.engine import Observer
    from ce_nas.engine.inputs import Materials
    from ce_nas.engine.sites import Sites
    from ce_nas.forecast.base import Forecaster
    from ce_nas.policies.base import Allocator
    from ce_nas.policies.site_constraints import Rule
    from ce_nas.search.base import Searcher
    from ce_nas.search.constraints import Costs
    from ce_nas.search.regions import RegionalSearcher
    from ce_nas.store.event_log import Recording
    from ce_nas.store.journal import Journal

__all__ = ["allocator_of", "build"]


def build(  # noqa: PLR0913 - each part may be one's own
    materials: Materials,
    journal: Journal,
    *,
    folder: Path | None = None,
    crew: Crew | None = None,
    observe: Observer | None = None,
    allocator: Allocator | None = None,
    searcher: Searcher | None = None,
    forecaster: Forecaster | None = None,
) -> Engine:
    """The engine that the materials' settings describe, with parts of one's own where given.

    :param folder: where a live search works; a simulated one needs none.
    :param crew: who works in a live search, instead of the crew that the settings name.
    :raises CeNasError: if a setting, or a file that one names, is of no use.
    """
    settings = materials.settings
    allocator = _within_site(allocator or allocator_of(settings.policy), materials)
    chosen = Choice(forecaster, "handed over by the caller") if forecaster else materials.forecaster()
    sites = _sites(materials, chosen.forecaster)
    searcher = _wrapped(searcher or _searcher(materials), materials)
    clock, cluster, problem, recording = (
        _live(materials, folder, crew) if settings.live.on else (*_simulated(materials), None)
    )
    grid = _live_grid(materials, clock, recording, journal) if materials.feed else None
    if grid is not None:
        chosen = replace(chosen, forecaster=FeedForecaster(grid, chosen.forecaster))
    ledger = _ledger(materials, grid)
    parts = Parts(
        clock=clock,
        cluster=cluster,
        evaluator=problem,
        searcher=searcher,
        allocator=allocator,
        forecaster=chosen.forecaster,
        ledger=ledger,
        journal=journal,
        sites=sites,
        constraints=materials.constraints,
        memory=grid or materials.history,
        forecaster_reason=chosen.reason,
        forecaster_sha256=chosen.sha256,
    )
    return Engine(parts, _plan(materials), observe)


def _simulated(materials: Materials) -> tuple[Clock, Cluster, Problem]:
    """Time that jumps, and devices that are not there."""
    from ce_nas.cluster.simulated import SimulatedCluster

    clock, settings, evaluator = VirtualClock(), materials.settings, materials.evaluator
    return clock, SimulatedCluster(settings.cluster.gpus, clock, evaluator, _power(settings)), evaluator


def _ledger(materials: Materials, grid: LiveGrid | None) -> Ledger:
    """The books, by the trace or by what a live grid says, and says later."""
    settings = materials.settings
    if grid is None:
        return Ledger(materials.intensity, settings.cluster.pue, materials.prices, settings.live.time_scale)
    ledger = LiveLedger(grid, settings.cluster.pue, materials.prices, settings.live.time_scale)
    grid.keep(ledger)
    return ledger


def _live_grid(materials: Materials, clock: Clock, recording: Recording | None, journal: Journal) -> LiveGrid:
    """The grid as it is now."""
    feed = materials.feed
    assert feed is not None  # noqa: S101 - asked for by the settings, and checked with them
    assert recording is not None  # noqa: S101 - a live grid is of a live search
    lost = materials.settings.grid.stop_when_lost
    return LiveGrid(feed, materials.zone, cast("LiveClock", clock), recording, journal, stop_when_lost=lost)


def _live(
    materials: Materials, folder: Path | None, crew: Crew | None
) -> tuple[Clock, Cluster, Problem, Recording | None]:
    """Time that passes, and devices that are there."""
    from ce_nas.engine.build_live import live_cluster, live_problem

    if folder is None:
        message = "Expected a folder for the checkpoints of a live search, got none; name one with out."
        raise SettingsError(message)
    clock, cluster, recording = live_cluster(materials, _power(materials.settings), folder, crew)
    return clock, cluster, live_problem(materials), recording


def _plan(materials: Materials) -> Plan:
    settings = materials.settings
    return Plan(
        start=materials.start,
        zone=materials.zone,
        limits=_limits(settings),
        period_s=settings.searcher.period,
        batch=settings.searcher.batch,
        backlog=settings.searcher.backlog,
        unranked=settings.searcher.unranked,
        samples=settings.searcher.samples,
        samples_per_training=settings.searcher.samples_per_training,
        training_w=settings.cluster.training_w,
        sampling_w=settings.cluster.sampling_w,
        idle_w=settings.cluster.idle_w,
        check_s=settings.budget.check,
        few_shot=settings.live.few_shot,
        few_shot_every=settings.live.few_shot_every,
        few_shot_share=settings.live.few_shot_share,
        time_scale=settings.live.time_scale,
        retries=settings.live.retries,
    )


def _limits(settings: Settings) -> Limits:
    budget = settings.budget
    return Limits(
        time_s=budget.time,
        carbon_g=_or_none_at_all(budget.carbon),
        energy_j=_or_none_at_all(budget.energy),
        cost=_or_none_at_all(budget.cost),
        evaluations=_or_none_at_all(budget.evaluations),
        device_s=_or_none_at_all(budget.gpu_hours) * HOUR_S,
        target=_or_none_at_all(budget.target),
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


def _sites(materials: Materials, forecaster: Forecaster) -> Sites | None:
    """The places where the search may go on; None where there is but one."""
    from ce_nas.engine.sites import Site, Sites

    stated, cluster = materials.settings.site, materials.settings.cluster
    if not stated.others:
        return None
    home = Site(
        stated.name,
        materials.history,
        forecaster,
        materials.intensity,
        cluster.pue,
        materials.prices,
        cluster.gpus,
    )
    others = [
        Site(
            other.name,
            there.history,
            there.forecaster().forecaster,
            there.intensity,
            other.pue,
            there.prices,
            min(other.gpus or cluster.gpus, cluster.gpus),
        )
        for other, there in zip(stated.others, materials.others, strict=True)
    ]
    return Sites([home, *others], stated.move, stated.move_j)


def _within_site(allocator: Allocator, materials: Materials) -> Allocator:
    """The allocator, at the best of the sites, and kept to what they allow."""
    from ce_nas.policies.migration import Roaming
    from ce_nas.policies.site_constraints import Closed, Constrained, MinimumTime, PowerCap

    if materials.settings.site.others:
        allocator = Roaming(allocator, materials.settings.policy.money)
    site, power = materials.settings.site, _power(materials.settings)
    pue = materials.settings.cluster.pue
    rules: list[Rule] = []
    if site.minimum_time is not None:
        rules.append(MinimumTime(site.minimum_time))
    if site.power_cap_w is not None:
        rules.append(PowerCap(site.power_cap_w, power.peak_w * pue, power.idle_w * pue))
    if site.closed:
        rules.append(Closed(materials.closed, materials.start))
    return Constrained(allocator, rules) if rules else allocator


def allocator_of(policy: PolicySettings) -> Allocator:
    """The policy that the settings name."""
    from ce_nas.policies import baselines as rules
    from ce_nas.policies.carbon_scaler import Marginal
    from ce_nas.policies.lookahead import LookAhead

    makers: Mapping[str, Callable[[], Allocator]] = {
        "all-evaluation": rules.AllEvaluation,
        "all-sampling": lambda: rules.AllSampling(policy.trainings, policy.closing),
        "fixed": lambda: rules.FixedShare(policy.evaluating),
        "heuristic": rules.Heuristic,
        "learned": lambda: _learned(policy),
        "look-ahead": lambda: LookAhead(
            money=policy.money,
            gain=policy.gain,
            scored=policy.scored,
            quantile=policy.caution,
            miss=policy.miss,
            sure=policy.sure,
        ),
        "marginal": lambda: Marginal(gain=policy.gain, scored=policy.scored, sure=policy.sure),
        "suspend-resume": lambda: rules.SuspendResume(policy.quantile, policy.scored, policy.sure),
        "threshold": lambda: rules.Threshold(policy.quantile),
    }
    return makers[canonical(policy.name, "policy", POLICIES)]()


def _learned(policy: PolicySettings) -> Allocator:
    from ce_nas.policies.learned.network import read_policy
    from ce_nas.policies.learned.policy import Learned

    return Learned(read_policy(policy.network) if policy.network else None)


def _searcher(materials: Materials) -> Searcher:
    stated = materials.settings.searcher
    name = canonical(stated.name, "searcher", SEARCHERS)
    if name != "lamoo":
        return _plain_searcher(name, materials)
    from ce_nas.search.lamoo.searcher import LamooSearcher

    return LamooSearcher(
        materials.benchmark.space,
        stream(materials.settings.seed, "searcher"),
        reference=_reference(materials),
        inner=_plain_searcher(canonical(stated.inner, "inner searcher", INNER_SEARCHERS), materials),
        outside=stated.outside,
    )


def _plain_searcher(name: str, materials: Materials) -> RegionalSearcher:
    """A searcher that works alone as well as in a region, on a stream of its own."""
    space, rng = materials.benchmark.space, stream(materials.settings.seed, f"searcher.{name}")
    if name == "uniform":
        from ce_nas.search.random import UniformSearcher

        return UniformSearcher(space, rng)
    if name == "nsga2":
        from ce_nas.search.nsga2 import Nsga2Searcher

        return Nsga2Searcher(space, rng)
    if name == "cma":
        from ce_nas.search.cma_es import CmaSearcher

        return CmaSearcher(space, rng, _reference(materials))
    if name == "ehvi":
        from ce_nas.search.bayesopt.ehvi import EhviSearcher

        return EhviSearcher(space, rng, _reference(materials))
    if name == "qlognehvi":
        from ce_nas.search.bayesopt.qlognehvi import QLogNehviSearcher

        return QLogNehviSearcher(space, rng, _reference(materials))
    from ce_nas.search.surrogate.searcher import SurrogateSearcher

    return SurrogateSearcher(space, rng, _reference(materials), known=_foreknown(materials))


def _foreknown(materials: Materials) -> list[Costs | None]:
    """For each objective what is known of it before any training, minimised; None if only a training tells it."""
    costs = materials.known_costs
    return [_minimised(costs[item.name], item.sign) if item.name in costs else None for item in materials.objectives]


def _minimised(cost: Costs, sign: float) -> Costs:
    return (lambda architectures: sign * cost(architectures)) if callable(cost) else sign * cost


def _reference(materials: Materials) -> list[float]:
    return [item.sign * item.reference for item in materials.objectives]


def _wrapped(searcher: Searcher, materials: Materials) -> Searcher:
    """The searcher, stopping early, keeping to one a function and to bounds as far as the settings ask for it."""
    from ce_nas.search.constraints import ConstrainedSearcher
    from ce_nas.search.deduplication import DistinctSearcher
    from ce_nas.search.successive_halving import PromotingSearcher

    stated = materials.settings.searcher
    if stated.early is not None:
        searcher = PromotingSearcher(searcher, stated.early, stated.promote)
    if stated.distinct:
        searcher = DistinctSearcher(searcher, _stands(materials))
    return ConstrainedSearcher(searcher, materials.constraints) if materials.constraints else searcher


def _stands(materials: Materials) -> dict[Architecture, Architecture]:
    """To each architecture the cheapest one that computes the same function.

    :raises SettingsError: if the space does not tell which do.
    """
    import numpy as np

    from ce_nas.space.isomorphism import cheapest_rows
    from ce_nas.space.nasbench201 import NasBench201Space

    space, benchmark = materials.benchmark.space, materials.benchmark
    if not isinstance(space, NasBench201Space):
        message = (
            f"Expected cells of NAS-Bench-201 for searcher.distinct, since of {benchmark.name} nobody knows which "
            "architectures compute the same; leave it out."
        )
        raise SettingsError(message)
    known = [item for item in materials.objectives if not benchmark.quantities[item.name].trained]
    columns = [item.sign * column for item in known if (column := benchmark.column(item.name)) is not None]
    rows = cheapest_rows(space, np.column_stack(columns) if columns else np.empty((space.size, 0)))
    return {space.listed[row]: space.listed[stands] for row, stands in enumerate(rows.tolist())}
