"""A simulated pilot: the current method and CE-NAS on the proxy benchmark, over seeds and days of all seasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from ce_nas._version import __version__
from ce_nas.analysis.policy_replay import DeferrableWorkload, replay_policies
from ce_nas.api import Search
from ce_nas.apps.pilot.costs import TARGET_NOT_REACHED, SearchCost, SearchMethod
from ce_nas.apps.pilot.grids import PilotGrids, season_first_month, spread_starts
from ce_nas.apps.pilot.proxy_benchmark import ProxyBenchmark, build_power_settings
from ce_nas.apps.pilot.result import PilotCondition, PilotProvenance, PilotResult
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.core.records import StopReason
from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from ce_nas.apps.pilot.proxy_benchmark import BaselineSearch
    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.apps.pilot.result import ConditionAxis
    from ce_nas.config.schema import Settings
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.grid.trace import Series

__all__ = ["EFFORTS", "Effort", "count_searches", "run_pilot"]

Effort = Literal["quick", "usual", "thorough"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
#: deadlines to compare, in units of the duration of the current method
OTHER_DEADLINE_FACTORS = (1.0, 1.5, 3.0, 5.0)
#: relative difference below which two deadlines count as the same
_SAME_DEADLINE_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class _SimulationSize:
    """The number of simulated searches."""

    seeds: int
    starts: int
    #: subsets of these for the varied conditions
    condition_seeds: int
    condition_starts: int
    zones: int
    deadlines: int


_SIMULATION_SIZES: Mapping[str, _SimulationSize] = {
    "quick": _SimulationSize(2, 2, 2, 2, 2, 2),
    "usual": _SimulationSize(12, 4, 12, 2, 3, 2),
    "thorough": _SimulationSize(24, 8, 12, 4, 6, 4),
}


def count_searches(effort: Effort) -> tuple[int, int]:
    """The seeds and the start days of an effort."""
    size = _SIMULATION_SIZES[effort]
    return size.seeds, size.starts


@dataclass(frozen=True, slots=True)
class _PilotTrial:
    """One seed and one start day under one condition."""

    baseline: BaselineSearch
    start: datetime
    zone: str | None
    deadline_s: float
    #: whether CE-NAS has proxy scores
    has_proxy_scores: bool = True


@dataclass(frozen=True, slots=True)
class _SimulatedCondition:
    """One condition: its trials are all pairs of its seeds and start days."""

    baselines: tuple[BaselineSearch, ...]
    starts: tuple[datetime, ...]
    zone: str | None
    deadline_s: float
    has_proxy_scores: bool = True
    axis: ConditionAxis = "zone"
    name: str = ""
    is_own: bool = False

    def trials(self) -> list[list[_PilotTrial]]:
        """The trials, one row per seed."""
        return [
            [_PilotTrial(baseline, start, self.zone, self.deadline_s, self.has_proxy_scores) for start in self.starts]
            for baseline in self.baselines
        ]


def run_pilot(
    inputs: PilotInputs, effort: Effort = "usual", on_progress: Callable[[int, int], None] | None = None
) -> PilotResult:
    """Simulate a pilot; equal inputs give equal results.

    On one core, ``quick`` takes about ten seconds, ``usual`` a minute and a half, ``thorough`` several minutes.

    :param on_progress: called with the numbers of finished and of all searches, first before the first search.
    :raises CeNasError: if the zone is unknown, or the trace is too short for the deadline.
    """
    if effort not in _SIMULATION_SIZES:
        raise SettingsError(unknown_choice_message("effort", effort, EFFORTS))
    size, grids = _SIMULATION_SIZES[effort], PilotGrids(inputs)
    starts = tuple(spread_starts(grids.home_trace, inputs.effective_deadline_s, size.starts))
    benchmark = ProxyBenchmark(inputs, range(size.seeds))
    base = _SimulatedCondition(benchmark.baselines, starts, inputs.zone, inputs.effective_deadline_s)
    varied = list(_vary_conditions(base, size, grids))
    conditions = [base, *varied]
    trials = list(dict.fromkeys(trial for condition in conditions for row in condition.trials() for trial in row))
    costs = {}
    for done, trial in enumerate(trials):
        if on_progress:
            on_progress(done, len(trials))
        costs[trial] = _simulate_trial(trial, benchmark, grids)
    if on_progress:
        on_progress(len(trials), len(trials))
    methods = _build_methods(base, costs)
    return PilotResult(
        inputs=inputs,
        provenance=_build_provenance(base, benchmark, grids),
        is_measured=False,
        full_baseline=methods["full_baseline"],
        baseline=methods["baseline"],
        shifted=methods["shifted"],
        oracle_shifted=methods["oracle-shifted"],
        ce_nas=methods["ce-nas"],
        conditions=tuple(_build_condition(condition, costs) for condition in varied),
    )


def _vary_conditions(
    base: _SimulatedCondition, size: _SimulationSize, pilot_grids: PilotGrids
) -> Iterator[_SimulatedCondition]:
    """The team's own condition with one property changed at a time."""
    small = replace(
        base,
        baselines=base.baselines[: size.condition_seeds],
        starts=base.starts[:: len(base.starts) // size.condition_starts],
    )
    yield replace(small, axis="zone", name=pilot_grids.home_trace.zone, is_own=True)
    for zone in pilot_grids.list_other_zones(small.starts, small.deadline_s, size.zones):
        yield replace(small, axis="zone", name=zone, zone=zone)
    for month in (12, 3, 6, 9):
        if starts := tuple(start for start in base.starts if season_first_month(start) == month):
            yield replace(base, axis="season", name=str(month), starts=starts)
    for deadline_s in _choose_deadlines(base.deadline_s, pilot_grids, small, size.deadlines):
        is_own = deadline_s == base.deadline_s
        yield replace(small, axis="deadline", name=f"{deadline_s / HOUR_S:.0f}", deadline_s=deadline_s, is_own=is_own)
    yield replace(small, axis="scores", name="none", has_proxy_scores=False)


def _choose_deadlines(
    own_deadline_s: float, pilot_grids: PilotGrids, condition: _SimulatedCondition, count: int
) -> list[float]:
    """The team's deadline and up to ``count`` others that the trace covers, in ascending order."""
    duration_s = max(baseline.end_s for baseline in condition.baselines)
    candidates = [duration_s * factor for factor in OTHER_DEADLINE_FACTORS]
    covered = [
        deadline_s
        for deadline_s in candidates
        if abs(deadline_s / own_deadline_s - 1.0) > _SAME_DEADLINE_TOLERANCE
        and pilot_grids.is_covered(condition.zone, condition.starts, deadline_s)
    ]
    return sorted([own_deadline_s, *covered[:count]])


def _simulate_trial(
    trial: _PilotTrial, proxy_benchmark: ProxyBenchmark, pilot_grids: PilotGrids
) -> dict[str, SearchCost]:
    """The cost of every method for one seed and start day."""
    inputs, baseline = proxy_benchmark.inputs, trial.baseline
    settings = _build_settings(inputs, trial)
    run_inputs = proxy_benchmark.build_run_inputs(settings, pilot_grids.read_trace(trial.zone, trial.start))
    return {
        "full_baseline": _full_baseline_cost(baseline, run_inputs.intensity, inputs),
        "baseline": _baseline_cost(baseline, run_inputs.intensity, inputs),
        **_shifted_costs(baseline, run_inputs, inputs),
        "ce-nas": _ce_nas_cost(settings, run_inputs),
    }


def _baseline_cost(baseline: BaselineSearch, intensity: Series, inputs: PilotInputs) -> SearchCost:
    """The cost until the quality was reached; all GPUs train, except those that are idle in the last hours."""
    device_s = inputs.gpus * baseline.reached_s
    training_s = min(device_s, baseline.training_s)
    energy_j = _energy_j(training_s, device_s - training_s, inputs)
    carbon_g = energy_j / J_PER_KWH * intensity.mean(0.0, baseline.reached_s)
    return SearchCost(energy_j, carbon_g, device_s, baseline.reached_s, baseline.trainings)


def _full_baseline_cost(baseline: BaselineSearch, intensity: Series, inputs: PilotInputs) -> SearchCost:
    """The cost of the whole search: until the quality was reached, and after."""
    until_reached, device_s = _baseline_cost(baseline, intensity, inputs), inputs.gpus * baseline.end_s
    energy_j = _energy_j(baseline.training_s, device_s - baseline.training_s, inputs)
    after_j = max(energy_j - until_reached.energy_j, 0.0)
    after_g_per_kwh = intensity.mean(baseline.reached_s, baseline.end_s) if baseline.end_s > baseline.reached_s else 0.0
    carbon_g = until_reached.carbon_g + after_j / J_PER_KWH * after_g_per_kwh
    return SearchCost(until_reached.energy_j + after_j, carbon_g, device_s, baseline.end_s, inputs.trainings)


def _energy_j(training_s: float, idle_s: float, inputs: PilotInputs) -> float:
    """Energy from the grid for the given times of GPUs in training and idle."""
    return inputs.pue * (inputs.gpu_power_w * training_s + inputs.effective_idle_power_w * idle_s)


def _shifted_costs(baseline: BaselineSearch, run_inputs: RunInputs, inputs: PilotInputs) -> dict[str, SearchCost]:
    """The trainings of the current method shifted to other hours before the deadline: by forecast, and by an oracle."""
    settings = run_inputs.settings
    cluster = settings.cluster
    work = DeferrableWorkload(
        device_s=min(inputs.gpus * baseline.reached_s, baseline.training_s),
        power_w=inputs.pue * inputs.gpu_power_w,
        devices=inputs.gpus,
        period_s=settings.schedule.period,
        deadline_s=settings.budget.time_s,
        resume_s=cluster.startup_s + cluster.restore_s,
        resume_j=inputs.pue * (cluster.startup_j + cluster.restore_j),
        suspend_j=inputs.pue * cluster.checkpoint_j,
    )
    replays = replay_policies(work, run_inputs.history, run_inputs.choose_forecaster().forecaster, 0.0)
    return {
        name: SearchCost(
            replay.energy_j, replay.carbon_g, replay.energy_j / work.power_w, replay.end_s, baseline.trainings
        )
        for name, replay in (("shifted", replays["look-ahead"]), ("oracle-shifted", replays["oracle"]))
    }


def _ce_nas_cost(settings: Settings, run_inputs: RunInputs) -> SearchCost:
    summary = Search.from_settings(settings, inputs=run_inputs).run().summary
    if summary.stop != StopReason.TARGET.name.lower():
        return TARGET_NOT_REACHED
    device_s = sum(summary.device_hours_by_activity.values()) * HOUR_S
    return SearchCost(
        summary.energy_j, summary.carbon_g["full"], device_s, summary.simulated_hours * HOUR_S, summary.evaluations
    )


def _build_settings(inputs: PilotInputs, trial: _PilotTrial) -> Settings:
    """CE-NAS with its defaults, and the final quality of the current method as its target."""
    return settings_from_flags(
        {"cluster": build_power_settings(inputs)},
        gpus=inputs.gpus,
        pue=inputs.pue,
        zone=trial.zone,
        start=trial.start.isoformat(),
        hours=trial.deadline_s / HOUR_S,
        seed=trial.baseline.seed,
        target=trial.baseline.hypervolume,
        proxy_scores=None if trial.has_proxy_scores else "none",
    )


def _build_methods(
    condition: _SimulatedCondition, costs: Mapping[_PilotTrial, Mapping[str, SearchCost]]
) -> dict[str, SearchMethod]:
    rows = condition.trials()
    return {
        name: SearchMethod(name, tuple(tuple(costs[trial][name] for trial in row) for row in rows))
        for name in costs[rows[0][0]]
    }


def _build_condition(
    condition: _SimulatedCondition, costs: Mapping[_PilotTrial, Mapping[str, SearchCost]]
) -> PilotCondition:
    methods = _build_methods(condition, costs)
    baseline_costs = [cost for row in methods["baseline"].costs for cost in row]
    carbon_g, energy_j = sum(cost.carbon_g for cost in baseline_costs), sum(cost.energy_j for cost in baseline_costs)
    return PilotCondition(
        axis=condition.axis,
        name=condition.name,
        is_own=condition.is_own,
        intensity_g_per_kwh=carbon_g / energy_j * J_PER_KWH,
        baseline=methods["baseline"],
        shifted=methods["shifted"],
        ce_nas=methods["ce-nas"],
    )


def _build_provenance(
    base: _SimulatedCondition, proxy_benchmark: ProxyBenchmark, pilot_grids: PilotGrids
) -> PilotProvenance:
    settings = _build_settings(proxy_benchmark.inputs, base.trials()[0][0])
    run_inputs = proxy_benchmark.build_run_inputs(settings, pilot_grids.home_trace)
    return PilotProvenance(
        seeds=tuple(baseline.seed for baseline in base.baselines),
        starts=tuple(f"{start:%Y-%m-%d %H:%M}" for start in base.starts),
        zone=pilot_grids.home_trace.zone,
        grid_origin=pilot_grids.home_trace.origin,
        synthetic=pilot_grids.home_trace.synthetic,
        benchmark=f"{proxy_benchmark.table.name} ({proxy_benchmark.table.space.size:,})",
        gpus=proxy_benchmark.inputs.gpus,
        deadline_s=base.deadline_s,
        idle_w=proxy_benchmark.inputs.effective_idle_power_w,
        forecaster=run_inputs.choose_forecaster().forecaster.name,
        policy=settings.policy.name,
        searcher=settings.searcher.name,
        stretch_factor=proxy_benchmark.stretch_factor,
        version=__version__,
    )
