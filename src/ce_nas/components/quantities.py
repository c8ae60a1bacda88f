"""Types of settings: quantities as people write them, held in SI units."""

from __future__ import annotations

import math
import re
from collections.abc import Callable  # noqa: TC003 - pydantic evaluates the annotations at run time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ce_nas.components.field_types import find_other_kind, with_plain_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import (
    G_PER_KG,
    HOUR_S,
    parse_carbon_g,
    parse_cost,
    parse_duration_s,
    parse_energy_j,
    parse_time,
)

__all__ = [
    "OTHER_KIND",
    "Carbon",
    "Duration",
    "Energy",
    "File",
    "Hours",
    "Money",
    "NameList",
    "Price",
    "Quantity",
    "SettingsSection",
    "Share",
    "StopPrice",
    "Timestamp",
    "Wait",
    "Watts",
    "flag",
    "parse_stop_price",
]


#: type of the error for a value that pydantic would convert; its context has the location in the field, and the value
OTHER_KIND = "other_kind"

_STOP_PRICE = re.compile(r"(\d+\.?\d*(?:e-?\d+)?|\.\d+)(?:\s*%\s*(?:/|per)\s*([a-zµμ]+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Quantity:
    """Marks a setting's type for people: what it is, and how it is written."""

    #: with its article: "a duration"
    name: str
    example: str
    #: SI units in one unit of a plain number
    scale: float = 1.0


def flag(name: str = "") -> dict[str, Any]:
    """Extra schema of a field that is also a flag of the command line and a keyword of :class:`ce_nas.Search`.

    :param name: of the flag, where it differs from the field's; as a Python identifier.
    """
    return {"flag": name or True}


def _as_validator(parse: Callable[[Any], Any]) -> BeforeValidator:
    """``parse``, its error raised as the ValueError from which pydantic reports which setting failed."""

    def read(value: object) -> object:
        try:
            return parse(value)
        except SettingsError as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(read)


def _serialize_with_unit(unit: str) -> PlainSerializer:
    """Write a quantity held in SI with its SI unit."""
    return PlainSerializer(lambda si: f"{si!r} {unit}".strip())


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return not isinstance(value, bool)


def _parse_hours_s(value: Any) -> float:  # noqa: ANN401 - what a file or a caller holds
    """Seconds from a number of hours, or from a text with its unit."""
    return parse_duration_s(f"{value} h" if _is_number(value) else value)


def _parse_wait_s(value: Any) -> float:  # noqa: ANN401 - what a file or a caller holds
    """Seconds of a duration that may be zero, with or without a unit."""
    return 0.0 if re.fullmatch(r"0+(\.0*)?\s*(s|min|h|d)?", str(value).strip()) else parse_duration_s(value)


def parse_stop_price(value: Any) -> float | Literal["auto", "never"]:  # noqa: ANN401 - what a file or a caller holds
    """Percent of the hypervolume per kg of CO2eq from a text with its unit, or from a plain number; a word as it is."""
    text = str(value).strip()
    match = _STOP_PRICE.fullmatch(text)
    if (word := text.lower()) in {"auto", "never"}:
        return "auto" if word == "auto" else "never"
    if isinstance(value, bool) or not match or not math.isfinite(float(match.group(1))):
        message = f"Expected auto, never, or a gain per mass of CO2eq such as 0.1%/kg, got {value!r}."
        raise SettingsError(message)
    return float(match.group(1)) * G_PER_KG / parse_carbon_g(f"1 {match.group(2) or 'kg'}")


def _split_names(value: object) -> object:
    """The names in a text with commas between them; a list as it is."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _read_number(value: object) -> object:
    """A number for its text; any other text, the path of a file, as it is."""
    return float(value) if isinstance(value, str) and _is_number(value) else value


def _describe(name: str, example: str, scale: float = 1.0) -> tuple[Quantity, WithJsonSchema]:
    return Quantity(name, example, scale), WithJsonSchema({"type": ["string", "number"], "examples": [example]})


Duration = Annotated[
    float, _as_validator(parse_duration_s), _serialize_with_unit("s"), *_describe("a duration", "90min")
]
#: a duration, or 0
Wait = Annotated[float, _as_validator(_parse_wait_s), _serialize_with_unit("s"), *_describe("a duration, or 0", "30s")]
#: seconds, written as a number of hours or as a text with its unit
Hours = Annotated[
    float, _as_validator(_parse_hours_s), _serialize_with_unit("s"), *_describe("hours, or a duration", "3d", HOUR_S)
]
Carbon = Annotated[
    float, _as_validator(parse_carbon_g), _serialize_with_unit("g"), *_describe("a mass of CO2eq", "5kg")
]
Energy = Annotated[float, _as_validator(parse_energy_j), _serialize_with_unit("J"), *_describe("an energy", "120kWh")]
Money = Annotated[float, _as_validator(parse_cost), _serialize_with_unit(""), *_describe("an amount of money", "120")]
Timestamp = Annotated[
    datetime,
    _as_validator(parse_time),
    PlainSerializer(datetime.isoformat),
    *_describe("a time, UTC", "2021-07-02T06:00"),
]
#: a path; absolute in a journal, so that the run can be resumed from any folder
File = Annotated[Path, PlainSerializer(lambda path: str(path.resolve())), Quantity("a file", "")]
#: names in a list, or in one text with commas between them
NameList = Annotated[
    tuple[str, ...],
    BeforeValidator(_split_names),
    Quantity("names, with commas between", ""),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
#: a constant price, or a file of prices over time
Price = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | File,
    BeforeValidator(_read_number),
    Quantity("a number, or a file of prices", ""),
    WithJsonSchema({"type": ["number", "string"]}),
]
#: auto, never, or the least gain worth its carbon, percent of the hypervolume per kg of CO2eq
StopPrice = Annotated[
    float | Literal["auto", "never"],
    _as_validator(parse_stop_price),
    PlainSerializer(lambda price: price if isinstance(price, str) else f"{price!r} %/kg"),
    *_describe("auto, never, or a gain per mass of CO2eq", "0.1%/kg"),
]
Share = Annotated[float, Field(ge=0, le=1)]
Watts = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SettingsSection(BaseModel):
    """A section of the settings; a key that it does not know is refused, and a value of another kind (1 for true)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_other_kind(cls, value: object, info: ValidationInfo) -> object:
        """See :func:`ce_nas.components.field_types.find_other_kind`; numpy's true and false become Python's."""
        value = with_plain_flags(value)
        field = cls.model_fields[str(info.field_name)]
        if found := find_other_kind(field.annotation, field.metadata, value):
            location, part = found
            raise PydanticCustomError(OTHER_KIND, "Another kind.", {"location": location, "found": part})
        return value
