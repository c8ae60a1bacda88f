"""A ledger for live grids: carbon is revised once the true intensity is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ce_nas.core.records import Activity
from ce_nas.core.units import J_PER_KWH
from ce_nas.energy.ledger import PAPER_TRAINING_W, Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.core.records import EnergyReading
    from ce_nas.energy.ledger import Prices

__all__ = ["CarbonRevision", "LiveLedger", "RevisableIntensity", "StepShare"]


class StepShare(NamedTuple):
    """The overlap of a time interval with one step of the grid."""

    #: start of the step, UTC
    step_start: datetime
    #: share of the interval, 0 to 1
    share: float
    #: intensity as currently known, g CO2eq/kWh
    g_per_kwh: float


class RevisableIntensity(Protocol):
    """The carbon intensity of a grid as currently known."""

    def mean(self, start_s: float, end_s: float) -> float:
        """Return the mean between two times of the run, s, in g CO2eq/kWh."""

    def split_by_step(self, start_s: float, end_s: float) -> Sequence[StepShare]:
        """Split an interval by the steps of the grid; the shares add up to 1."""

    def intensity_at(self, step_start: datetime) -> float:
        """Return the intensity of one step as currently known, g CO2eq/kWh."""

    def is_published(self, step_start: datetime) -> bool:
        """Tell whether the provider has published the step; else its intensity is a forecast or a substitute."""


@dataclass(slots=True)
class _StepEnergy:
    """The energy drawn in one step of the grid."""

    #: intensity used in the ledger, g CO2eq/kWh
    g_per_kwh: float
    #: energy drawn from the grid, PUE included, J, by activity
    energy_j: dict[Activity, float] = field(default_factory=dict)
    #: energy by paper accounting, J
    paper_energy_j: float = 0.0

    @property
    def energy_kwh(self) -> float:
        """Energy of all activities, kWh."""
        return sum(self.energy_j.values()) / J_PER_KWH


@dataclass(frozen=True, slots=True)
class CarbonRevision:
    """The change of the carbon totals due to revised steps of the grid."""

    #: start of each revised step as ISO text, with its previous and its new intensity, g CO2eq/kWh
    steps: list[tuple[str, float, float]]
    #: change by full accounting, g, by activity, and by paper accounting, g
    carbon_g: dict[Activity, float]
    paper_carbon_g: float


class LiveLedger(Ledger):
    """A ledger that keeps the energy drawn in each step of the grid.

    :param intensity: the intensity as currently known.
    :param pue: see :class:`Ledger`, likewise ``prices`` and ``time_scale``.
    """

    def __init__(
        self,
        intensity: RevisableIntensity,
        pue: float,
        prices: Prices,
        time_scale: float = 1.0,
        gpus_per_device: int = 1,
    ) -> None:
        super().__init__(intensity, pue, prices, time_scale, gpus_per_device)
        self._revisable_intensity = intensity
        self._energy_by_step: dict[datetime, _StepEnergy] = {}

    @property
    def provisional_carbon_g(self) -> float:
        """Carbon of unpublished steps by full accounting, g."""
        return sum(
            step_energy.energy_kwh * step_energy.g_per_kwh
            for step, step_energy in self._energy_by_step.items()
            if not self._revisable_intensity.is_published(step)
        )

    @property
    def is_provisional(self) -> bool:
        """Whether energy was recorded, by full or by paper accounting, in steps that are not published yet."""
        return any(
            step_energy.energy_kwh > 0 or step_energy.paper_energy_j > 0
            for step, step_energy in self._energy_by_step.items()
            if not self._revisable_intensity.is_published(step)
        )

    def revise(self) -> CarbonRevision | None:
        """Update the carbon of all steps with a changed intensity; None if there are none."""
        changed = [
            (step, step_energy, self._revisable_intensity.intensity_at(step))
            for step, step_energy in sorted(self._energy_by_step.items())
        ]
        changed = [(step, step_energy, value) for step, step_energy, value in changed if value != step_energy.g_per_kwh]
        if not changed:
            return None
        steps = [(step.isoformat(), step_energy.g_per_kwh, value) for step, step_energy, value in changed]
        added_g: dict[Activity, float] = {}
        paper_g = 0.0
        for _, step_energy, value in changed:
            added_g_per_j = (value - step_energy.g_per_kwh) / J_PER_KWH
            paper_g += added_g_per_j * step_energy.paper_energy_j
            for activity, energy_j in step_energy.energy_j.items():
                added_g[activity] = added_g.get(activity, 0.0) + added_g_per_j * energy_j
            step_energy.g_per_kwh = value
        for totals in (self.totals, self.period_totals):
            totals.paper_carbon_g += paper_g
            for activity, carbon_g in added_g.items():
                totals.carbon_g[activity] = totals.carbon_g.get(activity, 0.0) + carbon_g
        return CarbonRevision(steps, added_g, paper_g)

    def _record(self, reading: EnergyReading) -> None:
        super()._record(reading)
        energy_j = reading.energy_j * self.pue
        held_s = (reading.end_s - reading.start_s) / self.time_scale * self.gpus_per_device
        paper_j = PAPER_TRAINING_W * held_s if reading.activity is Activity.TRAINING else 0.0
        for part in self._revisable_intensity.split_by_step(reading.start_s, reading.end_s):
            step_energy = self._energy_by_step.setdefault(part.step_start, _StepEnergy(part.g_per_kwh))
            step_energy.energy_j[reading.activity] = (
                step_energy.energy_j.get(reading.activity, 0.0) + part.share * energy_j
            )
            step_energy.paper_energy_j += part.share * paper_j
