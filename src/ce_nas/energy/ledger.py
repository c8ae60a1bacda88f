"""The ledger: energy, carbon and cost of every reading.

Carbon is accounted for in two ways. *Full* accounting charges every activity of every held device, times PUE, with the
true carbon intensity of its time. *Paper* accounting repeats the rule of the experiments of [CE-NAS], for comparison
with their figures: 1 kW per training device, 0 for other activities, no PUE.

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
from ce_nas.core.records import Activity, ReadingSource
from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import EnergyReading
    from ce_nas.grid.trace import Series

__all__ = ["CarbonIntensity", "Ledger", "LedgerTotals", "Prices"]

#: power of a training device in paper accounting, W
PAPER_TRAINING_W = 1000.0
#: share of a billing period that is a rounding error of the time, and not billed
_ROUNDING = 1e-9


class CarbonIntensity(Protocol):
    """The carbon intensity of a grid over the run."""

    def mean(self, start_s: float, end_s: float) -> float:
        """Return the mean between two times of the run, s, in g CO2eq/kWh."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of electricity and devices; 0 for none.

    Example:
        >>> prices = Prices(electricity_per_kwh=0.25, price_per_device_hour=2.0, billing_period_s=3600.0)
        >>> prices.billed_s(1800.0)  # 30 minutes are billed as one hour
        3600.0
    """

    #: price of a kWh: a number, or a series with seconds from the start of the run
    electricity_per_kwh: float | Series = 0.0
    #: price of a device-hour
    price_per_device_hour: float = 0.0
    #: held time is billed in started periods of this length, s; 0: to the second
    billing_period_s: float = 0.0

    def energy_cost(self, start_s: float, end_s: float, energy_kwh: float) -> float:
        """Return the cost of energy, PUE included, drawn at constant power between two times."""
        if isinstance(self.electricity_per_kwh, float | int):
            return energy_kwh * self.electricity_per_kwh
        return energy_kwh * self.electricity_per_kwh.mean(start_s, end_s)

    def electricity_prices(self, start_s: float, step_s: float, until_s: float) -> np.ndarray:
        """Return the price of a kWh in each step from ``start_s`` on, shape (steps,); (1,) for a constant price."""
        if isinstance(self.electricity_per_kwh, float | int):
            return np.array([float(self.electricity_per_kwh)])
        starts_s = np.arange(start_s, max(until_s, start_s + 1.0), step_s).tolist()
        return np.array([self.electricity_per_kwh.mean(at_s, min(at_s + step_s, until_s)) for at_s in starts_s])

    def billed_s(self, held_s: float) -> float:
        """Return the time to bill for ``held_s`` of unpaid time, s: rounded up to whole billing periods."""
        if not self.billing_period_s:
            return held_s
        return math.ceil(held_s / self.billing_period_s - _ROUNDING) * self.billing_period_s


@dataclass(slots=True)
class LedgerTotals:
    """Sums over energy readings."""

    #: energy drawn from the grid, PUE included, J, by activity
    energy_j: dict[Activity, float] = field(default_factory=dict)
    #: carbon by full accounting, g, by activity
    carbon_g: dict[Activity, float] = field(default_factory=dict)
    #: time of held devices, device-seconds, by activity
    device_s: dict[Activity, float] = field(default_factory=dict)
    #: energy by source of the readings, J
    energy_by_source_j: dict[ReadingSource, float] = field(default_factory=dict)
    #: carbon by paper accounting, g
    paper_carbon_g: float = 0.0
    #: cost, in the currency of the prices; a billing period is charged in full at its start
    cost: float = 0.0
    #: observed time, device-seconds
    observed_s: float = 0.0

    def for_activity(self, activity: Activity) -> tuple[float, float]:
        """Return the energy of an activity drawn from the grid, J, and its carbon, g."""
        return self.energy_j.get(activity, 0.0), self.carbon_g.get(activity, 0.0)

    @property
    def total_energy_j(self) -> float:
        """Energy drawn from the grid by all activities, J."""
        return sum(self.energy_j.values())

    @property
    def total_carbon_g(self) -> float:
        """Carbon of all activities by full accounting, g."""
        return sum(self.carbon_g.values())

    @property
    def total_device_s(self) -> float:
        """Time of held devices, device-seconds."""
        return sum(self.device_s.values())

    @property
    def coverage(self) -> float:
        """Observed share of the time of held devices; 1 before the first reading."""
        total_s = self.total_device_s
        return self.observed_s / total_s if total_s else 1.0


class Ledger:
    """Accumulates energy readings into totals of energy, carbon, cost and time.

    :param intensity: the true carbon intensity, g CO2eq/kWh, with seconds from the start of the run.
    :param pue: energy drawn from the grid per energy at the devices' plugs, 1 or more.
    :param time_scale: seconds of the run per real second; prices per hour are charged for real hours.
    :param gpus_per_device: GPUs of one device of the run: of a trial on several. Times count each of them; energies and
        the price of a device-hour are of all together.
    """

    def __init__(
        self,
        intensity: CarbonIntensity,
        pue: float,
        prices: Prices,
        time_scale: float = 1.0,
        gpus_per_device: int = 1,
    ) -> None:
        self.intensity = intensity
        self.pue = pue
        self.prices = prices
        #: seconds of the run per real second
        self.time_scale = time_scale
        #: GPUs of one device of the run
        self.gpus_per_device = gpus_per_device
        #: sums since the start of the run
        self.totals = LedgerTotals()
        #: sums since the start of the period
        self.period_totals = LedgerTotals()
        #: device -> end of its last reading, and end of its billed time, s
        self._paid_until_s: dict[int, tuple[float, float]] = {}

    def record(self, readings: Iterable[EnergyReading]) -> None:
        """Add readings; each is charged with the true mean intensity of its time.

        :raises EnergyError: if the energy of a reading is negative or not finite; a missing reading is never zero.
        """
        for reading in readings:
            self._record(reading)

    def paid_s(self, device: int, now_s: float) -> float:
        """Return the time from now on that is billed already for a device that is held since its last reading, s.

        A device whose last reading is in the past was released since: it starts a new billing period.
        """
        read_s, paid_until_s = self._paid_until_s.get(device, (-math.inf, -math.inf))
        return max(paid_until_s - now_s, 0.0) if now_s - read_s <= self.time_scale else 0.0

    def switch_site(self, intensity: CarbonIntensity, pue: float, prices: Prices) -> None:
        """Use the intensity, PUE and prices of another site for all later readings."""
        self.intensity = intensity
        self.pue = pue
        self.prices = prices

    def close_period(self) -> LedgerTotals:
        """Return the sums since the last call and start a new period."""
        closed, self.period_totals = self.period_totals, LedgerTotals()
        return closed

    def _record(self, reading: EnergyReading) -> None:
        duration_s = (reading.end_s - reading.start_s) / self.time_scale * self.gpus_per_device
        if not (reading.energy_j >= 0 and math.isfinite(reading.energy_j)):
            message = (
                f"Expected an energy of zero joules or more for {reading.activity} on device {reading.device} from "
                f"{reading.start_s:g} s to {reading.end_s:g} s, got {reading.energy_j}; a missing reading must "
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
        for totals in (self.totals, self.period_totals):
            totals.energy_j[activity] = totals.energy_j.get(activity, 0.0) + energy_j
            totals.carbon_g[activity] = totals.carbon_g.get(activity, 0.0) + carbon_g
            totals.device_s[activity] = totals.device_s.get(activity, 0.0) + duration_s
            totals.energy_by_source_j[source] = totals.energy_by_source_j.get(source, 0.0) + energy_j
            totals.paper_carbon_g += paper_g
            totals.cost += cost
            totals.observed_s += duration_s * reading.coverage

    def _holding_cost(self, reading: EnergyReading) -> float:
        """Return the cost of the unbilled part of a reading; a reacquired device starts a new billing period."""
        read_s, paid_s = self._paid_until_s.get(reading.device, (-math.inf, -math.inf))
        if reading.start_s > read_s:
            paid_s = reading.start_s
        billed_s = self.prices.billed_s(max(reading.end_s - paid_s, 0.0) / self.time_scale)
        self._paid_until_s[reading.device] = (reading.end_s, paid_s + billed_s * self.time_scale)
        return self.prices.price_per_device_hour * billed_s / HOUR_S
