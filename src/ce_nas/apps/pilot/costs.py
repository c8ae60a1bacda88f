"""The cost of a search until it reached a quality, and of a method over seeds and start days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.statistics import Interval, bootstrap_crossed
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import G_PER_KG, G_PER_TONNE, HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.apps.pilot.questionnaire import PilotInputs

__all__ = [
    "MEASURES",
    "TARGET_NOT_REACHED",
    "SearchCost",
    "SearchMethod",
    "absolute_saving",
    "cost_ratio",
    "format_percent",
    "get_measure",
    "intensity_ratio",
    "monetary_cost",
    "relative_saving",
]


#: seeds, or days, from which on a 95 % interval of a median exists: with five, all lie on one side of it in 6 %
MIN_UNITS = 6


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What one search used.

    Example:
        >>> from ce_nas.apps.pilot.questionnaire import PilotInputs
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

    @property
    def has_intervals(self) -> bool:
        """Whether there are enough seeds, or days, for a 95 % interval; else the bounds are a range."""
        return max(len(self.costs), len(self.costs[0])) >= MIN_UNITS

    def median_over(self, read_amount: Callable[[SearchCost], float]) -> Interval:
        """The median of an amount over seeds and start days, with its interval."""
        return _estimate([(self, read_amount)], lambda amount: amount)

    def at_start(self, start_index: int) -> SearchMethod:
        """The same method on one start day."""
        return SearchMethod(self.name, tuple((row[start_index],) for row in self.costs))


def absolute_saving(before: SearchMethod, after: SearchMethod, read_amount: Callable[[SearchCost], float]) -> Interval:
    """How much less ``after`` used than ``before``, the difference of their medians; -inf if it missed the quality."""
    return _estimate([(before, read_amount), (after, read_amount)], lambda old, new: old - new)


def relative_saving(before: SearchMethod, after: SearchMethod, read_amount: Callable[[SearchCost], float]) -> Interval:
    """The absolute saving as a share of the median of ``before``; 0 if that is 0."""
    return _estimate([(before, read_amount), (after, read_amount)], _relative_reduction)


def cost_ratio(before: SearchMethod, after: SearchMethod, read_amount: Callable[[SearchCost], float]) -> Interval:
    """The median of ``before`` in units of that of ``after``; 0 if ``after`` missed the quality."""
    return _estimate([(before, read_amount), (after, read_amount)], lambda old, new: old / new)


def intensity_ratio(before: SearchMethod, after: SearchMethod) -> Interval:
    """The carbon ratio divided by the energy ratio: how much cleaner the hours of ``after`` were."""
    carbon, energy = (lambda cost: cost.carbon_g), (lambda cost: cost.energy_j)
    parts = [(before, carbon), (after, carbon), (before, energy), (after, energy)]
    return _estimate(parts, lambda old_g, new_g, old_j, new_j: (old_g / new_g) / (old_j / new_j))


def _relative_reduction(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.where(before == 0.0, 0.0, 1.0 - after / before)


def _estimate(
    parts: Sequence[tuple[SearchMethod, Callable[[SearchCost], float]]], combine: Callable[..., np.ndarray]
) -> Interval:
    """A function of medians, with the interval of the same function of the medians of resamples.

    Seeds and days are resampled separately, the same ones for every part: so ratios and differences follow from the
    medians shown. With fewer than `MIN_UNITS` of both the bounds are the function's lowest and highest value over
    the searches, and over the medians of all, which may lie beyond those of the single ones. A value that is not a
    number, such as a ratio to a search that missed the quality, counts as 0.
    """
    tables = [[[read(cost) for cost in row] for row in method.costs] for method, read in parts]
    estimate = bootstrap_crossed(tables, combine)
    if parts[0][0].has_intervals:
        return estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.nan_to_num(combine(*map(np.asarray, tables)), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return Interval(
        estimate.median, min(float(values.min()), estimate.median), max(float(values.max()), estimate.median)
    )


def format_percent(share: Interval) -> str:
    """Format a saved share with its interval, if it has one; a dash where the quality was not reached."""
    ends = [
        format_percentage(round(value, 2) + 0.0) if math.isfinite(value) else "-"  # never -0%
        for value in (share.median, share.low, share.high)
    ]
    return ends[0] if share.low == share.high else f"{ends[0]} [{ends[1]}, {ends[2]}]"


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
