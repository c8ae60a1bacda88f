"""A team's own figures: what a search costs it today, and where and at which prices it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ce_nas.config.toml_reader import read_toml
from ce_nas.core.errors import SettingsError, one_of
from ce_nas.core.units import HOUR_S, parse_duration_s
from ce_nas.energy.power_model import AVERAGE_PUE, IDLE_W, TRAINING_W

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PilotFigures", "read_figures"]

#: trainings of a search that the built-in benchmark can stand in for
FEWEST, MOST = 20, 1500
#: where no deadline is stated, so many times what today's way takes with all GPUs at once
ROOM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotFigures:
    """What a team tells of itself; whatever it leaves out is assumed, and the paper says so.

    :raises SettingsError: if a figure is of no use.
    """

    #: GPUs that one search uses
    gpus: int = 8
    #: what a GPU draws in training with its share of the host, at the plug, W
    gpu_power_w: float = TRAINING_W
    #: the same, held but idle, W; None: in the proportion of the default power model
    idle_power_w: float | None = None
    #: energy from the grid per energy at the plugs
    pue: float = AVERAGE_PUE
    #: zone of the trace, an imported zone or a built-in one; None: the built-in ``solar``, or the trace's only zone
    zone: str | None = None
    #: CSV or Parquet file of carbon intensity
    trace: Path | None = None
    #: GPU-hours of a search as it is done today
    gpu_hours: float = 400.0
    #: full trainings of a search as it is done today
    trainings: int = 200
    #: when a search has to be done, seconds after it began; None: twice what today's way takes
    deadline_s: float | None = None
    searches_per_year: float = 12.0
    #: money for a kWh from the grid; None: not stated, and then not counted
    electricity_price: float | None = None
    #: money for holding a GPU for an hour (a cloud's price); None: not stated, and then not counted
    gpu_hour_price: float | None = None
    #: money for a tonne of CO2eq; None: none is paid
    carbon_price: float | None = None
    currency: str = "EUR"
    #: an engineer's hours until a team has changed over
    adoption_hours: float = 40.0
    #: money for one of these hours; None: not stated, and then the price at which it breaks even is told
    engineer_price: float | None = None
    #: names of the figures that the team stated itself
    stated: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                message = f"Expected {name} between {low:g} and {high:g}, got {value:g}."
                raise SettingsError(message)
        if self.gpus > self.trainings:
            message = (
                f"Expected no more GPUs than the {self.trainings} trainings of a search, got {self.gpus}; state the "
                "GPUs that one search uses, and its trainings."
            )
            raise SettingsError(message)
        if self.idle_w > self.gpu_power_w:
            message = (
                f"Expected idle_power_w of {self.gpu_power_w:g} W at most, which a GPU draws in training, got "
                f"{self.idle_w:g} W."
            )
            raise SettingsError(message)
        if self.limit_s < self.at_once_s * (1 - 1e-9):
            message = (
                f"Expected a deadline of {self.at_once_s / HOUR_S:.3g} h or more, since {self.gpu_hours:g} GPU-hours "
                f"on {self.gpus} GPUs take that long at once, got {self.limit_s / HOUR_S:.3g} h."
            )
            raise SettingsError(message)

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Self:
        """The figures of names and values as people write them, a text for each or a number.

        ``deadline`` takes ``80h`` or ``7d``, or a plain number of hours; None leaves a figure out.

        :raises SettingsError: if a name is none of the figures', or a value is of no use.
        """
        values: dict[str, Any] = {}
        for name, value in stated.items():
            if name not in _READERS:
                raise SettingsError(one_of("figure of a pilot", name, _READERS))
            if value is not None and value != "":
                place = "deadline_s" if name == "deadline" else name
                values[place] = _read(name, value)
        return cls(**values, stated=frozenset(values))

    @property
    def idle_w(self) -> float:
        """What a GPU draws that is held but idle, W."""
        if self.idle_power_w is not None:
            return self.idle_power_w
        return self.gpu_power_w * IDLE_W / TRAINING_W

    @property
    def at_once_s(self) -> float:
        """How long today's way takes with all GPUs at once."""
        return self.gpu_hours * HOUR_S / self.gpus

    @property
    def limit_s(self) -> float:
        """The deadline, stated or assumed."""
        return self.at_once_s * ROOM if self.deadline_s is None else self.deadline_s

    @property
    def priced(self) -> bool:
        """Whether any price was stated, so that money can be told."""
        return any(price is not None for price in (self.electricity_price, self.gpu_hour_price, self.carbon_price))


def read_figures(path: Path) -> dict[str, Any]:
    """The figures in a TOML file, for :meth:`PilotFigures.of`; a trace's path is relative to the file's folder.

    :raises SettingsError: if it cannot be read.
    """
    content = read_toml(path, "a file of figures")
    if isinstance(content.get("trace"), str):
        content["trace"] = str(path.parent / content["trace"])
    return content


#: figure to the smallest and the largest value that it can have
_BOUNDS = (
    ("gpus", 1, 512),
    ("gpu_power_w", 1, 20_000),
    ("idle_power_w", 0, 20_000),
    ("pue", 1, 10),
    ("gpu_hours", 1, 1e6),
    ("trainings", FEWEST, MOST),
    ("deadline_s", 1, 60 * 86400),
    ("searches_per_year", 0.1, 1e5),
    ("electricity_price", 0, 1e4),
    ("gpu_hour_price", 0, 1e4),
    ("carbon_price", 0, 1e5),
    ("adoption_hours", 0, 1e5),
    ("engineer_price", 0, 1e5),
)


def _hours(value: object) -> float:
    try:
        return float(str(value)) * HOUR_S
    except ValueError:
        return parse_duration_s(str(value))


#: how a figure is read; a whole number written as text with a fraction is refused
_READERS: dict[str, Callable[[Any], Any]] = {
    **{item.name: float for item in fields(PilotFigures) if item.name not in {"stated", "deadline_s"}},
    "gpus": lambda value: int(str(value)),
    "trainings": lambda value: int(str(value)),
    "zone": str,
    "currency": str,
    "trace": Path,
    "deadline": _hours,
}


def _read(name: str, value: object) -> object:
    try:
        return _READERS[name](value)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"Expected a number for {name}, got {value!r}."
        raise SettingsError(message) from error
