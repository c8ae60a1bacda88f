"""Numbers and quantities as text for people: three significant digits, with a unit where there is one.

- quantities: `format_count`, `format_carbon`, `format_energy`, `format_duration`, `format_elapsed_hours`,
  `format_hours`, `format_time`
- shares in percent: `format_percentage`
- statistics: `format_number`, `format_interval`, `format_p_value`, `format_wins`
"""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING, Protocol

from ce_nas.core.units import G_PER_KG, G_PER_TONNE, HOUR_S, J_PER_KWH, MINUTE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = [
    "CARBON_UNITS",
    "ENERGY_UNITS",
    "format_carbon",
    "format_count",
    "format_duration",
    "format_elapsed_hours",
    "format_energy",
    "format_hours",
    "format_interval",
    "format_number",
    "format_p_value",
    "format_percentage",
    "format_time",
    "format_wins",
]


#: the units of a text, the largest first, with the grams in each
CARBON_UNITS = {"t": G_PER_TONNE, "kg": G_PER_KG, "g": 1.0, "mg": 1e-3, "µg": 1e-6}
#: the same for energies: joules in each
ENERGY_UNITS = {"MWh": 1e3 * J_PER_KWH, "kWh": J_PER_KWH, "Wh": HOUR_S, "mWh": 1e-3 * HOUR_S, "µWh": 1e-6 * HOUR_S}
_DURATION_UNITS = {"h": HOUR_S, "min": MINUTE_S, "s": 1.0}


class _Interval(Protocol):
    """A median and the bounds of its confidence interval, see `ce_nas.analysis.statistics.Interval`."""

    @property
    def median(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


class _PairedTest(Protocol):
    """The result of a paired test, see `ce_nas.analysis.statistics.PairedTest`."""

    @property
    def pair_count(self) -> int: ...

    @property
    def win_count(self) -> int: ...

    @property
    def p_value(self) -> float: ...


def format_carbon(carbon_g: float) -> str:
    """Format grams of CO2eq: ``"1.10 mg"``, ``"812 g"``, ``"4.21 kg"``, ``"1.30 t"``."""
    return _format_with_unit(carbon_g, CARBON_UNITS, "g")


def format_energy(energy_j: float) -> str:
    """Format joules: ``"2.41 mWh"``, ``"93.0 Wh"``, ``"12.4 kWh"``, ``"1.80 MWh"``."""
    return _format_with_unit(energy_j, ENERGY_UNITS, "Wh")


def format_duration(duration_s: float) -> str:
    """Format seconds: ``"42.0 s"``, ``"17.5 min"``, ``"80.0 h"``; days are never used."""
    return _format_with_unit(duration_s, _DURATION_UNITS, "s")


def format_elapsed_hours(hours: float) -> str:
    """Format hours to 0.1 h, and shorter times in minutes or seconds: ``"168.0 h"``, ``"2.60 s"``."""
    return format_duration(hours * HOUR_S) if 0.0 < hours < 0.1 else f"{hours:,.1f} h"


def format_hours(hours: float, total_hours: float) -> str:
    """Format one of several durations that add up to ``total_hours``: to 0.1 h, or to 0.001 h below 10 h in total.

    Below 0.1 h in total each has a unit: ``"2.60 s"``, ``"4.50 min"``.
    """
    if 0.0 < total_hours < 0.1:
        return format_duration(hours * HOUR_S)
    return f"{hours:,.1f}" if total_hours >= 10.0 else f"{hours:.3f}"


def format_time(moment: datetime) -> str:
    """Format a moment in UTC, to the minute: ``"2021-07-02 06:00 UTC"``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def format_count(count: int, noun: str) -> str:
    """Format a number of things: ``"1 training"``, ``"1,200 trainings"``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_percentage(share: float, digits: int = 0, *, signed: bool = False) -> str:
    """Format a share in percent, with a space as before every unit: ``"88 %"``, ``"99.88 %"``, ``"+4.0 %"``."""
    return f"{100.0 * share:{'+' if signed else ''}.{digits}f} %"


def format_number(value: float) -> str:
    """Format a number to three significant digits; a dash if it is not finite."""
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def format_interval(interval: _Interval | None) -> str:
    """Format a median with its 95 % interval; empty for None."""
    if interval is None:
        return ""
    return f"{format_number(interval.median)} [{format_number(interval.low)}, {format_number(interval.high)}]"


def format_p_value(p_value: float) -> str:
    """Format a p value to three decimals, or as ``"p < 0.001"``."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def format_wins(test: _PairedTest | None, translate: Callable[..., str]) -> str:
    """Format in how many pairs the first strategy is better, with the p value; empty for None.

    :param translate: returns the text of a key in the language of the output.
    """
    if test is None:
        return ""
    probability = format_p_value(test.p_value)
    return translate("exp.better_of", better=test.win_count, pairs=test.pair_count, probability=probability)


def _format_with_unit(value: float, units: Mapping[str, float], zero_unit: str) -> str:
    """Format in the largest unit that the value reaches, else in the last; zero in ``zero_unit``."""
    smallest = list(units)[-1]
    is_small = 0.005 * units[smallest] <= abs(value) < math.inf  # False for NaN and for what rounds to zero
    unit = next((unit for unit, size in units.items() if abs(value) >= size), smallest if is_small else zero_unit)
    scaled = value / units[unit]
    digits = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
    return f"{scaled:,.{digits}f} {unit}"
