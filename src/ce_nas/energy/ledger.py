"""The books: every joule drawn, and what it weighs in grams and money.

Two books are kept side by side. The *full* one charges every activity of every device held, times PUE, with the true
carbon intensity of each moment. The *paper* one repeats the rule of the authors' experiments, so that figures can be
put beside theirs: 1 kW for a device that trains, nothing for anything else, no PUE.

Source
    [CE-NAS] Zhao, Liu, Jiang, Guo. CE-NAS: An End-to-End Carbon-Efficient Neural Architecture Search Framework.
        NeurIPS 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Activity, Source
from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import Reading
    from ce_nas.grid.trace import Series

__all__ = ["Books", "Intensity", "Ledger", "Prices"]

#: what the authors charge for a device that trains
PAPER_TRAINING_W = 1000.0


class Intensity(Protocol):
    """A grid's carbon intensity over the run's time."""

    def mean(self, start_s: float, end_s: float) -> float:
        """The mean between two moments, g CO2eq/kWh."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What electricity and devices cost; zero where nothing is paid."""

    #: price of a kWh: a number, or a series of prices with its seconds counted from the run's start
    electricity_per_kwh: float | Series = 0.0
    #: price of holding one device for one hour
    device_hour: float = 0.0
    #: a device is paid in stretches of this length, each in full once it has begun, s; 0: to the second
    billing_s: float = 0.0

    def energy_cost(self, start_s: float, end_s: float, energy_kwh: float) -> float:
        """Money for so much energy, PUE included, drawn evenly between two moments."""
        if isinstance(self.electricity_per_kwh, float | int):
            return energy_kwh * self.electricity_per_kwh
        return energy_kwh * self.electricity_per_kwh.mean(start_s, end_s)

    def ahead(self, start_s: float, step_s: float, until_s: float) -> np.ndarray:
        """Price of a kWh in the steps from ``start_s`` on, shape (steps,); one step if it is always the same."""
        if isinstance(self.electricity_per_kwh, float | int):
            return np.array([float(self.electricity_per_kwh)])
        starts_s = np.arange(start_s, max(until_s, start_s + 1.0), step_s).tolist()
        return np.array([self.electricity_per_kwh.mean(at_s, min(at_s + step_s, until_s)) for at_s in starts_s])

    def billed_s(self, held_s: float) -> float:
        """For how long a device is paid that is held for ``held_s`` longer than it is paid for."""
        return math.ceil(held_s / self.billing_s) * self.billing_s if self.billing_s else held_s

    def expected(self, start_s: float, end_s: float, energy_kwh: float) -> float:
        """Money for a device taken anew between two moments, and for the energy that it draws; an upper bound."""
        held = self.device_hour * self.billed_s(end_s - start_s) / HOUR_S
        return held + self.energy_cost(start_s, end_s, energy_kwh)


@dataclass(slots=True)
class Books:
    """Sums over readings."""

    #: energy drawn from the grid, PUE included, J, by activity
    energy_j: dict[Activity, float] = field(default_factory=dict)
    #: carbon in the full book, g, by activity
    carbon_g: dict[Activity, float] = field(default_factory=dict)
    #: time on the books, device-seconds, by activity
    device_s: dict[Activity, float] = field(default_factory=dict)
    #: energy by where its readings came from, J
    energy_by_source_j: dict[Source, float] = field(default_factory=dict)
    #: carbon in the paper's book, g
    paper_carbon_g: float = 0.0
    #: money, in the currency of the prices; what is paid in advance counts once it is due
    cost: float = 0.0
    #: device-seconds that were really observed
    observed_s: float = 0.0

    def of(self, activity: Activity) -> tuple[float, float]:
        """Energy drawn from the grid by an activity, J, and its carbon, g."""
        return self.energy_j.get(activity, 0.0), self.carbon_g.get(activity, 0.0)

    @property
    def total_energy_j(self) -> float:
        """Energy drawn from the grid by everything, J."""
        return sum(self.energy_j.values())

    @property
    def total_carbon_g(self) -> float:
        """Carbon of everything in the full book, g."""
        return sum(self.carbon_g.values())

    @property
    def total_device_s(self) -> float:
        """Time of all devices while they were held, device-seconds."""
        return sum(self.device_s.values())

    @property
    def coverage(self) -> float:
        """Share of the time on the books that was really observed; 1 before the first reading."""
        total_s = self.total_device_s
        return self.observed_s / total_s if total_s else 1.0


