"""Policies, searchers, zones and seeds against one another, in parallel processes."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis.statistics import Interval, bootstrap_median
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import G_PER_KG, J_PER_KWH
from ce_nas.experiments.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.analysis.trajectory import Track
    from ce_nas.config.schema import Settings

__all__ = ["Comparison", "Row", "Run", "Strategy", "compare", "side_by_side"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A policy with a searcher."""

    policy: str
    searcher: str

    def __str__(self) -> str:
        return f"{self.policy} + {self.searcher}"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a comparison."""

    strategy: Strategy
    zone: str | None
    seed: int
    summary: Summary
    track: Track


@dataclass(frozen=True, slots=True)
class Row:
    """What one strategy did in one zone: medians over the seeds with 95 % bootstrap intervals."""

    strategy: str
    zone: str
    runs: int
    #: full book, kg
    carbon_kg: Interval
    #: paper's book, kg
    paper_carbon_kg: Interval
    energy_kwh: Interval
    hypervolume: Interval
    #: share of the table's true maximum; None where the table is not known
    hypervolume_share: Interval | None
    evaluations: Interval
    #: grams of the reference strategy to its own final hypervolume, per gram of this one to the same hypervolume; 0
    #: where it was not reached
    carbon_ratio: Interval
    #: share of the seeds in which the reference's final hypervolume was reached
    reached: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, and the strategy that the ratios refer to."""

    reference: str
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, object]:
        """The comparison as plain containers."""
        return asdict(self)


def compare(  # noqa: PLR0913 - four axes, what they share, and how to run them
    strategies: Sequence[Strategy],
    zones: Sequence[str | None],
    seeds: Sequence[int],
    flags: Mapping[str, object],
    *,
    processes: int,
    observe: Callable[[Run], None] | None = None,
) -> Comparison:
    """Run every strategy in every zone with every seed; the ratios refer to the first strategy.

    :param flags: what all runs share, as the flags of ``ce-nas search``.
    :param observe: called with every run that has ended.
    :raises CeNasError: if a setting is of no use; nothing has run then.
    """
    if not (strategies and zones and seeds):
        message = f"Expected a strategy, a zone and a seed or more, got {len(strategies)}, {len(zones)}, {len(seeds)}."
        raise SettingsError(message)
    jobs = [(item, zone, seed, dict(flags)) for item, zone, seed in itertools.product(strategies, zones, seeds)]
    for strategy, zone, seed, shared in jobs[:: len(seeds)]:
        _check(strategy, zone, seed, shared)
    runs = []
    for run in in_parallel(_run, jobs, processes):
        runs.append(run)
        if observe:
            observe(run)
    return side_by_side(runs, strategies, zones)


def side_by_side(runs: Sequence[Run], strategies: Sequence[Strategy], zones: Sequence[str | None]) -> Comparison:
    """Runs that there are, a row a strategy and zone; each strategy has the same seeds in a zone.

    :param strategies: the first is what the ratios refer to.
    """
    ordered = sorted(runs, key=lambda run: run.seed)  # whichever came first: the bootstrap draws by place
    rows = [_row(strategy, zone, ordered, strategies[0]) for zone in zones for strategy in strategies]
    return Comparison(str(strategies[0]), tuple(rows))


Job = tuple[Strategy, str | None, int, dict[str, object]]


def _check(strategy: Strategy, zone: str | None, seed: int, flags: Mapping[str, object]) -> None:
    from ce_nas.engine.inputs import Materials

    Materials(_settings(strategy, zone, seed, flags)).check()


def _settings(strategy: Strategy, zone: str | None, seed: int, flags: Mapping[str, object]) -> Settings:
    return settings_from_flags(
        **{**flags, "policy": strategy.policy, "searcher": strategy.searcher, "zone": zone, "seed": seed}
    )


def _run(job: Job) -> Run:
    from ce_nas.analysis.trajectory import track
    from ce_nas.api import Study

    strategy, zone, seed, flags = job
    result = Study(_settings(strategy, zone, seed, flags)).run()
    return Run(strategy, zone, seed, result.summary, track(result.entries))


def _row(strategy: Strategy, zone: str | None, runs: Sequence[Run], reference: Strategy) -> Row:
    mine = [run for run in runs if run.strategy == strategy and run.zone == zone]
    others = {run.seed: run for run in runs if run.strategy == reference and run.zone == zone}
    ratios = [_ratio(run, others[run.seed]) for run in mine]
    summaries = [run.summary for run in mine]
    shares = [item.hypervolume_share for item in summaries if item.hypervolume_share is not None]
    return Row(
        strategy=str(strategy),
        zone=summaries[0].grid["zone"],
        runs=len(mine),
        carbon_kg=bootstrap_median([item.carbon_g["full"] for item in summaries]).scaled(1 / G_PER_KG),
        paper_carbon_kg=bootstrap_median([item.carbon_g["paper"] for item in summaries]).scaled(1 / G_PER_KG),
        energy_kwh=bootstrap_median([item.energy_j for item in summaries]).scaled(1 / J_PER_KWH),
        hypervolume=bootstrap_median([item.hypervolume for item in summaries]),
        hypervolume_share=bootstrap_median(shares) if len(shares) == len(mine) else None,
        evaluations=bootstrap_median([item.evaluations for item in summaries]),
        carbon_ratio=bootstrap_median(ratios),
        reached=sum(ratio > 0 for ratio in ratios) / len(ratios),
    )


def _ratio(run: Run, reference: Run) -> float:
    """How many grams the reference needed to its final hypervolume for each of this run's; 0 if it fell short."""
    level = reference.summary.hypervolume
    mine, theirs = run.track.to_reach(level), reference.track.to_reach(level)
    return theirs.carbon_g / mine.carbon_g if mine and theirs and mine.carbon_g else 0.0
