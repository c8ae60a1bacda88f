"""Units as column headers and settings spell them, and the factor to the unit that the package works in.

Carbon intensity becomes g/kWh, a price becomes money per kWh, weather becomes SI. A text that states no unit gives
None: nothing is assumed. A unit with two meanings (``ton``) is refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import G_PER_KG, G_PER_LB, G_PER_TONNE

__all__ = [
    "StatedUnit",
    "find_intensity_unit",
    "find_price_unit",
    "find_weather_unit",
    "names_temperature",
    "parse_intensity_unit",
    "parse_price_unit",
]

_G_PER_SHORT_TON = 2000.0 * G_PER_LB
_MASS_G = {
    "mg": 1e-3,
    "g": 1.0, "gram": 1.0, "grams": 1.0, "gr": 1.0,
    "kg": G_PER_KG, "kgs": G_PER_KG, "kilogram": G_PER_KG, "kilograms": G_PER_KG,
    "lb": G_PER_LB, "lbs": G_PER_LB, "pound": G_PER_LB, "pounds": G_PER_LB,
    "t": G_PER_TONNE, "mt": G_PER_TONNE, "tonne": G_PER_TONNE, "tonnes": G_PER_TONNE,
    "metric ton": G_PER_TONNE, "metric tons": G_PER_TONNE, "metric tonnes": G_PER_TONNE,
    "short ton": _G_PER_SHORT_TON, "short tons": _G_PER_SHORT_TON, "us ton": _G_PER_SHORT_TON,
    "us tons": _G_PER_SHORT_TON,
    "kt": 1e3 * G_PER_TONNE,
}  # fmt: skip
_ENERGY_KWH = {
    "wh": 1e-3, "kwh": 1.0, "mwh": 1e3, "gwh": 1e6, "twh": 1e9, "mj": 1 / 3.6, "gj": 1e3 / 3.6, "tj": 1e6 / 3.6,
}  # fmt: skip
_TWO_MEANINGS = {"ton", "tons"}

_MASSES = "|".join(
    re.escape(mass).replace(r"\ ", r"[\s_]") for mass in sorted([*_MASS_G, *_TWO_MEANINGS], key=len, reverse=True)
)
_CO2 = r"(?:[\s-]*(?:of\s*)?co2(?:[\s_-]?(?:e|eq|equiv|equivalents?)\.?)?)?"
#: per, in the languages that files come in
_PER = r"/|per|pro|por|par|je"
_ENERGY = r"([kmgt]?wh|[mgt]j)(?:e|el)?"
_INTENSITY = re.compile(
    rf"(?<![a-z0-9])({_MASSES})[\s_]*{_CO2}[\s_]*"
    rf"(?:(?:{_PER}|(?<=_)|p(?=[kmg]wh))[\s_]*{_ENERGY}(?![a-z0-9])|{_ENERGY}\s*\^?\s*-1)"
)
_PRICE = re.compile(
    rf"(?<![^\W\d_])(us cents?|euro cents?|[^\W\d_]+\.?|[cpmk]?[€$£¥¢])"
    rf"[\s_]*(?:/|per|(?<=_))[\s_]*{_ENERGY}(?![a-z0-9])"
)
#: what is no money in a unit of a price, and the letter before a currency that scales it
_NO_MONEY = re.compile(r"co2e?")
_SCALED_MONEY = re.compile(r"([mk])(?:€|£|\$|eur|euro|usd|gbp)")
_PER_ENERGY = re.compile(rf"(?:/|(?<![a-z])per)[\s_]*{_ENERGY}(?![a-z0-9])")
#: any unit in brackets
_UNKNOWN_UNIT = re.compile(r"[(\[]([^)\]]*(?:/|\bper\b)[^)\]]*)[)\]]")
#: in brackets at the end, what is no intensity: a mass, an energy, a power, a share
_NO_INTENSITY = re.compile(rf"[(\[]\s*((?:{_MASSES}){_CO2}|[kmgt]?wh?|%)\s*[)\]]\s*$")
_SPELLED = {"kilowatt": "kw", "megawatt": "mw", "gigawatt": "gw", "terawatt": "tw", "watt": "w"}
#: small units of money, in small letters, in their currency's main unit
_SUBUNITS = dict.fromkeys(
    ("ct", "cts", "cent", "cents", "c", "¢", "p", "penny", "pence", "øre", "öre", "ore", "rp", "rp.", "rappen", "gr",
     "grosz", "groszy", "sen", "paisa", "paise", "usc", "usct", "uscents", "uscent", "us cent", "us cents", "euroct",
     "eurct", "cteur", "eurocent", "eurocents", "euro cent", "euro cents", "ceur", "cusd", "c€", "c$", "p£"),
    0.01,
) | {"mill": 0.001, "mills": 0.001}  # fmt: skip
_BRACKETED = re.compile(r"[(\[]([^)\]]+)[)\]]\s*$")
#: unit as written, in small letters, to (name in SI, factor, offset): SI = factor * value + offset
_WEATHER = {
    "k": ("K", 1.0, 0.0), "kelvin": ("K", 1.0, 0.0), "°k": ("K", 1.0, 0.0),
    "°c": ("K", 1.0, 273.15), "degc": ("K", 1.0, 273.15), "celsius": ("K", 1.0, 273.15), "c": ("K", 1.0, 273.15),
    "deg c": ("K", 1.0, 273.15), "degrees celsius": ("K", 1.0, 273.15), "grad celsius": ("K", 1.0, 273.15),
    "°f": ("K", 5 / 9, 459.67 * 5 / 9), "degf": ("K", 5 / 9, 459.67 * 5 / 9), "f": ("K", 5 / 9, 459.67 * 5 / 9),
    "deg f": ("K", 5 / 9, 459.67 * 5 / 9), "degrees fahrenheit": ("K", 5 / 9, 459.67 * 5 / 9),
    "fahrenheit": ("K", 5 / 9, 459.67 * 5 / 9),
    "m/s": ("m/s", 1.0, 0.0), "ms-1": ("m/s", 1.0, 0.0), "m s-1": ("m/s", 1.0, 0.0), "km/h": ("m/s", 1 / 3.6, 0.0),
    "kmh": ("m/s", 1 / 3.6, 0.0), "kph": ("m/s", 1 / 3.6, 0.0), "ft/s": ("m/s", 0.3048, 0.0),
    "mph": ("m/s", 0.44704, 0.0), "mp/h": ("m/s", 0.44704, 0.0), "mi/h": ("m/s", 0.44704, 0.0),
    "kn": ("m/s", 1852 / 3600, 0.0), "kt": ("m/s", 1852 / 3600, 0.0), "kts": ("m/s", 1852 / 3600, 0.0),
    "knot": ("m/s", 1852 / 3600, 0.0), "knots": ("m/s", 1852 / 3600, 0.0),
    "w/m2": ("W/m2", 1.0, 0.0), "w/m^2": ("W/m2", 1.0, 0.0), "kw/m2": ("W/m2", 1e3, 0.0), "wm-2": ("W/m2", 1.0, 0.0),
    "j/m2": ("J/m2", 1.0, 0.0), "kj/m2": ("J/m2", 1e3, 0.0), "mj/m2": ("J/m2", 1e6, 0.0),
    "wh/m2": ("J/m2", 3600.0, 0.0), "kwh/m2": ("J/m2", 3.6e6, 0.0), "j/cm2": ("J/m2", 1e4, 0.0),
    "kg/m2": ("kg/m2", 1.0, 0.0), "mm": ("kg/m2", 1.0, 0.0), "inch": ("kg/m2", 25.4, 0.0), "in": ("kg/m2", 25.4, 0.0),
    "m": ("m", 1.0, 0.0), "cm": ("m", 0.01, 0.0), "km": ("m", 1e3, 0.0), "ft": ("m", 0.3048, 0.0),
    "%": ("%", 1.0, 0.0), "s": ("s", 1.0, 0.0), "min": ("s", 60.0, 0.0), "h": ("s", 3600.0, 0.0),
    "pa": ("Pa", 1.0, 0.0), "hpa": ("Pa", 100.0, 0.0), "mbar": ("Pa", 100.0, 0.0), "mb": ("Pa", 100.0, 0.0),
    "kpa": ("Pa", 1e3, 0.0), "bar": ("Pa", 1e5, 0.0), "inhg": ("Pa", 3386.389, 0.0), "mmhg": ("Pa", 133.322387, 0.0),
}  # fmt: skip
#: units that end a column's name after an underscore, and how :data:`_WEATHER` spells them
_WEATHER_SUFFIXES = {
    "kelvin": "k", "celsius": "c", "degc": "c", "deg_c": "c", "fahrenheit": "degf", "degf": "degf", "deg_f": "degf",
    "m_s": "m/s", "ms": "m/s", "mps": "m/s", "m_per_s": "m/s", "km_h": "km/h", "kmh": "km/h", "kph": "km/h",
    "mph": "mph", "knots": "kn", "kn": "kn", "w_m2": "w/m2", "wm2": "w/m2", "kg_m2": "kg/m2", "mm": "mm",
    "inch": "inch", "percent": "%", "pct": "%", "hpa": "hpa", "pa": "pa",
}  # fmt: skip
#: the same of one letter, which mean a temperature in names of one alone
_TEMPERATURE_SUFFIXES = {"c": "c", "f": "degf", "k": "k"}
_TEMPERATURE_NAME = re.compile(r"(?<![a-z])(?:(?:air)?temp(?:erature)?s?|dew[ _]?point|[td]2m)(?![a-z])")
#: a unit at the end of a name, after a blank
_LAST_WORD = re.compile(r"\s(?:in\s+)?(\S+)$")


@dataclass(frozen=True, slots=True)
class StatedUnit:
    """A unit that a text states, and how its values become the package's."""

    #: as the text spells it, for a report
    text: str
    #: the package's value = factor * value + offset
    factor: float
    offset: float = 0.0


