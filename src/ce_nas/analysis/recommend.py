"""Which network of a front to take, where nothing is known of what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ce_nas.analysis.summary import FrontMember, Summary

__all__ = ["Pick", "pick"]


@dataclass(frozen=True, slots=True)
class Pick:
    """The member of the front whose largest loss is the smallest."""

    member: FrontMember
    #: objective to how far it is from the front's best, as a share of the way from there to the front's median
    losses: dict[str, float]


def pick(summary: Summary) -> Pick | None:
    """The architecture that gives away least in the objective in which it gives away most; None without a front.

    Losses are counted in ways from the front's best to its median, so that neither units nor a lonely end matter.
    """
    losses = [_losses(member, summary) for member in summary.front]
    if not losses:
        return None
    at = min(range(len(losses)), key=lambda place: (max(losses[place].values()), sum(losses[place].values())))
    return Pick(summary.front[at], losses[at])


def _losses(member: FrontMember, summary: Summary) -> dict[str, float]:
    lost = {}
    for item in summary.objectives:
        values = [other.objectives[item["name"]] for other in summary.front]
        best, worst = (max(values), min(values)) if item["maximise"] else (min(values), max(values))
        way = abs(best - median(values)) or abs(best - worst) or 1.0
        lost[item["name"]] = abs(best - member.objectives[item["name"]]) / way
    return lost
