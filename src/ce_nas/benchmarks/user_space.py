"""A user's space and objectives as a benchmark: every metric requires training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.benchmarks.base import Benchmark, Failure, MetricSpec, TaskError
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from ce_nas.core.records import Architecture

__all__ = ["UserBenchmark", "UserSpace"]

_OBJECTIVE_EXAMPLE = "'accuracy:max:0' or 'latency:min:0.05'"


@dataclass(frozen=True, slots=True)
class UserSpace:
    """Variables with their choices, and the objectives.

    Example:
        >>> user_space = UserSpace.parse({"width": [16, 32], "kind": ["a", "b"]}, ["accuracy:max:0"], "SPACE")
        >>> user_space.build_space("own").size, user_space.decode((1, 0))
        (4, {'width': 32, 'kind': 'a'})
        >>> user_space.objective_values({"accuracy": 91.5})
        (-91.5,)
    """

    #: variable to its choices, of any type
    choices: Mapping[str, tuple[Any, ...]]
    objectives: tuple[Objective, ...]

    @classmethod
    def parse(cls, space: object, objectives: Sequence[str], source: str) -> UserSpace:
        """Parse a space written as ``{"width": [16, 32]}`` and objectives as ``NAME:max|min:REFERENCE``.

        :param source: name of the space in an error.
        :raises SettingsError: if either has another form.
        """
        return cls(_parse_choices(space, source), tuple(map(_parse_user_objective, objectives)))

    def build_space(self, name: str) -> Space:
        """All combinations of the choices."""
        return Space(name, list(self.choices), [[str(choice) for choice in each] for each in self.choices.values()])

    def decode(self, architecture: Architecture) -> dict[str, Any]:
        """The architecture as a dict from each variable to its choice."""
        pairs = zip(self.choices.items(), architecture, strict=True)
        return {variable: choices[code] for (variable, choices), code in pairs}

    def objective_values(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The objectives among the metrics of a training, minimised.

        :raises TaskError: if one is missing or not finite.
        """
        return tuple(objective.sign * _require_metric(metrics, objective) for objective in self.objectives)


class UserBenchmark(Benchmark):
    """A user's space, whose metrics are known after training only.

    :param user_space: the space and the objectives.
    :param name: the benchmark's name.
    :param origin: what trains the architectures, in words.
    :param fingerprint_text: anything else that a run depends on, such as the text of a program.
    """

    def __init__(self, user_space: UserSpace, name: str, origin: str, fingerprint_text: str = "") -> None:
        self.name = name
        self.space = user_space.build_space(name)
        self.origin = origin
        self.notes = ()
        self._user_space = user_space
        self._fingerprint_text = fingerprint_text

    @property
    def default_objectives(self) -> tuple[str, ...]:
        """See :attr:`Benchmark.default_objectives`: the user's, as ``NAME:max|min:REFERENCE``."""
        return tuple(
            f"{objective.name}:{'max' if objective.maximise else 'min'}:{objective.reference!r}"
            for objective in self._user_space.objectives
        )

    @property
    def metric_specs(self) -> Mapping[str, MetricSpec]:
        """See :attr:`Benchmark.metric_specs`; all of them require training."""
        return {
            objective.name: MetricSpec(
                objective.name, "", objective.maximise, requires_training=True, min_value=-math.inf, max_value=math.inf
            )
            for objective in self._user_space.objectives
        }

    @property
    def fingerprint(self) -> str:
        """See :attr:`Benchmark.fingerprint`."""
        content = [
            sorted((name, list(map(str, each))) for name, each in self._user_space.choices.items()),
            self._fingerprint_text,
        ]
        return hashlib.sha256(repr(content).encode()).hexdigest()

    @property
    def mean_epoch_s(self) -> float:
        """See :attr:`Benchmark.mean_epoch_s`: unknown before training.

        :raises SettingsError: always.
        """
        message = f"Expected a benchmark with recorded trainings, but {self.name} is trained for real."
        raise SettingsError(message)

    def training_free_values(self, name: str, architectures: Sequence[Architecture]) -> np.ndarray:  # noqa: ARG002 - there are no such values
        """See :meth:`Benchmark.training_free_values`: there are none.

        :raises SettingsError: always.
        """
        message = f"Expected a metric that is known without training, but {name!r} requires training."
        raise SettingsError(message)

    def all_values(self, name: str) -> None:
        """See :meth:`Benchmark.all_values`."""

    def require_fidelity(self, fidelity: float) -> None:
        """See :meth:`Benchmark.require_fidelity`: the training function receives any fidelity."""


def _require_metric(metrics: Mapping[str, float], objective: Objective) -> float:
    """A metric among a training's results; a missing or non-finite one fails the task."""
    value = metrics.get(objective.name)
    if value is None:
        raise TaskError(Failure.ERROR, f"Expected a training to return {objective.name!r}, got {sorted(metrics)}.")
    if not math.isfinite(value):
        raise TaskError(Failure.DIVERGED, f"Expected a finite {objective.name} from a training, got {value}.")
    return float(value)


def _parse_choices(space: object, source: str) -> dict[str, tuple[Any, ...]]:
    is_valid = isinstance(space, Mapping) and space and all(isinstance(each, list | tuple) for each in space.values())
    if not is_valid or not all(len(set(map(str, choices))) == len(choices) > 0 for choices in space.values()):  # type: ignore[attr-defined]
        message = (
            f"Expected {source} to be a dict from the name of a variable to a list of different choices, such "
            f"as {{'width': [16, 32]}}, got {space!r}."
        )
        raise SettingsError(message)
    return {str(name): tuple(choices) for name, choices in space.items()}  # type: ignore[attr-defined]


def _parse_user_objective(text: str) -> Objective:
    parts = str(text).split(":")
    try:
        name, direction, reference = parts[0].strip(), parts[1].strip(), float(parts[2])
    except (IndexError, ValueError):
        name, direction, reference = "", "", math.nan
    if direction not in {"max", "min"} or not math.isfinite(reference) or len(parts) != 3:
        message = f"Expected an objective such as {_OBJECTIVE_EXAMPLE}, got {text!r}."
        raise SettingsError(message)
    return Objective(name, "", direction == "max", reference)