class Ledger:
    """Books readings as they come.

    :param intensity: the true carbon intensity, g CO2eq/kWh, its seconds counted from the run's start.
    :param pue: energy drawn from the grid per energy at the devices' plugs, 1 or more.
    :param time_scale: seconds of the run in a real one: what is charged by the hour is charged for real ones.
    """

    def __init__(self, intensity: Intensity, pue: float, prices: Prices, time_scale: float = 1.0) -> None:
        self.intensity = intensity
        self.pue = pue
        self.prices = prices
        #: seconds of the run in a real one
        self.time_scale = time_scale
        #: sums since the run began
        self.total = Books()
        #: sums since the period began
        self.period = Books()
        #: for each device, up to when it was read and up to when it is paid for, s
        self._paid: dict[int, tuple[float, float]] = {}

    def book(self, readings: Iterable[Reading]) -> None:
        """Take readings in; each is weighed with the true intensity of its own stretch of time.

        :raises EnergyError: if a reading has no energy or a negative one: missing is never zero.
        """
        for reading in readings:
            self._book(reading)

    def move(self, intensity: Intensity, pue: float, prices: Prices) -> None:
        """Weigh what is drawn from now on by another site's grid, building and prices."""
        self.intensity = intensity
        self.pue = pue
        self.prices = prices

    def close_period(self) -> Books:
        """The sums since the last call; the next period begins with empty ones."""
        closed, self.period = self.period, Books()
        return closed

    def _book(self, reading: Reading) -> None:
        duration_s = (reading.end_s - reading.start_s) / self.time_scale
        if not (reading.energy_j >= 0 and math.isfinite(reading.energy_j)):
            message = (
                f"Expected an energy of zero joules or more for {reading.activity} on device {reading.device} from "
                f"{reading.start_s:g} s to {reading.end_s:g} s, got {reading.energy_j}; a reading that is missing must "
                "be estimated, not left out."
            )
            raise EnergyError(message)
        energy_j = reading.energy_j * self.pue
        mean_g_per_kwh = self.intensity.mean(reading.start_s, reading.end_s)
        carbon_g = energy_j / J_PER_KWH * mean_g_per_kwh
        energy_cost = self.prices.energy_cost(reading.start_s, reading.end_s, energy_j / J_PER_KWH)
        cost = energy_cost + self._holding_cost(reading)
        paper_w = PAPER_TRAINING_W if reading.activity is Activity.TRAINING else 0.0
        paper_g = paper_w * duration_s / J_PER_KWH * mean_g_per_kwh
        activity, source = reading.activity, reading.source
        for books in (self.total, self.period):
            books.energy_j[activity] = books.energy_j.get(activity, 0.0) + energy_j
            books.carbon_g[activity] = books.carbon_g.get(activity, 0.0) + carbon_g
            books.device_s[activity] = books.device_s.get(activity, 0.0) + duration_s
            books.energy_by_source_j[source] = books.energy_by_source_j.get(source, 0.0) + energy_j
            books.paper_carbon_g += paper_g
            books.cost += cost
            books.observed_s += duration_s * reading.coverage

    def _holding_cost(self, reading: Reading) -> float:
        """Money for the reading's stretch as far as it is not paid; a device that was away is taken anew."""
        read_s, paid_s = self._paid.get(reading.device, (-math.inf, -math.inf))
        if reading.start_s > read_s:
            paid_s = reading.start_s
        billed_s = self.prices.billed_s(max(reading.end_s - paid_s, 0.0) / self.time_scale)
        self._paid[reading.device] = (reading.end_s, paid_s + billed_s * self.time_scale)
        return self.prices.device_hour * billed_s / HOUR_S
