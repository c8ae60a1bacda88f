"""A pilot from a team's own runs: CE-NAS against runs of the current method, or against an immediate start."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from ce_nas._version import __version__
from ce_nas.analysis.counterfactual import counterfactual_from_journal
from ce_nas.analysis.summary import run_header, summarise
from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.apps.pilot.costs import TARGET_NOT_REACHED, SearchCost, SearchMethod
from ce_nas.apps.pilot.result import PilotProvenance, PilotResult, RuleSaving
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S
from ce_nas.store.journal import has_ended
from ce_nas.store.resumption import describe_resumption
from ce_nas.store.run_dir import read_run_entries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.analysis.counterfactual import Counterfactual, CounterfactualRow
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.analysis.trajectory import ResourceUsage
    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.store.journal import JournalEntry

__all__ = ["pilot_from_runs"]

#: policies in the paper's table; ``run`` is the runs themselves
REPORTED_RULES = ("run", "threshold", "hotcarbon", "look-ahead", "oracle")
#: reading sources that count as metered
METERED_SOURCES = ("counter", "integrated", "partly-modelled")


def pilot_from_runs(inputs: PilotInputs, runs: Sequence[Path], baseline_runs: Sequence[Path] = ()) -> PilotResult:
    """Build the result of a pilot from finished runs, live or simulated.

    With runs of the current method, both methods are charged until they reached the final hypervolume of the current
    method's run, pair by pair. Without them, the current method is the same trainings and samplings started
    immediately: the quality is the same by construction, and savings from fewer trainings are not counted.

    :param inputs: prices, searches per year and cost of adoption; everything else is taken from the runs.
    :raises CeNasError: if a run has not ended, runs cannot be compared, or a grid cannot be read.
    """
    ours = [_read_ended_run(path) for path in runs]
    if not baseline_runs:
        return _compare_with_same_work(inputs, runs, ours)
    if len(baseline_runs) != len(runs):
        message = f"Expected one baseline run for each run of CE-NAS, got {len(baseline_runs)} for {len(runs)}."
        raise SettingsError(message)
    theirs = [_read_ended_run(path) for path in baseline_runs]
    for path, our_entries, their_entries in zip(baseline_runs, ours, theirs, strict=True):
        if run_header(our_entries)["objectives"] != run_header(their_entries)["objectives"]:
            message = f"Expected the same objectives and references in the run {str(path)!r} as in its CE-NAS run."
            raise SettingsError(message)
    return _compare_with_baseline_runs(inputs, [*runs, *baseline_runs], ours, theirs)


def _read_ended_run(path: Path) -> Sequence[JournalEntry]:
    entries = read_run_entries(path)
    if not has_ended(entries):
        how = describe_resumption(path, run_header(entries))
        message = f"Expected a run that has ended in {str(path)!r}, got an unfinished one; resume it {how}"
        raise SettingsError(message)
    return entries


def _compare_with_same_work(
    inputs: PilotInputs, paths: Sequence[Path], runs: Sequence[Sequence[JournalEntry]]
) -> PilotResult:
    counterfactuals = [counterfactual_from_journal(entries) for entries in runs]
    summaries = [summarise(entries) for entries in runs]
    pairs = list(zip(counterfactuals, summaries, strict=True))
    methods = {
        name: _build_method(
            name, [_replay_cost(counterfactual.row(rule), summary) for counterfactual, summary in pairs]
        )
        for name, rule in (("baseline", "at-once"), ("shifted", "look-ahead"), ("oracle-shifted", "oracle"))
    }
    return PilotResult(
        inputs=inputs,
        provenance=_build_provenance(paths, runs, summaries),
        is_measured=True,
        full_baseline=None,
        baseline=methods["baseline"],
        shifted=methods["shifted"],
        oracle_shifted=methods["oracle-shifted"],
        ce_nas=_build_method("ce-nas", [_total_cost(summary) for summary in summaries]),
        rules=_summarise_rules(counterfactuals),
        metered_share=_metered_share(summaries),
    )


def _compare_with_baseline_runs(
    inputs: PilotInputs,
    paths: Sequence[Path],
    runs: Sequence[Sequence[JournalEntry]],
    baseline_runs: Sequence[Sequence[JournalEntry]],
) -> PilotResult:
    counterfactuals = [counterfactual_from_journal(entries) for entries in baseline_runs]
    trajectories = [build_trajectory(entries) for entries in baseline_runs]
    our_summaries = [summarise(entries) for entries in runs]
    their_summaries = [summarise(entries) for entries in baseline_runs]
    baseline_costs = [
        _cost_until(trajectory.usage_at_hypervolume(trajectory.final_hypervolume), summary)
        for trajectory, summary in zip(trajectories, their_summaries, strict=True)
    ]
    our_costs = [
        _cost_until(build_trajectory(entries).usage_at_hypervolume(trajectory.final_hypervolume), summary)
        for entries, trajectory, summary in zip(runs, trajectories, our_summaries, strict=True)
    ]
    pairs = list(zip(counterfactuals, baseline_costs, strict=True))
    shifted = {
        name: _build_method(name, [_cost_under_rule(counterfactual, rule, cost) for counterfactual, cost in pairs])
        for name, rule in (("shifted", "look-ahead"), ("oracle-shifted", "oracle"))
    }
    return PilotResult(
        inputs=inputs,
        provenance=_build_provenance(paths, runs, our_summaries),
        is_measured=True,
        full_baseline=_build_method("full_baseline", [_total_cost(summary) for summary in their_summaries]),
        baseline=_build_method("baseline", baseline_costs),
        shifted=shifted["shifted"],
        oracle_shifted=shifted["oracle-shifted"],
        ce_nas=_build_method("ce-nas", our_costs),
        has_baseline_runs=True,
        rules=_summarise_rules(counterfactuals),
        metered_share=_metered_share([*our_summaries, *their_summaries]),
    )


def _build_method(name: str, costs: Sequence[SearchCost]) -> SearchMethod:
    return SearchMethod(name, tuple((cost,) for cost in costs))


def _device_time_s(summary: RunSummary) -> float:
    return sum(summary.device_hours_by_activity.values()) * HOUR_S


def _total_cost(summary: RunSummary) -> SearchCost:
    return SearchCost(
        summary.energy_j,
        summary.carbon_g["full"],
        _device_time_s(summary),
        summary.simulated_hours * HOUR_S,
        summary.evaluations,
    )


def _cost_until(usage: ResourceUsage | None, summary: RunSummary) -> SearchCost:
    """The cost of a run up to a moment; the time of GPUs held in proportion to the energy until then."""
    if usage is None:
        return TARGET_NOT_REACHED
    device_s = _device_time_s(summary) * usage.energy_j / summary.energy_j
    return SearchCost(usage.energy_j, usage.carbon_g, device_s, usage.hours * HOUR_S, usage.evaluations)


def _replay_cost(replay: CounterfactualRow, summary: RunSummary) -> SearchCost:
    """The work of a whole run under another policy; the time of GPUs held in proportion to the energy."""
    device_s = _device_time_s(summary) * replay.energy_j / summary.energy_j
    return SearchCost(replay.energy_j, replay.carbon_g, device_s, replay.end_s, summary.evaluations)


def _cost_under_rule(counterfactual: Counterfactual, rule: str, baseline: SearchCost) -> SearchCost:
    """The baseline's work under another policy: scaled as the policy scales the carbon and energy of the whole run."""
    row, at_once = counterfactual.row(rule), counterfactual.row("at-once")
    energy_ratio = row.energy_j / at_once.energy_j
    return replace(
        baseline,
        energy_j=baseline.energy_j * energy_ratio,
        carbon_g=baseline.carbon_g * row.carbon_g / at_once.carbon_g,
        device_s=baseline.device_s * energy_ratio,
        end_s=row.end_s,
    )


