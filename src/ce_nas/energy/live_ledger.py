"""Books on a grid whose true intensity is known only later: what was booked is revised, and every revision is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ce_nas.core.records import Activity
from ce_nas.core.units import J_PER_KWH
from ce_nas.energy.ledger import PAPER_TRAINING_W, Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.core.records import Reading
    from ce_nas.energy.ledger import Prices

__all__ = ["LiveLedger", "Part", "Revision", "SteppedIntensity"]


class Part(NamedTuple):
    """What lies of a stretch of time in one step of the grid."""

    #: when the step begins, UTC
    step: datetime
    #: share of the stretch, 0 to 1
    share: float
    #: what is known of its intensity by now, g CO2eq/kWh
    g_per_kwh: float


class SteppedIntensity(Protocol):
    """A grid's intensity as it is known by now."""

    def mean(self, start_s: float, end_s: float) -> float:
        """The mean between two moments, seconds of the run, g CO2eq/kWh."""

    def parts(self, start_s: float, end_s: float) -> Sequence[Part]:
        """The steps that the stretch lies in; their shares add up to 1."""

    def at(self, step: datetime) -> float:
        """What is known of one step by now, g CO2eq/kWh."""

    def published(self, step: datetime) -> bool:
        """Whether that is what the source itself says of it, and no forecast."""


@dataclass(slots=True)
class _Tally:
    """What was drawn in one step of the grid."""

    #: the intensity it was booked with, g CO2eq/kWh
    g_per_kwh: float
    #: from the grid, PUE included, J, by activity
    energy_j: dict[Activity, float] = field(default_factory=dict)
    #: by the paper's rule, J
    paper_j: float = 0.0

    @property
    def kwh(self) -> float:
        """All that was drawn, kWh."""
        return sum(self.energy_j.values()) / J_PER_KWH


@dataclass(frozen=True, slots=True)
class Revision:
    """What the books gained or lost because steps of the grid came out otherwise than they were booked."""

    #: each such step, as text, with the intensity it was booked with and the one that holds now, g CO2eq/kWh
    steps: list[tuple[str, float, float]]
    #: added to the full book, g, by activity, and to the paper's
    carbon_g: dict[Activity, float]
    paper_carbon_g: float


class LiveLedger(Ledger):
    """A ledger that remembers what was drawn in each step of the grid.

    :param grid: its intensity as it is known by now.
    :param pue: see :class:`Ledger`, as the prices and the scale of time.
    """

    def __init__(self, grid: SteppedIntensity, pue: float, prices: Prices, time_scale: float = 1.0) -> None:
        super().__init__(grid, pue, prices, time_scale)
        self._grid = grid
        self._tallies: dict[datetime, _Tally] = {}

    @property
    def provisional_g(self) -> float:
        """Carbon of the full book that was drawn in steps of which the source has not said anything yet, g."""
        return sum(
            tally.kwh * tally.g_per_kwh for step, tally in self._tallies.items() if not self._grid.published(step)
        )

    def revise(self) -> Revision | None:
        """Book the difference wherever the grid is known otherwise by now; None where it is not."""
        changed = [(step, tally, self._grid.at(step)) for step, tally in sorted(self._tallies.items())]
        changed = [(step, tally, value) for step, tally, value in changed if value != tally.g_per_kwh]
        if not changed:
            return None
        found = Revision([(step.isoformat(), tally.g_per_kwh, value) for step, tally, value in changed], {}, 0.0)
        paper_g = 0.0
        for _, tally, value in changed:
            more = (value - tally.g_per_kwh) / J_PER_KWH
            paper_g += more * tally.paper_j
            for activity, energy_j in tally.energy_j.items():
                found.carbon_g[activity] = found.carbon_g.get(activity, 0.0) + more * energy_j
            tally.g_per_kwh = value
        for books in (self.total, self.period):
            books.paper_carbon_g += paper_g
            for activity, carbon_g in found.carbon_g.items():
                books.carbon_g[activity] = books.carbon_g.get(activity, 0.0) + carbon_g
        return Revision(found.steps, found.carbon_g, paper_g)

    def _book(self, reading: Reading) -> None:
        super()._book(reading)
        energy_j, held_s = reading.energy_j * self.pue, (reading.end_s - reading.start_s) / self.time_scale
        paper_j = PAPER_TRAINING_W * held_s if reading.activity is Activity.TRAINING else 0.0
        for part in self._grid.parts(reading.start_s, reading.end_s):
            tally = self._tallies.setdefault(part.step, _Tally(part.g_per_kwh))
            tally.energy_j[reading.activity] = tally.energy_j.get(reading.activity, 0.0) + part.share * energy_j
            tally.paper_j += part.share * paper_j
