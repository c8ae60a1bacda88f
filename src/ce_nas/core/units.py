"""Conversion factors, and parsers of quantities and times.

This is the only module with conversion factors. Inside the package every quantity is SI (carbon in grams, intensity in
g CO2eq/kWh, cost in the currency of the prices), and its name ends with its unit. `ce_nas.core.formatting` is the
inverse.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from ce_nas.core.errors import SettingsError

__all__ = [
    "DAY_S",
    "HOUR_S",
    "J_PER_KWH",
    "parse_carbon_g",
    "parse_cost",
    "parse_duration_s",
    "parse_energy_j",
    "parse_time",
]

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0
J_PER_KWH = 3.6e6
G_PER_KG = 1000.0
G_PER_TONNE = 1e6
G_PER_LB = 453.59237  # the international pound, exactly

_CARBON_G = {"g": 1.0, "kg": G_PER_KG, "t": G_PER_TONNE, "lb": G_PER_LB, "lbs": G_PER_LB, "mg": 1e-3}
_WATT_HOURS_J = {"wh": HOUR_S, "kwh": J_PER_KWH, "MWh": 1e3 * J_PER_KWH, "MWH": 1e3 * J_PER_KWH, "mWh": 1e-3 * HOUR_S}
_ENERGY_J = {"j": 1.0, "kj": 1e3, "MJ": 1e6, **_WATT_HOURS_J}  # upper case for mega: mJ is a millijoule
for _micro in ("\u00b5", "\u03bc", "u"):  # the micro sign, the Greek letter, and what is typed for them
    _CARBON_G[f"{_micro}g"] = 1e-6
    _ENERGY_J[f"{_micro}Wh"] = 1e-6 * HOUR_S
#: units in which a capital letter means another: Mg is a tonne
_CASE_COUNTS = {"mg"}
_DURATION_S = {"s": 1.0, "min": MINUTE_S, "m": MINUTE_S, "h": HOUR_S, "d": DAY_S}

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*?)?\s*")


def parse_carbon_g(text: str | float) -> float:
    """Parse grams of CO2eq from ``"5kg"``, ``"11 lb"``, ``"800 g"``, ``"3 mg"``; a unit is required.

    :raises SettingsError: if it is not a positive number with one of these units.
    """
    return _parse_quantity("a mass of carbon", text, _CARBON_G, "5kg, 800g or 11lb")


def parse_energy_j(text: str | float) -> float:
    """Parse joules from ``"12 kWh"``, ``"900Wh"``, ``"3 MJ"``, ``"2 mWh"``; a unit is required, and M is no m.

    :raises SettingsError: if it is not a positive number with one of these units.
    """
    return _parse_quantity("an energy", text, _ENERGY_J, "12kWh, 900Wh or 3MJ")


def parse_duration_s(text: str | float) -> float:
    """Parse seconds from ``"80h"``, ``"3 d"``, ``"90min"``, ``"45s"``; a unit is required.

    :raises SettingsError: if it is not a positive number with one of these units.
    """
    return _parse_quantity("a duration", text, _DURATION_S, "80h, 3d or 90min")


def parse_cost(text: str | float) -> float:
    """Parse a cost, in the currency of the prices, from a plain number (``"120"``, ``120.5``).

    :raises SettingsError: if it is not a positive number, or has a unit.
    """
    return _parse_quantity("an amount of money", text, {}, "120 (a plain number, in the currency of your prices)")


def parse_time(text: str | datetime) -> datetime:
    """Parse a moment from ISO 8601 text, as UTC; a time without an offset is taken as UTC.

    :raises SettingsError: if it is not such a time.
    """
    try:
        moment = text if isinstance(text, datetime) else datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, AttributeError, OverflowError) as error:
        message = f"Expected a time such as 2021-07-02T06:00 (UTC), got {text!r}."
        raise SettingsError(message) from error


def _parse_quantity(quantity: str, text: str | float, factors: dict[str, float], example: str) -> float:
    match = _QUANTITY.fullmatch(str(text))
    factor = _unit_factor(match.group(2), factors) if match else None
    value = float(match.group(1)) * factor if match and factor else math.nan
    if not (math.isfinite(value) and value > 0):
        message = f"Expected {quantity} above zero such as {example}; got {str(text)!r}."
        raise SettingsError(message)
    return value


def _unit_factor(unit: str | None, factors: dict[str, float]) -> float | None:
    if not factors:
        return 1.0 if unit is None else None
    if not unit or unit in factors:
        return factors.get(unit or "")
    return None if unit.lower() in _CASE_COUNTS else factors.get(unit.lower())
