"""Quantities as people write them, and as this package holds them: seconds, joules, watts, grams.

This is the only module that knows a conversion factor. Inside the package every quantity is SI (carbon in grams,
intensity in g CO2eq/kWh, money in the currency of the prices given) and its name ends with its unit.
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
    "as_carbon",
    "as_duration",
    "as_energy",
    "as_hours",
    "as_time",
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

_CARBON_G = {"g": 1.0, "kg": G_PER_KG, "t": G_PER_TONNE, "lb": G_PER_LB, "lbs": G_PER_LB}
_WATT_HOURS_J = {"wh": HOUR_S, "kwh": J_PER_KWH, "MWh": 1e3 * J_PER_KWH, "MWH": 1e3 * J_PER_KWH}
_ENERGY_J = {"j": 1.0, "kj": 1e3, "MJ": 1e6, **_WATT_HOURS_J}  # mega in capitals only: mJ is a thousandth of a joule
_DURATION_S = {"s": 1.0, "min": MINUTE_S, "m": MINUTE_S, "h": HOUR_S, "d": DAY_S}

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*?)?\s*")


def parse_carbon_g(text: str | float) -> float:
    """Grams of CO2eq from ``"5kg"``, ``"11 lb"``, ``"800 g"``; a number without a unit is refused.

    :raises SettingsError: if it is no positive number with one of these units.
    """
    return _parse("a mass of carbon", text, _CARBON_G, "5kg, 800g or 11lb")


def parse_energy_j(text: str | float) -> float:
    """Joules from ``"12 kWh"``, ``"900Wh"``, ``"3 MJ"``; a number without a unit is refused.

    :raises SettingsError: if it is no positive number with one of these units.
    """
    return _parse("an energy", text, _ENERGY_J, "12kWh, 900Wh or 3MJ")


def parse_duration_s(text: str | float) -> float:
    """Seconds from ``"80h"``, ``"3 d"``, ``"90min"``, ``"45s"``; a number without a unit is refused.

    :raises SettingsError: if it is no positive number with one of these units.
    """
    return _parse("a duration", text, _DURATION_S, "80h, 3d or 90min")


def parse_cost(text: str | float) -> float:
    """Money, in the currency of the prices given, from a plain number (``"120"``, ``120.5``).

    :raises SettingsError: if it is no positive number, or carries a unit.
    """
    return _parse("an amount of money", text, {}, "120 (a plain number, in the currency of your prices)")


def parse_time(text: str | datetime) -> datetime:
    """A moment in UTC from ISO 8601 text; a time without a zone is UTC.

    :raises SettingsError: if it is no such time.
    """
    try:
        moment = text if isinstance(text, datetime) else datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, AttributeError, OverflowError) as error:
        message = f"Expected a time such as 2021-07-02T06:00 (UTC), got {text!r}."
        raise SettingsError(message) from error


def as_carbon(carbon_g: float) -> str:
    """Grams the way people read them: ``"812 g"``, ``"4.21 kg"``, ``"1.30 t"``."""
    return _scaled(carbon_g, ((G_PER_TONNE, "t"), (G_PER_KG, "kg"), (1.0, "g")))


def as_energy(energy_j: float) -> str:
    """Joules the way people read them: ``"93.0 Wh"``, ``"12.4 kWh"``, ``"1.80 MWh"``."""
    return _scaled(energy_j, ((1e3 * J_PER_KWH, "MWh"), (J_PER_KWH, "kWh"), (HOUR_S, "Wh")))


def as_duration(duration_s: float) -> str:
    """Seconds the way people read them: ``"42.0 s"``, ``"17.5 min"``, ``"80.0 h"``; days are never used."""
    return _scaled(duration_s, ((HOUR_S, "h"), (MINUTE_S, "min"), (1.0, "s")))


def as_hours(hours: float, of: float) -> str:
    """Hours that stand among others whose sum is ``of``: to a tenth, or to a thousandth where all are a few."""
    return f"{hours:,.1f}" if of >= 10.0 else f"{hours:.3f}"


def as_time(moment: datetime) -> str:
    """A moment in UTC, to the minute: ``"2021-07-02 06:00 UTC"``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _parse(what: str, text: str | float, factors: dict[str, float], example: str) -> float:
    match = _QUANTITY.fullmatch(str(text))
    factor = _factor(match.group(2), factors) if match else None
    value = float(match.group(1)) * factor if match and factor else math.nan
    if not (math.isfinite(value) and value > 0):
        message = f"Expected {what} above zero such as {example}; got {str(text)!r}."
        raise SettingsError(message)
    return value


def _factor(unit: str | None, factors: dict[str, float]) -> float | None:
    if not factors:
        return 1.0 if unit is None else None
    return factors.get(unit, factors.get(unit.lower())) if unit else None


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    size, unit = next(((size, unit) for size, unit in units if abs(value) >= size), units[-1])
    scaled = value / size
    digits = 2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0
    return f"{scaled:,.{digits}f} {unit}"
