"""What sections of the settings are made of: quantities as people write them, held in SI."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import (
    parse_carbon_g,
    parse_cost,
    parse_duration_s,
    parse_energy_j,
    parse_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Carbon", "Duration", "Energy", "File", "Model", "Money", "Section", "Share", "Time", "Watts"]


def _telling(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``parse``, failing in the way that lets pydantic say which setting it was."""

    def read(value: object) -> object:
        try:
            return parse(value)
        except SettingsError as error:
            raise ValueError(str(error)) from error

    return read


def _written(unit: str) -> PlainSerializer:
    """A quantity held in SI is written back with its SI unit."""
    return PlainSerializer(lambda si: f"{si!r} {unit}".strip())


Duration = Annotated[float, BeforeValidator(_telling(parse_duration_s)), _written("s")]
Carbon = Annotated[float, BeforeValidator(_telling(parse_carbon_g)), _written("g")]
Energy = Annotated[float, BeforeValidator(_telling(parse_energy_j)), _written("J")]
Money = Annotated[float, BeforeValidator(_telling(parse_cost)), _written("")]
Time = Annotated[datetime, BeforeValidator(_telling(parse_time)), PlainSerializer(datetime.isoformat)]
#: what a path is in a journal: text, absolute, so that the run can be resumed from anywhere
File = Annotated[Path, PlainSerializer(lambda path: str(path.resolve()))]
#: a name, or a model's file, absolute in a journal too
Model = Annotated[str, PlainSerializer(lambda name: str(Path(name).resolve()) if name.endswith(".json") else name)]
Share = Annotated[float, Field(ge=0, le=1)]
Watts = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A part of the settings; it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