def find_intensity_unit(header: str) -> StatedUnit | None:
    """The unit of carbon intensity in a column's name; None if it states none.

    :raises SettingsError: if it states one with two meanings, such as a ton, two that differ, or in brackets one that
        is not known.
    """
    text = _normalise(header)
    matches = list(_INTENSITY.finditer(text))
    units = [_read_intensity(header, text, match) for match in matches]
    if not units:
        if unknown := _UNKNOWN_UNIT.search(header) or _NO_INTENSITY.search(text):
            message = f"Expected a unit of carbon intensity, got {unknown.group(1)!r} in {header!r}."
            raise SettingsError(message)
        return None
    if any(unit.factor != units[0].factor for unit in units):
        named = " and ".join(dict.fromkeys(unit.text for unit in units))
        message = f"Expected one unit of carbon intensity, got {named} in {header!r}."
        raise SettingsError(message)
    return units[0]


def _read_intensity(header: str, text: str, match: re.Match[str]) -> StatedUnit:
    """The unit that a match of :data:`_INTENSITY` states.

    :raises SettingsError: if it has two meanings.
    """
    mass, energy = match.group(1).replace("_", " "), match.group(2) or match.group(3)
    if mass in _TWO_MEANINGS:
        message = (
            f"Expected a unit with one meaning, got {match.group(0)!r} in {header!r}: a ton is 1000 kg or 2000 lb. "
            "State t/MWh or short ton/MWh as the unit."
        )
        raise SettingsError(message)
    mass_g = 1e6 * G_PER_TONNE if (mass, energy) == ("mt", "twh") else _MASS_G[mass]  # megatonnes
    return StatedUnit(_as_written(header, text, match), mass_g / _ENERGY_KWH[energy])


