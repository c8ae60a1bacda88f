"""What a search took until it had reached a quality, and the same over seeds and start days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.analysis.statistics import Interval, bootstrap_crossed
from ce_nas.core.units import G_PER_KG, G_PER_TONNE, HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.apps.pilot.inputs import PilotFigures

__all__ = ["MEASURES", "NEVER", "Outlay", "Way", "measure", "money", "percent", "saved", "share_saved", "times_less"]


@dataclass(frozen=True, slots=True)
class Outlay:
    """What one search took."""

    #: from the grid, PUE included
    energy_j: float
    #: full book
    carbon_g: float
    #: time of GPUs held, all together
    device_s: float
    #: when it was done, seconds since it began
    end_s: float
    #: full trainings
    trainings: float

    @property
    def reached(self) -> bool:
        """Whether it got there at all."""
        return math.isfinite(self.carbon_g)


#: of a search that never got there
NEVER = Outlay(math.inf, math.inf, math.inf, math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search."""

    name: str
    #: an outlay a seed (outer) and start day (inner)
    outlays: tuple[tuple[Outlay, ...], ...]

    @property
    def reached(self) -> float:
        """Share of its searches that reached the quality."""
        every = [one.reached for row in self.outlays for one in row]
        return sum(every) / len(every)

    def over(self, amount: Callable[[Outlay], float]) -> Interval:
        """The median of an amount over seeds and start days, with its interval."""
        return bootstrap_crossed([[amount(one) for one in row] for row in self.outlays])

    def at(self, start: int) -> Way:
        """The same on one start day."""
        return Way(self.name, tuple((row[start],) for row in self.outlays))


def saved(before: Way, after: Way, amount: Callable[[Outlay], float]) -> Interval:
    """How much less the one took than the other, seed by seed and day by day; of who never got there: nothing."""
    return _paired(before, after, lambda one, two: amount(one) - amount(two))


def share_saved(before: Way, after: Way, amount: Callable[[Outlay], float]) -> Interval:
    """The same as a share of what the one took."""
    return _paired(before, after, lambda one, two: _less(amount(one), amount(two)))


def _less(before: float, after: float) -> float:
    """The share by which the one is less; of nothing, nothing can be saved."""
    return 1.0 - after / before if before else 0.0


def times_less(before: Way, after: Way, amount: Callable[[Outlay], float]) -> Interval:
    """How many times as much the one took as the other; 0 where the other never got there."""
    return _paired(before, after, lambda one, two: amount(one) / amount(two) if two.reached else 0.0)


def percent(share: Interval) -> str:
    """A share saved, with its interval if it has any, for people; a dash where the quality was not reached."""
    ends = [
        f"{round(value, 2) + 0.0:.0%}" if math.isfinite(value) else "-"  # never -0%
        for value in (share.median, share.low, share.high)
    ]
    return ends[0] if share.low == share.high else f"{ends[0]} [{ends[1]}, {ends[2]}]"


def _paired(before: Way, after: Way, compare: Callable[[Outlay, Outlay], float]) -> Interval:
    rows = zip(before.outlays, after.outlays, strict=True)
    return bootstrap_crossed([[compare(one, two) for one, two in zip(*row, strict=True)] for row in rows])


def money(outlay: Outlay, figures: PilotFigures) -> float:
    """Electricity, GPUs and carbon at the prices that were stated."""
    if not outlay.reached:
        return math.inf
    return (
        outlay.energy_j / J_PER_KWH * (figures.electricity_price or 0.0)
        + outlay.device_s / HOUR_S * (figures.gpu_hour_price or 0.0)
        + outlay.carbon_g / G_PER_TONNE * (figures.carbon_price or 0.0)
    )


#: what a paper tells of a way, in its order
MEASURES = ("energy", "carbon", "money", "hours")


def measure(name: str, figures: PilotFigures) -> Callable[[Outlay], float]:
    """One of :data:`MEASURES`, in kWh, kg, the team's currency, or hours."""
    amounts: dict[str, Callable[[Outlay], float]] = {
        "energy": lambda one: one.energy_j / J_PER_KWH,
        "carbon": lambda one: one.carbon_g / G_PER_KG,
        "money": lambda one: money(one, figures),
        "hours": lambda one: one.end_s / HOUR_S,
    }
    return amounts[name]
