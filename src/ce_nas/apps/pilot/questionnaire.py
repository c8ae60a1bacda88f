"""The inputs of a pilot: cost of a search with a team's current method, its hardware, its grid, and its prices."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ce_nas.config.toml_reader import read_toml
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.core.units import HOUR_S, parse_duration_s
from ce_nas.energy.power_model import AVERAGE_PUE, IDLE_W, TRAINING_W

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PilotInputs", "read_inputs"]

#: trainings per search for which the built-in benchmark can serve as a proxy
MIN_TRAININGS, MAX_TRAININGS = 20, 1500
#: default deadline in units of the duration of the current method on all GPUs
DEFAULT_DEADLINE_FACTOR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotInputs:
    """The team's figures; a figure that is left out is assumed, and the paper lists it.

    Example:
        >>> inputs = PilotInputs.from_mapping({"gpus": 4, "gpu_hours": 200, "deadline": "5d", "zone": "wind"})
        >>> inputs.baseline_duration_s / 3600
        50.0
        >>> sorted(inputs.given_names)
        ['deadline_s', 'gpu_hours', 'gpus', 'zone']

    :raises SettingsError: if a figure is invalid.
    """

    #: GPUs that one search uses
    gpus: int = 8
    #: power of a GPU in training with its share of the host, at the plug, W
    gpu_power_w: float = TRAINING_W
    #: the same when idle, W; None: in the proportion of the default power model
    idle_power_w: float | None = None
    #: energy from the grid per energy at the plugs
    pue: float = AVERAGE_PUE
    #: zone of the trace, an imported zone or a built-in one; None: the built-in ``solar``, or the trace's only zone
    zone: str | None = None
    #: CSV or Parquet file of carbon intensity
    trace: Path | None = None
    #: GPU-hours of a search with the current method
    gpu_hours: float = 400.0
    #: full trainings of a search with the current method
    trainings: int = 200
    #: seconds from the start of a search to its deadline; None: twice the duration of the current method
    deadline_s: float | None = None
    searches_per_year: float = 12.0
    #: price of a kWh from the grid; None: not given, and not counted
    electricity_price: float | None = None
    #: price of holding a GPU for one hour, as of a cloud; None: not given, and not counted
    gpu_hour_price: float | None = None
    #: price of a tonne of CO2eq; None: no price is paid
    carbon_price: float | None = None
    currency: str = "EUR"
    #: engineer-hours until a team has adopted CE-NAS
    adoption_hours: float = 40.0
    #: price of an engineer-hour; None: not given, and the paper states the price at which adoption breaks even
    engineer_price: float | None = None
    #: names of the inputs that were given
    given_names: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for name, low, high in _INPUT_BOUNDS:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                message = f"Expected {name} between {low:g} and {high:g}, got {value:g}."
                raise SettingsError(message)
        if self.gpus > self.trainings:
            message = (
                f"Expected no more GPUs than the {self.trainings} trainings of a search, got {self.gpus}; give the "
                "GPUs that one search uses, and its trainings."
            )
            raise SettingsError(message)
        if self.effective_idle_power_w > self.gpu_power_w:
            message = (
                f"Expected idle_power_w of {self.gpu_power_w:g} W at most, the power of a GPU in training, got "
                f"{self.effective_idle_power_w:g} W."
            )
            raise SettingsError(message)
        if self.effective_deadline_s < self.baseline_duration_s * (1 - 1e-9):
            message = (
                f"Expected a deadline of {self.baseline_duration_s / HOUR_S:.3g} h or more, since {self.gpu_hours:g} "
                f"GPU-hours on {self.gpus} GPUs take that long, got {self.effective_deadline_s / HOUR_S:.3g} h."
            )
            raise SettingsError(message)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Parse names and values, each a text or a number.

        ``deadline`` takes ``80h`` or ``7d``, or a plain number of hours; None or an empty text leaves an input out.

        :raises SettingsError: if a name is unknown, or a value is invalid.
        """
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in _PARSERS:
                raise SettingsError(unknown_choice_message("pilot input", name, _PARSERS))
            if value is not None and value != "":
                values["deadline_s" if name == "deadline" else name] = _parse_value(name, value)
        return cls(**values, given_names=frozenset(values))

    @property
    def effective_idle_power_w(self) -> float:
        """Power of an idle GPU, given or assumed, W."""
        if self.idle_power_w is not None:
            return self.idle_power_w
        return self.gpu_power_w * IDLE_W / TRAINING_W

    @property
    def baseline_duration_s(self) -> float:
        """Duration of a search with the current method on all GPUs."""
        return self.gpu_hours * HOUR_S / self.gpus

    @property
    def effective_deadline_s(self) -> float:
        """The deadline, given or assumed."""
        return self.baseline_duration_s * DEFAULT_DEADLINE_FACTOR if self.deadline_s is None else self.deadline_s

    @property
    def has_prices(self) -> bool:
        """Whether any price was given, so that cost can be computed."""
        return any(price is not None for price in (self.electricity_price, self.gpu_hour_price, self.carbon_price))


def read_inputs(path: Path) -> dict[str, Any]:
    """Read inputs from a TOML file, for :meth:`PilotInputs.from_mapping`; a trace's path is relative to the file.

    :raises SettingsError: if it cannot be read.
    """
    content = read_toml(path, "a file of pilot inputs")
    if isinstance(content.get("trace"), str):
        content["trace"] = str(path.parent / content["trace"])
    return content


#: inputs with their bounds
_INPUT_BOUNDS = (
    ("gpus", 1, 512),
    ("gpu_power_w", 1, 20_000),
    ("idle_power_w", 0, 20_000),
    ("pue", 1, 10),
    ("gpu_hours", 1, 1e6),
    ("trainings", MIN_TRAININGS, MAX_TRAININGS),
    ("deadline_s", 1, 60 * 86400),
    ("searches_per_year", 0.1, 1e5),
    ("electricity_price", 0, 1e4),
    ("gpu_hour_price", 0, 1e4),
    ("carbon_price", 0, 1e5),
    ("adoption_hours", 0, 1e5),
    ("engineer_price", 0, 1e5),
)


def _parse_hours_s(value: object) -> float:
    try:
        return float(str(value)) * HOUR_S
    except ValueError:
        return parse_duration_s(str(value))


#: input to its parser; a fraction is refused where a whole number is expected
_PARSERS: dict[str, Callable[[Any], Any]] = {
    **{known.name: float for known in fields(PilotInputs) if known.name not in {"given_names", "deadline_s"}},
    "gpus": lambda value: int(str(value)),
    "trainings": lambda value: int(str(value)),
    "zone": str,
    "currency": str,
    "trace": Path,
    "deadline": _parse_hours_s,
}


def _parse_value(name: str, value: object) -> object:
    try:
        return _PARSERS[name](value)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"Expected a number for {name}, got {value!r}."
        raise SettingsError(message) from error