def parse_intensity_unit(text: str) -> StatedUnit:
    """A unit of carbon intensity as a setting states it: ``g/kWh``, ``lb/MWh``, ``kg per MWh``, ``short ton/MWh``.

    :raises SettingsError: if it is none.
    """
    unit = find_intensity_unit(text)
    if unit is None or len(unit.text) < len(_normalise(text).strip()):
        message = f"Expected a unit of carbon intensity such as g/kWh, kg/MWh, lb/MWh or t/GWh, got {text!r}."
        raise SettingsError(message)
    return StatedUnit(text.strip(), unit.factor)


def find_price_unit(header: str) -> StatedUnit | None:
    """The unit of a price of electricity in a column's name, in any currency; None if it states none.

    A hundredth of a currency (cents, pence, øre) becomes the currency.
    """
    text = _normalise(header)
    if "co2" in text and _INTENSITY.search(text):
        return None
    match = _PRICE.search(text)
    if match:
        money, energy = match.group(1), match.group(2)
        if _NO_MONEY.search(money) or (money in _MASS_G and money not in _SUBUNITS):
            return None
        share = _SUBUNITS.get(money, 1.0)
        if scaled := _SCALED_MONEY.fullmatch(money):  # of a GWh millions, of a kWh thousandths
            share = 1e3 if scaled.group(1) == "k" else (1e6 if energy in {"gwh", "twh"} else 1e-3)
        return StatedUnit(_as_written(header, text, match), share / _ENERGY_KWH[energy])
    per = _PER_ENERGY.search(text)
    return StatedUnit(_as_written(header, text, per), 1.0 / _ENERGY_KWH[per.group(1)]) if per else None


