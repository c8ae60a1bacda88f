"""How a run went: what was found for which hours, joules and grams; read from its journal and from nothing else."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.store.journal import Entry

__all__ = ["Spent", "Track", "track"]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run had spent at a moment."""

    hours: float
    #: full book
    carbon_g: float
    #: paper's book
    paper_carbon_g: float
    #: from the grid, PUE included, full book
    energy_j: float
    #: full trainings finished
    evaluations: int

    @property
    def intensity_g_per_kwh(self) -> float:
        """The grid's mean intensity, weighed with the energy drawn; NaN before any was."""
        return self.carbon_g / self.energy_j * J_PER_KWH if self.energy_j else math.nan


@dataclass(frozen=True, slots=True)
class Track:
    """How a run went from one gain of hypervolume, or end of a period, to the next; the lists are of equal length."""

    #: hours since the run began
    hours: list[float]
    hypervolume: list[float]
    #: full book
    carbon_g: list[float]
    #: paper's book
    paper_carbon_g: list[float]
    #: from the grid, PUE included, full book
    energy_j: list[float]
    #: full trainings finished
    evaluations: list[int]

    @property
    def final(self) -> float:
        """The hypervolume at the end; 0 of a run that found nothing."""
        return self.hypervolume[-1] if self.hypervolume else 0.0

    def to_reach(self, hypervolume: float) -> Spent | None:
        """What had been spent when a hypervolume was first reached; None if it never was."""
        at = next((at for at, found in enumerate(self.hypervolume) if found >= hypervolume), None)
        return None if at is None else self._spent(at)

    def within(self, amounts: Sequence[float], amount: float) -> tuple[float, Spent]:
        """The hypervolume, and all that was spent, when ``amounts``, a column of this, last stood at ``amount``."""
        at = bisect_right(amounts, amount)
        return (self.hypervolume[at - 1], self._spent(at - 1)) if at else (0.0, Spent(0.0, 0.0, 0.0, 0.0, 0))

    def _spent(self, at: int) -> Spent:
        return Spent(
            self.hours[at], self.carbon_g[at], self.paper_carbon_g[at], self.energy_j[at], self.evaluations[at]
        )


def track(entries: Iterable[Entry]) -> Track:
    """The course of a run."""
    course = Track([], [], [], [], [], [])
    evaluations, spent = 0, (0.0, 0.0, 0.0)
    for entry in entries:
        if entry.kind == "evaluated":
            found = entry.content
            evaluations += found["fidelity"] == 1.0
            if found["grew"]:
                _mark(course, entry, (found["carbon_g"], found["paper_carbon_g"], found["energy_j"]), evaluations)
        elif entry.kind == "period":
            period = entry.content
            carbon_g, paper_carbon_g, energy_j = spent
            spent = (
                carbon_g + sum(period["carbon_g"].values()),
                paper_carbon_g + period["paper_carbon_g"],
                energy_j + sum(period["energy_j"].values()),
            )
            _mark(course, entry, spent, evaluations)
    return course


def _mark(course: Track, entry: Entry, spent: tuple[float, float, float], evaluations: int) -> None:
    course.hours.append(entry.at_s / HOUR_S)
    course.hypervolume.append(entry.content["hypervolume"])
    for column, amount in zip((course.carbon_g, course.paper_carbon_g, course.energy_j), spent, strict=True):
        column.append(amount)
    course.evaluations.append(evaluations)
