"""A measured pilot: from a team's own runs of CE-NAS, beside its own runs of today's way or the same work at once."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from ce_nas import __version__
from ce_nas.analysis.replay_inputs import counterfactual_of
from ce_nas.analysis.summary import beginning, summarise
from ce_nas.analysis.trajectory import track
from ce_nas.apps.pilot.costs import NEVER, Outlay, Way
from ce_nas.apps.pilot.result import Facts, PilotResult, Rule
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import HOUR_S
from ce_nas.store.run_dir import read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.analysis.counterfactual import Row as Replayed
    from ce_nas.analysis.summary import Summary
    from ce_nas.analysis.trajectory import Spent
    from ce_nas.apps.pilot.inputs import PilotFigures
    from ce_nas.store.journal import Entry

__all__ = ["measured_pilot"]

#: rules that a paper tells of, beside the runs themselves
RULES = ("run", "threshold", "heuristic", "look-ahead", "oracle")
METERS = ("counter", "integrated")


def measured_pilot(figures: PilotFigures, runs: Sequence[Path], today_runs: Sequence[Path] = ()) -> PilotResult:
    """What finished runs of CE-NAS come to, live or simulated.

    Beside runs of today's way both are charged until they had the hypervolume that today's ended with, pair by pair.
    Without any, today's way is the same trainings and samplings started at once: the quality is the same then, and what
    CE-NAS saves by needing fewer trainings is left out.

    :param figures: prices, searches a year and what changing over takes; all else is the runs' own.
    :raises CeNasError: if a run has not ended, runs cannot be compared, or a grid cannot be read again.
    """
    every = [_read(path) for path in runs]
    if not today_runs:
        return _same_work(figures, runs, every)
    if len(today_runs) != len(runs):
        message = f"Expected as many runs of today's way as of CE-NAS, got {len(today_runs)} and {len(runs)}."
        raise SettingsError(message)
    others = [_read(path) for path in today_runs]
    for path, mine, other in zip(today_runs, every, others, strict=True):
        if beginning(mine)["objectives"] != beginning(other)["objectives"]:
            message = f"Expected the same objectives and references in the run {str(path)!r} as in the one beside it."
            raise SettingsError(message)
    return _paired(figures, [*runs, *today_runs], every, others)


def _read(path: Path) -> Sequence[Entry]:
    entries = read_run(path)
    if entries[-1].kind != "ended":
        message = f"Expected a run that has ended in {str(path)!r}, but it has not; continue it with: ce-nas resume."
        raise SettingsError(message)
    return entries


def _same_work(figures: PilotFigures, paths: Sequence[Path], runs: Sequence[Sequence[Entry]]) -> PilotResult:
    found, summaries = [counterfactual_of(entries) for entries in runs], [summarise(entries) for entries in runs]
    ways = {
        name: _way(name, [_replayed(one.row(rule), summary) for one, summary in zip(found, summaries, strict=True)])
        for name, rule in (("today", "at-once"), ("good-hours", "look-ahead"), ("best-hours", "oracle"))
    }
    return PilotResult(
        figures=figures,
        facts=_facts(paths, runs, summaries),
        measured=True,
        billed=None,
        today=ways["today"],
        good_hours=ways["good-hours"],
        best_hours=ways["best-hours"],
        ce_nas=_way("ce-nas", [_whole(one) for one in summaries]),
        rules=_rules(found),
        metered=_metered(summaries),
    )


def _paired(
    figures: PilotFigures, paths: Sequence[Path], runs: Sequence[Sequence[Entry]], others: Sequence[Sequence[Entry]]
) -> PilotResult:
    found, theirs = [counterfactual_of(entries) for entries in others], [summarise(entries) for entries in others]
    mine, courses = [summarise(entries) for entries in runs], [track(entries) for entries in others]
    today = [_until(course.to_reach(course.final), one) for course, one in zip(courses, theirs, strict=True)]
    reached = [
        _until(track(entries).to_reach(course.final), one)
        for entries, course, one in zip(runs, courses, mine, strict=True)
    ]
    hours = {
        name: _way(name, [_in(one, rule, outlay) for one, outlay in zip(found, today, strict=True)])
        for name, rule in (("good-hours", "look-ahead"), ("best-hours", "oracle"))
    }
    return PilotResult(
        figures=figures,
        facts=_facts(paths, runs, mine),
        measured=True,
        billed=_way("billed", [_whole(one) for one in theirs]),
        today=_way("today", today),
        good_hours=hours["good-hours"],
        best_hours=hours["best-hours"],
        ce_nas=_way("ce-nas", reached),
        paired=True,
        rules=_rules(found),
        metered=_metered([*mine, *theirs]),
    )


def _way(name: str, outlays: Sequence[Outlay]) -> Way:
    return Way(name, tuple((one,) for one in outlays))


def _held_s(summary: Summary) -> float:
    return sum(summary.device_hours_by_activity.values()) * HOUR_S


def _whole(summary: Summary) -> Outlay:
    return Outlay(
        summary.energy_j,
        summary.carbon_g["full"],
        _held_s(summary),
        summary.simulated_hours * HOUR_S,
        summary.evaluations,
    )


def _until(spent: Spent | None, summary: Summary) -> Outlay:
    """What a run had taken at a moment; GPUs held by the share of the energy drawn until then."""
    if spent is None:
        return NEVER
    held_s = _held_s(summary) * spent.energy_j / summary.energy_j
    return Outlay(spent.energy_j, spent.carbon_g, held_s, spent.hours * HOUR_S, spent.evaluations)


def _replayed(row: Replayed, summary: Summary) -> Outlay:
    """A whole run's work under a rule; GPUs are held as long as the energy says."""
    held_s = _held_s(summary) * row.energy_j / summary.energy_j
    return Outlay(row.energy_j, row.carbon_g, held_s, row.end_s, summary.evaluations)