def parse_price_unit(text: str) -> StatedUnit:
    """A unit of a price as a setting states it: ``EUR/MWh``, ``ct/kWh``, ``$ per MWh``.

    :raises SettingsError: if it is none.
    """
    unit = find_price_unit(text)
    if unit is None or len(unit.text) < len(_normalise(text).strip()):
        message = f"Expected a unit of a price of electricity such as EUR/MWh, USD/kWh or ct/kWh, got {text!r}."
        raise SettingsError(message)
    return StatedUnit(text.strip(), unit.factor)


def find_weather_unit(header: str) -> StatedUnit | None:
    """The unit of a column of weather, and its way to SI: in brackets at the end of its name, or after an underscore.

    None if the name states none, as in ``temperature_2m``.
    """
    if bracketed := _BRACKETED.search(header):
        written = bracketed.group(1).strip()
        found = _WEATHER.get(_normalise(written))
        return StatedUnit(written, found[1], found[2]) if found else None
    name = _normalise(header).strip()
    if (last := _LAST_WORD.search(name)) and (len(last.group(1)) > 1 or " in " in name):
        found = _WEATHER.get(last.group(1))
        if found:
            return StatedUnit(last.group(1), found[1], found[2])
    units = _WEATHER_SUFFIXES | (_TEMPERATURE_SUFFIXES if _TEMPERATURE_NAME.search(name) else {})
    suffix = max((unit for unit in units if name.endswith(f"_{unit}")), key=len, default=None)
    if suffix is None:
        return None
    _, factor, offset = _WEATHER[units[suffix]]
    return StatedUnit(header.strip()[-len(suffix) :], factor, offset)


def names_temperature(header: str) -> bool:
    """Whether a column's name says that it holds a temperature."""
    return bool(_TEMPERATURE_NAME.search(_normalise(header)))


def _as_written(header: str, text: str, match: re.Match[str]) -> str:
    """What matched, as the header spells it, where the normalised text has the same length."""
    return (header if len(header) == len(text) else text)[match.start() : match.end()].strip()


def _normalise(text: str) -> str:
    """In small letters, with one spelling of each dash, fraction bar, digit and full-width letter."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_SAME_SIGNS)
    for spelled, short in _SPELLED.items():
        text = re.sub(rf"{spelled}s?[\s-]*hours?", f"{short}h", text)
    return re.sub(r"\b([kmgt]?w)[\s-]h\b", r"\1h", text)


_SAME_SIGNS = str.maketrans(
    {"·": " ", "\u22c5": " ", "\u2219": " ", "\u2215": "/", "\u2044": "/", "\u00f7": "/"}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")
)
