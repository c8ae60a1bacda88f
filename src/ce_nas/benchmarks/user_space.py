"""A space and objectives of the user's own as something to search: nothing is known of it but what trainings tell."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Benchmark, Failure, Quantity, TaskError
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from ce_nas.core.records import Architecture

__all__ = ["OwnBenchmark", "OwnSpace"]

_EXAMPLE = "'accuracy:max:0' or 'latency:min:0.05'"


@dataclass(frozen=True, slots=True)
class OwnSpace:
    """Variables with their choices, and what is optimised."""

    #: variable to what can be chosen for it, of any type
    choices: Mapping[str, tuple[Any, ...]]
    objectives: tuple[Objective, ...]

    @classmethod
    def of(cls, space: object, objectives: Sequence[str], where: str) -> OwnSpace:
        """The space written as ``{"width": [16, 32]}`` and the objectives as ``NAME:max|min:REFERENCE``.

        :param where: what is to be named where it is of no use.
        :raises SettingsError: if it is not written so.
        """
        return cls(_choices(space, where), tuple(map(_objective, objectives)))

    def space(self, name: str) -> Space:
        """All combinations of the choices."""
        return Space(name, list(self.choices), [[str(choice) for choice in each] for each in self.choices.values()])

    def named(self, architecture: Architecture) -> dict[str, Any]:
        """The architecture as people handle it: variable to the choice made."""
        pairs = zip(self.choices.items(), architecture, strict=True)
        return {variable: choices[at] for (variable, choices), at in pairs}

    def values(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The objectives among the metrics of a training, minimised.

        :raises TaskError: if one is missing, or is no finite number.
        """
        return tuple(item.sign * _metric(metrics, item) for item in self.objectives)


class OwnBenchmark(Benchmark):
    """What is searched.

    :param own: the space and the objectives.
    :param name: its name.
    :param origin: who trains, in words.
    :param text: whatever a run depends on besides, such as the text of a program.
    """

    def __init__(self, own: OwnSpace, name: str, origin: str, text: str = "") -> None:
        self.name = name
        self.space = own.space(name)
        self.origin = origin
        self.notes = ()
        self._own = own
        self._text = text

    @property
    def default_objectives(self) -> tuple[str, ...]:
        """See :attr:`Benchmark.default_objectives`: those that were stated, as ``NAME:max|min:REFERENCE``."""
        return tuple(
            f"{item.name}:{'max' if item.maximise else 'min'}:{item.reference!r}" for item in self._own.objectives
        )

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        """See :attr:`Benchmark.quantities`; only a training tells any of them."""
        return {
            item.name: Quantity(item.name, "", item.maximise, trained=True, low=-math.inf, high=math.inf)
            for item in self._own.objectives
        }

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        stated = [sorted((name, list(map(str, each))) for name, each in self._own.choices.items()), self._text]
        return hashlib.sha256(repr(stated).encode()).hexdigest()

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`: nobody knows.

        :raises SettingsError: always.
        """
        message = f"Expected a benchmark whose trainings are on record, but {self.name} is trained for real."
        raise SettingsError(message)

    def costs(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:  # noqa: ARG002 - of none
        """See :meth:`Benchmark.costs`: nothing is known without a training.

        :raises SettingsError: always.
        """
        message = f"Expected a quantity that is known without a training, but only a training tells {name!r}."
        raise SettingsError(message)

    def column(self, name: str) -> None:
        """See :meth:`Benchmark.column`."""

    def require_share(self, share: float) -> None:
        """See :meth:`Benchmark.require_share`: who trains is told the share."""


def _metric(metrics: Mapping[str, float], item: Objective) -> float:
    """A metric of the function's answer; one that is missing or no number is a failure with a name."""
    value = metrics.get(item.name)
    if value is None:
        raise TaskError(Failure.ERROR, f"Expected a training to tell {item.name!r}, got {sorted(metrics)}.")
    if not math.isfinite(value):
        raise TaskError(Failure.DIVERGED, f"Expected a finite {item.name} from a training, got {value}.")
    return float(value)


def _choices(space: object, where: str) -> dict[str, tuple[Any, ...]]:
    fits = isinstance(space, Mapping) and space and all(isinstance(item, list | tuple) for item in space.values())
    if not fits or not all(len(set(map(str, choices))) == len(choices) > 0 for choices in space.values()):  # type: ignore[attr-defined]
        message = (
            f"Expected {where} to be a dict from the name of a variable to a list of different choices, such "
            f"as {{'width': [16, 32]}}, got {space!r}."
        )
        raise SettingsError(message)
    return {str(name): tuple(choices) for name, choices in space.items()}  # type: ignore[attr-defined]


def _objective(text: str) -> Objective:
    parts = str(text).split(":")
    try:
        name, direction, reference = parts[0].strip(), parts[1].strip(), float(parts[2])
    except (IndexError, ValueError):
        name, direction, reference = "", "", math.nan
    if direction not in {"max", "min"} or not math.isfinite(reference) or len(parts) != 3:
        message = f"Expected an objective such as {_EXAMPLE}, got {text!r}."
        raise SettingsError(message)
    return Objective(name, "", direction == "max", reference)
