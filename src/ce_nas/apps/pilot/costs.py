"""The cost of a search until it reached a quality, and of a method over seeds and start days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis.statistics import Interval, bootstrap_median_crossed
from ce_nas.core.units import G_PER_KG, G_PER_TONNE, HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.apps.pilot.inputs import PilotInputs

__all__ = [
    "MEASURES",
    "TARGET_NOT_REACHED",
    "SearchCost",
    "SearchMethod",
    "absolute_saving",
    "cost_ratio",
    "format_percent",
    "get_measure",
    "monetary_cost",
    "relative_saving",
]


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What one search used.

    Example:
        >>> from ce_nas.apps.pilot.inputs import PilotInputs
        >>> cost = SearchCost(energy_j=3.6e7, carbon_g=4000.0, device_s=7200.0, end_s=3600.0, trainings=20)
        >>> get_measure("carbon", PilotInputs())(cost)
        4.0
    """

    #: energy from the grid, PUE included
    energy_j: float
    #: by the full accounting
    carbon_g: float
    #: time of GPUs held, summed over the GPUs
    device_s: float
    #: seconds from the start to the end
    end_s: float
    #: full trainings
    trainings: float

    @property
    def has_reached_target(self) -> bool:
        """Whether the search reached the quality."""
        return math.isfinite(self.carbon_g)


#: the cost of a search that did not reach the quality
TARGET_NOT_REACHED = SearchCost(math.inf, math.inf, math.inf, math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class SearchMethod:
    """The costs of one search method."""

    name: str
    #: one cost per seed (outer) and start day (inner)
    costs: tuple[tuple[SearchCost, ...], ...]

    @property
    def reached_share(self) -> float:
        """Share of the searches that reached the quality."""
        reached = [cost.has_reached_target for row in self.costs for cost in row]
        return sum(reached) / len(reached)

    def median_over(self, read_amount: Callable[[SearchCost], float]) -> Interval:
        """The median of an amount over seeds and start days, with its interval."""
        return bootstrap_median_crossed([[read_amount(cost) for cost in row] for row in self.costs])

    def at_start(self, start_index: int) -> SearchMethod:
        """The same method on one start day."""
        return SearchMethod(self.name, tuple((row[start_index],) for row in self.costs))


def absolute_saving(before: SearchMethod, after: SearchMethod, read_amount: Callable[[SearchCost], float]) -> Interval:
    """How much less ``after`` used than ``before``, paired by seed and day; -inf where ``after`` missed the quality."""
    return _compare_paired(before, after, lambda old, new: read_amount(old) - read_amount(new))


def relative_saving(before: SearchMethod, after: SearchMethod, read_amount: Callable[[SearchCost], float]) -> Interval:
    """The absolute saving as a share of what ``before`` used."""
    return _compare_paired(before, after, lambda old, new: _relative_reduction(read_amount(old), read_amount(new)))


def _relative_reduction(before: float, after: float) -> float:
    """The share by which ``after`` is smaller; 0 if ``before`` is 0."""
    return 1.0 - after / before if before else 0.0


def cost_ratio(before: SearchMethod, after: SearchMethod, read_amount: Callable[[SearchCost], float]) -> Interval:
    """What ``before`` used in units of what ``after`` used; 0 where ``after`` missed the quality."""
    return _compare_paired(
        before, after, lambda old, new: read_amount(old) / read_amount(new) if new.has_reached_target else 0.0
    )


def format_percent(share: Interval) -> str:
    """Format a saved share with its interval, if it has one; a dash where the quality was not reached."""
    ends = [
        f"{round(value, 2) + 0.0:.0%}" if math.isfinite(value) else "-"  # never -0%
        for value in (share.median, share.low, share.high)
    ]
    return ends[0] if share.low == share.high else f"{ends[0]} [{ends[1]}, {ends[2]}]"


def _compare_paired(
    before: SearchMethod, after: SearchMethod, compare: Callable[[SearchCost, SearchCost], float]
) -> Interval:
    rows = zip(before.costs, after.costs, strict=True)
    return bootstrap_median_crossed([[compare(old, new) for old, new in zip(*row, strict=True)] for row in rows])


def monetary_cost(cost: SearchCost, inputs: PilotInputs) -> float:
    """The cost of electricity, GPUs and carbon at the given prices."""
    if not cost.has_reached_target:
        return math.inf
    return (
        cost.energy_j / J_PER_KWH * (inputs.electricity_price or 0.0)
        + cost.device_s / HOUR_S * (inputs.gpu_hour_price or 0.0)
        + cost.carbon_g / G_PER_TONNE * (inputs.carbon_price or 0.0)
    )


#: the measures of a method in the paper, in this order
MEASURES = ("energy", "carbon", "money", "hours")


def get_measure(name: str, inputs: PilotInputs) -> Callable[[SearchCost], float]:
    """Return the function that reads one of :data:`MEASURES` in kWh, kg, the team's currency, or hours."""
    measures: dict[str, Callable[[SearchCost], float]] = {
        "energy": lambda cost: cost.energy_j / J_PER_KWH,
        "carbon": lambda cost: cost.carbon_g / G_PER_KG,
        "money": lambda cost: monetary_cost(cost, inputs),
        "hours": lambda cost: cost.end_s / HOUR_S,
    }
    return measures[name]
