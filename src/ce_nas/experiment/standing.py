"""How strategies stand to one another at the end of their runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.units import G_PER_KG
from ce_nas.experiment.gaps import log_gap, log_share
from ce_nas.experiment.protocol import of_strategy
from ce_nas.experiment.statistics import Interval, Paired, bootstrap_median, paired_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.experiment.cells import Finding

__all__ = ["Standing", "standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a strategy had at the end: medians over the seeds."""

    strategy: str
    hypervolume: Interval
    #: log10 of what is missing of the largest hypervolume, in the objectives' units
    log_gap: Interval
    #: log10 of the share of it that is missing
    log_share: Interval
    #: full book, kg
    carbon_kg: Interval
    #: paper's book, kg
    paper_carbon_kg: Interval
    evaluations: Interval
    #: CE-NAS's hypervolume against this one's, seed by seed; None of CE-NAS itself
    paired: Paired | None


def standing(findings: Sequence[Finding], name: str, ours: str, top: float, **axes: object) -> Standing:
    """How one strategy stands, at one place of each of ``axes``, and how ``ours`` stands to it."""
    runs = of_strategy(findings, name, **axes)
    finals = [one.track.final for one in runs]
    spent = [one.track.within(one.track.hours, float("inf"))[1] for one in runs]
    best = [one.track.final for one in of_strategy(findings, ours, **axes)]
    return Standing(
        strategy=name,
        hypervolume=bootstrap_median(finals),
        log_gap=bootstrap_median([log_gap(top, final) for final in finals]),
        log_share=bootstrap_median([log_share(top, final) for final in finals]),
        carbon_kg=bootstrap_median([one.carbon_g / G_PER_KG for one in spent]),
        paper_carbon_kg=bootstrap_median([one.paper_carbon_g / G_PER_KG for one in spent]),
        evaluations=bootstrap_median([one.evaluations for one in spent]),
        paired=None if name == ours else paired_test(best, finals),
    )
