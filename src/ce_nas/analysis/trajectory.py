"""Trajectory of a run: hypervolume over time, energy and carbon, from its journal alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.store.journal import JournalEntry

__all__ = ["ResourceUsage", "Trajectory", "build_trajectory"]


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """What a run had used at a moment."""

    hours: float
    #: full accounting
    carbon_g: float
    #: paper's accounting
    paper_carbon_g: float
    #: from the grid, PUE included, full accounting
    energy_j: float
    #: full trainings finished
    evaluations: int

    @property
    def intensity_g_per_kwh(self) -> float:
        """The grid's mean intensity, weighted by the energy used; NaN if none was used."""
        return self.carbon_g / self.energy_j * J_PER_KWH if self.energy_j else math.nan


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Values of a run at each gain of hypervolume and each end of a period; the lists are of equal length."""

    #: since the run's start
    hours: list[float]
    hypervolume: list[float]
    #: full accounting
    carbon_g: list[float]
    #: paper's accounting
    paper_carbon_g: list[float]
    #: from the grid, PUE included, full accounting
    energy_j: list[float]
    #: full trainings finished
    evaluations: list[int]

    @property
    def final_hypervolume(self) -> float:
        """The hypervolume at the end; 0 for a run without results."""
        return self.hypervolume[-1] if self.hypervolume else 0.0

    def usage_at_hypervolume(self, hypervolume: float) -> ResourceUsage | None:
        """Return the usage when a hypervolume was first reached; None if it never was."""
        index = next((index for index, reached in enumerate(self.hypervolume) if reached >= hypervolume), None)
        return None if index is None else self._usage_at(index)

    def outcome_within(self, amounts: Sequence[float], amount: float) -> tuple[float, ResourceUsage]:
        """Return hypervolume and usage at the last point where ``amounts``, a list of this, is at most ``amount``."""
        count = bisect_right(amounts, amount)
        if not count:
            return 0.0, ResourceUsage(0.0, 0.0, 0.0, 0.0, 0)
        return self.hypervolume[count - 1], self._usage_at(count - 1)

    def _usage_at(self, index: int) -> ResourceUsage:
        return ResourceUsage(
            self.hours[index],
            self.carbon_g[index],
            self.paper_carbon_g[index],
            self.energy_j[index],
            self.evaluations[index],
        )


def build_trajectory(entries: Iterable[JournalEntry]) -> Trajectory:
    """Build the trajectory of a journal."""
    trajectory = Trajectory([], [], [], [], [], [])
    evaluations, used = 0, (0.0, 0.0, 0.0)
    for entry in entries:
        if entry.kind == "evaluated":
            content = entry.content
            evaluations += content["fidelity"] == 1.0
            if content["improved"]:
                usage = (content["carbon_g"], content["paper_carbon_g"], content["energy_j"])
                _append_point(trajectory, entry, usage, evaluations)
        elif entry.kind == "period":
            period = entry.content
            carbon_g, paper_carbon_g, energy_j = used
            used = (
                carbon_g + sum(period["carbon_g"].values()),
                paper_carbon_g + period["paper_carbon_g"],
                energy_j + sum(period["energy_j"].values()),
            )
            _append_point(trajectory, entry, used, evaluations)
    return trajectory


def _append_point(
    trajectory: Trajectory, entry: JournalEntry, used: tuple[float, float, float], evaluations: int
) -> None:
    trajectory.hours.append(entry.at_s / HOUR_S)
    trajectory.hypervolume.append(entry.content["hypervolume"])
    for column, amount in zip((trajectory.carbon_g, trajectory.paper_carbon_g, trajectory.energy_j), used, strict=True):
        column.append(amount)
    trajectory.evaluations.append(evaluations)