def _summarise_rules(counterfactuals: Sequence[Counterfactual]) -> tuple[RuleSaving, ...]:
    rules = []
    for name in REPORTED_RULES:
        rows = [counterfactual.row(name) for counterfactual in counterfactuals]
        on_other_days = [[row.spread.median, row.spread.low, row.spread.high] for row in rows]
        middle, low, high = (median(column) for column in zip(*on_other_days, strict=True))
        rules.append(RuleSaving(name, median(row.saved_share for row in rows), (middle, low, high)))
    return tuple(rules)


def _metered_share(summaries: Sequence[RunSummary]) -> float:
    metered_j = sum(summary.energy_j_by_source.get(name, 0.0) for summary in summaries for name in METERED_SOURCES)
    return metered_j / sum(summary.energy_j for summary in summaries)


def _build_provenance(
    paths: Sequence[Path], runs: Sequence[Sequence[JournalEntry]], summaries: Sequence[RunSummary]
) -> PilotProvenance:
    headers, first = [run_header(entries) for entries in runs], summaries[0]
    settings = headers[0]["settings"]
    return PilotProvenance(
        seeds=tuple(summary.seed for summary in summaries),
        starts=tuple(header["start"][:16].replace("T", " ") for header in headers),
        zone=first.grid["zone"],
        grid_origin=first.grid["origin"],
        synthetic=first.grid["synthetic"],
        benchmark=", ".join(path.name for path in paths),
        gpus=first.gpus,
        deadline_s=float(str(settings["budget"]["hours"]).split()[0]),
        idle_w=settings["cluster"]["idle_w"],
        forecaster=first.forecaster,
        policy=first.policy,
        searcher=first.searcher,
        stretch_factor=1.0,
        version=__version__,
    )