def _in(found: Counterfactual, rule: str, today: Outlay) -> Outlay:
    """Today's work under a rule, which changes grams and joules by the shares by which it changes the whole run's."""
    row, at_once = found.row(rule), found.row("at-once")
    drawn = row.energy_j / at_once.energy_j
    return replace(
        today,
        energy_j=today.energy_j * drawn,
        carbon_g=today.carbon_g * row.carbon_g / at_once.carbon_g,
        device_s=today.device_s * drawn,
        end_s=row.end_s,
    )


def _rules(found: Sequence[Counterfactual]) -> tuple[Rule, ...]:
    rules = []
    for name in RULES:
        rows = [one.row(name) for one in found]
        days = [[row.spread.median, row.spread.low, row.spread.high] for row in rows]
        middle, low, high = (median(column) for column in zip(*days, strict=True))
        rules.append(Rule(name, median(row.saved for row in rows), (middle, low, high)))
    return tuple(rules)


def _metered(summaries: Sequence[Summary]) -> float:
    seen = sum(one.energy_j_by_source.get(name, 0.0) for one in summaries for name in METERS)
    return seen / sum(one.energy_j for one in summaries)


def _facts(paths: Sequence[Path], runs: Sequence[Sequence[Entry]], summaries: Sequence[Summary]) -> Facts:
    begun, first = [beginning(entries) for entries in runs], summaries[0]
    cluster = begun[0]["settings"]["cluster"]
    return Facts(
        seeds=tuple(one.seed for one in summaries),
        starts=tuple(one["start"][:16].replace("T", " ") for one in begun),
        zone=first.grid["zone"],
        grid_origin=first.grid["origin"],
        synthetic=first.grid["synthetic"],
        benchmark=", ".join(path.name for path in paths),
        gpus=first.gpus,
        deadline_s=float(str(begun[0]["settings"]["budget"]["time"]).split()[0]),
        idle_w=cluster["idle_w"],
        forecaster=first.forecaster,
        policy=first.policy,
        searcher=first.searcher,
        factor=1.0,
        version=__version__,
    )
