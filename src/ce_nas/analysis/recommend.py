"""Recommends an architecture of a Pareto front by minimax regret, for unknown preferences."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ce_nas.analysis.summary import FrontMember, RunSummary

__all__ = ["Recommendation", "recommend"]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The member of the front with the smallest largest regret."""

    member: FrontMember
    #: objective to regret: distance to the front's best value, as a share of the distance from best to median
    regrets: dict[str, float]


def recommend(summary: RunSummary) -> Recommendation | None:
    """Return the architecture with the smallest largest regret, ties by the smallest sum; None without a front.

    Regrets are scaled by the distance from the front's best value to its median, so that neither units nor an outlier
    matter.
    """
    regrets = [_regrets(member, summary) for member in summary.front]
    if not regrets:
        return None
    best = min(range(len(regrets)), key=lambda index: (max(regrets[index].values()), sum(regrets[index].values())))
    return Recommendation(summary.front[best], regrets[best])


def _regrets(member: FrontMember, summary: RunSummary) -> dict[str, float]:
    regrets = {}
    for objective in summary.objectives:
        name = objective["name"]
        values = [other.objectives[name] for other in summary.front]
        best, worst = (max(values), min(values)) if objective["maximise"] else (min(values), max(values))
        scale = abs(best - median(values)) or abs(best - worst) or 1.0
        regrets[name] = abs(best - member.objectives[name]) / scale
    return regrets
