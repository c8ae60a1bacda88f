"""A benchmark as a table: a row an architecture, with its metrics and its training time."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, TableError, one_of
from ce_nas.core.records import Objective

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.space.space import Space

__all__ = ["BenchmarkTable", "Metric", "objective"]

#: references that a paper states, in the metric's unit; every other metric's reference is its worst value, rounded up
PAPER_REFERENCES = {"edgegpu_energy": 50.0}  # CE-NAS, section 4: accuracy 0 %, energy 50 mJ
ACCURACY_REFERENCE = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One column of a table."""

    name: str
    #: unit as shown to people
    unit: str
    #: True if more is better
    maximise: bool
    #: True if only a training tells it, as an accuracy; False if it is known at once, as a latency
    trained: bool
    #: a value an architecture, in the order of the space's members, shape (size,); never NaN
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class BenchmarkTable:
    """Everything known of every architecture of a space."""

    name: str
    space: Space
    metrics: Mapping[str, Metric]
    #: seconds of a full training on one device, in the order of the space's members, shape (size,)
    train_s: np.ndarray
    #: epochs of a full training, where known
    epochs: int
    #: where the figures come from
    origin: str
    #: what a reader should know of them, a sentence each
    notes: tuple[str, ...] = ()
    #: share of a full training to what a training stopped there found: trained metrics by name, shape (size,) each
    early: Mapping[float, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        :raises TableError: if there is none.
        """
        if name not in self.metrics:
            raise TableError(one_of(f"objective of {self.name}", name, self.metrics))
        return self.metrics[name]

    @property
    def mean_epoch_s(self) -> float:
        """Seconds of one epoch of the mean architecture on one device."""
        return float(self.train_s.mean()) / self.epochs

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that a run can come to depend on, in hexadecimal; origin and notes are left out."""
        kinds = [[metric.name, metric.unit, metric.maximise, metric.trained] for metric in self._sorted_metrics]
        head = [self.name, self.epochs, self.space.variables, self.space.choices, kinds]
        digest = hashlib.sha256(json.dumps(head).encode())
        digest.update(np.ascontiguousarray(self.space.members, dtype="<i4").tobytes())
        digest.update(np.ascontiguousarray(self.train_s, dtype="<f8").tobytes())
        for metric in self._sorted_metrics:
            digest.update(np.ascontiguousarray(metric.values, dtype="<f8").tobytes())
        return digest.hexdigest()

    @property
    def _sorted_metrics(self) -> list[Metric]:
        return [self.metrics[name] for name in sorted(self.metrics)]


def objective(table: BenchmarkTable, text: str) -> Objective:
    """The objective written as ``NAME``, ``NAME:max`` or ``NAME:min:REFERENCE``.

    Left out, the direction is the metric's own and the reference is the paper's where it states one, 0 for an
    accuracy, else the worst value of the table, rounded up to two digits where less is better.

    :raises SettingsError: if the text is none of these forms.
    :raises TableError: if the table has no such metric.
    """
    name, *rest = map(str.strip, text.split(":", 2))
    metric = table.metric(name)
    maximise = _direction(text, rest[0], default=metric.maximise) if rest else metric.maximise
    reference = _reference(text, rest[1]) if len(rest) > 1 else _default_reference(metric, maximise=maximise)
    return Objective(metric.name, metric.unit, maximise, reference)


def table_values(table: BenchmarkTable, objectives: Sequence[Objective]) -> np.ndarray:
    """The objectives of every architecture, all minimised, shape ``(size, objectives)``."""
    return np.column_stack([item.sign * table.metric(item.name).values for item in objectives])


def _direction(text: str, word: str, *, default: bool) -> bool:
    if word not in {"max", "min", ""}:
        message = f"Expected an objective such as accuracy:max or latency:min:0.05, got {text!r}."
        raise SettingsError(message)
    return word == "max" if word else default


def _reference(text: str, number: str) -> float:
    try:
        reference = float(number)
    except ValueError:
        reference = math.nan
    if not math.isfinite(reference):
        message = f"Expected a number as the reference in objective {text!r}, got {number!r}."
        raise SettingsError(message)
    return reference


def _default_reference(metric: Metric, *, maximise: bool) -> float:
    if maximise:
        return ACCURACY_REFERENCE if metric.unit == "%" else float(metric.values.min())
    return PAPER_REFERENCES.get(metric.name) or _rounded_up(float(metric.values.max()))


def _rounded_up(value: float) -> float:
    """The next number above ``value`` with two significant digits."""
    if value == 0:
        return 0.0
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    steps = math.floor(round(value / size, 9)) + 1  # 0.3 / 0.01 is a hair below 30
    return float(f"{steps * size:.12g}")
